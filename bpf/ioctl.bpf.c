/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ioctl, which can do anything, and often asks for no more than a descriptor to read from:
 *
 *   any file            what every file has, and questions that terminals are asked; never typing
 *                       into a terminal or stopping a file system
 *   sockets             questions about interfaces, and what is in the socket; never routes,
 *                       addresses and interfaces
 *   files, directories  questions; changes are a write on the path, which a descriptor opened for
 *                       writing has passed; nothing else, because file systems have ioctls that
 *                       copy (snapshots), open (handles) and read (search) whatever they hold
 *   devices             a write on the path for what is no question
 *
 * and io_uring's way to the same (IORING_OP_URING_CMD). Values are x86's and of all architectures
 * that use asm-generic/ioctl.h; "32" are those of 32-bit callers.
 */
#include "lib/decide.bpf.h"
#include "lib/handle.bpf.h"
#include "lib/terminal.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Input for whoever reads the terminal next, at once or when keys of the console are hit; every
 * writer of the file system stops. */
static __always_inline bool is_never(__u32 command)
{
	switch (command) {
	case 0x5412:	 /* TIOCSTI */
	case 0x541c:	 /* TIOCLINUX: selection and paste */
	case 0x4b47:	 /* KDSKBENT */
	case 0x4b49:	 /* KDSKBSENT */
	case 0x4b4d:	 /* KDSETKEYCODE */
	case 0xc0045877: /* FIFREEZE */
	case 0xc0045878: /* FITHAW */
		return true;
	default:
		return false;
	}
}

/* Of the descriptor itself (fs/ioctl.c: do_vfs_ioctl), and what isatty(3) and its like ask of any
 * descriptor. */
static __always_inline bool is_common(__u32 command)
{
	switch (command) {
	case 0x5450:	 /* FIONCLEX */
	case 0x5451:	 /* FIOCLEX */
	case 0x5421:	 /* FIONBIO */
	case 0x5460:	 /* FIOQSIZE */
	case 0x541b:	 /* FIONREAD, SIOCINQ */
	case 0x5411:	 /* TIOCOUTQ, SIOCOUTQ */
	case 0x2:	 /* FIGETBSZ */
	case 0x5401:	 /* TCGETS */
	case 0x802c542a: /* TCGETS2 */
	case 0x5405:	 /* TCGETA */
	case 0x540f:	 /* TIOCGPGRP */
	case 0x5413:	 /* TIOCGWINSZ */
	case 0x5415:	 /* TIOCMGET */
	case 0x5424:	 /* TIOCGETD */
	case 0x5429:	 /* TIOCGSID */
	case 0x80045430: /* TIOCGPTN */
	case 0x80045432: /* TIOCGDEV */
	case 0x125e:	 /* BLKROGET */
	case 0x1260:	 /* BLKGETSIZE */
	case 0x1268:	 /* BLKSSZGET */
	case 0x127b:	 /* BLKPBSZGET */
	case 0x80081272: /* BLKGETSIZE64 */
		return true;
	default:
		return false;
	}
}

/* include/uapi/linux/sockios.h. Not SIOCETHTOOL and SIOCDEVPRIVATE: what they ask lies in user
 * memory, and some of it changes the interface. */
static __always_inline bool socket_asks(__u32 command)
{
	switch (command) {
	case 0x8903:	 /* FIOGETOWN */
	case 0x8904:	 /* SIOCGPGRP */
	case 0x8905:	 /* SIOCATMARK */
	case 0x8906:	 /* SIOCGSTAMP */
	case 0x8907:	 /* SIOCGSTAMPNS */
	case 0x80108906: /* SIOCGSTAMP_NEW */
	case 0x80108907: /* SIOCGSTAMPNS_NEW */
	case 0x8910:	 /* SIOCGIFNAME */
	case 0x8912:	 /* SIOCGIFCONF */
	case 0x8913:	 /* SIOCGIFFLAGS */
	case 0x8915:	 /* SIOCGIFADDR */
	case 0x8917:	 /* SIOCGIFDSTADDR */
	case 0x8919:	 /* SIOCGIFBRDADDR */
	case 0x891b:	 /* SIOCGIFNETMASK */
	case 0x891d:	 /* SIOCGIFMETRIC */
	case 0x8921:	 /* SIOCGIFMTU */
	case 0x8927:	 /* SIOCGIFHWADDR */
	case 0x8933:	 /* SIOCGIFINDEX */
	case 0x8935:	 /* SIOCGIFPFLAGS */
	case 0x8938:	 /* SIOCGIFCOUNT */
	case 0x8942:	 /* SIOCGIFTXQLEN */
	case 0x894b:	 /* SIOCOUTQNSD */
	case 0x8954:	 /* SIOCGARP */
	case 0x8970:	 /* SIOCGIFMAP */
		return true;
	default:
		return false;
	}
}

/* Terminals' ('T') and blocks' (0x12) commands mean nothing to a socket, or to a file of a file
 * system: ENOTTY, which programs go by. */
static __always_inline bool is_of_others(__u32 command)
{
	__u8 type = command >> 8;

	return type == 'T' || type == 0x12;
}

/* include/uapi/linux/fs.h, fsverity.h, fscrypt.h, fiemap.h, btrfs.h, msdos_fs.h */
static __always_inline bool file_asks(__u32 command)
{
	switch (command) {
	case 0x80086601: /* FS_IOC_GETFLAGS */
	case 0x80046601: /* 32 */
	case 0x801c581f: /* FS_IOC_FSGETXATTR */
	case 0x80087601: /* FS_IOC_GETVERSION */
	case 0x80047601: /* 32 */
	case 0xc020660b: /* FS_IOC_FIEMAP */
	case 0x81009431: /* FS_IOC_GETFSLABEL */
	case 0x80111500: /* FS_IOC_GETFSUUID */
	case 0x80811501: /* FS_IOC_GETFSSYSFSPATH */
	case 0xc0686611: /* PROCMAP_QUERY, of /proc/PID/maps */
	case 0xc0606610: /* PAGEMAP_SCAN, of /proc/PID/pagemap */
	case 0x400c6615: /* FS_IOC_GET_ENCRYPTION_POLICY */
	case 0xc0096616: /* FS_IOC_GET_ENCRYPTION_POLICY_EX */
	case 0xc0046686: /* FS_IOC_MEASURE_VERITY */
	case 0xc0286687: /* FS_IOC_READ_VERITY_METADATA */
	case 0x80089419: /* BTRFS_IOC_SUBVOL_GETFLAGS */
	case 0x8400941f: /* BTRFS_IOC_FS_INFO */
	case 0x80047210: /* FAT_IOCTL_GET_ATTRIBUTES */
		return true;
	default:
		return false;
	}
}

/* Changes of the file itself and of nothing else. */
static __always_inline bool file_changes(__u32 command)
{
	switch (command) {
	case 0x40086602: /* FS_IOC_SETFLAGS */
	case 0x40046602: /* 32 */
	case 0x401c5820: /* FS_IOC_FSSETXATTR */
	case 0x40087602: /* FS_IOC_SETVERSION */
	case 0x40047602: /* 32 */
	case 0x40806685: /* FS_IOC_ENABLE_VERITY */
	case 0x800c6613: /* FS_IOC_SET_ENCRYPTION_POLICY */
	case 0x40049409: /* FICLONE; what is cloned has to be open for reading */
	case 0x4020940d: /* FICLONERANGE */
	case 0x40305828: /* FS_IOC_RESVSP */
	case 0x4030582a: /* FS_IOC_RESVSP64 */
	case 0x40305829: /* FS_IOC_UNRESVSP */
	case 0x4030582b: /* FS_IOC_UNRESVSP64 */
	case 0x40305839: /* FS_IOC_ZERO_RANGE */
	case 0x40047211: /* FAT_IOCTL_SET_ATTRIBUTES */
		return true;
	default:
		return false;
	}
}

static __always_inline int refuse_command(
	__u32 cell, __u32 hook, enum ambit_op op, enum ambit_reason reason, __u32 command)
{
	return deny_number(cell, hook, op, reason, command) ? -EPERM : 0;
}

/* A write on the path; who opened it for writing has been asked. */
static __always_inline int decide_write(__u32 cell, __u32 hook, struct file *file)
{
	struct path_request request = {
		.cell = cell,
		.dentry = (__u64)file->f_path.dentry,
		.mnt = (__u64)file->f_path.mnt,
		.ops = BIT(OP_WRITE),
		.hook = hook,
		.flags = REQUEST_UNHASHED,
	};

	if (file->f_mode & FMODE_WRITE)
		return 0;
	return decide_path(&request) ? -EACCES : 0;
}

/* include/uapi/asm-generic/sockios.h: F_SETOWN by another name, with the pid in user memory. */
static __always_inline bool sets_owner(__u32 command)
{
	return command == 0x8901 || command == 0x8902; /* FIOSETOWN, SIOCSPGRP */
}

#define ASYNC 0x5452 /* FIOASYNC of include/uapi/asm-generic/ioctls.h */

static __always_inline int decide_ioctl(struct file *file, __u32 command, enum ambit_hook hook)
{
	__u32 cell = cell_current(), type;

	if (!cell || is_common(command))
		return 0;
	if (is_never(command))
		return refuse_command(cell, hook, OP_SYSTEM, REASON_GUARD, command);
	if (sets_owner(command))
		return deny(cell, hook, OP_TASK, REASON_OUTSIDE) ? -EPERM : 0;
	file = READS(struct file, file);
	type = file_type(file);
	/* As F_SETFL (guard.bpf.c). */
	if (command == ASYNC)
		return type == MODE_CHAR && deny(cell, hook, OP_TASK, REASON_OUTSIDE) ? -EPERM : 0;
	if (type == MODE_SOCKET)
		return is_of_others(command) || socket_asks(command)
			       ? 0
			       : refuse_command(cell, hook, OP_SOCKET, REASON_IOCTL, command);
	if (type == MODE_CHAR || type == MODE_BLOCK)
		return is_own_terminal(file) ? 0 : decide_write(cell, hook, file);
	/* Pipes; and memory files, io_uring and the like, which lie nowhere. */
	if ((type != MODE_REGULAR && type != MODE_DIRECTORY) || is_of_others(command) ||
		file_asks(command) || is_internal((__u64)file->f_path.dentry))
		return 0;
	if (file_changes(command))
		return decide_write(cell, hook, file);
	return refuse_command(cell, hook, OP_SYSTEM, REASON_IOCTL, command);
}

SEC("lsm/file_ioctl")
int INSIDE_PROG(ioctl_file_ioctl, struct file *file, unsigned int command)
{
	return decide_ioctl(file, command, HOOK_file_ioctl);
}

SEC("lsm/file_ioctl_compat")
int INSIDE_PROG(ioctl_file_ioctl_compat, struct file *file, unsigned int command)
{
	return decide_ioctl(file, command, HOOK_file_ioctl_compat);
}

/* SOCKET_URING_OP_SETSOCKOPT of include/uapi/linux/io_uring.h, and the three before it: what the
 * system calls do, with their hooks. All else goes past them, to drivers (NVMe, ublk). */
#define SOCKET_OPS_LAST 3

SEC("lsm/uring_cmd")
int INSIDE_PROG(ioctl_uring_cmd, struct io_uring_cmd *command)
{
	__u32 cell = cell_current();
	struct file *file;

	if (!cell)
		return 0;
	command = READS(struct io_uring_cmd, command);
	file = command->file;
	if (file_type(file) == MODE_SOCKET && command->cmd_op <= SOCKET_OPS_LAST)
		return 0;
	return refuse_command(cell, HOOK_uring_cmd, OP_SYSTEM, REASON_IOCTL, command->cmd_op);
}
