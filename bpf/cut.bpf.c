/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Begin and end of the connections of a cell with names (lib/connection.bpf.h).
 *
 * When a socket is connected nothing is known of what it says; whatever was goes with the connection before.
 *
 * One that was cut has to end. A packet that is not sent is no error to who wrote it: it lies in the socket,
 * and TCP tries it again for a quarter of an hour. From here the socket's own limit for that
 * (TCP_USER_TIMEOUT) can be set, and the next try but one ends it: 0.6 s after the cut. The kernel asks before
 * each packet, from when the peer has answered until the first bytes are known
 * (docs/notes/2026-11-28-streams.md).
 *
 * Attached to the cgroups of cells with names; and bound_ops to the root of all, for cells that are bound.
 */
#include "lib/reader.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define TCP_USER_TIMEOUT 18 /* include/uapi/linux/tcp.h */
#define LEVEL_TCP	 6

/* Asks for this program before each packet, or no more. */
static __always_inline void ops_ask(struct bpf_sock_ops *ops, bool ask)
{
	__u32 flag = BPF_SOCK_OPS_WRITE_HDR_OPT_CB_FLAG, flags = ops->bpf_sock_ops_cb_flags;

	bpf_sock_ops_cb_flags_set(ops, ask ? flags | flag : flags & ~flag);
}

static __always_inline void ops_end(struct bpf_sock_ops *ops)
{
	int now = 1; /* ms */

	bpf_setsockopt(ops, LEVEL_TCP, TCP_USER_TIMEOUT, &now, sizeof(now));
}

/* Without memory nothing that is written will be sent (connection_decide()), so it may end at once. */
static __always_inline void ops_connect(struct bpf_sock_ops *ops, struct bpf_sock *sk)
{
	struct connection *connection = FAULT(CONNECTION, NULL,
		packet_storage(&connections, sk, BPF_LOCAL_STORAGE_GET_F_CREATE));

	if (!connection) {
		ops_end(ops);
		return;
	}
	connection->state = CONNECTION_NEW;
	connection->groups = 0;
	connection->began = seconds_now();
}

/* What is `bound`: of a cell that is, whose cgroup it is not attached to. */
static __always_inline int ops_decide(struct bpf_sock_ops *ops, bool bound)
{
	struct connection *connection;
	struct bpf_sock *sk;

	if (ops->op != BPF_SOCK_OPS_TCP_CONNECT_CB && ops->op != BPF_SOCK_OPS_HDR_OPT_LEN_CB &&
		ops->op != BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB &&
		ops->op != BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB)
		return 1;
	sk = ops->sk;
	if (!sk || (bound && !packet_bound(sk, AMBIT_CELL_NAMES)))
		return 1;
	if (ops->op == BPF_SOCK_OPS_TCP_CONNECT_CB) {
		ops_connect(ops, sk);
		return 1;
	}
	/* NULL is an answer: it was not connected in the cell. */
	connection = packet_storage(&connections, sk, 0);
	if (!connection)
		return 1;
	if (connection->state == CONNECTION_CUT)
		ops_end(ops);
	/* Passive: an accepted one is free, but two ends may also have connected to each other at once. */
	ops_ask(ops, connection->state != CONNECTION_FREE);
	return 1;
}

SEC("sockops")
int connection_ops(struct bpf_sock_ops *ops)
{
	return ops_decide(ops, false);
}

SEC("sockops")
int bound_ops(struct bpf_sock_ops *ops)
{
	return ops_decide(ops, true);
}
