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

static __always_inline int meta_decide(__u64 dentry, enum ambit_hook hook)
{
	struct path_request request = {};
	__u32 cell = cell_current();

	if (!cell || is_internal(dentry))
		return 0;
	request.cell = cell;
	request.dentry = dentry;
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

SEC("lsm/inode_setattr")
int BPF_PROG(meta_inode_setattr, void *first, void *second)
{
	__u64 dentry = ctx[0], attributes = ctx[1];
	unsigned int valid = 0;

	/* Before anything is read: for all others that would be the dearest part. */
	if (__builtin_expect(!storage_of_current(), 1))
		return zero();
	if (setattr_has_idmap) {
		dentry = ctx[1];
		attributes = ctx[2];
	}
	if (READ_FIELD(valid, iattr, attributes, ia_valid))
		valid = ATTRIBUTE_TIMES;
	if (valid & ATTRIBUTE_PATHS || !(valid & (ATTRIBUTE_TIMES | ATTRIBUTE_ATIME | ATTRIBUTE_MTIME)))
		return 0;
	return meta_decide(dentry, HOOK_inode_setattr);
}

/* The dentry is the second argument of all of these, on every kernel that has them. */
#define META(hook)                                            \
	SEC("lsm/" #hook)                                     \
	int BPF_PROG(meta_##hook)                             \
	{                                                     \
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
	return meta_decide(ctx[0], HOOK_inode_file_setattr);
}
