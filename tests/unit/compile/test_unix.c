/* SPDX-License-Identifier: Apache-2.0 */
/* The automaton for unix sockets: abstract names and cells beside the paths. */
#include "build.h"

/* Peers of unix sockets that are no path stand beside the paths, and neither covers the other. */
static void peers_without_a_path(void **state)
{
	static const struct {
		const char *text;
		size_t length;
		bool allowed;
	} cases[] = {
#define CASE(text, allowed) {text, sizeof(text) - 1, allowed}
		CASE("abstract:one", true),
		CASE("abstract:one/more", true),
		CASE("abstract:ones", false),
		CASE("abstract:one\0", false), /* filled up with NULs: another name */
		CASE("abstract:on", false),
		CASE("abstract:", false),
		CASE("abstract:any", true),
		CASE("abstract:any\0\0", true),
		CASE("abstract:any\xff\n", true),
		CASE("abstract:an/y", false),
		CASE("abstract:anything-not", false),
		CASE("abstract:anything-not/more", false),
		CASE("abstract:s/a", true),
		CASE("abstract:s/ab", false),
		CASE("cell:one", false),
		CASE("cell:builder", true),
		CASE("cell:builder-2", false),
		CASE("one", false),
		CASE("/one", false),
		CASE("/run/x", true),
		CASE("/abstract:one", false),
		CASE("/run/deny", false),
#undef CASE
	};
	static const struct {
		enum ambit_verdict verdict;
		const char *text;
	} rules[] = {
		{VERDICT_ALLOW, "abstract:one"}, {VERDICT_ALLOW, "abstract:any*"},
		{VERDICT_ALLOW, "abstract:s/[a]"}, {VERDICT_ALLOW, "cell:build*"},
		{VERDICT_DENY, "abstract:any*-not"}, {VERDICT_DENY, "cell:*-2"},
	};
	_cleanup_(policy_cleanup) struct policy *policy = build_policy();
	_cleanup_(tables_cleanup) struct tables *tables = NULL;

	(void)state;
	build_path(policy, OP_UNIX, VERDICT_ALLOW, "/run");
	build_path(policy, OP_UNIX, VERDICT_DENY, "/**/deny");
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		build_name(policy, rules[i].verdict, rules[i].text);
	tables = build_tables(policy);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct decision decision = ambit_tables_path(
			tables, OP_UNIX, cases[i].text, cases[i].length);

		if ((decision.verdict == VERDICT_ALLOW) != cases[i].allowed)
			fail_msg("%s", cases[i].text);
	}
}

/* All of the file system says nothing of them, and all of them nothing of it. */
static void all_of_one_kind(void **state)
{
	_cleanup_(policy_cleanup) struct policy *paths = build_policy(), *peers = build_policy();
	_cleanup_(tables_cleanup) struct tables *by_path = NULL, *by_name = NULL;

	(void)state;
	build_path(paths, OP_UNIX, VERDICT_ALLOW, "/**");
	build_path(paths, OP_UNIX, VERDICT_ALLOW, "/");
	build_name(peers, VERDICT_ALLOW, "abstract:*");
	by_path = build_tables(paths);
	by_name = build_tables(peers);
	assert_int_equal(ambit_tables_path(by_path, OP_UNIX, "/x", 2).verdict, VERDICT_ALLOW);
	assert_int_equal(ambit_tables_path(by_path, OP_UNIX, "abstract:x", 10).verdict, VERDICT_DENY);
	assert_int_equal(ambit_tables_path(by_path, OP_UNIX, "cell:x", 6).verdict, VERDICT_DENY);
	assert_int_equal(ambit_tables_path(by_name, OP_UNIX, "/x", 2).verdict, VERDICT_DENY);
	assert_int_equal(ambit_tables_path(by_name, OP_UNIX, "abstract:/x/y", 13).verdict, VERDICT_ALLOW);
	assert_int_equal(ambit_tables_path(by_name, OP_UNIX, "cell:x", 6).verdict, VERDICT_DENY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(peers_without_a_path),
		cmocka_unit_test(all_of_one_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
