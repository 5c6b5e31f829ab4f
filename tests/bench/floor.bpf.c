/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a kernel takes for its part: an empty program at each hook that ambit takes; for the fork of a
 * labelled task, one that does nothing in task_alloc but make the child's storage; for kernels on which each
 * word of theirs that is looked at is a call, one that does nothing but sixteen of these; and for the packets
 * of a cell with names, empty ones of the kinds that are attached to its cgroup.
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

SEC("?lsm/file_open")
int BPF_PROG(reads_file_open, struct file *file)
{
	__u64 word;

#pragma unroll
	for (int i = 0; i < 16; i++)
		bpf_probe_read_kernel(&word, sizeof(word), (void *)file + i);
	return 0;
}

SEC("?cgroup_skb/egress")
int cgroup_egress(struct __sk_buff *skb)
{
	return 1;
}

SEC("?cgroup_skb/ingress")
int cgroup_ingress(struct __sk_buff *skb)
{
	return 1;
}

SEC("?sockops")
int cgroup_ops(struct bpf_sock_ops *ops)
{
	return 1;
}
