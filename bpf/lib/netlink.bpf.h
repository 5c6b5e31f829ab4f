/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a datagram to NETLINK_ROUTE asks for. */
#ifndef AMBIT_NETLINK_H
#define AMBIT_NETLINK_H

#include "fault.bpf.h"

/* include/uapi/linux/rtnetlink.h. What reads is every fourth number (rtnl_msg_kind); of those, what
 * `ip` and libraries ask for: GETLINK, GETADDR, GETROUTE, GETNEIGH, GETRULE, GETQDISC,
 * GETMULTICAST, GETANYCAST; GETNEIGHTBL, GETADDRLABEL, GETNETCONF, GETNSID, GETSTATS, GETNEXTHOP.
 */
#define QUESTION(type) (1ULL << ((type)&63))
#define QUESTIONS_LOW                                                                              \
	(QUESTION(18) | QUESTION(22) | QUESTION(26) | QUESTION(30) | QUESTION(34) | QUESTION(38) | \
		QUESTION(58) | QUESTION(62))
#define QUESTIONS_HIGH                                                                             \
	(QUESTION(66) | QUESTION(74) | QUESTION(82) | QUESTION(90) | QUESTION(94) | QUESTION(106))

static __always_inline bool type_asks(__u16 type)
{
	if (type < 64)
		return QUESTIONS_LOW >> type & 1;
	return type < 128 && QUESTIONS_HIGH >> (type & 63) & 1;
}

/* struct nlmsghdr */
struct message_head {
	__u32 length;
	__u16 type;
	__u16 flags;
	__u32 sequence;
	__u32 port;
};

/* Messages in one datagram; more are a deny. Who asks sends one, or two at a time. */
#define MESSAGES_MAX 16

struct message_walk {
	__u64 at;
	__u32 left;
	__u32 denied;
	__u32 done;
	__u32 type; /* of the message that is denied */
};

/* One message, as netlink_rcv_skb() in net/netlink/af_netlink.c finds them: it stops at the first whose
 * length cannot be true, such as the zeroes that `ip` sends behind its questions. */
static long message_step(__u32 index, struct message_walk *walk)
{
	struct message_head head = {};
	__u32 step;

	if (walk->left < sizeof(head)) {
		walk->done = 1;
		return 1;
	}
	if (bpf_probe_read_kernel(
		    &head, sizeof(head), FAULT(MESSAGE_READ, NULL, (const void *)walk->at))) {
		walk->denied = 1;
		return 1;
	}
	if (head.length < sizeof(head) || head.length > walk->left) {
		walk->done = 1;
		return 1;
	}
	if (!type_asks(head.type)) {
		walk->type = head.type;
		walk->denied = 1;
		return 1;
	}
	step = (head.length + 3) & ~3U;
	walk->at += step;
	walk->left = walk->left > step ? walk->left - step : 0;
	return 0;
}

/* Whether one of the messages is no question; its type in `ret_type` (0: there are too many, or one
 * cannot be read). */
static __always_inline bool messages_denied(__u64 at, __u32 length, __u32 *ret_type)
{
	struct message_walk walk = {.at = at, .left = length};

	(void)FAULT(LOOP_MESSAGES, -E2BIG, bpf_loop(MESSAGES_MAX + 1, message_step, &walk, 0));
	*ret_type = walk.type;
	return walk.denied || !walk.done;
}

#endif
