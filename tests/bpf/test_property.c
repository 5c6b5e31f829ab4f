/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random policies and paths at the limits: 1 to 400 components, up to the 4,095 bytes that a path
 * can have, names of 1 to 255 bytes of any value. The BPF matcher has to agree with a plain one,
 * which knows no automaton, and with what one byte more, less or other makes of the same path: so
 * nothing is cut off, and nothing allowed by accident.
 */
#include <stdio.h>
#include "../unit/compile/build.h"
#include "harness.h"
#include "policy/glob.h"
#include "policy/pattern.h"

#define POLICIES	250
#define DEPTH_MAX	400
#define NAME_LENGTH_MAX 255
#define LENGTH_MAX	(AMBIT_PATH_SIZE - 1)

struct count {
	unsigned pairs, allowed, denied, no_rule;
	unsigned depths[DEPTH_MAX + 1], names[NAME_LENGTH_MAX + 1], bytes[256],
		lengths[AMBIT_PATH_SIZE];
};

static struct count count;

/* --- paths --- */

static const char *const parts[] = {"a", "b", "ab", "secret", ".env", "x.pem", "usr", " (deleted)"};

/* Appends "/NAME" with a random name of `length` bytes; returns the new end. */
static uint32_t add_random(char *path, uint32_t at, uint32_t length)
{
	path[at++] = '/';
	for (uint32_t i = 0; i < length; i++) {
		char byte = (char)(1 + rnd(255));

		path[at++] = byte == '/' ? '\n' : byte;
	}
	return at;
}

/* A path of exactly `depth` names within `room` bytes, at least 2 a name. */
static uint32_t path_random(char *path, uint32_t depth, uint32_t room)
{
	uint32_t at = 0;

	for (uint32_t left = depth; left; left--) {
		/* What may be spent here, and still leave the others two bytes each. */
		uint32_t spare = room - at - 2 * left,
			 most = 1 + (spare < NAME_LENGTH_MAX - 1 ? spare : NAME_LENGTH_MAX - 1);
		const char *part = parts[rnd(ARRAY_SIZE(parts))];
		uint32_t even = 2 * (spare / left) + 1;

		if (rnd(6) == 0 && strlen(part) <= most)
			at += (uint32_t)sprintf(path + at, "/%s", part);
		else
			at = add_random(path, at, 1 + rnd(rnd(4) && even < most ? even : most));
	}
	return at;
}

/* Another path that is nearly `path`: a byte other, one less, one more. */
static uint32_t path_near(char *path, uint32_t length)
{
	uint32_t at = length - 1;

	switch (rnd(4)) {
	case 0:
		path[at] = path[at] == 'q' ? 'r' : 'q';
		return length;
	case 1:
		return at && path[at - 1] != '/' ? at : length;
	case 2:
		if (length < LENGTH_MAX &&
			path + length - (char *)memrchr(path, '/', length) <= NAME_LENGTH_MAX)
			path[length++] = 'q';
		return length;
	default:
		at = 1 + rnd(length - 1);
		if (path[at] != '/' && path[at - 1] != '/')
			path[at] = path[at] == 'q' ? 'r' : 'q';
		return length;
	}
}

/* --- policies --- */

static void glob_random(char *text, size_t size)
{
	static const char *const globs[] = {
		"*", "**", "a*", "*.pem", ".env*", "?", "[!a-z]", "*b*"};
	size_t used = (size_t)snprintf(text, size, "%s", rnd(2) ? "/**" : "");

	for (unsigned i = 0, depth = 1 + rnd(3); i < depth; i++)
		used += (size_t)snprintf(text + used, size - used, "/%s",
			rnd(3) ? parts[rnd(ARRAY_SIZE(parts))] : globs[rnd(ARRAY_SIZE(globs))]);
}

/* The start of one of `paths`, up to the end of a name, as long as it is if `whole`. */
static char *start_of(const struct path_case *path, bool whole)
{
	char start[AMBIT_PATH_SIZE];
	uint32_t length = path->length;

	while (!whole && length > 1 && (path->path[length - 1] == '/' || rnd(8)))
		length = (uint32_t)((const char *)memrchr(path->path, '/', length - 1) - path->path)
				 ?: 1;
	memcpy(start, path->path, length);
	start[length] = '\0';
	return glob_escape(start);
}

/* Globs for every operation; for reading, all or some of it is allowed too, and the whole of one
 * path and the start of another denied. */
static struct policy *policy_random(const struct path_case *paths)
{
	struct policy *policy = build_policy();
	char glob[256];

	for (unsigned op = OP_READ; op <= OP_EXEC; op++) {
		for (unsigned i = 0; i < 4; i++) {
			glob_random(glob, sizeof(glob));
			build_path(policy, (enum ambit_op)op, rnd(2) ? VERDICT_ALLOW : VERDICT_DENY,
				glob);
		}
	}
	for (unsigned i = 0; i < 2; i++) {
		_cleanup_free_ char *deny = start_of(&paths[rnd(CASES)], i == 0);
		_cleanup_free_ char *allow = start_of(&paths[rnd(CASES)], i == 0);

		build_path(policy, OP_READ, VERDICT_DENY, deny);
		build_path(policy, OP_WRITE, VERDICT_ALLOW, allow);
	}
	build_path(policy, OP_READ, VERDICT_ALLOW, rnd(3) ? "/" : "/**/a");
	return policy;
}

/* --- the plain matcher --- */

static struct decision decide(const struct policy *policy, enum ambit_op op, const char *path)
{
	struct decision decision = {.verdict = VERDICT_DENY, .reason = REASON_NO_RULE};

	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct rule *rule = &policy->rules[i];

		if (rule->op != op || !pattern_covers(rule->paths[0], path))
			continue;
		decision = (struct decision){.verdict = rule->verdict, .reason = REASON_RULE};
		if (rule->verdict == VERDICT_DENY)
			break;
	}
	return decision;
}

/* --- the test --- */

static void check(const struct policy *policy, const struct path_case *c)
{
	for (unsigned op = OP_READ; op <= OP_EXEC; op++) {
		struct decision expected = decide(policy, (enum ambit_op)op, c->path);
		const struct case_result *got = &c->results[op];

		if (got->error || got->verdict != expected.verdict ||
			(expected.verdict == VERDICT_DENY && got->reason != expected.reason))
			fail_msg("op %u, %u bytes: BPF error %u verdict %u reason %u, plain %d "
				 "reason %d",
				op, c->length, got->error, got->verdict, got->reason,
				(int)expected.verdict, (int)expected.reason);
		count.pairs++;
		count.allowed += expected.verdict == VERDICT_ALLOW;
		count.denied += expected.reason == REASON_RULE && expected.verdict == VERDICT_DENY;
		count.no_rule += expected.reason == REASON_NO_RULE;
	}
}

static void take_stock(const struct path_case *c)
{
	uint32_t depth = 0, name = 0;

	for (uint32_t i = 0; i < c->length; i++) {
		count.bytes[(uint8_t)c->path[i]]++;
		if (c->path[i] == '/')
			depth++;
		name = c->path[i] == '/' ? 0 : name + 1;
		if (i + 1 == c->length || c->path[i + 1] == '/')
			count.names[name]++;
	}
	count.depths[depth]++;
	count.lengths[c->length]++;
}

static void make_paths(struct path_case *paths, uint32_t round)
{
	for (uint32_t i = 0; i < CASES; i++) {
		/* Every depth comes, and a third of the paths are as long as they can be. */
		uint32_t depth = 1 + (round * CASES + i) % DEPTH_MAX;
		uint32_t room = rnd(3) ? 2 * depth + rnd(LENGTH_MAX - 2 * depth + 1) : LENGTH_MAX;
		struct path_case *c = &paths[i];

		memset(c, 0, sizeof(*c));
		c->policy = 1;
		/* Half of them are near to the one before. */
		if (i % 2 && rnd(2)) {
			memcpy(c->path, paths[i - 1].path, sizeof(c->path));
			c->length = path_near(c->path, paths[i - 1].length);
			c->path[c->length] = '\0';
		} else {
			c->length = path_random(c->path, depth, room);
		}
	}
}

static unsigned kinds(const unsigned *counts, size_t size)
{
	unsigned seen = 0;

	for (size_t i = 0; i < size; i++)
		seen += counts[i] != 0;
	return seen;
}

static void test_limits(void **context)
{
	struct path_case *paths = calloc(CASES, sizeof(*paths)), c;
	int map = bpf_map__fd(skeleton->maps.path_cases);
	uint32_t longest = LENGTH_MAX;

	(void)context;
	assert_non_null(paths);
	for (uint32_t round = 0; round < POLICIES; round++) {
		_cleanup_(policy_cleanup) struct policy *policy = NULL;
		_cleanup_(tables_cleanup) struct tables *tables = NULL;

		make_paths(paths, round);
		policy = policy_random(paths);
		tables = build_tables(policy);
		install(1, tables);
		for (uint32_t i = 0; i < CASES; i++) {
			take_stock(&paths[i]);
			name_find(&paths[i]);
			assert_int_equal(bpf_map_update_elem(map, &i, &paths[i], 0), 0);
		}
		run(skeleton->progs.test_paths);
		for (uint32_t i = 0; i < CASES; i++) {
			assert_int_equal(bpf_map_lookup_elem(map, &i, &c), 0);
			check(policy, &c);
		}
	}
	while (!count.lengths[longest])
		longest--;
	print_message("%u (policy, path) pairs, %u questions: %u allowed, %u denied by a rule, %u "
		      "by none\n",
		POLICIES * CASES, count.pairs, count.allowed, count.denied, count.no_rule);
	print_message("%u depths, longest path %u bytes, names of %u lengths, %u byte values\n",
		kinds(count.depths, DEPTH_MAX + 1), longest,
		kinds(count.names, NAME_LENGTH_MAX + 1), kinds(count.bytes, 256));
	free(paths);
	/* A run that saw one verdict only, or not the limits, would prove nothing. */
	assert_true(count.allowed > 10000 && count.denied > 10000 && count.no_rule > 10000);
	for (unsigned depth = 1; depth <= DEPTH_MAX; depth++)
		assert_true(count.depths[depth]);
	for (unsigned length = 1; length <= NAME_LENGTH_MAX; length++)
		assert_true(count.names[length]);
	assert_int_equal(kinds(count.bytes, 256), 255);
	assert_int_equal(longest, LENGTH_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limits),
	};

	if (geteuid() != 0) {
		print_message("BPF_PROG_TEST_RUN needs root\n");
		return 77;
	}
	return cmocka_run_group_tests_name("bpf limits", tests, harness_open, harness_close);
}
