/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Limits of rate and volume.
 *
 * An act may draw from several buckets: those of the cell, and those of each rule that limits its peer.
 * All are looked at and drawn from under the one lock of the row, so it is from all of them or from none,
 * and what many tasks draw at once is the same as if they had come one after the other: never more than
 * there is, and nobody is refused while there is enough.
 */
#ifndef AMBIT_LIMITS_H
#define AMBIT_LIMITS_H

#include "address.bpf.h"
#include "bucket.h"
#include "emit.bpf.h"

#define KIND(limit) (1U << LIMIT_##limit)
#define KINDS_EGRESS (KIND(EGRESS_HOUR) | KIND(EGRESS_DAY))
#define GROUP_CELL 1U /* of the bit set of groups */
#define GROUPS_ALL ((1U << AMBIT_LIMIT_GROUPS) - 1)

/* The limits of a cell; NULL without any. */
static __always_inline struct ambit_limits *limits_row(__u32 id)
{
	/* NULL is an answer. */
	return bpf_map_lookup_elem(&limits, &id);
}

/* Conditions as numbers, that clang does not make branches of: the verifier would follow those of a loop in
 * all their combinations. */
static __always_inline __u64 is_positive(__u64 number)
{
	number = ~number >> 63;
	barrier_var(number);
	return number;
}

static __always_inline __u64 is_zero(__u64 bits)
{
	return is_positive(bits | -bits);
}

static __always_inline __u64 destination_has(
	const struct ambit_destination *row, const __u64 address[2], __u8 family)
{
	return is_zero(((address[0] ^ row->address[0]) & row->mask[0]) |
		       ((address[1] ^ row->address[1]) & row->mask[1]) | (row->family ^ family));
}

/* Whether it is for a protocol and port. */
static __always_inline __u64 destination_hears(const struct ambit_destination *row, __u8 proto, __u64 port)
{
	__u64 low = row->port_low, high = row->port_high;
	__u64 tcp = is_zero(proto ^ AMBIT_PROTO_TCP), udp = is_zero(proto ^ AMBIT_PROTO_UDP);
	__u64 within = is_positive((port - low) | (high - port));

	return is_zero(proto) |
	       (within & ((tcp & is_zero(row->tcp ^ 1)) | (udp & is_zero(row->udp ^ 1)) | (1 ^ (tcp | udp))));
}

/*
 * The groups of buckets that are for a peer, with the destinations by name (a bit each) that it counts for.
 * Of a protocol that is neither (0) all that are for its address. Nobody changes these fields. By itself, and
 * not of a row: no function may be given one with its lock.
 */
GLOBAL __u32 destinations_groups(const struct ambit_destination (*all)[AMBIT_DESTINATIONS_MAX], __u32 count,
	const struct address *peer, __u8 proto, __u32 named)
{
	__u32 groups = GROUP_CELL;
	__u64 address[2];

	if (!all || !peer)
		return GROUPS_ALL;
	__builtin_memcpy(address, peer->bytes, sizeof(address));
	for (__u32 i = 0; i < AMBIT_DESTINATIONS_MAX && i < count; i++) {
		const struct ambit_destination *to = &(*all)[i];

		groups |= (((named >> i & 1) | destination_has(to, address, peer->family)) &
				  destination_hears(to, proto, peer->port))
			  << (to->group & 31);
	}
	return groups;
}

static __always_inline __u32 limits_groups(
	const struct ambit_limits *row, const struct address *peer, __u8 proto, __u32 named)
{
	return destinations_groups(&row->destinations, row->destination_count, peer, proto, named);
}

/*
 * What a connection keeps of its groups: beside them, in what is left of the word, of which policy they are. They
 * are numbered anew by each, so of another one they say nothing. (After 32,768 reloads the mark is the same again.)
 */
static __always_inline __u32 groups_marked(const struct ambit_limits *row, __u32 groups)
{
	return groups | (__u32)(row->cgroup >> 32) << AMBIT_LIMIT_GROUPS;
}

/* Those of what a connection has kept; 0: none that count now. */
static __always_inline __u32 groups_kept(const struct ambit_limits *row, __u32 marked)
{
	return (marked ^ groups_marked(row, 0)) >> AMBIT_LIMIT_GROUPS ? 0 : marked & GROUPS_ALL;
}

/* What came of a draw. */
struct draw {
	__u32 refused; /* number of the first bucket that had not enough, from 1 on; 0: drawn */
	__u32 tell;    /* and that has to be reported */
};

/* A bit of a set of all buckets. */
#define BUCKETS (AMBIT_LIMIT_GROUPS * LIMIT_MAX)
_Static_assert(BUCKETS <= 64, "a bit for each bucket");

/* Fills the buckets that are asked for; a bit for each that has less than `cost`. */
static __always_inline __u64 buckets_lacking(
	struct ambit_limits *row, __u32 groups, __u32 kinds, __u64 cost, __u64 now)
{
	__u64 lacking = 0;

	for (__u32 group = 0; group < AMBIT_LIMIT_GROUPS; group++) {
		if (!(groups >> group & 1))
			continue;
#pragma unroll
		for (__u32 kind = 0; kind < LIMIT_MAX; kind++) {
			struct ambit_bucket *bucket = &row->buckets[group][kind];

			if (!(kinds >> kind & 1) || !bucket->limit)
				continue;
			bucket_fill(bucket, bucket_tick(kind), now);
			lacking |= bucket_lacks(bucket, cost) << (group * LIMIT_MAX + kind);
		}
	}
	return lacking;
}

static __always_inline void buckets_draw(
	struct ambit_limits *row, __u32 groups, __u32 kinds, __u64 cost)
{
	for (__u32 group = 0; group < AMBIT_LIMIT_GROUPS; group++) {
		if (!(groups >> group & 1))
			continue;
#pragma unroll
		for (__u32 kind = 0; kind < LIMIT_MAX; kind++) {
			struct ambit_bucket *bucket = &row->buckets[group][kind];

			if (kinds >> kind & 1 && bucket->limit)
				bucket->room -= cost * BUCKET_PARTS;
		}
	}
}

/*
 * Draws `cost` from the buckets of `groups` and `kinds` (bit sets); or only looks (`look`). Called with
 * the time, because nothing may be called under the lock.
 */
static __always_inline void limits_draw(struct ambit_limits *row, __u32 groups, __u32 kinds,
	__u64 cost, bool look, __u64 now, struct draw *ret)
{
	__u32 refused = 0, tell = 0;
	__u64 lacking;

	bpf_spin_lock(&row->lock);
	lacking = buckets_lacking(row, groups, kinds, cost, now);
	if (!lacking && !look)
		buckets_draw(row, groups, kinds, cost);
	if (lacking) {
		refused = __builtin_ctzll(lacking);
		barrier_var(refused);
		if (refused < BUCKETS) /* it is: for the verifier */
			tell = bucket_tells(&row->buckets[0][0] + refused,
				bucket_tick(refused % LIMIT_MAX), now);
		refused++;
	}
	bpf_spin_unlock(&row->lock);
	ret->refused = refused;
	ret->tell = tell;
}

/* Puts what a draw was refused by into a verdict. Denials that follow one that was reported are counted
 * only. */
static __always_inline void limits_verdict(
	const struct ambit_limits *row, const struct draw *draw, struct verdict *v)
{
	__u32 bucket = draw->refused - 1, group = bucket / LIMIT_MAX;

	v->reason = REASON_CONNECTS + bucket % LIMIT_MAX;
	barrier_var(group); /* else the comparison is made before the division, and says nothing of it */
	if (group < AMBIT_LIMIT_GROUPS)
		v->rule = row->rules[group];
	v->silent = !draw->tell;
}

#endif
