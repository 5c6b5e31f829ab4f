/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The short way to a first verdict: a file in a directory that is known. Where the automata are behind
 * the directory stands in `prefixes`; what is left is the file's own name, which is read where the
 * kernel has it. Nothing is denied here: whatever is not allowed, or not quite simple, goes the long
 * way (decide.bpf.h), which also knows why.
 */
#ifndef AMBIT_NEAR_H
#define AMBIT_NEAR_H

#include "decide.bpf.h"

struct near {
	struct match match;
	__u64 name;
	__u32 length;
	__u32 error;
	__u32 states[AMBIT_COLUMNS]; /* behind the directory */
};

/* Eight bytes of the name. They are aligned, so that they lie in one page. No name has a zero in it, and
 * what cannot be read is zero. */
static long near_chunk(__u32 index, struct near *near)
{
	__u32 at = index * MATCH_CHUNK;
	__u64 word;

	if (at >= near->length || near->match.state == 0 || near->match.error)
		return 1;
	word = peek(near->name + at);
	/* A byte below the end that is zero; the ones above 1 borrow nothing (Mycroft's test). */
	if ((word - 0x0101010101010101ULL) & ~word & 0x8080808080808080ULL &
		(near->length - at >= 8 ? ~0ULL : (1ULL << (near->length - at) * 8) - 1)) {
		near->error = 1;
		return 1;
	}
	match_word(&near->match, word, near->length - at);
	return 0;
}

/* Whether the policy allows an operation on the name. Names have at most 255 bytes. */
FRAME bool near_column(struct near *near, __u32 policy, __u32 column)
{
	struct ambit_accept accept;

	column &= AMBIT_COLUMNS - 1;
	if (!match_start(&near->match, policy, column))
		return false;
	near->match.state = near->states[column];
	if (FAULT(LOOP_NEAR, -E2BIG,
		    bpf_loop(AMBIT_NAME_SIZE / MATCH_CHUNK, near_chunk, near, 0)) < 0 ||
		near->error || !match_accept(&near->match, &accept))
		return false;
	return accept.allow[column] && !accept.deny[column];
}

/* Reads name and directory of the file; false where it takes the long way. */
static __always_inline bool near_name(
	const struct path_request *request, struct near *near, __u64 *ret_directory)
{
	__u64 dentry = request->dentry, root, parent;

	root = peek(request->mnt + bpf_core_field_offset(struct vfsmount, mnt_root));
	parent = peek(dentry + bpf_core_field_offset(struct dentry, d_parent));
	near->name = peek(dentry + bpf_core_field_offset(struct dentry, d_name.name));
	near->length = peek(dentry + bpf_core_field_offset(struct dentry, d_name.len));
	*ret_directory = parent;
	/* The root of a mount is named by what it is mounted on. */
	return root && root != dentry && parent && parent != dentry && near->name &&
	       !(near->name & 7) && near->length < AMBIT_NAME_SIZE &&
	       !(peek(dentry + bpf_core_field_offset(struct dentry, d_flags)) & DENTRY_FOLDS) &&
	       peek(dentry + bpf_core_field_offset(struct dentry, d_hash.pprev));
}

/* Finds where the automata are behind the directory; false if that is not known. */
static __always_inline bool near_prefix(const struct path_request *request, struct near *near,
	__u64 directory, __u32 before, struct sequences seen)
{
	struct ambit_prefix *row = prefix_row(request->cell, directory);
	__u32 version = LOOK(row->version);

	barrier();
	if (row->dentry != directory || row->mount != mount_of(request->mnt) ||
		row->cell != request->cell || row->fence != before ||
		row->renames != seen.renames || row->mounts != seen.mounts ||
		row->birth != LOOK(*birth_of(&kept, directory)) ||
		(row->known & request->ops) != request->ops ||
		row->length + 1 + near->length > AMBIT_PATH_SIZE - 1)
		return false;
	__builtin_memcpy(near->states, row->states, sizeof(near->states));
	barrier();
	return FAULT(PREFIX_CHANGED, false, LOOK(row->version) == version);
}

/* Whether the request is allowed; then the verdict is kept and counted. 0: not known here. */
GLOBAL int near_allows(const struct path_request *request)
{
	__u32 before = LOOK(kept.fence), policy, id;
	struct sequences seen = sequences_now();
	struct near near = {};
	struct ambit_cell *cell;
	__u64 directory = 0;

	if (!request || !PEEKS || !keeps || !(request->flags & REQUEST_KEPT) ||
		(seen.renames | seen.mounts | before) & 1)
		return 0;
	id = request->cell;
	if (!near_name(request, &near, &directory) ||
		!near_prefix(request, &near, directory, before, seen))
		return 0;
	cell = FAULT(CELL_NEAR, NULL, cell_row(id));
	/* What is denied by another name is found on the long way. */
	if (!cell || cell->links)
		return 0;
	policy = cell->policy;
	if (LOOK(cell->id) != id)
		return 0;
	for (__u32 op = 0; op < AMBIT_COLUMNS; op++) {
		if (request->ops & BIT(op) && !near_column(&near, policy, op))
			return 0;
	}
	if (LOOK(kept.fence) != before || !sequences_are(seen.renames, seen.mounts))
		return 0;
	return !verdict_keep(request, before, seen.renames, seen.mounts);
}

#endif
