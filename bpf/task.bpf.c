/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The label: a task is in the cell of the task that made it, whatever cgroup or namespace it moves
 * to. io_uring workers and threads are tasks like any other here.
 */
#include "lib/emit.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("lsm/task_alloc")
int BPF_PROG(task_task_alloc, struct task_struct *task)
{
	__u32 cell = cell_current();

	if (!cell)
		return 0;
	if (!label_task(task, cell)) {
		/* No memory, or no label of its own: a child without a label would be free, so
		 * there is no child. Also in audit mode, where it would leave the record. */
		deny(cell, HOOK_task_alloc, OP_TASK, REASON_NO_LABEL);
		return -EPERM;
	}
	return 0;
}
