/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * overlayfs: what a task does to a file of an overlay, the kernel repeats on the file of the layer
 * beneath. The decision is made on the outer object; the inner steps are known by what only the
 * kernel's own code can hold.
 */
#ifndef AMBIT_OVERLAY_H
#define AMBIT_OVERLAY_H

#include "decide.bpf.h"

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

/*
 * The kernel's own code acts for the task, with the rights of somebody else: overlayfs with those of
 * whoever mounted it (ovl_override_creds in fs/overlayfs/util.c). In io_uring a task puts on rights
 * that are not its present ones, too (a personality, or what it had when it submitted), but all that
 * a cell's tasks ever had carry the mark of the launcher (AMBIT_CELL_SECUREBITS). Where there was no
 * launcher (AMBIT_CELL_BOUND), or one that could not mark (AMBIT_CELL_UNMARKED), nobody acts for the cell, and
 * what overlayfs does is denied.
 */
static __always_inline bool lent_rights(__u32 id)
{
	struct task_struct *task = task_read();
	struct ambit_cell *cell;

	if (task->cred == task->real_cred)
		return false;
	cell = cell_row(id);
	return cell && !(cell->flags & (AMBIT_CELL_BOUND | AMBIT_CELL_UNMARKED)) &&
	       (task->cred->securebits & AMBIT_CELL_SECUREBITS) != AMBIT_CELL_SECUREBITS;
}

#endif
