/* SPDX-License-Identifier: Apache-2.0 */
/* Size, limits and layout of the tables. */
#include <stdio.h>
#include "build.h"

static void empty_policy(void **state)
{
	_cleanup_(policy_cleanup) struct policy *policy = build_policy();
	_cleanup_(tables_cleanup) struct tables *tables = build_tables(policy);
	const uint8_t addr[16] = {127, 0, 0, 1};
	struct ambit_head head;
	(void)state;

	memcpy(&head, tables->segments[0].words, sizeof(head));
	assert_int_equal(head.abi, AMBIT_ABI);
	assert_int_equal(head.segments, 1);
	assert_int_equal(tables->segment_count, 1);
	for (unsigned op = 0; op < AMBIT_COLUMNS; op++) {
		assert_int_equal(head.path_start[op], 0);
		assert_int_equal(ambit_tables_path(tables, op, "", 0).reason, REASON_NO_RULE);
		assert_int_equal(ambit_tables_path(tables, op, "/a/b", 4).verdict, VERDICT_DENY);
	}
	assert_int_equal(head.peer_start, 0);
	assert_int_equal(tables->state_count, 0);
	assert_int_equal(
		ambit_tables_peer(tables, OP_CONNECT, AMBIT_PROTO_UDP, AMBIT_FAMILY_V4, addr, 53)
			.verdict,
		VERDICT_DENY);
}

/* More accepts than one segment holds, and rows in many segments. Denying rules have accepts of their
 * own; allowing ones have one together, and are told apart all the same. */
static void many_rules(void **state)
{
	_cleanup_(policy_cleanup) struct policy *policy = build_policy();
	_cleanup_(tables_cleanup) struct tables *tables = NULL;
	char path[64];
	(void)state;

	build_path(policy, OP_READ, VERDICT_DENY, "/**/*.pem");
	build_path(policy, OP_READ, VERDICT_DENY, "/**/*.key");
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(path, sizeof(path), "/srv/%03u/project-%u", i % 100, i * 7919);
		build_path(policy, OP_READ, i % 2 ? VERDICT_DENY : VERDICT_ALLOW, path);
	}
	tables = build_tables(policy);
	assert_true(tables->segment_count > 4);
	assert_int_equal(tables->accept_count, 2500 + 3);
	assert_true(tables->accept_count * AMBIT_ACCEPT_WORDS > AMBIT_SEGMENT_WORDS);
	for (unsigned i = 0; i < 5000; i++) {
		int length = snprintf(
			path, sizeof(path), "/srv/%03u/project-%u/x.pe", i % 100, i * 7919);
		struct decision decision = ambit_tables_path(tables, OP_READ, path, (size_t)length);

		assert_int_equal(decision.verdict, i % 2 ? VERDICT_DENY : VERDICT_ALLOW);
		assert_int_equal(decision.rule, i + 3);
		strcat(path, "m");
		decision = ambit_tables_path(tables, OP_READ, path, (size_t)length + 1);
		assert_int_equal(decision.verdict, VERDICT_DENY);
		/* Nothing is tracked beneath what is denied, so that rule stays. */
		assert_int_equal(decision.rule, i % 2 ? i + 3 : 1);
	}
}

/* No row leaves its segment, no transition leads anywhere but to a row. */
static void check_layout(const struct tables *tables)
{
	uint64_t last = (uint64_t)tables->segment_count * AMBIT_SEGMENT_WORDS;

	for (uint64_t at = AMBIT_HEAD_WORDS + tables->accept_count * AMBIT_ACCEPT_WORDS; at < last;
		at++) {
		uint64_t word =
			tables->segments[at / AMBIT_SEGMENT_WORDS].words[at % AMBIT_SEGMENT_WORDS];
		uint32_t base = (uint32_t)(word >> 32 & 0xffff) - 1, next = (uint32_t)word;
		uint64_t row;

		if (!word)
			continue;
		assert_true(base <= AMBIT_SEGMENT_WORDS - AMBIT_ROW_WORDS);
		assert_true(at % AMBIT_SEGMENT_WORDS >= base);
		assert_true(at % AMBIT_SEGMENT_WORDS < base + AMBIT_ROW_WORDS);
		if (!next)
			continue;
		assert_true(next < last);
		row = tables->segments[next / AMBIT_SEGMENT_WORDS]
			      .words[next % AMBIT_SEGMENT_WORDS];
		assert_int_equal(row >> 32 & 0xffff, next % AMBIT_SEGMENT_WORDS + 1);
	}
}

static void layout(void **state)
{
	static const char *const patterns[] = {"/**/*.pem", "/**/a*b?c*", "/[!a]/**/x[a-f]*",
		"/usr", "/**/[\x01-\x7f]*/y", "/**/*secret*", "/home/*/.ssh"};
	_cleanup_(policy_cleanup) struct policy *policy = build_policy();
	_cleanup_(tables_cleanup) struct tables *tables = NULL;
	char path[32];
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++)
		build_path(policy, OP_WRITE, i % 2 ? VERDICT_ALLOW : VERDICT_DENY, patterns[i]);
	for (unsigned i = 0; i < 300; i++) {
		snprintf(path, sizeof(path), "/d%u/e%u", i % 7, i);
		build_path(policy, OP_WRITE, VERDICT_ALLOW, path);
	}
	tables = build_tables(policy);
	check_layout(tables);
}

/* Patterns that look for something anywhere in a name must not multiply. */
static void contains_patterns(void **state)
{
	_cleanup_(policy_cleanup) struct policy *policy = build_policy();
	_cleanup_(tables_cleanup) struct tables *tables = NULL;
	char pattern[32];
	(void)state;

	build_path(policy, OP_READ, VERDICT_ALLOW, "/srv");
	for (unsigned i = 0; i < 24; i++) {
		snprintf(pattern, sizeof(pattern), "/**/*%c%cx*", 'a' + i, 'z' - i);
		build_path(policy, OP_READ, VERDICT_DENY, pattern);
	}
	tables = build_tables(policy);
	assert_true(tables->state_count < 5000);
}

static void explosion_is_refused(void **state)
{
	_cleanup_(policy_cleanup) struct policy *policy = build_policy();
	struct tables *tables = NULL;
	struct diag diag = {};
	(void)state;

	build_path(policy, OP_READ, VERDICT_ALLOW, "/srv");
	build_path(policy, OP_READ, VERDICT_DENY, "/**/*a????????????????????????b");
	build_path(policy, OP_READ, VERDICT_DENY, "/**/*.pem");
	assert_int_equal(ambit_tables_compile_within(policy, 20000, &diag, &tables), -E2BIG);
	assert_null(tables);
	assert_int_equal(diag.line, 12);
	assert_non_null(strstr(diag.text, "/**/*a????????????????????????b"));
	ambit_diag_clear(&diag);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_policy),
		cmocka_unit_test(many_rules),
		cmocka_unit_test(layout),
		cmocka_unit_test(contains_patterns),
		cmocka_unit_test(explosion_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
