/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * NETLINK_ROUTE, so that programs find out about interfaces, addresses and routes. Messages are
 * asked one by one what they are; that they go to the kernel is decided by their address
 * (net.bpf.c).
 */
#include "lib/emit.bpf.h"
#include "lib/netlink.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define PROTOCOL_ROUTE 0

SEC("lsm/netlink_send")
int INSIDE_PROG(netlink_netlink_send, struct sock *sk, struct sk_buff *skb)
{
	__u32 cell = cell_current(), type = 0;

	if (!cell)
		return 0;
	if (sk->sk_protocol != PROTOCOL_ROUTE)
		return deny(cell, HOOK_netlink_send, OP_SOCKET, REASON_FAMILY) ? -EPERM : 0;
	if (!messages_denied((__u64)BPF_CORE_READ(skb, data), BPF_CORE_READ(skb, len), &type))
		return 0;
	return deny_number(cell, HOOK_netlink_send, OP_SOCKET, REASON_NETLINK, type) ? -EPERM : 0;
}
