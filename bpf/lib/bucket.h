/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A token bucket: it holds at most `limit` units, is full to begin with, and what was drawn comes back
 * evenly, all of it in the time of its kind. So in any span of time at most the limit goes through, and
 * what has come back meanwhile. Plain C, for both sides.
 *
 * Whole numbers alone, so that nothing is lost or won by rounding: time is counted in ticks, of which
 * 2^20 make up the whole time (rounded up to nanoseconds: 2^-16 of it at most is lost to the cell), and
 * room in parts, of which 2^20 make up a unit. A tick then brings `limit` parts.
 */
#ifndef AMBIT_BUCKET_H
#define AMBIT_BUCKET_H

#include "../abi.h"

#define BUCKET_PARTS (1ULL << 20)
/* The largest limit: a full bucket and one tick more fit into 64 bits. */
#define BUCKET_LIMIT_MAX (1ULL << 42)

/* What a kind's bucket is filled by: ns. */
static inline __u64 bucket_tick(enum ambit_limit kind)
{
	__u64 seconds = 0;

#define X(name, key, time) seconds = kind == LIMIT_##name ? (time) : seconds;
	AMBIT_LIMITS(X)
#undef X
	return (seconds * 1000000000ULL + BUCKET_PARTS - 1) / BUCKET_PARTS;
}

/* Puts in what has come back until `now`. */
static inline void bucket_fill(struct ambit_bucket *bucket, __u64 tick, __u64 now)
{
	__u64 full = bucket->limit * BUCKET_PARTS, ticks;

	/* Another processor may have read the clock after us and been here before. */
	if (now <= bucket->time)
		return;
	ticks = (now - bucket->time) / tick;
	if (ticks >= BUCKET_PARTS || full - bucket->room <= ticks * bucket->limit) {
		bucket->room = full;
		bucket->time = now;
		return;
	}
	bucket->room += ticks * bucket->limit;
	bucket->time += ticks * tick;
}

/* 1 if it holds less than `cost` units, at most 2^42; else 0. Both are less than 2^63, so the sign of the
 * difference says it. */
static inline __u64 bucket_lacks(const struct ambit_bucket *bucket, __u64 cost)
{
	return (bucket->room - cost * BUCKET_PARTS) >> 63;
}

/* Whether that the bucket is empty has to be reported: once in the time that fills it. Then it is. */
static inline int bucket_tells(struct ambit_bucket *bucket, __u64 tick, __u64 now)
{
	if (bucket->told && now < bucket->told + tick * BUCKET_PARTS)
		return 0;
	bucket->told = now;
	return 1;
}

/* Units that are drawn and did not come back yet; a part of one is one. */
static inline __u64 bucket_used(const struct ambit_bucket *bucket)
{
	return bucket->limit - bucket->room / BUCKET_PARTS;
}

#endif
