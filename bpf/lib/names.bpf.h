/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Leases: which addresses a cell was told for the names that its policy allows. They are made from the
 * answers of the policy's resolvers (dns.bpf.c) and decide when an address has no rule of its own.
 *
 * A lease is as old as its answer, and so is what is kept of a verdict that rests on one (peer.bpf.h). It
 * holds for one policy: `epoch` has to be that of the cell. What cannot be read is no lease.
 */
#ifndef AMBIT_NAMES_H
#define AMBIT_NAMES_H

#include "address.bpf.h"
#include "emit.bpf.h"
#include "kept.bpf.h"
#include "match.bpf.h"

/* How often a row that is being written is looked at again. Writers take some tens of instructions and
 * are not interrupted (they run in softirqs, or with them off). */
#define ROW_TRIES 16

static __always_inline struct ambit_names *names_of(__u64 cgroup)
{
	void *table = FAULT(NAMES, NULL, bpf_map_lookup_elem(&names, &cgroup));
	__u32 first = 0;

	return table ? FAULT(NAMES, NULL, bpf_map_lookup_elem(table, &first)) : NULL;
}

/* Whether no policy has changed since the fence was read. */
static __always_inline bool fence_stands(__u32 before)
{
	return !(before & FENCE_CHANGING) && LOOK(kept.fence) == before;
}

static __always_inline void lease_address(const struct address *address, __u64 ret[2])
{
	__u64 halves[2];

	__builtin_memcpy(halves, address->bytes, sizeof(halves));
	lease_halves(address->family, halves[0], halves[1], ret);
}

/* The first of the AMBIT_WAYS rows that an address can be in. */
static __always_inline __u32 lease_first(const struct ambit_names *all, const __u64 address[2])
{
	__u64 hash = (address[0] ^ all->seed) * HASH_FACTOR;

	hash = (hash ^ hash >> 29 ^ address[1]) * HASH_FACTOR;
	return hash >> (64 - AMBIT_LEASE_BITS) & ~(AMBIT_WAYS - 1);
}

static __always_inline struct ambit_lease *lease_row(struct ambit_names *all, __u32 first, __u32 way)
{
	return &all->leases[(first + way) & ((1 << AMBIT_LEASE_BITS) - 1)];
}

/* What is known of an address: a copy, so that it is of one writer. False: nothing, or it is written
 * over and over. */
FRAME bool lease_read(struct ambit_names *all, const __u64 address[2], struct ambit_lease_name *ret)
{
	__u32 first = lease_first(all, address);

	for (__u32 i = 0; i < AMBIT_WAYS; i++) {
		struct ambit_lease *row = lease_row(all, first, i);

		for (__u32 try = 0; try < ROW_TRIES; try++) {
			__u32 version = LOOK(row->version);

			barrier();
			if (LOOK(row->address[0]) != address[0] ||
				LOOK(row->address[1]) != address[1])
				break;
			if (version & 1)
				continue;
			__builtin_memcpy(ret, row->names, sizeof(row->names));
			barrier();
			if (LOOK(row->version) == version)
				return true;
		}
	}
	return false;
}

/* What a name says of a peer. Of several names that lead to it, what stands last here. */
enum lease {
	LEASE_NONE,
	LEASE_OVER,
	LEASE_OTHER,  /* nothing of this port */
	LEASE_QUIC,   /* it allows it, but not QUIC */
	LEASE_ALLOWS, /* if the first bytes say it (connection.bpf.h) */
	LEASE_PROXY,  /* if they ask a proxy for something that is allowed */
	LEASE_ANY,    /* whatever they say */
	LEASE_DENIES,
	LEASE_FAILS,
};

static __always_inline bool lease_allows(int says)
{
	return says >= LEASE_ALLOWS && says <= LEASE_ANY;
}

static __always_inline int lease_of(const struct ambit_accept *accept, __u32 proto_port)
{
	__u32 stream = accept->allow[AMBIT_COLUMN_STREAM];

	if (!accept->allow[0])
		return LEASE_OTHER;
	if (proto_port == (AMBIT_PROTO_UDP << 16 | AMBIT_QUIC_PORT) && stream != AMBIT_STREAM_ANY)
		return LEASE_QUIC;
	return stream == AMBIT_STREAM_PROXY ? LEASE_PROXY
	       : stream == AMBIT_STREAM_ANY ? LEASE_ANY
					    : LEASE_ALLOWS;
}

/* What is said behind a name, of protocol and port; of a denial the rule, in `ret_rule`. By itself: what it
 * says is one number for the verifier, and not a state for each way to it. */
GLOBAL int policy_says(__u32 policy, __u32 state, __u32 proto_port, __u32 *ret_rule)
{
	struct ambit_accept accept;
	struct match match;

	if (!ret_rule || !match_start(&match, policy, MATCH_PEER))
		return LEASE_FAILS;
	match.state = state;
	match.segment = NULL;
	if (match.state)
		match_byte(&match, proto_port >> 16);
	if (match.state && !match.error)
		match_byte(&match, proto_port >> 8);
	if (match.state && !match.error)
		match_byte(&match, proto_port);
	if (!match_accept(&match, &accept))
		return LEASE_FAILS;
	if (accept.deny[0]) {
		*ret_rule = accept.deny[0];
		return LEASE_DENIES;
	}
	return lease_of(&accept, proto_port);
}

static __always_inline int state_says(
	__u32 state, const struct ambit_cell *cell, __u32 proto_port, __u32 *ret_rule)
{
	return policy_says(cell->policy, state, proto_port, ret_rule);
}

/* What the names of an address say: deny beats allow, also among names. In `v` the name that says so,
 * or one that led there, and the rule that denies; in `ret_until` when the first that is not over will be. */
FRAME int lease_decide(struct ambit_cell *cell, const struct address *address, __u32 proto,
	struct verdict *v, __u32 *ret_until)
{
	struct ambit_lease_name found[AMBIT_LEASE_NAMES];
	struct ambit_names *all = names_of(cell->cgroup);
	__u32 now = seconds_now(), domain = 0;
	int result = LEASE_NONE;
	__u64 key[2];

	if (!all)
		return LEASE_FAILS;
	*ret_until = ~0U;
	lease_address(address, key);
	if (!lease_read(all, key, found))
		return LEASE_NONE;
#pragma unroll
	for (__u32 i = 0; i < AMBIT_LEASE_NAMES; i++) {
		int says = LEASE_OVER;

		if (!found[i].until)
			continue;
		v->domain = found[i].domain;
		if (found[i].until > now && found[i].epoch == (__u32)cell->epoch) {
			says = state_says(
				found[i].state, cell, proto << 16 | address->port, &v->rule);
			if (found[i].until < *ret_until)
				*ret_until = found[i].until;
		}
		if (says > result) {
			result = says;
			domain = v->domain;
		}
	}
	v->domain = domain;
	return result;
}

/* Puts the name of a verdict into a scratch slot, as its path. */
FRAME int domain_show(const struct verdict *v, __u32 slot)
{
	struct scratch *scratch = FAULT(SLOT_EVENT, NULL, bpf_map_lookup_elem(&scratches, &slot));
	struct ambit_cell *cell = FAULT(CELL_PEER, NULL, cell_row(v->cell));
	struct ambit_names *all = cell ? names_of(cell->cgroup) : NULL;
	struct ambit_domain *row;
	__u32 length, start;

	if (!scratch)
		return 0;
	scratch->path.start = PATH_END;
	if (!all)
		return 0;
	row = &all->domains[v->domain & ((1 << AMBIT_DOMAIN_BITS) - 1)];
	length = row->length & (AMBIT_NAME_SIZE - 1);
	/* One that was written over meanwhile is shown wrongly for once, or not at all. */
	if (row->domain != v->domain || LOOK(row->version) & 1 || length >= AMBIT_DOMAIN_SIZE)
		return 0;
	start = PATH_END - length;
	if (!bpf_probe_read_kernel(&scratch->path.bytes[start & PATH_MASK], length,
		    FAULT(STRING_PATH, NULL, row->text)))
		scratch->path.start = start;
	return 0;
}

#endif
