/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of a policy as the kernel gets them, and the bucket against arithmetic without rounding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "base/util.h"
#include "bpf/lib/bucket.h"
#include "bpf/lib/destination.h"
#include "compile/limits.h"

#define ROUNDS 200000

static uint64_t seed = 0x9e3779b97f4a7c15;

static uint64_t rnd(uint64_t limit)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed >> 20) % limit;
}

static bool draw(struct ambit_bucket *bucket, enum ambit_limit kind, uint64_t cost, uint64_t now)
{
	bucket_fill(bucket, bucket_tick(kind), now);
	if (bucket_lacks(bucket, cost))
		return false;
	bucket->room -= cost * BUCKET_PARTS;
	return true;
}

static struct ambit_bucket full(uint64_t limit, uint64_t now)
{
	return (struct ambit_bucket){.limit = limit, .room = limit * BUCKET_PARTS, .time = now};
}

/* Each number of units at once, and not one more. */
static void holds_its_limit(void **state)
{
	(void)state;
	for (uint64_t limit = 1; limit < 300; limit++) {
		struct ambit_bucket bucket = full(limit, 1000);

		for (uint64_t i = 0; i < limit; i++)
			assert_true(draw(&bucket, LIMIT_CONNECTS, 1, 1000));
		assert_false(draw(&bucket, LIMIT_CONNECTS, 1, 1000));
		assert_int_equal(bucket_used(&bucket), limit);
	}
	for (unsigned kind = 0; kind < LIMIT_MAX; kind++) {
		struct ambit_bucket bucket = full(BUCKET_LIMIT_MAX, 0);

		assert_false(draw(&bucket, kind, BUCKET_LIMIT_MAX + 1, UINT64_MAX / 2));
		assert_true(draw(&bucket, kind, BUCKET_LIMIT_MAX, UINT64_MAX / 2));
		assert_false(draw(&bucket, kind, 1, UINT64_MAX / 2));
	}
}

/*
 * What went through since the bucket was full, at any moment: the limit and what came back by then, never
 * more; and a draw is refused only if what is left, less a unit for the tick that goes on, is less. In
 * 128 bits nothing is rounded.
 */
static void neither_more_nor_less(void **state)
{
	static const uint64_t seconds[LIMIT_MAX] = {60, 60 * 60, 24 * 60 * 60};

	(void)state;
	for (unsigned run = 0; run < 200; run++) {
		enum ambit_limit kind = (enum ambit_limit)rnd(LIMIT_MAX);
		uint64_t limit = 1 + rnd(rnd(2) ? 100 : BUCKET_LIMIT_MAX), now = rnd(1ULL << 40);
		uint64_t whole = bucket_tick(kind) * BUCKET_PARTS;
		struct ambit_bucket bucket = full(limit, now);
		unsigned __int128 room = (unsigned __int128)limit * whole; /* units times ns */

		assert_true(whole >= seconds[kind] * 1000000000 &&
			    whole - seconds[kind] * 1000000000 < BUCKET_PARTS);
		for (unsigned i = 0; i < ROUNDS / 200; i++) {
			uint64_t step = rnd(rnd(4) ? whole / 100 : whole * 2);
			uint64_t cost = 1 + rnd(rnd(2) ? limit : limit / 50 + 1);
			unsigned __int128 most = (unsigned __int128)limit * whole;

			now += step;
			room += (unsigned __int128)limit * step;
			room = room > most ? most : room;
			if (draw(&bucket, kind, cost, now)) {
				assert_true(room >= (unsigned __int128)cost * whole);
				room -= (unsigned __int128)cost * whole;
			} else {
				/* What came back in a part of a tick is not there yet. */
				assert_true(room < (unsigned __int128)cost * whole +
						   (unsigned __int128)limit * bucket_tick(kind));
			}
		}
	}
}

/* Another processor read the clock before, and comes after: nothing comes back twice, or is told twice. */
static void time_that_goes_back(void **state)
{
	struct ambit_bucket bucket = full(10, 5000000000);

	(void)state;
	for (int i = 0; i < 10; i++)
		assert_true(draw(&bucket, LIMIT_CONNECTS, 1, 5000000000 - (uint64_t)i));
	assert_false(draw(&bucket, LIMIT_CONNECTS, 1, 4000000000));
	assert_true(bucket_tells(&bucket, bucket_tick(LIMIT_CONNECTS), 5000000000));
	assert_false(bucket_tells(&bucket, bucket_tick(LIMIT_CONNECTS), 4000000000));
	assert_false(bucket_tells(&bucket, bucket_tick(LIMIT_CONNECTS), 64000000000));
	assert_true(bucket_tells(&bucket, bucket_tick(LIMIT_CONNECTS), 66000000000));
}

static struct policy policy_of(struct rule *rules, size_t count)
{
	return (struct policy){.file = "test.yaml", .rules = rules, .rule_count = count};
}

static void rows(void **state)
{
	struct peer peers[] = {
		{.family = AMBIT_FAMILY_V4, .bits = 12, .addr = {172, 16}, .port_low = 5, .port_high = 9, .tcp = true},
		{.family = AMBIT_FAMILY_V6, .bits = 128, .addr = {[15] = 1}, .port_high = 65535, .udp = true},
	};
	struct rule rules[] = {
		{.id = 1, .peers = peers, .peer_count = 1},
		{.id = 2, .line = 7, .peers = peers, .peer_count = 2, .limits[LIMIT_EGRESS_DAY] = {9, 7}},
	};
	static const uint8_t mask[] = {255, 240, 0, 0};
	struct policy policy = policy_of(rules, ARRAY_SIZE(rules));
	struct ambit_limits row;
	struct diag diag = {};

	(void)state;
	policy.limits[LIMIT_CONNECTS].value = 3;
	assert_int_equal(ambit_limits_flags(&policy), AMBIT_CELL_CONNECTS | AMBIT_CELL_EGRESS);
	assert_int_equal(ambit_limits_compile(&policy, 77, &row, &diag), 0);
	assert_int_equal(row.destination_count, 2);
	assert_int_equal(row.rules[1], 2);
	assert_int_equal(row.lines[1], 7);
	assert_int_equal(row.buckets[0][LIMIT_CONNECTS].limit, 3);
	assert_int_equal(row.buckets[0][LIMIT_CONNECTS].room, 3 * BUCKET_PARTS);
	assert_int_equal(row.buckets[1][LIMIT_EGRESS_DAY].limit, 9);
	assert_int_equal(row.buckets[1][LIMIT_EGRESS_DAY].time, 77);
	assert_int_equal(row.buckets[1][LIMIT_CONNECTS].limit, 0);
	assert_memory_equal(row.destinations[0].mask, mask, sizeof(mask));
	assert_memory_equal(row.destinations[0].address, peers[0].addr, 16);
	assert_int_equal(row.destinations[0].port_high, 9);
	assert_true(row.destinations[0].tcp && !row.destinations[0].udp);
	assert_int_equal(row.destinations[1].group, 1);
	assert_int_equal(row.destinations[1].mask[1], UINT64_MAX);
	policy = policy_of(rules, 1);
	assert_int_equal(ambit_limits_flags(&policy), 0);
	policy.file_size.value = 1;
	assert_int_equal(ambit_limits_flags(&policy), AMBIT_CELL_FILE_SIZE);
}

static uint64_t hash_of(const char *bytes)
{
	uint64_t hash = DESTINATION_HASH;

	while (*bytes)
		hash = destination_hash(hash, (uint8_t)*bytes++);
	return hash;
}

/* Names: by their hash, and a bit each. */
static void names(void **state)
{
	struct peer peers[] = {
		{.family = AMBIT_FAMILY_V4, .bits = 32, .tcp = true},
		{.family = AMBIT_FAMILY_NAME, .name = "com.example", .port_low = 443, .port_high = 443, .tcp = true},
		{.family = AMBIT_FAMILY_NAME, .name = "com.example", .beneath = true, .udp = true},
	};
	struct rule rules[] = {
		{.id = 1, .peers = peers + 1, .peer_count = 1},
		{.id = 2, .peers = peers, .peer_count = 3, .limits[LIMIT_CONNECTS] = {9, 7}},
	};
	struct policy policy = policy_of(rules, ARRAY_SIZE(rules));
	struct ambit_limits row;
	struct diag diag = {};

	(void)state;
	assert_int_equal(ambit_limits_flags(&policy), AMBIT_CELL_CONNECTS | AMBIT_CELL_NAMED);
	assert_int_equal(ambit_limits_compile(&policy, 0, &row, &diag), 0);
	assert_int_equal(row.destination_count, 3);
	assert_int_equal(row.named, 6);
	assert_int_equal(row.destinations[0].mask[0], UINT32_MAX);
	for (unsigned i = 1; i < 3; i++) {
		assert_int_equal(row.destinations[i].family, AMBIT_FAMILY_NAME);
		assert_int_equal(row.destinations[i].address[0], hash_of("com.example"));
		assert_int_equal(row.destinations[i].address[1], i == 2);
		assert_int_equal(row.destinations[i].mask[0], 1U << i);
		assert_int_equal(row.destinations[i].group, 1);
	}
	assert_int_equal(row.destinations[1].port_low, 443);
	/* A rule for a name without limits is none of them, one for addresses alone needs no names. */
	rules[1].peer_count = 1;
	assert_int_equal(ambit_limits_flags(&policy), AMBIT_CELL_CONNECTS);
	assert_int_equal(ambit_limits_compile(&policy, 0, &row, &diag), 0);
	assert_int_equal(row.named, 0);
}

static uint64_t drawn(const struct ambit_limits *row, unsigned group, enum ambit_limit kind)
{
	return bucket_used(&row->buckets[group][kind]);
}

/* Of the cell, and of the rule that limits the same peers, whatever its place; of no other. */
static void carried(void **state)
{
	struct peer one[2] = {{.family = AMBIT_FAMILY_V4, .addr = {10, 0, 0, 1}, .bits = 32, .port_high = 65535,
				      .tcp = true},
		{.family = AMBIT_FAMILY_NAME, .name = "test.ok", .beneath = true, .port_high = 65535, .tcp = true}};
	struct peer turned[2] = {one[1], one[0]};
	struct peer other[1] = {{.family = AMBIT_FAMILY_V4, .addr = {10, 0, 0, 2}, .bits = 32, .port_high = 65535}};
	struct rule before[2] = {{.id = 1, .peers = one, .peer_count = 2, .limits[LIMIT_EGRESS_DAY] = {100, 1}},
		{.id = 2, .peers = other, .peer_count = 1, .limits[LIMIT_CONNECTS] = {5, 1}}};
	struct rule now[2] = {{.id = 7, .peers = one, .peer_count = 1, .limits[LIMIT_EGRESS_DAY] = {100, 1}},
		{.id = 9, .peers = turned, .peer_count = 2, .limits[LIMIT_EGRESS_DAY] = {30, 1}}};
	struct policy old = policy_of(before, 2), new = policy_of(now, 2);
	struct ambit_limits from, to;
	struct diag diag = {};

	(void)state;
	old.limits[LIMIT_CONNECTS] = (struct quota){10, 1};
	new.limits[LIMIT_CONNECTS] = (struct quota){20, 1};
	new.limits[LIMIT_EGRESS_HOUR] = (struct quota){50, 1};
	assert_int_equal(ambit_limits_compile(&old, 0, &from, &diag), 0);
	assert_int_equal(ambit_limits_compile(&new, 0, &to, &diag), 0);
	assert_true(draw(&from.buckets[0][LIMIT_CONNECTS], LIMIT_CONNECTS, 10, 0));
	assert_true(draw(&from.buckets[1][LIMIT_EGRESS_DAY], LIMIT_EGRESS_DAY, 40, 0));
	assert_true(draw(&from.buckets[2][LIMIT_CONNECTS], LIMIT_CONNECTS, 5, 0));
	ambit_limits_carry(&from, &to);
	assert_int_equal(drawn(&to, 0, LIMIT_CONNECTS), 10);
	assert_int_equal(drawn(&to, 0, LIMIT_EGRESS_HOUR), 0);
	assert_int_equal(drawn(&to, 1, LIMIT_EGRESS_DAY), 0);
	assert_int_equal(drawn(&to, 2, LIMIT_EGRESS_DAY), 30); /* all that there is now */
	assert_int_equal(ambit_limits_named(&to, "test.ok.a", 9), to.destinations[1].mask[0]);
	assert_int_equal(ambit_limits_named(&to, "test.ok", 7), 0);
	assert_int_equal(ambit_limits_named(&to, "test.okay", 9), 0);
}

static void too_many(void **state)
{
	struct peer peers[AMBIT_DESTINATIONS_MAX + 1] = {};
	struct rule rules[AMBIT_LIMIT_GROUPS] = {};
	struct policy policy = policy_of(rules, AMBIT_LIMIT_GROUPS - 1);
	struct ambit_limits row;
	struct diag diag = {};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		rules[i] = (struct rule){.line = (unsigned)i + 1, .peers = peers, .peer_count = 2,
			.limits[LIMIT_CONNECTS] = {1, 1}};
	assert_int_equal(ambit_limits_compile(&policy, 0, &row, &diag), 0);
	policy.rule_count++;
	assert_int_equal(ambit_limits_compile(&policy, 0, &row, &diag), -E2BIG);
	assert_int_equal(diag.line, AMBIT_LIMIT_GROUPS);
	ambit_diag_clear(&diag);
	policy.rule_count = 1;
	rules[0].peer_count = ARRAY_SIZE(peers);
	assert_int_equal(ambit_limits_compile(&policy, 0, &row, &diag), -E2BIG);
	ambit_diag_clear(&diag);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_its_limit),
		cmocka_unit_test(neither_more_nor_less),
		cmocka_unit_test(time_that_goes_back),
		cmocka_unit_test(rows),
		cmocka_unit_test(names),
		cmocka_unit_test(carried),
		cmocka_unit_test(too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
