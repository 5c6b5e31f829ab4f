/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The decision on a peer: an address and a port, by the peer half of the automaton. */
#ifndef AMBIT_PEER_H
#define AMBIT_PEER_H

#include "address.bpf.h"
#include "emit.bpf.h"
#include "match.bpf.h"

struct peer_request {
	__u32 cell;
	__u16 hook;
	__u8 op; /* OP_CONNECT or OP_LISTEN */
	__u8 proto;
	struct address address;
};

/* Feeds protocol, family, address, port: at most AMBIT_PEER_SIZE bytes. */
static __always_inline bool match_peer(
	struct match *match, __u32 policy, const struct peer_request *request)
{
	__u32 length = request->address.family == AMBIT_FAMILY_V4 ? 4 : 16;

	if (!match_start(match, policy, MATCH_PEER))
		return false;
	match_byte(match, request->proto);
	match_byte(match, request->address.family);
	for (__u32 i = 0; i < 16; i++) {
		if (i < length)
			match_byte(match, request->address.bytes[i]);
		/* Dead or failed states stay so: match_byte() on state 0 would read the head. */
		if (!match->state || match->error)
			return !match->error;
	}
	match_byte(match, request->address.port >> 8);
	if (match->state && !match->error)
		match_byte(match, request->address.port);
	return !match->error;
}

/* The reason of a deny in `v`; false: allowed. */
FRAME bool peer_denied(const struct peer_request *request, struct verdict *v)
{
	struct ambit_cell *cell =
		FAULT(CELL_PEER, NULL, bpf_map_lookup_elem(&cells, &v->cell));
	__u32 column = (request->op - OP_CONNECT) & (AMBIT_COLUMNS - 1);
	struct ambit_accept accept;
	struct match match;

	if (!cell) {
		v->reason = cell_missing(v->cell);
		return true;
	}
	if (!match_peer(&match, cell->policy, request) || !match_accept(&match, &accept)) {
		v->reason = REASON_NO_POLICY;
		return true;
	}
	if (accept.deny[column] == AMBIT_RULE_SPECIAL) {
		v->reason = REASON_SPECIAL;
		return true;
	}
	if (accept.deny[column]) {
		v->rule = accept.deny[column];
		v->reason = REASON_RULE;
		return true;
	}
	v->reason = REASON_NO_RULE;
	return !accept.allow[column];
}

/* The verdict on a peer. 1: deny, 0: let it pass. */
GLOBAL int decide_peer(const struct peer_request *request)
{
	struct verdict v = {.slot = -1, .verdict = VERDICT_DENY};

	if (!request)
		return 1;
	v.cell = request->cell;
	v.op = request->op;
	v.hook = request->hook;
	v.proto = request->proto;
	v.family = request->address.family;
	v.port = request->address.port;
	__builtin_memcpy(v.addr, request->address.bytes, sizeof(v.addr));
	if (!peer_denied(request, &v)) {
		count_allowed(request->cell, request->op == OP_LISTEN ? OP_LISTEN : OP_CONNECT);
		return 0;
	}
	report(&v);
	return enforce(request->cell);
}

#endif
