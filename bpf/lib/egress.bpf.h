/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a cell sends, before it is a packet: an early answer where it would not fit any more.
 *
 * The bytes are counted, and refused, where they leave (bpf/egress.bpf.c). A datagram that is refused
 * there is an error of send(2), but what was written to a TCP socket lies in its buffer by then, and the
 * task would wait for an answer that cannot come. So a message that is larger than what is left is refused
 * as a whole when it is handed over. Nothing is drawn here: of what is handed over a part may be taken.
 */
#ifndef AMBIT_EGRESS_H
#define AMBIT_EGRESS_H

#include "limits.bpf.h"

/* The headers of a datagram, which count, so that empty ones are not free. */
#define HEADERS_UDP 28

/* Whether a cell has limits of bytes. */
static __always_inline bool egress_limited(__u32 id)
{
	struct ambit_cell *cell;

	/* Nobody pays for more than this while no cell has such limits. */
	if (!LOOK(kept.limited))
		return false;
	/* NULL is an answer: others deny for it. */
	cell = cell_row(id);
	return cell && cell->flags & AMBIT_CELL_EGRESS;
}

/* The peer that a socket is connected to. */
static __always_inline void egress_connected(struct address *ret, struct sock *sk)
{
	struct in6_addr v6 = {};

	if (sk->__sk_common.skc_family == FAMILY_INET) {
		address_v4(ret, sk->__sk_common.skc_daddr);
	} else {
		BPF_CORE_READ_INTO(&v6, sk, __sk_common.skc_v6_daddr);
		address_v6(ret, v6.in6_u.u6_addr32);
	}
	ret->port = bpf_ntohs(sk->__sk_common.skc_dport);
}

/* Whether a message of `size` bytes is more than what is left; then why is in `v`, but for the cell. To
 * where it goes is what `name` says, or what the socket is connected to, and was decided before. */
FRAME bool egress_refused(
	__u32 id, struct sock *sk, const struct msghdr *message, __u32 size, struct verdict *v)
{
	__u16 family = sk->__sk_common.skc_family;
	struct address peer = {};
	struct draw draw = {};
	struct ambit_limits *row;
	__u32 groups;

	if ((family != FAMILY_INET && family != FAMILY_INET6) || !egress_limited(id))
		return false;
	row = FAULT(LIMITS_SEND, NULL, limits_row(id));
	v->reason = REASON_NO_CELL;
	if (!row)
		return true;
	if (!message->msg_name || address_read(&peer, message->msg_name, message->msg_namelen,
					  family, true) != ADDRESS_OK)
		egress_connected(&peer, sk);
	v->proto = sk->sk_protocol;
	v->family = peer.family;
	v->port = peer.port;
	__builtin_memcpy(v->addr, peer.bytes, sizeof(v->addr));
	groups = limits_groups(row, &peer, v->proto, 0);
	/* Of names: where a datagram is refused when it leaves, its sender is told then. */
	if (row->named && v->proto == AMBIT_PROTO_TCP)
		groups |= groups_kept(row, socket_groups(sk));
	limits_draw(row, groups, KINDS_EGRESS,
		(__u64)size + (v->proto == AMBIT_PROTO_UDP ? HEADERS_UDP : 0), true,
		bpf_ktime_get_ns(), &draw);
	if (draw.refused)
		limits_verdict(row, &draw, v);
	return draw.refused;
}

/*
 * Whether a socket that a task of the cell makes is none of those whose packets are counted: those in the
 * cell's cgroup, beneath which no task of it can make another one. A socket has the cgroup that its maker
 * was in for good, and one that is accepted that of the listener. Those of a bound cell are counted wherever they
 * are.
 */
FRAME bool egress_uncounted(__u32 id, struct sock *sk)
{
	struct ambit_limits *row;

	if (!egress_limited(id))
		return false;
	row = FAULT(LIMITS_SOCKET, NULL, limits_row(id));
	if (row && row->cgroup & AMBIT_BOUND_HOME_BIT)
		return false;
	return !row || !row->cgroup || BPF_CORE_READ(sk, sk_cgrp_data.cgroup, kn, id) != row->cgroup;
}

/*
 * Whether a socket that a task of a bound cell uses is none whose packets are looked at: they are by the label of
 * their socket. One that nobody has labelled, which the task had before it came into the cell or was given, is the
 * cell's from now on. True without memory for that, and where it belongs to another cell.
 */
FRAME bool socket_unseen(struct sock *sk, __u32 id)
{
	__u16 family = sk->__sk_common.skc_family;
	struct ambit_cell *cell;
	__u32 owner;

	if (family != FAMILY_INET && family != FAMILY_INET6)
		return false;
	/* NULL is an answer: others deny for it. */
	cell = cell_row(id);
	if (!cell || !(cell->flags & AMBIT_CELL_BOUND) ||
		!(cell->flags & (AMBIT_CELL_NAMES | AMBIT_CELL_EGRESS)))
		return false;
	owner = label_of_socket(sk);
	/* NULL is an answer: one that is gone, as where a cgroup could not be bound at first. */
	if (owner && (owner == id || cell_row(owner)))
		return owner != id;
	/* One try: who is denied can try again. */
	return FAULT(LABEL_SOCKET, true, !socket_label_set(sk, id));
}

/* Denies what a socket is used for whose packets nobody would look at. Called last, so that the verifier has nothing
 * behind it to look at again, and in the frame of the caller: it knows 8. */
static __always_inline int deny_unseen(struct socket *socket, __u32 hook)
{
	struct sock *sk = socket->sk;
	__u32 cell = LOOK(kept.limited) ? cell_current() : 0;

	if (!cell || !sk || !socket_unseen(sk, cell))
		return 0;
	return deny(cell, hook, OP_CONNECT, REASON_STRAY);
}

#endif
