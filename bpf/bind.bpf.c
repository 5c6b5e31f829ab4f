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
 *
 * Where a glob says what is bound, bind_made writes that row when a cgroup is made, before anybody sees it
 * (cgroup_mkdir() of the same file calls the tracepoint in front of kernfs_activate()), and bind_gone takes it away.
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
	struct ambit_bound *bound;
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
		bound = bpf_map_lookup_elem(&bounds, &key);
		if (bound)
			return bound->cell;
		cgroup = above;
	}
	return AMBIT_CELL_NONE;
}

/* Somebody is outside, until the daemon, which looks at this number, has looked for whom. */
static __always_inline void missed(void)
{
	__u32 row = AMBIT_BINDING_MISSED;
	/* The row of an array is always there; NULL is an answer for the verifier. */
	struct ambit_binding *state = bpf_map_lookup_elem(&binding, &row);

	if (state)
		__sync_fetch_and_add(&state->failed, 1);
}

SEC("fexit/css_set_move_task")
int BPF_PROG(bind_moved, struct task_struct *task, struct css_set *from, struct css_set *to)
{
	__u32 cell;

	if (!to)
		return 0;
	cell = bound_cell(to->dfl_cgrp);
	/* NULL is an answer: it has none yet. */
	if (!cell || bpf_task_storage_get(&labels, task, NULL, 0))
		return 0;
	if (label_task(task, cell))
		return 0;
	missed();
	return 0;
}

SEC("iter/task")
int bind_tasks(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct ambit_binding *state;
	struct ambit_label *label;
	__u32 row = AMBIT_BINDING_ASKED, cell;

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
	cell = bound_cell(task->cgroups->dfl_cgrp);
	if (!cell || (state->cell && cell != state->cell))
		return 0;
	if (label && label->cell != cell)
		state->others++;
	else if (label || label_task(task, cell))
		state->labelled++;
	else
		state->failed++;
	return 0;
}

/* What a task may have registered with itself (IO_RINGFD_REG_MAX of include/linux/io_uring_types.h). */
#define RINGS_REGISTERED 16

/* For user space: the processes, of all, in which a task has a ring of io_uring that it registered with itself
 * (IORING_REGISTER_RING_FDS), and which no descriptor need tell of; one number a task. */
SEC("iter/task")
int ring_tasks(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct io_uring_task *rings;
	__u32 pid;

	/* A kernel without io_uring. */
	if (!task || !bpf_core_field_exists(task->io_uring))
		return 0;
	rings = task->io_uring;
	for (int i = 0; rings && i < RINGS_REGISTERED; i++) {
		if (!BPF_CORE_READ(rings, registered_rings[i]))
			continue;
		pid = task->tgid;
		bpf_seq_write(ctx->meta->seq, &pid, sizeof(pid));
		return 0;
	}
	return 0;
}

/* --- globs --- */

/* A cgroup while it is made. */
struct making {
	struct ambit_bound_key key;
	struct ambit_bound bound; /* cell 0: no glob matches */
	__u32 order;
};

/* Its key, as bound_cell() has it. Not of version 1, whose ids may be the same. */
static __always_inline bool key_of(struct cgroup *cgroup, struct ambit_bound_key *ret)
{
	struct cgroup *above = (struct cgroup *)BPF_CORE_READ(cgroup, self.parent);

	if (!above || BPF_CORE_READ(cgroup, root, hierarchy_id))
		return false;
	ret->parent = BPF_CORE_READ(above, kn, id);
	return bpf_probe_read_kernel_str(ret->name, sizeof(ret->name), BPF_CORE_READ(cgroup, kn, name)) > 0;
}

static long glob_try(void *map, __u32 *id, struct ambit_glob *glob, struct making *making)
{
	__u64 behind = AMBIT_GLOB_BEGIN;

	if (glob->parent != making->key.parent || (making->bound.cell && making->order <= glob->order))
		return 0;
	/* No name has more. Where nothing can be behind us any more, it does not match: this is paid by who makes a
	 * cgroup, for each glob. */
	for (int i = 0; i < AMBIT_BOUND_NAME && behind && making->key.name[i]; i++)
		behind = ambit_glob_step(glob, behind, making->key.name[i]);
	if (behind & glob->end) {
		making->bound.cell = glob->cell;
		making->order = glob->order;
	}
	return 0;
}

SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(bind_made, struct cgroup *cgroup, const char *path)
{
	struct making making = {.bound.glob = 1};
	__u32 row = AMBIT_BINDING_ASKED;
	/* The row of an array is always there; NULL is an answer for the verifier. */
	struct ambit_binding *state = bpf_map_lookup_elem(&binding, &row);

	if (!state)
		return 0;
	/* 0, but from where the verifier does not know it. Before 6.8 it follows a callback once, with what it knows of
	 * the first round, and takes out what can be reached in no other: what asks for the order. */
	making.bound.cell = state->reserved;
	if (!key_of(cgroup, &making.key))
		return 0;
	bpf_for_each_map_elem(&globs, glob_try, &making, 0);
	if (!making.bound.cell)
		return 0;
	/* As for a label. One that is bound by its name has its row already. */
#pragma unroll
	for (int i = 0; i < LABEL_TRIES; i++) {
		/* An error is an answer: whoever comes there is outside, and that is counted. */
		long result = bpf_map_update_elem(&bounds, &making.key, &making.bound, BPF_NOEXIST);

		if (!result || result == -EEXIST)
			return 0;
	}
	missed();
	return 0;
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(bind_gone, struct cgroup *cgroup, const char *path)
{
	struct ambit_bound_key key = {};
	struct ambit_bound *bound;

	if (!key_of(cgroup, &key))
		return 0;
	/* NULL is an answer. */
	bound = bpf_map_lookup_elem(&bounds, &key);
	if (bound && bound->glob)
		bpf_map_delete_elem(&bounds, &key);
	return 0;
}
