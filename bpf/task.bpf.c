/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The label: a task is in the cell of the task that made it, whatever cgroup or namespace it moves
 * to. io_uring workers and threads are tasks like any other here.
 */
#include "lib/emit.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Whether the cell is gone or ends: who ends it finds all of its tasks if no more come. */
static __always_inline bool cell_ends(__u32 id)
{
	struct ambit_cell *cell = FAULT(CELL_FORK, NULL, cell_row(id));

	return !cell || cell->flags & AMBIT_CELL_ENDS;
}

SEC("lsm/task_alloc")
int INSIDE_PROG(task_task_alloc, struct task_struct *task)
{
	__u32 cell = cell_current(), reason = 0;

	if (!cell)
		return 0;
	/* No memory, or no label of its own: a child without a label would be free, so there is no
	 * child. Also in audit mode, where it would leave the record. */
	if (!label_task(task, cell))
		reason = REASON_NO_LABEL;
	else if (cell_ends(cell))
		reason = REASON_NO_CELL;
	else
		return 0;
	deny(cell, HOOK_task_alloc, OP_TASK, reason);
	return -EPERM;
}

/* For user space: the cells that tasks which live are in, one number a task, in no order that means anything. A
 * seq_file that is full is read and this task asked about again (bpf_seq_read() of kernel/bpf/bpf_iter.c). */
SEC("iter/task")
int task_cells(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct ambit_label *label;

	if (!task)
		return 0;
	/* A leader that has ended while threads of its process live stands for them: one of them takes its number
	 * when it executes a program (de_thread() of fs/exec.c), and may be passed by. */
	if (task->exit_state && !(task == task->group_leader && BPF_CORE_READ(task, signal, nr_threads) > 1))
		return 0;
	/* NULL is an answer. */
	label = bpf_task_storage_get(&labels, task, NULL, 0);
	if (label)
		bpf_seq_write(ctx->meta->seq, &label->cell, sizeof(label->cell));
	return 0;
}
