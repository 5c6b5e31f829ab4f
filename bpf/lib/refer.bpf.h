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

/* What a file can be used for; a unix socket is decided like one. */
#define REFER_OPS (BIT(OP_READ) | BIT(OP_WRITE) | BIT(OP_EXEC) | BIT(OP_UNIX))

/* True if `to` allows an operation that `from` does not. */
static __always_inline bool gives_more(
	const struct path_rights *from, const struct path_rights *to)
{
	for (__u32 op = 0; op < AMBIT_COLUMNS; op++) {
		if (allows(&to->rights[op]) && !allows(&from->rights[op]))
			return true;
	}
	return false;
}

/* True if some name beneath the one may have other rights than the same name beneath the other. */
static __always_inline bool differs_beneath(
	const struct path_rights *one, const struct path_rights *other)
{
	for (__u32 op = 0; op < AMBIT_COLUMNS; op++) {
		if (one->rights[op].beneath != other->rights[op].beneath)
			return true;
	}
	return false;
}

/* The verdict on the pair, with the reason in `v`; true: deny. */
static __always_inline bool refer_denied(const struct refer_request *request,
	const struct path_rights *old, const struct path_rights *new, struct verdict *v)
{
	if (first_denied(new, BIT(OP_WRITE), v))
		return true;
	if (gives_more(old, new) || (request->exchange && gives_more(new, old)) ||
		(request->directory && differs_beneath(old, new))) {
		v->rule = 0;
		v->op = OP_WRITE;
		v->reason = REASON_REFER;
		return true;
	}
	return false;
}

/* Decides in the scratch slot, which then holds the path that is to be reported. */
static __always_inline bool refer_decide(
	const struct refer_request *request, __u32 slot, struct scratch *scratch, struct verdict *v)
{
	struct path_rights *old = &scratch->rights[0], *new = &scratch->rights[1];
	int reason = path_rights(slot, &request->path, request->path.dentry, REFER_OPS, old);

	if (reason == PATH_DONE && first_denied(old, request->path.ops, v))
		return true;
	if (reason == PATH_DONE)
		reason = path_rights(slot, &request->path, request->target, REFER_OPS, new);
	if (reason != PATH_DONE) {
		v->reason = reason;
		return true;
	}
	if (FAULT(POLICY_SWAPPED, true, old->policy != new->policy)) {
		v->reason = REASON_NO_POLICY; /* swapped between the two walks */
		return true;
	}
	return refer_denied(request, old, new, v);
}

/* The verdict on a link or rename: 1: deny, 0: let it pass. */
GLOBAL int decide_refer(const struct refer_request *request)
{
	struct verdict v = {.slot = -1, .op = OP_WRITE};
	struct scratch *scratch;
	int result = 0;
	__u32 slot = 0;

	if (!request)
		return 1;
	scratch = FAULT(SCRATCH_REFER, NULL, scratch_claim(&slot));
	if (!scratch) {
		v.reason = REASON_NO_SCRATCH;
		return path_deny(&request->path, &v);
	}
	v.slot = slot;
	if (refer_decide(request, slot, scratch, &v))
		result = path_deny(&request->path, &v);
	else
		count_allowed(request->path.cell, OP_WRITE);
	scratch_release(scratch);
	return result;
}

#endif
