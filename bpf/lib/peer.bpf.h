/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The decision on a peer: an address and a port, by the peer half of the automaton. */
#ifndef AMBIT_PEER_H
#define AMBIT_PEER_H

#include "address.bpf.h"
#include "kept.bpf.h"
#include "match.bpf.h"
#include "named.bpf.h"

struct peer_request {
	__u32 cell;
	__u16 hook;
	__u8 op; /* OP_CONNECT or OP_LISTEN */
	__u8 proto;
	struct address address;
	__u64 socket; /* struct socket; 0: it listens */
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

/* The reason of a deny in `v`; false: allowed, as far as no limit is reached. */
FRAME bool peer_denied(const struct peer_request *request, struct verdict *v)
{
	struct ambit_cell *cell =
		FAULT(CELL_PEER, NULL, cell_row(v->cell));
	__u32 column = (request->op - OP_CONNECT) & (AMBIT_COLUMNS - 1);
	struct ambit_accept accept;
	struct match match;

	if (!cell) {
		v->reason = cell_missing(v->cell);
		return true;
	}
	v->cell_flags = cell->flags;
	if (!match_peer(&match, cell->policy, request) || !match_accept(&match, &accept)) {
		v->reason = REASON_NO_POLICY;
		return true;
	}
	if (accept.deny[column] > AMBIT_RULES_MAX) {
		v->reason = accept.deny[column] == AMBIT_RULE_SPECIAL ? REASON_SPECIAL
								      : REASON_RESOLVER;
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

/* How old a verdict is: everything is taken before what it dates is read. */
struct peer_age {
	__u64 leases;
	__u32 fence;
	__u32 until; /* 0: no name was asked */
};

/* Whether what a socket sends is looked at: in the cell's cgroup, where it was made. What else of UDP is sent
 * than questions says nothing that is read. */
FRAME bool peer_strays(const struct peer_request *request, const struct ambit_cell *cell)
{
	struct socket *socket = (struct socket *)request->socket;

	if (request->proto != AMBIT_PROTO_TCP && request->address.port != AMBIT_DNS_PORT)
		return false;
	/* That was asked before (socket_unseen()). */
	if (cell->flags & AMBIT_CELL_BOUND)
		return false;
	return cgroup_of_cell(BPF_CORE_READ(socket, sk, sk_cgrp_data.cgroup)) != cell->cgroup;
}

/*
 * The same where the cell's policy has names, and its addresses alone said `denied`. A rule or a reserved
 * address that denies has the last word; else a name that denies, else a rule or a name that allows.
 * `age` has the fence from before any of it was read: a state of one policy means nothing in another.
 * The verifier looks at it once, not after each way through peer_denied().
 */
GLOBAL int named_denied(
	const struct peer_request *request, struct verdict *v, int denied, struct peer_age *age)
{
	struct ambit_cell *cell;
	__u8 reason;
	__u32 rule;
	int says;

	if (!request || !v || !age)
		return true;
	cell = FAULT(CELL_PEER, NULL, cell_row(v->cell));
	reason = v->reason;
	rule = v->rule;
	if (!cell) {
		v->reason = cell_missing(v->cell);
		return true;
	}
	says = lease_decide(cell, &request->address, request->proto, v, &age->until);
	if (!(denied && reason != REASON_NO_RULE)) {
		if (says == LEASE_DENIES) {
			v->reason = REASON_RULE;
			return true;
		}
		if (says == LEASE_FAILS) {
			v->reason = REASON_NAMES;
			return true;
		}
		if (peer_strays(request, cell)) {
			v->reason = REASON_STRAY;
			return true;
		}
		if (lease_allows(says) && fence_stands(age->fence))
			return false;
		if (denied && says == LEASE_QUIC)
			v->reason = REASON_QUIC;
		else if (denied && (says == LEASE_OVER || lease_allows(says)))
			v->reason = REASON_LEASE;
	}
	v->rule = rule;
	return denied;
}

/* Reports a denial, with the name that a peer is known by. In the caller's frame: there are no more. */
static __always_inline void report_peer(struct verdict *v)
{
	struct scratch *scratch = NULL;
	__u32 slot = 0;

	if (v->domain)
		scratch = FAULT(SCRATCH_EVENT, NULL, scratch_claim(&slot));
	if (scratch) {
		domain_show(v, slot);
		v->slot = slot;
	}
	report(v);
	if (scratch)
		scratch_release(scratch);
}

/* What is asked about an address, in the key of a kept verdict beside the cell: never 0, since a family
 * is in it. */
static __always_inline __u64 peer_key(
	__u32 cell, bool listen, __u64 family, __u64 proto, __u64 port)
{
	return (__u64)listen << 63 | family << 56 | proto << 48 | port << 32 | cell;
}

static __always_inline __u64 request_key(const struct peer_request *request)
{
	return peer_key(request->cell, request->op == OP_LISTEN, request->address.family,
		request->proto, request->address.port);
}

static __always_inline struct ambit_allowed *peer_row(__u64 first, __u64 second, __u64 key)
{
	return &kept.peers[(first ^ second ^ key) * HASH_FACTOR >> (64 - AMBIT_PEER_BITS)];
}

/* The cgroup that a socket (struct socket) was made in, which it has for good. 0: it cannot be read. */
FRAME __u64 socket_maker(__u64 socket)
{
	struct socket *from = (struct socket *)socket;

	if (!PEEKS)
		return BPF_CORE_READ(from, sk, sk_cgrp_data.cgroup, kn, id);
	from = rdonly_cast(socket, bpf_core_type_id_kernel(struct socket));
	return from->sk->sk_cgrp_data.cgroup->kn->id;
}

/* Counts what was leased to the cell of an address. */
static __always_inline __u64 *peer_leases(__u64 first, __u64 second, __u64 key)
{
	__u64 address[2];

	lease_halves(key >> 56 & 0x7f, first, second, address);
	return leases_of(key, address);
}

/* Whether what names said still holds, for a socket of that cgroup. */
static __always_inline bool names_stand(
	const struct ambit_allowed *row, __u64 first, __u64 second, __u64 key, __u64 socket)
{
	return row->birth == LOOK(*peer_leases(first, second, key)) &&
	       row->maker == socket_maker(socket) && row->until > seconds_now();
}

/* Whether a verdict is kept that allows this peer (the halves of its address) to a socket; then it is
 * counted. Where no name was asked nothing but a policy can change one, so all that dates it is the fence. */
static __always_inline bool peer_kept(__u64 first, __u64 second, __u64 key, __u64 socket)
{
	struct ambit_allowed *row = peer_row(first, second, key);
	__u32 version = LOOK(row->version);

	barrier();
	if (row->key != key || row->object != first || row->place != second ||
		row->fence != LOOK(kept.fence))
		return false;
	if (row->until && !names_stand(row, first, second, key, socket))
		return false;
	barrier();
	if (LOOK(row->version) != version)
		return false;
	__sync_fetch_and_add(&row->allowed, 1);
	return true;
}

/* Keeps and counts it; false if another program writes the row. */
FRAME bool peer_keep(const struct peer_request *request, const struct peer_age *age)
{
	__u64 key = request_key(request), address[2];
	struct ambit_allowed *row;
	__u64 maker = age->until ? socket_maker(request->socket) : 0;
	__u32 cell, claimed;

	if (age->until && !maker)
		return false;
	__builtin_memcpy(address, request->address.bytes, sizeof(address));
	row = peer_row(address[0], address[1], key);
	cell = row->key;
	claimed = row_claim(&row->version, &row->key);
	if (!claimed)
		return false;
	row_settle(row, cell);
	group_touch(kept.peers_in,
		(address[0] ^ address[1] ^ key) * HASH_FACTOR >> (64 - AMBIT_PEER_GROUP_BITS));
	row->object = address[0];
	row->place = address[1];
	row->op = request->op == OP_LISTEN ? OP_LISTEN : OP_CONNECT;
	row->allowed = 1;
	row->fence = age->fence;
	row->birth = age->leases;
	row->until = age->until;
	row->maker = maker;
	row_publish(&row->version, claimed, &row->key, key);
	return true;
}

/* Whether questions are sent to this peer, by a cell with these flags. */
static __always_inline bool peer_asks(const struct peer_request *request, __u32 flags)
{
	return flags & AMBIT_CELL_NAMES && request->op == OP_CONNECT && request->proto == AMBIT_PROTO_UDP &&
	       request->address.port == AMBIT_DNS_PORT;
}

/* Counts a verdict that allows, and keeps it, unless it is to be found `anew` each time: where a connect has to
 * draw from a limit, and where the socket is noted (question_noted()). */
static __always_inline void peer_allow(
	const struct peer_request *request, const struct peer_age *age, bool anew)
{
	if (anew || !keeps || !fence_stands(age->fence) || !peer_keep(request, age))
		count_allowed(
			request->cell, request->op == OP_LISTEN ? OP_LISTEN : OP_CONNECT);
}

static __always_inline int peer_verdict(const struct peer_request *request, __u8 op)
{
	struct verdict v = {.slot = -1, .verdict = VERDICT_DENY};
	struct peer_age age = {.fence = LOOK(kept.fence)};
	__u64 address[2];
	bool limited, denied, by_name;

	if (!request)
		return 1;
	__builtin_memcpy(address, request->address.bytes, sizeof(address));
	if (peer_kept(address[0], address[1], request_key(request), request->socket))
		return 0;
	age.leases = LOOK(*peer_leases(address[0], address[1], request_key(request)));
	v.cell = request->cell;
	v.op = op;
	v.hook = request->hook;
	v.proto = request->proto;
	v.family = request->address.family;
	v.port = request->address.port;
	__builtin_memcpy(v.addr, request->address.bytes, sizeof(v.addr));
	denied = by_name = peer_denied(request, &v);
	if (op == OP_CONNECT && v.cell_flags & AMBIT_CELL_NAMES)
		denied = named_denied(request, &v, denied, &age);
	limited = op == OP_CONNECT && v.cell_flags & AMBIT_CELL_CONNECTS;
	/* Nothing is drawn for what is denied anyway. */
	if (!denied && limited)
		denied = limits_connect(
			request->cell, &request->address, request->proto, by_name, &v);
	if (!denied) {
		peer_allow(request, &age, limited || peer_asks(request, v.cell_flags));
		return 0;
	}
	report_peer(&v);
	return enforce(request->cell);
}

/* The verdict on a peer of OP_CONNECT. 1: deny, 0: let it pass. */
GLOBAL int decide_peer(const struct peer_request *request)
{
	return peer_verdict(request, OP_CONNECT);
}

/* The same of OP_LISTEN, where neither names nor limits count: so no program has them that does not need them. */
GLOBAL int decide_listen(const struct peer_request *request)
{
	return peer_verdict(request, OP_LISTEN);
}

/*
 * Notes that a socket of a cell with names sends to a resolver. Its questions are read where they leave
 * (dns.bpf.c), by their port; where the host sends them to another one (DNAT) only the socket can tell.
 */
static __always_inline int question_noted(const struct peer_request *request, struct socket *socket)
{
	struct ambit_cell *cell;
	struct sock *sk;

	if (request->address.port != AMBIT_DNS_PORT)
		return 0;
	/* NULL is an answer: of a cell that is gone no question is sent. */
	cell = cell_row(request->cell);
	if (!cell || !peer_asks(request, cell->flags))
		return 0;
	sk = socket->sk;
	if (sk && FAULT(SOCKET_ASKS, false, socket_noted(sk)))
		return 0;
	return deny(request->cell, request->hook, OP_CONNECT, REASON_NAMES) ? -EPERM : 0;
}

#endif
