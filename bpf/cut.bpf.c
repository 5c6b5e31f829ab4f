/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The end of connections that were cut (lib/connection.bpf.h). A packet that is not sent is no error to who
 * wrote it: it lies in the socket, and TCP tries it again for a quarter of an hour. From here the socket's
 * own limit for that (TCP_USER_TIMEOUT) can be set, and the next try but one ends it: 0.6 s after the cut.
 *
 * Attached to the cgroups of cells with names. The kernel asks before each packet, until the first bytes
 * are known (docs/notes/2026-11-28-streams.md).
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

SEC("sockops")
int connection_ops(struct bpf_sock_ops *ops)
{
	struct connection *connection;
	struct bpf_sock *sk;
	int now = 1; /* ms */

	if (ops->op != BPF_SOCK_OPS_TCP_CONNECT_CB && ops->op != BPF_SOCK_OPS_HDR_OPT_LEN_CB)
		return 1;
	sk = ops->sk;
	/* NULL is an answer: it has not begun. */
	connection = sk ? packet_storage(&connections, sk, 0) : NULL;
	if (ops->op == BPF_SOCK_OPS_TCP_CONNECT_CB) {
		ops_ask(ops, true);
		/* A socket can be connected once more. */
		if (connection)
			connection->state = CONNECTION_NEW;
		return 1;
	}
	if (!connection || connection->state == CONNECTION_NEW || connection->state == CONNECTION_READ)
		return 1;
	if (connection->state == CONNECTION_CUT)
		bpf_setsockopt(ops, LEVEL_TCP, TCP_USER_TIMEOUT, &now, sizeof(now));
	else
		ops_ask(ops, false);
	return 1;
}
