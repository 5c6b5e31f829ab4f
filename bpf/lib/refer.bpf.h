/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Links and renames: a new name must not give a file more rights than its old one (the REFER rule
 * of Landlock, Documentation/userspace-api/landlock.rst).
 *
 * For a directory the rule holds for everything beneath it. Two names of which the automaton is in
 * the same state after a further '/' have the same rights for every continuation; in another state
 * they may differ, and that is a deny.
 */
#ifndef AMBIT_REFER_H
#define AMBIT_REFER_H

#include "decide.bpf.h"

#define REFER_EXCHANGE 2 /* RENAME_EXCHANGE of include/uapi/linux/fs.h */

struct refer_request {
	struct path_request path; /* the old name; `ops` are asked of it */
	__u64 target;		  /* dentry of the new name, on the same mount; write is asked */
	__u8 exchange;		  /* the new name's file gets the old name too */
	__u8 directory;
	__u8 reserved[6];
};

/* True if `to` allows an operation on files that `from` does not. */
static __always_inline bool gives_more(const struct ambit_accept *from, const struct ambit_accept *to)
{
	for (__u32 op = 0; op < AMBIT_COLUMNS; op++) {
		if (allows(to, op) && !allows(from, op))
			return true;
	}
	return false;
}

/* The verdict on the pair, with the reason in `v`; true: deny. */
static __always_inline bool refer_denied(const struct refer_request *request,
	const struct path_rights *old, const struct path_rights *new, struct verdict *v)
{
	if (first_denied(&new->accept, BIT(OP_WRITE), v))
		return true;
	if (gives_more(&old->accept, &new->accept) ||
		(request->exchange && gives_more(&new->accept, &old->accept)) ||
		(request->directory && old->beneath != new->beneath)) {
		v->rule = 0;
		v->op = OP_WRITE;
		v->reason = REASON_REFER;
		return true;
	}
	return false;
}

/* Decides in the scratch slot, which then holds the path that is to be reported. */
static __always_inline bool refer_decide(
	const struct refer_request *request, __u32 slot, struct verdict *v)
{
	struct path_rights old = {}, new = {};
	int reason = path_rights(slot, &request->path, request->path.dentry, &old);

	if (reason == PATH_DONE && first_denied(&old.accept, request->path.ops, v))
		return true;
	if (reason == PATH_DONE)
		reason = path_rights(slot, &request->path, request->target, &new);
	if (reason != PATH_DONE) {
		v->reason = reason;
		return true;
	}
	if (old.policy != new.policy) {
		v->reason = REASON_NO_POLICY; /* swapped between the two walks */
		return true;
	}
	return refer_denied(request, &old, &new, v);
}

/* The verdict on a link or rename: 1: deny, 0: let it pass. */
GLOBAL int decide_refer(const struct refer_request *request)
{
	struct verdict v = {.slot = -1, .op = OP_WRITE};
	struct scratch *scratch;
	int result = 0;
	__u32 slot;

	if (!request)
		return 1;
	v.slot = scratch_claim();
	slot = v.slot;
	scratch = v.slot < 0 ? NULL : bpf_map_lookup_elem(&scratches, &slot);
	if (!scratch) {
		v.slot = -1;
		v.reason = REASON_NO_SCRATCH;
		return path_deny(&request->path, &v);
	}
	if (refer_decide(request, slot, &v))
		result = path_deny(&request->path, &v);
	else
		count_allowed(request->path.cell, OP_WRITE);
	scratch_release(scratch);
	return result;
}

#endif
