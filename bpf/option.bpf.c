/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a socket is told besides addresses: options. Control data comes with socket_sendmsg. */
#include "lib/option.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("lsm/socket_setsockopt")
int INSIDE_PROG(option_socket_setsockopt, struct socket *socket, int level, int option)
{
	__u32 cell = cell_current();

	if (!cell || option_known(level, option))
		return 0;
	return deny_number(cell, HOOK_socket_setsockopt, OP_SOCKET, REASON_OPTION,
		       (__u64)(__u32)level << 32 | (__u32)option)
		       ? -EPERM
		       : 0;
}
