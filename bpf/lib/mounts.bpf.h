/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A dentry without a mount: finds the mounts that show it, and decides on each. */
#ifndef AMBIT_MOUNTS_H
#define AMBIT_MOUNTS_H

#include "decide.bpf.h"
#include "overlay.bpf.h"

/* Mounts of one file system that are looked at; one with more is a deny (REASON_TOO_DEEP). Each
 * bind mount and each mount namespace has one. */
#define MOUNTS_MAX 16384
/* super_block.s_mounts is a list_head of mount.mnt_instance; since 6.18 a mount pointer, linked by
 * mnt_next_for_sb (kernel commit "fs: switch super_block.s_mounts to a plain list"). */
struct super_block___plain {
	struct mount *s_mounts;
} __attribute__((preserve_access_index));
struct mount___plain {
	struct mount *mnt_next_for_sb;
} __attribute__((preserve_access_index));
struct super_block___list {
	struct list_head s_mounts;
} __attribute__((preserve_access_index));
struct mount___list {
	struct list_head mnt_instance;
} __attribute__((preserve_access_index));

struct mounts_walk {
	__u64 dentry;
	__u64 super;
	__u64 next; /* struct mount, or a list_head of one */
	__u32 mnt_ns;
	__u32 done;  /* the end of the list was reached */
	__u32 count; /* of `shown`; more than fit are not kept, but counted */
	__u32 unreadable; /* a mount that may show it is not known */
	__u32 layer; /* overlayfs uses the file system for a layer */
	struct scratch *scratch; /* keeps them */
};

static __always_inline bool plain_mounts(void)
{
	return bpf_core_field_exists(struct mount___plain, mnt_next_for_sb);
}

/* Where the list of mounts begins; 0 if that cannot be read. */
static __always_inline __u64 mounts_first(__u64 super)
{
	__u64 first = 0;

	if (plain_mounts())
		READ_FIELD(first, super_block___plain, super, s_mounts);
	else
		READ_FIELD(first, super_block___list, super, s_mounts);
	return first;
}

/* Steps to the next mount of the super block; 0 at the end. */
static __always_inline __u64 mounts_next(struct mounts_walk *walk)
{
	__u64 mount, next = 0;

	if (plain_mounts()) {
		mount = walk->next;
		if (mount && READ_FIELD(next, mount___plain, mount, mnt_next_for_sb))
			walk->unreadable = 1;
		walk->next = next;
		return mount;
	}
	if (walk->next == walk->super + bpf_core_field_offset(struct super_block___list, s_mounts))
		return 0;
	mount = walk->next - bpf_core_field_offset(struct mount___list, mnt_instance);
	if (READ_FIELD(next, mount___list, mount, mnt_instance))
		walk->unreadable = 1;
	walk->next = next;
	return mount;
}

/* Whether `dentry` is `root` or lies beneath it. */
struct below {
	__u64 dentry, root;
	enum { BELOW_MORE, BELOW_YES, BELOW_NO, BELOW_UNREADABLE } result;
};

static long below_step(__u32 index, struct below *below)
{
	__u64 parent = 0;

	if (below->dentry == below->root) {
		below->result = BELOW_YES;
		return 1;
	}
	below->result = BELOW_UNREADABLE;
	if (READ_FIELD(parent, dentry, below->dentry, d_parent))
		return 1;
	below->result = parent == below->dentry ? BELOW_NO : BELOW_MORE;
	below->dentry = parent;
	return below->result != BELOW_MORE;
}

/* Internal mounts have an error pointer for a namespace (MNT_NS_INTERNAL), detached ones none. */
static __always_inline bool has_namespace(__u64 ns)
{
	return ns && ns < -4095ULL;
}

/* Keeps a mount that shows the object in the cell's namespace. All of them have to be known, so what
 * cannot be told ends the walk. */
static long mounts_step(__u32 index, struct mounts_walk *walk)
{
	__u64 mount = mounts_next(walk), ns = 0;
	struct below below = {.dentry = walk->dentry};
	__u32 inum = 0;

	if (!mount) {
		walk->done = 1;
		return 1;
	}
	if (walk->unreadable || READ_FIELD(ns, mount, mount, mnt_ns))
		goto unreadable;
	if (!has_namespace(ns)) {
		walk->layer |= is_layer(mount);
		return 0;
	}
	if (READ_AT(shown_inum, inum, mnt_namespace, ns, ns.inum))
		goto unreadable;
	if (inum != walk->mnt_ns)
		return 0;
	mount += bpf_core_field_offset(struct mount, mnt);
	if (READ_FIELD(below.root, vfsmount, mount, mnt_root))
		goto unreadable;
	(void)FAULT(LOOP_BELOW, -E2BIG, bpf_loop(WALK_STEPS, below_step, &below, 0));
	if (below.result == BELOW_NO)
		return 0;
	if (below.result == BELOW_UNREADABLE)
		goto unreadable;
	if (below.result == BELOW_MORE || walk->count >= SHOWN_MAX)
		return 1;
	walk->scratch->shown[walk->count & (SHOWN_MAX - 1)] = mount;
	walk->count++;
	return 0;

unreadable:
	walk->unreadable = 1;
	return 1;
}

/* Finds the mounts; the reason of a deny, or PATH_DONE. */
static __always_inline int mounts_find(const struct path_request *request, struct mounts_walk *walk)
{
	__u32 id = request->cell;
	struct ambit_cell *cell = FAULT(CELL_MOUNTS, NULL, cell_row(id));

	if (!cell)
		return cell_missing(id);
	walk->dentry = request->dentry;
	walk->mnt_ns = cell->mnt_ns;
	if (READ_FIELD(walk->super, dentry, request->dentry, d_sb))
		return REASON_UNREADABLE;
	walk->next = mounts_first(walk->super);
	if (!walk->next)
		return REASON_UNREADABLE;
	(void)FAULT(LOOP_MOUNTS, -E2BIG, bpf_loop(MOUNTS_MAX, mounts_step, walk, 0));
	if (walk->unreadable)
		return REASON_UNREADABLE;
	if (!walk->done)
		return REASON_TOO_DEEP;
	return walk->count ? PATH_DONE : REASON_FOREIGN_MOUNT;
}

/*
 * An inner step of overlayfs: on a file system that the cell cannot see and that has a layer of an
 * overlay. What it does to the file that the task named was decided before.
 */
static __always_inline bool is_inner(const struct mounts_walk *walk, __u32 cell)
{
	return walk->layer && !walk->count && lent_rights(cell);
}

/* Decides in the scratch slot, which is not the one that decide_path() claims. */
static __always_inline int mounts_decide(const struct path_request *request, struct scratch *scratch)
{
	struct mounts_walk walk = {.scratch = scratch};
	int reason = mounts_find(request, &walk);

	if (reason == REASON_FOREIGN_MOUNT && request->ops == BIT(OP_WRITE) && is_inner(&walk, request->cell))
		return 0;
	if (reason != PATH_DONE)
		return deny(request->cell, request->hook, first_op(request->ops), reason);
	scratch->request = *request;
	for (__u32 i = 0; i < SHOWN_MAX && i < walk.count; i++) {
		scratch->request.mnt = scratch->shown[i];
		if (decide_path(&scratch->request))
			return 1;
	}
	return 0;
}

/* The verdict on a dentry whose mount is not known, or not the cell's: 1: deny, 0: let it pass. */
GLOBAL int decide_mounts(const struct path_request *request)
{
	struct scratch *scratch;
	__u32 slot = 0;
	int result;

	if (!request)
		return 1;
	scratch = FAULT(SCRATCH_MOUNTS, NULL, scratch_claim(&slot));
	if (!scratch)
		return deny(request->cell, request->hook, first_op(request->ops),
			REASON_NO_SCRATCH);
	result = mounts_decide(request, scratch);
	scratch_release(scratch);
	return result;
}

#endif
