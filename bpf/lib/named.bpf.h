/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Limits of rules for names (docs/notes/2026-11-28-named-limits.md). A name is known when it is asked for and
 * when the first bytes of a connection say it; a connect and a packet have an address alone. So a lease has
 * the destinations whose names have led there, and as long as nobody knows which name is meant all of them
 * count.
 */
#ifndef AMBIT_NAMED_H
#define AMBIT_NAMED_H

#include "limits.bpf.h"
#include "names.bpf.h"

#include "destination.h"

/* The destinations that are this name (by its hash), or that have all beneath it. A bit that is calculated here
 * would be one more thing that the verifier of 6.1 knows in each round. */
static __always_inline __u32 destinations_of(const struct ambit_limits *row, __u64 hash, bool beneath)
{
	__u32 found = 0;

	for (__u32 i = 0; i < AMBIT_DESTINATIONS_MAX && i < row->destination_count; i++) {
		const struct ambit_destination *to = &row->destinations[i];

		if (to->family == AMBIT_FAMILY_NAME && to->address[0] == hash &&
			to->address[1] == beneath)
			found |= to->mask[0];
	}
	return found;
}

struct naming {
	const struct ambit_limits *row;
	const struct dns *dns;
	__u64 hash;
	__u32 found;
};

static long naming_step(__u32 index, struct naming *naming)
{
	__u32 at = naming->dns->front + index;
	bool end = at >= 255;
	__u8 byte = end ? '.' : naming->dns->turned[at & 255];

	if (byte == '.')
		naming->found |= destinations_of(naming->row, naming->hash, !end);
	naming->hash = destination_hash(naming->hash, byte);
	return end;
}

/* The destinations of a name that was spelled (dns_spell()). What cannot be found out is all of them. */
FRAME __u32 name_limits(const struct ambit_limits *row, const struct dns *dns)
{
	struct naming naming = {.row = row, .dns = dns, .hash = DESTINATION_HASH};

	/* Each byte, and the end. */
	if (FAULT(LOOP_MATCH, -E2BIG, bpf_loop(AMBIT_DOMAIN_SIZE + 1, naming_step, &naming, 0)) < 0)
		return row->named;
	return naming.found;
}

/* The destinations whose names have led to an address; false: nothing is known of it. */
FRAME bool lease_limits(struct ambit_names *all, const __u64 address[2], __u32 *ret)
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
			*ret = LOOK(row->limits);
			barrier();
			if (LOOK(row->version) == version)
				return true;
		}
	}
	return false;
}

/* The destinations by name that an address counts for, in `ret`; false: the cell was told of no such
 * address, or has forgotten it. */
FRAME bool address_limits(const struct ambit_limits *row, const struct address *peer, __u32 *ret)
{
	struct ambit_names *all;
	__u64 key[2];

	*ret = 0;
	if (!row->named)
		return false;
	all = names_of(row->cgroup);
	if (!all) {
		*ret = row->named;
		return true;
	}
	lease_address(peer, key);
	return lease_limits(all, key, ret);
}

/*
 * The groups of buckets (groups_marked()) that a peer of a connection is for, or with `dns` (or NULL) a name that
 * was spelled, on the port of the peer; 0: that cannot be found out. The verifier looks at it by itself.
 */
GLOBAL int named_groups(__u32 cell, const struct address *peer, const struct dns *dns)
{
	struct ambit_limits *row = FAULT(LIMITS_NAMED, NULL, limits_row(cell));
	__u32 named;

	if (!row || !peer)
		return 0;
	if (dns)
		named = name_limits(row, dns);
	else
		address_limits(row, peer, &named);
	return groups_marked(row, limits_groups(row, peer, AMBIT_PROTO_TCP, named));
}

/* The destinations that an answer's name is: what its leases count for. All, where that cannot be found out.
 * By itself, as above. */
GLOBAL int named_answer(__u32 cell, const struct dns *dns)
{
	struct ambit_limits *row = FAULT(LIMITS_NAMED, NULL, limits_row(cell));

	return row && dns ? name_limits(row, dns) : ~0U;
}

static __always_inline bool groups_draw(
	struct ambit_limits *row, __u32 groups, struct verdict *v)
{
	struct draw draw = {};

	limits_draw(row, groups, KIND(CONNECTS), 1, false, bpf_ktime_get_ns(), &draw);
	if (draw.refused)
		limits_verdict(row, &draw, v);
	return draw.refused;
}

/* Whether a connect that is for these groups is one too many; then why is in `v`. By itself, as above. */
GLOBAL int groups_connect(__u32 cell, __u32 groups, struct verdict *v)
{
	struct ambit_limits *row = FAULT(LIMITS_NAMED, NULL, limits_row(cell));

	if (!v)
		return true;
	v->reason = REASON_NO_CELL;
	return !row || groups_draw(row, groups & GROUPS_ALL, v);
}

/*
 * The same of a peer. `by_name`: a name allows it, and no address. What is known of that name may have been
 * pushed out meanwhile; then it counts for all.
 */
GLOBAL int limits_connect(
	__u32 id, const struct address *peer, __u8 proto, int by_name, struct verdict *v)
{
	struct ambit_limits *row;
	__u32 named = 0;

	if (!peer || !v)
		return true;
	row = FAULT(LIMITS_PEER, NULL, limits_row(id));
	if (!row) {
		v->reason = REASON_NO_CELL;
		return true;
	}
	if (!address_limits(row, peer, &named) && by_name)
		named = row->named;
	return groups_draw(row, limits_groups(row, peer, proto, named), v);
}

#endif
