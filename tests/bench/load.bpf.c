/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the programs of the hooks are made of, as programs that may be loaded anywhere: loaded by load.c,
 * and never run. */
#include "lib/decide.bpf.h"
#include "lib/peer.bpf.h"
#include "lib/refer.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("syscall")
int load_report(void *unused)
{
	return deny(1, HOOK_file_open, OP_READ, REASON_DEVICE);
}

SEC("syscall")
int load_path(void *unused)
{
	struct path_request request = {.cell = 1, .ops = BIT(OP_READ), .hook = HOOK_file_open};

	return decide_path(&request);
}

SEC("syscall")
int load_refer(void *unused)
{
	struct refer_request request = {.path.cell = 1, .path.hook = HOOK_path_rename};

	return decide_refer(&request);
}

SEC("syscall")
int load_peer(void *unused)
{
	struct peer_request request = {.cell = 1, .op = OP_CONNECT, .hook = HOOK_socket_connect};

	return decide_peer(&request);
}
