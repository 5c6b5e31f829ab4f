/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The decision on a path: walk, match, deny beats allow, what nothing names is denied. Every hook
 * on files, programs and unix sockets ends here.
 */
#ifndef AMBIT_DECIDE_H
#define AMBIT_DECIDE_H

#include "kept.bpf.h"
#include "match.bpf.h"

/* Of `flags`: what no rule denies is denied because the file is larger than the cell may have it. */
#define REQUEST_LARGE 128

static __always_inline bool allows(const struct right *right)
{
	return right->allow && !right->deny;
}

/* Whether a name was unlinked, by the state of its dentry and not by its text (d_unlinked()): the
 * reason of a deny, or PATH_DONE. */
static __always_inline int check_linked(__u64 dentry)
{
	__u64 parent = 0, pprev = 0;

	/* The short way knows a name, and nothing of one that it does not see. */
	if (PEEKS && peek(dentry + bpf_core_field_offset(struct dentry, d_hash.pprev)))
		return PATH_DONE;
	if (READ_AT(d_hash, pprev, dentry, dentry, d_hash.pprev) ||
		READ_FIELD(parent, dentry, dentry, d_parent))
		return REASON_UNREADABLE;
	return !pprev && parent != dentry ? REASON_UNLINKED : PATH_DONE;
}

/* Finds the path of the request's object, on `dentry`, in the scratch slot, or the end of it behind a
 * directory that is known; PATH_DONE, or the reason of a deny. */
static __always_inline int request_path(struct scratch *scratch, __u32 slot,
	const struct path_request *request, __u64 dentry, __u32 ops)
{
	__u32 id = request->cell, before = LOOK(kept.fence), mnt_ns;
	struct ambit_cell *cell = FAULT(CELL_PATH, NULL, cell_row(id));
	int reason;

	scratch->path.start = PATH_END;
	if (!cell)
		return cell_missing(id);
	scratch->path.policy = cell->policy;
	scratch->path.links = cell->links;
	scratch->path.epoch = cell->epoch;
	mnt_ns = cell->mnt_ns;
	/* A row that went while it was read may be another's by now. */
	if (LOOK(cell->id) != id)
		return REASON_NO_CELL;
	scratch->path.cell = id;
	/* An odd number, "being changed", if the row may be of another policy than the number. */
	scratch->path.fence = LOOK(kept.fence) == before ? before : FENCE_CHANGING;
	scratch->path.wanted = !keeps || scratch->path.fence & FENCE_CHANGING ? 0 : ops;
	reason = path_build(slot, BUFFER_PATH, dentry, request->mnt, mnt_ns);
	if (reason == PATH_DONE && !(request->flags & REQUEST_UNHASHED))
		return check_linked(dentry);
	return reason;
}

/* Denies what a rule denies by another name of the file (AMBIT_CELL_LINKS). One fault stands for all
 * that is read of it. */
GLOBAL int identity_rights(__u32 links, __u64 dentry, struct path_rights *ret)
{
	struct ambit_identity_key key = {};
	struct ambit_identity *identity;
	__u64 inode = 0, super = 0;
	void *table;

	if (!ret || READ_AT(identity, inode, dentry, dentry, d_inode))
		return REASON_UNREADABLE;
	if (!inode)
		return PATH_DONE;
	if (READ_AT(identity, key.inode, inode, inode, i_ino) ||
		READ_AT(identity, super, inode, inode, i_sb) ||
		READ_AT(identity, key.device, super_block, super, s_dev))
		return REASON_UNREADABLE;
	table = FAULT(IDENTITIES, NULL, bpf_map_lookup_elem(&identities, &links));
	if (!table)
		return REASON_NO_POLICY;
	/* Not in FAULT(): NULL is an answer. */
	identity = bpf_map_lookup_elem(table, &key);
	if (!identity)
		return PATH_DONE;
	for (__u32 op = 0; op < AMBIT_COLUMNS; op++)
		if (!ret->rights[op].deny)
			ret->rights[op].deny = identity->deny[op];
	return PATH_DONE;
}

/* Finds the rights for `ops` on the path of `dentry` on the request's mount; PATH_DONE, or the
 * reason of a deny. The path is left in the scratch slot. */
GLOBAL int path_rights(__u32 slot, const struct path_request *request, __u64 dentry, __u32 ops,
	struct path_rights *ret)
{
	struct scratch *scratch =
		FAULT(SLOT_RIGHTS, NULL, bpf_map_lookup_elem(&scratches, &slot));
	int reason;

	if (!scratch || !request || !ret)
		return REASON_NO_SCRATCH;
	reason = request_path(scratch, slot, request, dentry, ops);
	if (reason != PATH_DONE)
		return reason;
	ret->policy = scratch->path.policy;
	for (__u32 op = 0; op < AMBIT_COLUMNS; op++) {
		if (ops & BIT(op) && match_right(slot, scratch->path.policy, op, &ret->rights[op]))
			return REASON_NO_POLICY;
	}
	if (prefix_is_new(&scratch->path))
		prefix_keep(slot, ops);
	if (!scratch->path.links)
		return PATH_DONE;
	reason = identity_rights(scratch->path.links, dentry, ret);
	/* Mapped for the verifier: what a global function returns may be anything. */
	return reason == PATH_DONE	     ? PATH_DONE
	       : reason == REASON_UNREADABLE ? REASON_UNREADABLE
					     : REASON_NO_POLICY;
}

/* Why a path is denied, by what the automaton has in its place for the denying rule. */
static __always_inline void verdict_deny(struct verdict *v, __u32 deny)
{
	v->rule = deny > AMBIT_RULES_MAX ? 0 : deny;
	v->reason = !deny			  ? REASON_NO_RULE
		    : deny == AMBIT_RULE_RESERVED ? REASON_RESERVED
		    : deny == AMBIT_RULE_GUARD	  ? REASON_GUARD
						  : REASON_RULE;
}

/* The first of the asked operations that is not allowed, in `v`; true if there is one. */
static __always_inline bool first_denied(
	const struct path_rights *rights, __u32 ops, struct verdict *v)
{
	for (__u32 op = 0; op < AMBIT_COLUMNS; op++) {
		if (!(ops & BIT(op)) || allows(&rights->rights[op]))
			continue;
		v->op = op;
		verdict_deny(v, rights->rights[op].deny);
		return true;
	}
	return false;
}

/* The same of a request. */
static __always_inline bool request_denied(
	struct path_rights *rights, const struct path_request *request, struct verdict *v)
{
	if (request->flags & REQUEST_PEER)
		rights->rights[OP_UNIX].allow = AMBIT_RULE_SOME;
	return first_denied(rights, request->ops, v);
}

/* include/linux/fs.h: SB_KERNMOUNT, mounted by the kernel; SB_NOUSER, and by nobody else (tracefs and
 * POSIX message queues have the first alone) */
#define SUPER_KERNEL   (1ULL << 22)
#define SUPER_INTERNAL (1ULL << 31 | SUPER_KERNEL)

/* Memory files, pipes and the like lie on file systems that only the kernel mounts. Nobody can name
 * them: who changes one has its descriptor already. */
static __always_inline bool is_internal(__u64 dentry)
{
	__u64 super = 0, flags = 0;

	return !READ_FIELD(super, dentry, dentry, d_sb) &&
	       !READ_FIELD(flags, super_block, super, s_flags) &&
	       (flags & SUPER_INTERNAL) == SUPER_INTERNAL;
}

/* A path that was found only from a known directory on is found as a whole, to be reported. */
static __always_inline void path_whole(struct scratch *scratch, __u32 slot)
{
	if (scratch->path.prefix &&
		path_build(slot, BUFFER_PATH, scratch->path.from_dentry, scratch->path.from_mnt,
			scratch->path.mnt_ns) != PATH_DONE)
		scratch->path.start = PATH_END;
}

/* Reports a denial; 1: carry it out. */
static __always_inline int path_deny(const struct path_request *request, struct verdict *v)
{
	__u32 slot = v->slot;
	struct scratch *scratch =
		v->slot < 0 ? NULL
			    : FAULT(SLOT_RIGHTS, NULL, bpf_map_lookup_elem(&scratches, &slot));

	if (scratch) {
		path_whole(scratch, slot);
		scratch->event.cell = 0;
	}
	v->verdict = VERDICT_DENY;
	v->cell = request->cell;
	v->hook = request->hook;
	report(v);
	/* The event says whether the cell enforces, if there is one: its row need not be found again. */
	if (scratch && scratch->event.cell == request->cell)
		return scratch->event.flags & AMBIT_EVENT_ENFORCED;
	return enforce(request->cell);
}

/* The verdict on one path: 1: deny, 0: let it pass. */
GLOBAL int decide_path(const struct path_request *request)
{
	struct verdict v = {.slot = -1};
	struct scratch *scratch;
	int reason, result = 0;
	__u32 slot = 0;

	if (!request)
		return 1;
	v.op = first_op(request->ops);
	scratch = FAULT(SCRATCH_PATH, NULL, scratch_claim(&slot));
	if (!scratch) {
		v.reason = REASON_NO_SCRATCH;
		return path_deny(request, &v);
	}
	v.slot = slot;
	reason = path_rights(slot, request, request->dentry, request->ops, &scratch->rights[0]);
	if (reason != PATH_DONE) {
		v.reason = reason;
		result = path_deny(request, &v);
	} else if (request_denied(&scratch->rights[0], request, &v)) {
		result = path_deny(request, &v);
	} else if (request->flags & REQUEST_LARGE) {
		v.reason = REASON_FILE_SIZE;
		result = path_deny(request, &v);
	} else {
		if (!(request->flags & REQUEST_KEPT) || !path_is_kept(&scratch->path) ||
			verdict_keep(request, scratch->path.fence, scratch->path.renames,
				scratch->path.mounts))
			count_allowed(request->cell, v.op);
	}
	scratch_release(scratch);
	return result;
}

#endif
