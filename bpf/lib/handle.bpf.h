/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Open files that a path does not decide, and what tells one kind of file from another. */
#ifndef AMBIT_HANDLE_H
#define AMBIT_HANDLE_H

#include "ambit.bpf.h"

/* include/linux/fs.h; stable since they are what open(2) flags turn into. */
#define FMODE_READ  1
#define FMODE_WRITE 2
/* include/uapi/linux/stat.h */
#define MODE_TYPE      0170000
#define MODE_SOCKET    0140000
#define MODE_REGULAR   0100000
#define MODE_BLOCK     0060000
#define MODE_DIRECTORY 0040000
#define MODE_CHAR      0020000
/* include/uapi/linux/magic.h */
#define PIPEFS_MAGIC 0x50495045
#define PIDFS_MAGIC  0x50494446

static __always_inline __u32 file_type(struct file *file)
{
	return file->f_inode->i_mode & MODE_TYPE;
}

/*
 * What is made by a system call and not found by a name, on file systems that nobody can mount. A
 * pipe is reopened through /proc/self/fd (/dev/stdout in a shell): the task has it already; a FIFO
 * in a directory has a path. A pidfd is a file since 6.9, and what it can be used for has hooks of
 * its own (task_kill, ptrace_access_check).
 */
static __always_inline bool is_handle(struct file *file)
{
	unsigned long magic = file->f_inode->i_sb->s_magic;

	return magic == PIPEFS_MAGIC || magic == PIDFS_MAGIC;
}

#endif
