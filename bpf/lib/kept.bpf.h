/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Verdicts that are kept: whoever opens a file again is not asked the whole way again.
 *
 * A row says: tasks of `cell` may do `asked` to the file of the dentry `object` on the mount `place`.
 * It is written after a decision, and it is true as long as nothing has changed that the decision
 * rests on:
 *
 *   the policy        `fence` counts every change of one; taken before the cell's row is read
 *   the path          is made of the names and parents of the dentry and of those above it, which
 *                     change under rename_lock only, and of mounts, which change under mount_lock
 *                     only: the numbers of both, taken by the walk, which saw them stand still
 *   the dentry        is this one and not another that got its memory: every dentry passes
 *                     security_d_instantiate() before an inode can be reached through it (fs/dcache.c:
 *                     d_instantiate, d_instantiate_new, d_add, d_splice_alias, __d_obtain_alias,
 *                     d_make_root), and `birth` is counted there; a dentry that lives keeps those
 *                     above it alive, so theirs need not be looked at
 *   that it has a name  an unlinked file is denied: callers look at `d_hash.pprev` each time
 *   what is not kept  denials; files that were decided without a name (REQUEST_UNHASHED); what leads
 *                     through a procfs, where the task of an entry counts (proc.bpf.h)
 *
 * The kernel's locks are taken before the change, so a verdict is as old as the change's begin: the
 * same as if the decision had been made then. Rows are found by a hash and overwrite each other.
 *
 * A row is written by one program at a time and read without a lock: `version` is odd meanwhile and
 * counts, and a reader that finds it changed takes the long way. Loads stay in order on x86, stores
 * too; another architecture needs barriers here.
 *
 * Of a peer that makes a row true is the policy; and in a cell with names what was leased of its address
 * (`birth`, counted behind each lease), that none of those names is over (`until`), and where the socket was
 * made (`maker`): docs/notes/2026-11-27-names.md.
 *
 * Numbers that come round: births have 64 bits. The kernel's sequence numbers have 32, and a cell that
 * renames for an hour could bring one back; so every MOVES_MAX renames of cells all is void.
 *
 * Nothing is kept where a run of a program can be skipped (a birth would be missed): before 6.2, if
 * the kernel is preemptible, and behind the functions that call LSMs (compat.bpf.h).
 */
#ifndef AMBIT_KEPT_H
#define AMBIT_KEPT_H

#include "emit.bpf.h"

#define MOVES_MAX (1U << 24)

/* A task of a cell renames something. */
static __always_inline void kept_moved(void)
{
	if ((__sync_fetch_and_add(&kept.moves, 1) + 1) % MOVES_MAX == 0)
		__sync_fetch_and_add(&kept.fence, 2);
}

/* In `fence`: a row of `cells` is being replaced. Then nothing is kept, and nothing that was is used. */
#define FENCE_CHANGING 1

#define BIT(op) (1U << (op))

/* In `cut`: several cells may share a bit, and then look for nothing. */
#define CUT_BIT(cell) (1ULL << ((cell) & 63))

static __always_inline __u32 seconds_now(void)
{
	return bpf_ktime_get_boot_ns() / 1000000000;
}

/* An address as it stands in leases. */
static __always_inline void lease_halves(__u64 family, __u64 first, __u64 second, __u64 ret[2])
{
	bool v4 = family == AMBIT_FAMILY_V4;

	ret[0] = v4 ? 0 : first;
	ret[1] = v4 ? first << 32 | 0xffff0000 : second;
}

/* What counts the leases of an address in a cell; and, at times, those of another. */
static __always_inline __u64 *leases_of(__u32 cell, const __u64 address[2])
{
	return birth_of(&kept, address[0] ^ address[1] ^ cell);
}

static __always_inline __u8 first_op(__u32 ops)
{
	return ops & BIT(OP_READ)    ? OP_READ
	       : ops & BIT(OP_WRITE) ? OP_WRITE
	       : ops & BIT(OP_EXEC)  ? OP_EXEC
				     : OP_UNIX;
}

/* Of what was asked, in the upper half of a key beside the cell: flags of open(2), or this. */
#define ASKED_MAP (1ULL << 63)

static __always_inline struct ambit_allowed *verdict_row(
	struct ambit_kept *all, __u64 object, __u64 key)
{
	return &all->verdicts[(object ^ key) * HASH_FACTOR >> (64 - AMBIT_KEPT_BITS)];
}

/* Says that a cell has a row in the group of this number. */
static __always_inline void group_touch(__u64 *groups, __u64 group)
{
	__u64 bit = 1ULL << (group & 63);

	if (!(LOOK(groups[group >> 6]) & bit))
		__sync_fetch_and_or(&groups[group >> 6], bit);
}

/*
 * Whether a verdict is kept that allows what `key` asks, of the dentry with this number on this mount,
 * with the sequence numbers as they are; then it is counted. This is what everybody in a cell pays for
 * each open: no call, no table, one test each for what makes it true.
 */
static __always_inline bool verdict_kept(
	__u64 number, __u64 mnt, __u64 key, struct sequences now)
{
	struct ambit_kept *all = &kept;
	struct ambit_allowed *row;
	__u32 version;

	barrier_var(all); /* one register for all of it */
	row = verdict_row(all, number, key);
	version = LOOK(row->version);
	barrier(); /* for the compiler: the fields between the two looks at the version */
	if (row->object != number || row->place != mnt || row->key != key ||
		row->renames != now.renames || row->mounts != now.mounts ||
		row->fence != LOOK(all->fence) || row->birth != LOOK(*birth_of(all, number)))
		return false;
	barrier();
	if (LOOK(row->version) != version)
		return false;
	__sync_fetch_and_add(&row->allowed, 1);
	return true;
}

/*
 * Begins to write a row: its version, or 0 while another program does so. A reader that began before
 * sees the first of both steps as nothing and the second as a change; one that begins between sees an
 * object that is none.
 */
static __always_inline __u32 row_claim(__u32 *version, __u64 *object)
{
	__u32 old = LOOK(*version);

	if (old & 1 || __sync_val_compare_and_swap(version, old, old + 1) != old)
		return 0;
	__sync_lock_test_and_set(object, 0);
	__sync_lock_test_and_set(version, old + 3);
	return old + 3;
}

static __always_inline void row_publish(__u32 *version, __u32 claimed, __u64 *object, __u64 is)
{
	__sync_lock_test_and_set(object, is);
	__sync_lock_test_and_set(version, claimed + 1);
}

/* What was used of a row goes to the counters of its cell before it is written over. */
FRAME int row_settle(struct ambit_allowed *row, __u32 cell)
{
	__u64 allowed = __sync_lock_test_and_set(&row->allowed, 0);
	__u32 op = row->op;
	struct ambit_counters *counts;

	if (!allowed)
		return 0;
	/* Of a cell that is gone nobody asks any more, and its slot may be another's. */
	if (!FAULT(COUNTERS, NULL, cell_row(cell)))
		return 0;
	counts = FAULT(COUNTERS, NULL, counters_row(cell));
	if (counts && op < OP_MAX)
		__sync_fetch_and_add(&counts->allowed[op], allowed);
	return 0;
}

/* Whether what the walk found may be kept. */
static __always_inline bool path_is_kept(const struct path_buffer *path)
{
	return keeps && !path->transient && !(path->fence & FENCE_CHANGING);
}

/* The same of the directory above its last component, if there is one that is not kept yet. */
static __always_inline bool prefix_is_new(const struct path_buffer *path)
{
	return path_is_kept(path) && path->last != PATH_END &&
	       !(path->prefix && path->start == path->last);
}

/* Keeps the verdict that was just found for a request, and counts it; the rest is how old it is. 0, or
 * 1 if another program writes the row: then it has to be counted elsewhere. */
GLOBAL int verdict_keep(
	const struct path_request *request, __u32 fence, __u32 renames, __u32 mounts)
{
	struct ambit_allowed *row;
	__u32 claimed;

	if (!request)
		return 1;
	row = verdict_row(&kept, request->dentry, request->key);
	claimed = row_claim(&row->version, &row->object);
	if (!claimed)
		return 1;
	row_settle(row, row->key);
	group_touch(kept.verdicts_in,
		(request->dentry ^ request->key) * HASH_FACTOR >> (64 - AMBIT_KEPT_GROUP_BITS));
	row->place = request->mnt;
	row->key = request->key;
	row->op = first_op(request->ops);
	row->allowed = 1; /* this time */
	row->fence = fence;
	row->renames = renames;
	row->mounts = mounts;
	row->birth = LOOK(*birth_of(&kept, request->dentry));
	row_publish(&row->version, claimed, &row->object, request->dentry);
	return 0;
}

/* Whether a row is of the directory above the last component of `path`, and as old. */
static __always_inline bool prefix_is(
	const struct ambit_prefix *row, const struct path_buffer *path, __u64 birth)
{
	return row->dentry == path->dir && row->mount == path->dir_mount &&
	       row->cell == path->cell && row->fence == path->fence &&
	       row->renames == path->renames && row->mounts == path->mounts && row->birth == birth;
}

/* Keeps where the automata of `ops` are behind that directory: `states` of the buffer. */
GLOBAL int prefix_keep(__u32 slot, __u32 ops)
{
	struct scratch *scratch = FAULT(SLOT_KEEP, NULL, bpf_map_lookup_elem(&scratches, &slot));
	struct path_buffer *path = scratch ? &scratch->path : NULL;
	struct ambit_prefix *row;
	__u32 claimed, known, version;
	__u64 birth;

	if (!path)
		return 0;
	row = prefix_row(path->cell, path->dir);
	version = LOOK(row->version);
	birth = LOOK(*birth_of(&kept, path->dir));
	known = prefix_is(row, path, birth) ? row->known : 0;
	claimed = row_claim(&row->version, &row->dentry);
	if (!claimed)
		return 0;
	/* Between the two looks another may have written it; then nothing of it is taken over. */
	if (!known || claimed - 3 != version) {
		row->mount = path->dir_mount;
		row->cell = path->cell;
		row->fence = path->fence;
		row->renames = path->renames;
		row->mounts = path->mounts;
		row->birth = birth;
		known = 0;
		row->length = path->last - path->start + (path->prefix ? path->prefix - 1 : 0);
	}
	for (__u32 op = 0; op < AMBIT_COLUMNS; op++) {
		if (ops & BIT(op))
			row->states[op] = path->states[op];
	}
	row->known = known | ops;
	row_publish(&row->version, claimed, &row->dentry, path->dir);
	return 0;
}

#endif
