/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Times, extended attributes and ACLs: write on the object. These hooks get a dentry without a
 * mount, so the path is decided on every mount of the cell's namespace that shows the object, and
 * all of them have to allow it.
 */
#include "lib/decide.bpf.h"
#include "lib/limits.bpf.h"
#include "lib/mounts.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Set when the kernel is armed: inode_setattr has an idmap as first argument (since 6.3, kernel
 * commit c1632a0f1120, backported by some); the other hooks had one before. */
const volatile bool setattr_has_idmap = true;

/* The cell that is asked about the object; 0: none, the kernel keeps it for itself. */
FRAME __u32 meta_cell(__u64 dentry)
{
	__u32 cell = cell_current();

	return cell && is_internal(dentry) ? 0 : cell;
}

/* Of a task that may be in a cell. INSIDE_PROG() would be a frame too many: beneath decide_mounts() there
 * are as many as the verifier knows (8). So what needs registers is called. */
static __always_inline int meta_decide(__u64 dentry, enum ambit_hook hook, __u32 flags)
{
	struct path_request request = {};

	request.dentry = dentry;
	request.ops = BIT(OP_WRITE);
	request.hook = hook;
	request.flags = flags | REQUEST_UNHASHED; /* a descriptor outlives the name it was opened by */
	barrier(); /* it is in memory: no register is saved for it */
	request.cell = meta_cell(dentry);
	if (!request.cell)
		return zero();
	return decide_mounts(&request) ? -EACCES : 0;
}

/* include/linux/fs.h: what came through a hook with a path before (chmod, chown, truncate), or is
 * the kernel's own doing. */
#define ATTRIBUTE_TIMES (1 << 7 | 1 << 8 | 1 << 16) /* ATIME_SET, MTIME_SET, TOUCH */
#define ATTRIBUTE_ATIME (1 << 4)
#define ATTRIBUTE_MTIME (1 << 5)
#define ATTRIBUTE_SIZE	(1 << 3)
#define ATTRIBUTE_PATHS (1 << 0 | 1 << 1 | 1 << 2 | 1 << 3) /* MODE, UID, GID, SIZE */

/* Whether truncate(2) would make a file larger than the cell may have it. Writes are the kernel's to stop
 * (RLIMIT_FSIZE, user/cli/launch.c); it would stop this too, but tell nobody. */
FRAME bool grows_too_large(__u64 attributes)
{
	__u32 id = cell_current();
	/* NULL is an answer: a cell without a row denies elsewhere. */
	struct ambit_cell *cell = cell_row(id);
	struct ambit_limits *row;
	__s64 size = 0;

	if (!cell || !(cell->flags & AMBIT_CELL_FILE_SIZE))
		return false;
	row = FAULT(LIMITS_FILE, NULL, limits_row(id));
	return !row || READ_FIELD(size, iattr, attributes, ia_size) || (__u64)size > row->file_size;
}

/* What a change of attributes asks for. */
enum { SETATTR_NOTHING, SETATTR_TIMES, SETATTR_LARGE };

/* `attributes` is the address of a struct iattr. */
FRAME int setattr_asks(__u64 attributes)
{
	unsigned int valid = 0;

	if (READ_FIELD(valid, iattr, attributes, ia_valid))
		valid = ATTRIBUTE_TIMES;
	if (valid & ATTRIBUTE_SIZE && LOOK(kept.limited) && grows_too_large(attributes))
		return SETATTR_LARGE;
	return !(valid & ATTRIBUTE_PATHS) && valid & (ATTRIBUTE_TIMES | ATTRIBUTE_ATIME | ATTRIBUTE_MTIME)
		       ? SETATTR_TIMES
		       : SETATTR_NOTHING;
}

SEC("lsm/inode_setattr")
int BPF_PROG(meta_inode_setattr)
{
	__u64 dentry, attributes;
	int asks;

	if (OUTSIDE())
		return zero();
	attributes = ctx[1];
	/* The verifier knows no context that is calculated with, as clang would choose from it. */
	barrier_var(attributes);
	if (setattr_has_idmap)
		attributes = ctx[2];
	asks = setattr_asks(attributes);
	if (asks == SETATTR_NOTHING)
		return zero();
	dentry = ctx[0];
	barrier_var(dentry);
	if (setattr_has_idmap)
		dentry = ctx[1];
	return meta_decide(dentry, HOOK_inode_setattr, asks == SETATTR_LARGE ? REQUEST_LARGE : 0);
}

/* The dentry is the second argument of all of these, on every kernel that has them. */
#define META(hook)                                            \
	SEC("lsm/" #hook)                                     \
	int BPF_PROG(meta_##hook)                             \
	{                                                     \
		if (OUTSIDE())                                \
			return zero();                        \
		return meta_decide(ctx[1], HOOK_##hook, 0);   \
	}

META(inode_setxattr)
META(inode_removexattr)
META(inode_set_acl)
META(inode_remove_acl)

/* chattr, by file_setattr(2) and by ioctl. No idmap in front. */
SEC("lsm/inode_file_setattr")
int BPF_PROG(meta_inode_file_setattr)
{
	if (OUTSIDE())
		return zero();
	return meta_decide(ctx[0], HOOK_inode_file_setattr, 0);
}
