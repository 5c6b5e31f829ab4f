/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * overlayfs: what a task does to a file of an overlay, the kernel repeats on the file of the layer
 * beneath. The decision is made on the outer object; the inner steps are known by what only the
 * kernel's own code can hold.
 */
#ifndef AMBIT_OVERLAY_H
#define AMBIT_OVERLAY_H

#include "decide.bpf.h"

#define TASK_IO_WORKER 0x10 /* PF_IO_WORKER of include/linux/sched.h */
/* Pointers from here on are errors (include/linux/err.h). */
#define ERROR_FIRST (-4095ULL)

/* The mount is one that overlayfs made for itself of a layer (clone_private_mount in
 * fs/namespace.c): it belongs to no namespace, so no system call reaches a file through it. Mounts of
 * file systems that only the kernel mounts look alike but are not meant: their files get into
 * descriptors (memfd). `mount` is a struct mount. */
static __always_inline bool is_layer(__u64 mount)
{
	__u64 ns = 0, super = 0, flags = 0;

	return !READ_FIELD(ns, mount, mount, mnt_ns) && ns >= ERROR_FIRST &&
	       !READ_FIELD(super, vfsmount, mount + bpf_core_field_offset(struct mount, mnt), mnt_sb) &&
	       !READ_FIELD(flags, super_block, super, s_flags) && !(flags & SUPER_KERNEL);
}

/*
 * A file of a layer that stands behind one of the overlay: where that one is, in place of its own
 * place. Since 6.5 such files are struct backing_file, and a mapping holds them (ovl_mmap); before,
 * they have the path of the overlay themselves.
 */
static __always_inline void backing_path(__u64 file, __u64 *dentry, __u64 *mnt)
{
	__u64 backing;

	if (!bpf_core_field_exists(struct backing_file, user_path) || !is_layer(mount_of(*mnt)))
		return;
	backing = file - bpf_core_field_offset(struct backing_file, file);
	READ_AT(backing, *dentry, backing_file, backing, user_path.dentry);
	READ_AT(backing, *mnt, backing_file, backing, user_path.mnt);
}

/* Requests of io_uring that walk a path or reopen a file (enum io_uring_op in
 * include/uapi/linux/io_uring.h): fallocate, openat, statx, openat2, renameat, unlinkat, mkdirat,
 * symlinkat, linkat, getxattr, ftruncate. Nothing of it takes CAP_SYS_ADMIN from the task itself, as
 * setting attributes and madvise(MADV_HWPOISON) do. */
#define WORK_ON_FILES                                                                             \
	(1ULL << 17 | 1ULL << 18 | 1ULL << 21 | 1ULL << 28 | 1ULL << 35 | 1ULL << 36 | 1ULL << 37 | \
		1ULL << 38 | 1ULL << 39 | 1ULL << 44 | 1ULL << 55)

/* A worker of io_uring works on one of them. (Its polling thread has no such work, and leaves what
 * may have to wait to workers.) */
static __always_inline bool works_on_files(struct task_struct *task)
{
	__u64 work = 0, worker = (__u64)task->worker_private;
	__u8 opcode = 0;

	if (!worker || READ_AT(worker, work, io_worker, worker, cur_work) || !work)
		return false;
	work -= bpf_core_field_offset(struct io_kiocb, work);
	return !READ_AT(worker, opcode, io_kiocb, work, opcode) && opcode < 64 &&
	       WORK_ON_FILES >> (opcode & 63) & 1;
}

/*
 * The kernel's own code acts for the task, with the rights of somebody else: overlayfs with those of
 * whoever mounted it (ovl_override_creds in fs/overlayfs/util.c). Rights that are not its present ones
 * a task puts on in io_uring alone (a personality, or what it had when it submitted). In a cell that
 * began without privileges those are no more than its own. In one that began as root they could be
 * more than the cell has, so there a task with a ring gets none lent, but for what its workers do to
 * files. A cell that cannot be read counts as such a one.
 */
static __always_inline bool lent_rights(__u32 id)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct ambit_cell *cell;

	if (task->cred == task->real_cred)
		return false;
	cell = FAULT(CELL_LENT, NULL, bpf_map_lookup_elem(&cells, &id));
	if (cell && !(cell->flags & AMBIT_CELL_ROOT))
		return true;
	return task->flags & TASK_IO_WORKER ? works_on_files(task) : !task->io_uring;
}

#endif
