/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Times, extended attributes and ACLs: write on the object. These hooks get a dentry without a
 * mount, so the path is decided on every mount of the cell's namespace that shows the object, and
 * all of them have to allow it.
 */
#include "lib/decide.bpf.h"
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
static __always_inline int meta_decide(__u64 dentry, enum ambit_hook hook)
{
	struct path_request request = {};

	request.dentry = dentry;
	request.cell = meta_cell(dentry);
	if (!request.cell)
		return zero();
	request.ops = BIT(OP_WRITE);
	request.hook = hook;
	request.flags = REQUEST_UNHASHED; /* a descriptor outlives the name it was opened by */
	return decide_mounts(&request) ? -EACCES : 0;
}

/* include/linux/fs.h: what came through a hook with a path before (chmod, chown, truncate), or is
 * the kernel's own doing. */
#define ATTRIBUTE_TIMES (1 << 7 | 1 << 8 | 1 << 16) /* ATIME_SET, MTIME_SET, TOUCH */
#define ATTRIBUTE_ATIME (1 << 4)
#define ATTRIBUTE_MTIME (1 << 5)
#define ATTRIBUTE_PATHS (1 << 0 | 1 << 1 | 1 << 2 | 1 << 3) /* MODE, UID, GID, SIZE */

/* `attributes` is the address of a struct iattr. */
FRAME bool sets_times(__u64 attributes)
{
	unsigned int valid = 0;

	if (READ_FIELD(valid, iattr, attributes, ia_valid))
		valid = ATTRIBUTE_TIMES;
	return !(valid & ATTRIBUTE_PATHS) && valid & (ATTRIBUTE_TIMES | ATTRIBUTE_ATIME | ATTRIBUTE_MTIME);
}

SEC("lsm/inode_setattr")
int BPF_PROG(meta_inode_setattr)
{
	__u64 dentry, attributes;

	if (OUTSIDE())
		return zero();
	attributes = ctx[1];
	/* The verifier knows no context that is calculated with, as clang would choose from it. */
	barrier_var(attributes);
	if (setattr_has_idmap)
		attributes = ctx[2];
	if (!sets_times(attributes))
		return zero();
	dentry = ctx[0];
	barrier_var(dentry);
	if (setattr_has_idmap)
		dentry = ctx[1];
	return meta_decide(dentry, HOOK_inode_setattr);
}

/* The dentry is the second argument of all of these, on every kernel that has them. */
#define META(hook)                                            \
	SEC("lsm/" #hook)                                     \
	int BPF_PROG(meta_##hook)                             \
	{                                                     \
		if (OUTSIDE())                                \
			return zero();                        \
		return meta_decide(ctx[1], HOOK_##hook);      \
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
	return meta_decide(ctx[0], HOOK_inode_file_setattr);
}
