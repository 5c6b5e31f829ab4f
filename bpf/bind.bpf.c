/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Cells that are bound to a cgroup: a task gets its label when it comes into the cgroup, before it runs
 * there. Loaded when the first cell is bound.
 *
 * Every task passes css_set_move_task() of kernel/cgroup/cgroup.c when it is made (cgroup_post_fork(), also
 * where clone3(2) names the cgroup) and when it is moved, each thread on its own. At a fork it stands in
 * the list of tasks by then and has not run. bind_moved is run behind it, when the task's cgroup is the new
 * one. So user space writes the row of `bounds` first and then has bind_tasks look at all tasks: whoever came
 * before the row is seen by that one, in the right cgroup, and who comes after by this. What has a label
 * keeps it.
 */
#include "lib/label.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Cgroups above each other that are looked at. Machines have ten or so; in what lies deeper a task gets
 * AMBIT_CELL_NONE, since a cgroup that is bound may stand above. */
#define BOUND_DEPTH 32

/* The cell that a cgroup is bound to, itself or by one above it; 0: none. */
static __always_inline __u32 bound_cell(struct cgroup *cgroup)
{
	struct ambit_bound_key key;
	struct ambit_label *label;
	struct cgroup *above;
	const char *name;

	for (int i = 0; i < BOUND_DEPTH; i++) {
		/* The first member of a cgroup is its state, and so is what its state has above it. */
		above = (struct cgroup *)BPF_CORE_READ(cgroup, self.parent);
		if (!above)
			return 0;
		__builtin_memset(&key, 0, sizeof(key));
		key.parent = BPF_CORE_READ(above, kn, id);
		name = BPF_CORE_READ(cgroup, kn, name);
		/* What cannot be read has an empty name, which nothing is bound by. */
		bpf_probe_read_kernel_str(key.name, sizeof(key.name), name);
		/* NULL is an answer. */
		label = bpf_map_lookup_elem(&bounds, &key);
		if (label)
			return label->cell;
		cgroup = above;
	}
	return AMBIT_CELL_NONE;
}

SEC("fexit/css_set_move_task")
int BPF_PROG(bind_moved, struct task_struct *task, struct css_set *from, struct css_set *to)
{
	__u32 cell, row = AMBIT_BINDING_MISSED;
	struct ambit_binding *state;

	if (!to)
		return 0;
	cell = bound_cell(to->dfl_cgrp);
	/* NULL is an answer: it has none yet. */
	if (!cell || bpf_task_storage_get(&labels, task, NULL, 0))
		return 0;
	if (label_task(task, cell))
		return 0;
	/* It is outside, until the daemon, which looks at this number, has bind_tasks look for it. The row of an
	 * array is always there; NULL is an answer for the verifier. */
	state = bpf_map_lookup_elem(&binding, &row);
	if (state)
		__sync_fetch_and_add(&state->failed, 1);
	return 0;
}

SEC("iter/task")
int bind_tasks(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct ambit_binding *state;
	struct ambit_label *label;
	__u32 row = AMBIT_BINDING_ASKED;

	if (!task)
		return 0;
	/* Likewise. NULL is an answer. */
	state = bpf_map_lookup_elem(&binding, &row);
	if (!state)
		return 0;
	/* NULL is an answer. */
	label = bpf_task_storage_get(&labels, task, NULL, 0);
	if (state->undo) {
		if (label && label->cell == state->cell)
			bpf_task_storage_delete(&labels, task);
		return 0;
	}
	if (bound_cell(task->cgroups->dfl_cgrp) != state->cell)
		return 0;
	if (label && label->cell != state->cell)
		state->others++;
	else if (label || label_task(task, state->cell))
		state->labelled++;
	else
		state->failed++;
	return 0;
}
