/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Socket options and control messages that leave the peers of a socket as they are: what a decision
 * on an address means stays true. Lists of what is allowed and not of what is denied, since kernels
 * add options and hooks do not see values. Left out on purpose, with what each would do:
 *
 *   another way      SO_MARK, SO_BINDTODEVICE, SO_BINDTOIFINDEX, SO_DONTROUTE, SO_PRIORITY,
 * SO_TXTIME, IP_UNICAST_IF, IP_MULTICAST_IF and their IPv6 forms, IPV6_PKTINFO: routing and
 *                    interfaces are the host's business
 *   another peer     IP_OPTIONS, IPV6_RTHDR and all other extension headers, IPV6_2292PKTOPTIONS,
 *                    IPV6_FLOWLABEL_MGR (a label can carry options): source routes
 *   another source   IP_TRANSPARENT, IP_FREEBIND, IP_HDRINCL, TCP_REPAIR and what belongs to it
 *   others' traffic  multicast and anycast joins in all forms, IP_ROUTER_ALERT, SO_ATTACH_BPF,
 *                    SO_ATTACH_REUSEPORT_*BPF, NETLINK_LISTEN_ALL_NSID
 *   the host's rules {IP,IP6,ARP,EB}T_SO_SET_*, IP_XFRM_POLICY, IP_IPSEC_POLICY, UDP_ENCAP
 *   modules          TCP_ULP and TCP_CONGESTION load one by name; kTLS falls back to user space
 *   another family   IPV6_ADDRFORM
 *   more than a share SO_SNDBUFFORCE, SO_RCVBUFFORCE, SO_BUSY_POLL and its relatives
 *
 * Numbers: include/uapi/asm-generic/socket.h, linux/in.h, in6.h, tcp.h, udp.h, netlink.h.
 */
#ifndef AMBIT_OPTION_H
#define AMBIT_OPTION_H

#include "emit.bpf.h"

#define LEVEL_IP      0
#define LEVEL_SOCKET  1
#define LEVEL_TCP     6
#define LEVEL_UDP     17
#define LEVEL_IPV6    41
#define LEVEL_NETLINK 270

/* A set of options is a bit each, up to 127. */
#define OPT(number) (1ULL << ((number)&63))

/* REUSEADDR, BROADCAST (Go asks for it on each UDP socket), SNDBUF, RCVBUF, KEEPALIVE, OOBINLINE,
 * LINGER, REUSEPORT, PASSCRED, RCVLOWAT, RCVTIMEO, SNDTIMEO (old), ATTACH_FILTER, DETACH_FILTER (a
 * classic filter drops what the own socket receives), TIMESTAMP, TIMESTAMPNS, TIMESTAMPING (old),
 * RXQ_OVFL, PEEK_OFF, LOCK_FILTER, SELECT_ERR_QUEUE, MAX_PACING_RATE, ZEROCOPY */
#define SOCKET_LOW                                                                                 \
	(OPT(2) | OPT(6) | OPT(7) | OPT(8) | OPT(9) | OPT(10) | OPT(13) | OPT(15) | OPT(16) |      \
		OPT(18) | OPT(20) | OPT(21) | OPT(26) | OPT(27) | OPT(29) | OPT(35) | OPT(37) |    \
		OPT(40) | OPT(42) | OPT(44) | OPT(45) | OPT(47) | OPT(60) | OPT(63))
/* TIMESTAMPNS, TIMESTAMPING, RCVTIMEO, SNDTIMEO (new; TIMESTAMP is 63), PASSPIDFD, PASSRIGHTS */
#define SOCKET_HIGH (OPT(64) | OPT(65) | OPT(66) | OPT(67) | OPT(76) | OPT(83))
/* TOS, TTL, PKTINFO, MTU_DISCOVER, RECVERR, RECVTTL, RECVTOS, BIND_ADDRESS_NO_PORT, RECVFRAGSIZE,
 * RECVERR_RFC4884, MULTICAST_TTL, MULTICAST_LOOP, MULTICAST_ALL */
#define IP_LOW                                                                                     \
	(OPT(1) | OPT(2) | OPT(8) | OPT(10) | OPT(11) | OPT(12) | OPT(13) | OPT(24) | OPT(25) |    \
		OPT(26) | OPT(33) | OPT(34) | OPT(49))
/* UNICAST_HOPS, MULTICAST_HOPS, MULTICAST_LOOP, MTU_DISCOVER, MTU, RECVERR, V6ONLY, MULTICAST_ALL,
 * RECVERR_RFC4884, RECVPKTINFO, RECVHOPLIMIT, RECVPATHMTU, DONTFRAG */
#define IPV6_LOW                                                                                   \
	(OPT(16) | OPT(18) | OPT(19) | OPT(23) | OPT(24) | OPT(25) | OPT(26) | OPT(29) | OPT(31) | \
		OPT(49) | OPT(51) | OPT(60) | OPT(62))
/* RECVTCLASS, TCLASS, AUTOFLOWLABEL, ADDR_PREFERENCES, RECVFRAGSIZE */
#define IPV6_HIGH (OPT(66) | OPT(67) | OPT(70) | OPT(72) | OPT(77))
/* NODELAY, MAXSEG, CORK, KEEPIDLE, KEEPINTVL, KEEPCNT, SYNCNT, LINGER2, DEFER_ACCEPT, WINDOW_CLAMP,
 * QUICKACK, USER_TIMEOUT, FASTOPEN, NOTSENT_LOWAT, SAVE_SYN, FASTOPEN_CONNECT, INQ */
#define TCP_LOW                                                                                    \
	(OPT(1) | OPT(2) | OPT(3) | OPT(4) | OPT(5) | OPT(6) | OPT(7) | OPT(8) | OPT(9) |          \
		OPT(10) | OPT(12) | OPT(18) | OPT(23) | OPT(25) | OPT(27) | OPT(30) | OPT(36))
/* CORK; SEGMENT, GRO */
#define UDP_LOW	 OPT(1)
#define UDP_HIGH (OPT(103) | OPT(104))
/* ADD_MEMBERSHIP, DROP_MEMBERSHIP (`ip monitor`: what may be asked for, as it changes), PKTINFO,
 * BROADCAST_ERROR, NO_ENOBUFS, CAP_ACK, EXT_ACK, GET_STRICT_CHK */
#define NETLINK_LOW (OPT(1) | OPT(2) | OPT(3) | OPT(4) | OPT(5) | OPT(10) | OPT(11) | OPT(12))

static __always_inline bool option_in(__u32 option, __u64 low, __u64 high)
{
	if (option < 64)
		return low >> option & 1;
	return option < 128 && high >> (option & 63) & 1;
}

static __always_inline bool option_known(__u32 level, __u32 option)
{
	switch (level) {
	case LEVEL_SOCKET:
		return option_in(option, SOCKET_LOW, SOCKET_HIGH);
	case LEVEL_IP:
		return option_in(option, IP_LOW, 0);
	case LEVEL_IPV6:
		return option_in(option, IPV6_LOW, IPV6_HIGH);
	case LEVEL_TCP:
		return option_in(option, TCP_LOW, 0);
	case LEVEL_UDP:
		return option_in(option, UDP_LOW, UDP_HIGH);
	case LEVEL_NETLINK:
		return option_in(option, NETLINK_LOW, 0);
	default:
		return false;
	}
}

/* Control messages to send with. SCM_RIGHTS and SCM_CREDENTIALS (1, 2) mean nothing on IP sockets
 * and are skipped there; TIMESTAMPING old and new. */
#define CONTROL_SOCKET_LOW  (OPT(1) | OPT(2) | OPT(37))
#define CONTROL_SOCKET_HIGH OPT(65)
/* TOS, TTL. Not RETOPTS, which is a source route. */
#define CONTROL_IP_LOW (OPT(1) | OPT(2))
/* 2292HOPLIMIT, HOPLIMIT, DONTFRAG; TCLASS. Not FLOWINFO, RTHDR and the other extension headers. */
#define CONTROL_IPV6_LOW     (OPT(8) | OPT(52) | OPT(62))
#define CONTROL_IPV6_HIGH    OPT(67)
#define CONTROL_UDP_HIGH     OPT(103) /* SEGMENT */
#define CONTROL_PKTINFO	     8
#define CONTROL_PKTINFO6     50
#define CONTROL_PKTINFO6_OLD 2 /* IPV6_2292PKTINFO */

/* struct cmsghdr of a 64-bit kernel; compat calls are translated before (net/compat.c). */
struct control_head {
	__u64 length;
	__u32 level;
	__u32 type;
};

/* Messages in one call; more are a deny. There are a dozen types, each of use once. */
#define CONTROL_MAX 16

struct control_walk {
	__u64 at;
	__u64 left;
	__u64 numbers; /* of the message that is denied: level << 32 | type */
	__u32 denied;
	__u32 done;
};

/* The address that a packet comes from has to be one's own; the interface is the first word of
 * struct in_pktinfo and stands behind the address in struct in6_pktinfo. 0: as routed. */
static __always_inline bool control_interface(const struct control_walk *walk, __u32 offset)
{
	__u32 interface;

	/* A read that fails leaves zeroes. */
	return bpf_probe_read_kernel(&interface, sizeof(interface),
		       FAULT(CONTROL_INTERFACE, NULL,
			       (const void *)(walk->at + sizeof(struct control_head) + offset))) ||
	       interface != 0;
}

static __always_inline bool control_known(
	const struct control_walk *walk, const struct control_head *head)
{
	switch (head->level) {
	case LEVEL_SOCKET:
		return option_in(head->type, CONTROL_SOCKET_LOW, CONTROL_SOCKET_HIGH);
	case LEVEL_IP:
		if (head->type == CONTROL_PKTINFO)
			return head->length >= sizeof(*head) + 12 && !control_interface(walk, 0);
		return option_in(head->type, CONTROL_IP_LOW, 0);
	case LEVEL_IPV6:
		if (head->type == CONTROL_PKTINFO6 || head->type == CONTROL_PKTINFO6_OLD)
			return head->length >= sizeof(*head) + 20 && !control_interface(walk, 16);
		return option_in(head->type, CONTROL_IPV6_LOW, CONTROL_IPV6_HIGH);
	case LEVEL_UDP:
		return option_in(head->type, 0, CONTROL_UDP_HIGH);
	default:
		return false;
	}
}

/* One message, as for_each_cmsghdr() of include/linux/socket.h finds them. */
static long control_step(__u32 index, struct control_walk *walk)
{
	struct control_head head = {};
	__u64 step;

	if (walk->left < sizeof(head)) {
		walk->done = 1;
		return 1;
	}
	if (bpf_probe_read_kernel(
		    &head, sizeof(head), FAULT(CONTROL_READ, NULL, (const void *)walk->at)) ||
		head.length < sizeof(head) || head.length > walk->left) {
		walk->denied = 1;
		return 1;
	}
	if (!control_known(walk, &head)) {
		walk->numbers = (__u64)head.level << 32 | head.type;
		walk->denied = 1;
		return 1;
	}
	step = (head.length + 7) & ~7ULL;
	walk->at += step;
	walk->left = walk->left > step ? walk->left - step : 0;
	return 0;
}

/* Whether one of the control messages is none of those above, or they are malformed; which one, as
 * level << 32 | type, in `ret_numbers` (0: malformed, or too many). */
static __always_inline bool controls_denied(__u64 at, __u64 length, __u64 *ret_numbers)
{
	struct control_walk walk = {.at = at, .left = length};

	(void)FAULT(LOOP_CONTROL, -E2BIG, bpf_loop(CONTROL_MAX + 1, control_step, &walk, 0));
	*ret_numbers = walk.numbers;
	return walk.denied || !walk.done;
}

/* The verdict on the control data of an IP socket's message, which is kernel memory by then
 * (____sys_sendmsg). 1: deny, 0: let it pass. */
GLOBAL int decide_control(__u32 cell, __u64 control, __u64 length)
{
	__u64 numbers;

	if (!controls_denied(control, length, &numbers))
		return 0;
	return deny_number(cell, HOOK_socket_sendmsg, OP_SOCKET, REASON_CONTROL, numbers);
}

/*
 * sendmmsg(2) with more than one message. The kernel does not ask about a message that has the
 * address of the one before (____sys_sendmsg, used_address), whatever control data it brings, and
 * user memory can change in between. The count stands in a register, which nobody changes.
 */
static __always_inline bool sends_several(void)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());

	switch ((__u32)regs->orig_ax) {
	case 307:	       /* x86-64 */
	case 0x40000000 + 538: /* x32 */
	case 345:	       /* i386 */
		return (__u32)regs->dx > 1;
	case 102: /* i386 socketcall: the count stands in user memory; 20 is SYS_SENDMMSG */
		return (__u32)regs->bx == 20;
	default:
		return false;
	}
}

#endif
