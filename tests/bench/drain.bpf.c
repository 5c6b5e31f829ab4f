/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Fills a ring as hooks do, by the report of bpf/lib/emit.bpf.h: denials of paths that all differ. */
#include "lib/emit.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* How many, under which cell, and the first number of a path; set before each run. */
__u32 events = 0;
__u32 cell_id = 0;
__u64 number = 0;

/* A path of usual length ends in a number that no other has. */
static const char prefix[] = "/home/user/project/src/component/file-";
#define DIGITS 16

static long produce(__u32 index, void *context)
{
	struct verdict v = {
		.cell = cell_id,
		.op = OP_READ,
		.reason = REASON_NO_RULE,
		.verdict = VERDICT_DENY,
		.hook = HOOK_file_open,
	};
	__u32 slot = 0, start = PATH_END - sizeof(prefix) + 1 - DIGITS;
	struct scratch *scratch = scratch_claim(&slot);

	if (!scratch)
		return 1;
	v.slot = slot;
	scratch->path.start = start;
	__builtin_memcpy(&scratch->path.bytes[start], prefix, sizeof(prefix) - 1);
	for (__u32 i = 0; i < DIGITS; i++)
		scratch->path.bytes[PATH_END - 1 - i] = "0123456789abcdef"[number >> 4 * i & 15];
	number++;
	report(&v);
	scratch_release(scratch);
	return 0;
}

SEC("syscall")
int fill(void *ctx)
{
	bpf_loop(events, produce, NULL, 0);
	return 0;
}
