/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a kernel takes for its part: an empty program at each hook that ambit takes; for the fork of a
 * labelled task, one that does nothing in task_alloc but make the child's storage; and for kernels
 * without bpf_rdonly_cast(), one that does nothing in file_open but read 30 words of the kernel's memory.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define HOOK(area, hook, op, need, when) \
	SEC("?lsm/" #hook)              \
	int empty_##hook(void *context) \
	{                               \
		return 0;               \
	}
#include "hooks.def"
#undef HOOK

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u64);
} floor_labels SEC(".maps");

SEC("?lsm/task_alloc")
int BPF_PROG(storage_task_alloc, struct task_struct *task)
{
	bpf_task_storage_get(&floor_labels, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	return 0;
}

#define FLOOR_READS 30

SEC("?lsm/file_open")
int BPF_PROG(reads_file_open, struct file *file)
{
	__u64 word, sum = 0;

#pragma unroll
	for (int i = 0; i < FLOOR_READS; i++) {
		bpf_probe_read_kernel(&word, sizeof(word), (__u64 *)file + i % 8);
		sum += word;
	}
	/* Never: but the words are wanted. */
	return sum == 1 ? -1 : 0;
}
