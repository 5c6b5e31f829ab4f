/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whose entry of a procfs an inode belongs to. A policy names /proc/self; that covers the processes
 * of the cell and nobody else's, whatever else the policy allows in /proc: there are the command
 * lines, limits, addresses and open files of the whole machine.
 */
#ifndef AMBIT_PROC_H
#define AMBIT_PROC_H

#include "label.bpf.h"

#define PROC_MAGIC 0x9fa0 /* include/uapi/linux/magic.h */

enum proc_owner { PROC_NOBODY, PROC_CELL, PROC_OTHER, PROC_UNREADABLE };

/* BPF storage of one task that is looked at: one element for each map of task storage on the machine
 * that has something on it. One with more counts as somebody else's. */
#define STORAGES_MAX 256

struct label_search {
	__u64 next; /* hlist_node of a struct bpf_local_storage_elem */
	__u32 cell;
	__u32 unreadable;
};

/* What is read of another task; one fault stands for all of it. */
#define READ_TASK(target, type, base, path) READ_AT(other_task, target, type, base, path)

static long label_step(__u32 index, struct label_search *search)
{
	__u64 element = search->next - bpf_core_field_offset(struct bpf_local_storage_elem, snode);
	__u64 map = 0;

	if (!search->next)
		return 1;
	search->unreadable = 1;
	if (READ_TASK(map, bpf_local_storage_elem, element, sdata.smap))
		return 1;
	if (map == (__u64)&labels) {
		search->unreadable = !!READ_TASK(
			search->cell, bpf_local_storage_elem, element, sdata.data);
		return 1;
	}
	search->unreadable = !!READ_TASK(
		search->next, bpf_local_storage_elem, element, snode.next);
	return search->unreadable;
}

/* Whether the task at this address, no trusted pointer, is of the current task's cell. A map's
 * address is that of its struct bpf_local_storage_map, whose first member it is. */
static __always_inline enum proc_owner task_owner(__u64 task)
{
	struct label_search search = {};
	__u64 storage = 0;

	if (READ_TASK(storage, task_struct, task, bpf_storage))
		return PROC_UNREADABLE;
	if (!storage)
		return PROC_OTHER;
	if (READ_TASK(search.next, bpf_local_storage, storage, list.first))
		return PROC_UNREADABLE;
	(void)FAULT(LOOP_LABEL, -E2BIG, bpf_loop(STORAGES_MAX, label_step, &search, 0));
	if (search.unreadable)
		return PROC_UNREADABLE;
	return search.cell && search.cell == cell_again() ? PROC_CELL : PROC_OTHER;
}

/*
 * The owner of an inode of a procfs, by its struct pid and not by its text: numbers differ from pid
 * namespace to pid namespace. An entry whose task is gone says nothing any more (ESRCH), and the
 * number is not used again while it is open.
 */
static __always_inline enum proc_owner proc_owner(__u64 inode)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 pid = 0, link = 0;

	if (READ_FIELD(pid, proc_inode, inode - bpf_core_field_offset(struct proc_inode, vfs_inode),
		    pid))
		return PROC_UNREADABLE;
	if (!pid)
		return PROC_NOBODY;
	if (pid == (__u64)BPF_CORE_READ(task, signal, pids[PIDTYPE_TGID]))
		return PROC_CELL;
	if (READ_TASK(link, pid, pid, tasks[PIDTYPE_PID].first))
		return PROC_UNREADABLE;
	if (!link)
		return PROC_CELL;
	return task_owner(link - bpf_core_field_offset(struct task_struct, pid_links[PIDTYPE_PID]));
}

#endif
