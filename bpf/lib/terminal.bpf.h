/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which terminals are the task's own, without a rule: the one that controls it, and those whose
 * other end it holds. Whoever has the master of a pseudo-terminal reads and writes all that passes
 * through it, so the slave gives nothing more; the user's other terminals stay closed.
 */
#ifndef AMBIT_TERMINAL_H
#define AMBIT_TERMINAL_H

#include "fault.bpf.h"

#define DEVPTS_MAGIC 0x1cd1	   /* include/uapi/linux/magic.h */
#define PTMX_DEVICE  (5 << 20 | 2) /* TTYAUX_MAJOR, 2: include/uapi/linux/major.h */
/* Descriptors that are looked at; a master has a small number where terminals are opened. */
#define DESCRIPTORS_MAX 1024

struct master_search {
	__u64 table; /* of struct file pointers */
	__u64 master;
	__u32 size;
	__u32 found;
};

/*
 * Whether the descriptor is the master. It is read twice: while it stands in the table the file
 * cannot go, so what was read in between is of that file.
 */
static long master_step(__u32 index, struct master_search *search)
{
	__u64 at = search->table + (__u64)index * sizeof(__u64), address = 0, again = 0;
	struct file *file;
	struct tty_file_private *private;

	if (index >= search->size)
		return 1;
	if (bpf_probe_read_kernel(&address, sizeof(address),
		    FAULT(TERMINAL_DESCRIPTOR, NULL, (const void *)at)) ||
		!address)
		return 0;
	file = (struct file *)address;
	if (BPF_CORE_READ(file, f_inode, i_rdev) != PTMX_DEVICE)
		return 0;
	private = BPF_CORE_READ(file, private_data);
	if (!private || (__u64)BPF_CORE_READ(private, tty) != search->master ||
		bpf_probe_read_kernel(
			&again, sizeof(again), FAULT(TERMINAL_AGAIN, NULL, (const void *)at)) ||
		again != address)
		return 0;
	search->found = 1;
	return 1;
}

/* Of a slave, known by its dentry (devpts_pty_new in fs/devpts/inode.c). Whatever cannot be read is
 * not the task's. */
FRAME int holds_master(__u64 dentry)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct tty_struct *slave = BPF_CORE_READ((struct dentry *)dentry, d_fsdata);
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct master_search search = {};

	if (!slave || !table)
		return 0;
	search.master = (__u64)BPF_CORE_READ(slave, link);
	search.table = (__u64)BPF_CORE_READ(table, fd);
	search.size = BPF_CORE_READ(table, max_fds);
	if (search.master && search.table)
		(void)FAULT(
			LOOP_TERMINAL, -E2BIG, bpf_loop(DESCRIPTORS_MAX, master_step, &search, 0));
	return search.found;
}

/* The task's controlling terminal, by whatever name: /dev/tty is the same. */
static __always_inline bool controls_task(struct file *file)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct tty_struct *tty = BPF_CORE_READ(task, signal, tty);
	__u32 device;

	if (!tty)
		return false;
	device = BPF_CORE_READ(tty, driver, major) << 20 |
		 (BPF_CORE_READ(tty, driver, minor_start) + BPF_CORE_READ(tty, index));
	return file->f_inode->i_rdev == device;
}

static __always_inline bool is_own_terminal(struct file *file)
{
	if (file->f_inode->i_sb->s_magic != DEVPTS_MAGIC)
		return false;
	return controls_task(file) || holds_master((__u64)file->f_path.dentry);
}

#endif
