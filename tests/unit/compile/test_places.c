/* SPDX-License-Identifier: Apache-2.0 */
/* Places that a wide rule does not cover, and those that no rule covers. */
#include "build.h"
#include <stdio.h>
#include <sys/stat.h>

static void reserved_places_have_to_be_named(void **state)
{
	static const struct {
		const char *pattern, *path;
		enum ambit_reason reason; /* RULE: allowed */
	} cases[] = {
		{"/", "/x", REASON_RULE},
		{"/", "/proc/sys/kernel/core_pattern", REASON_RESERVED},
		{"/", "/sys", REASON_RESERVED},
		{"/**/x", "/sys/x", REASON_RESERVED},
		{"/*", "/proc/sysrq-trigger", REASON_RESERVED},
		{"/pro[c]", "/proc/sysrq-trigger", REASON_RESERVED},
		{"/pro*/self", "/proc/self/comm", REASON_RESERVED},
		{"/procs", "/procs/x", REASON_RULE},
		{"/", "/system", REASON_RULE},
		{"/proc", "/proc/sys/x", REASON_RULE},
		{"/pr\\oc", "/proc/sys/x", REASON_RULE},
		{"/proc/self", "/proc/self/comm", REASON_RULE},
		{"/proc/self", "/proc/sys/x", REASON_NO_RULE},
		{"/proc/*/comm", "/proc/7/comm", REASON_RULE},
		{"/sys/fs/cgroup", "/sys/fs/cgroup/x/cgroup.procs", REASON_RULE},
		{"/mnt", "/mnt/bpf/ambit", REASON_RESERVED},
		{"/mnt", "/mnt/bpf", REASON_RESERVED},
		{"/mnt", "/mnt/bpfx", REASON_RULE},
		{"/mnt/bpf/x", "/mnt/bpf/x/y", REASON_RULE},
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(policy_cleanup) struct policy *policy = build_policy();
		_cleanup_(tables_cleanup) struct tables *tables = NULL;
		const char *path = cases[i].path;
		struct decision decision;

		build_path(policy, OP_WRITE, VERDICT_ALLOW, cases[i].pattern);
		build_path(policy, OP_READ, VERDICT_ALLOW, "/");
		policy->reserved = calloc(1, sizeof(*policy->reserved));
		policy->reserved[policy->reserved_count++] = strdup("/mnt/bpf");
		tables = build_tables(policy);
		decision = ambit_tables_path(tables, OP_WRITE, path, strlen(path));
		if (decision.reason != cases[i].reason ||
			(decision.verdict == VERDICT_ALLOW) != (cases[i].reason == REASON_RULE))
			fail_msg("%s and %s: reason %u", cases[i].pattern, path, decision.reason);
		decision = ambit_tables_path(tables, OP_READ, path, strlen(path));
		assert_int_equal(decision.verdict, VERDICT_ALLOW);
	}
}

static void guarded_places_beat_every_rule(void **state)
{
	_cleanup_(policy_cleanup) struct policy *policy = build_policy();
	_cleanup_(tables_cleanup) struct tables *tables = NULL;
	static const struct {
		enum ambit_op op;
		const char *path;
		enum ambit_reason reason;
		enum ambit_verdict verdict;
	} cases[] = {
		{OP_WRITE, "/run/ambit", REASON_GUARD, VERDICT_DENY},
		{OP_WRITE, "/run/ambit/x", REASON_GUARD, VERDICT_DENY},
		{OP_READ, "/run/ambit/x", REASON_RULE, VERDICT_ALLOW},
		{OP_WRITE, "/run/ambits", REASON_RULE, VERDICT_ALLOW},
		{OP_WRITE, "/run", REASON_RULE, VERDICT_ALLOW},
		{OP_WRITE, "/sys/fs/bpf/ambit/x", REASON_GUARD, VERDICT_DENY},
		{OP_WRITE, "/sys/fs/bpf/other", REASON_RULE, VERDICT_ALLOW},
		{OP_WRITE, "/a*b", REASON_GUARD, VERDICT_DENY},
		{OP_WRITE, "/aab", REASON_RULE, VERDICT_ALLOW},
	};
	(void)state;

	build_path(policy, OP_WRITE, VERDICT_ALLOW, "/");
	build_path(policy, OP_WRITE, VERDICT_ALLOW, "/run/ambit/x");
	build_path(policy, OP_WRITE, VERDICT_ALLOW, "/sys/fs/bpf");
	build_path(policy, OP_READ, VERDICT_ALLOW, "/");
	assert_int_equal(ambit_policy_guard(policy, "/run/ambit", 1U << OP_WRITE), 0);
	assert_int_equal(ambit_policy_guard(policy, "/sys/fs/bpf/ambit", 1U << OP_WRITE), 0);
	assert_int_equal(ambit_policy_guard(policy, "/a*b", 1U << OP_WRITE), 0);
	tables = build_tables(policy);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct decision decision = ambit_tables_path(
			tables, cases[i].op, cases[i].path, strlen(cases[i].path));

		if (decision.verdict != cases[i].verdict || decision.reason != cases[i].reason)
			fail_msg("%s: %u %u", cases[i].path, decision.verdict, decision.reason);
	}
}

/* The place where a link leads is guarded, and the link. */
static void links_to_guarded_places_are_guarded(void **state)
{
	_cleanup_(policy_cleanup) struct policy *policy = build_policy();
	_cleanup_(tables_cleanup) struct tables *tables = NULL;
	char dir[] = "/tmp/ambit-places.XXXXXX", path[128];
	static const struct {
		const char *name;
		enum ambit_op op;
		enum ambit_verdict verdict;
	} cases[] = {
		{"real/x", OP_WRITE, VERDICT_DENY},
		{"real/x", OP_READ, VERDICT_DENY},
		{"real/y", OP_WRITE, VERDICT_ALLOW},
		{"link", OP_WRITE, VERDICT_DENY},
		{"link", OP_READ, VERDICT_ALLOW},
		{"other", OP_WRITE, VERDICT_ALLOW},
	};
	(void)state;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/real", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/link", dir);
	assert_int_equal(symlink("real", path), 0);
	snprintf(path, sizeof(path), "%s/link/../link/x", dir);
	build_path(policy, OP_WRITE, VERDICT_ALLOW, "/");
	build_path(policy, OP_READ, VERDICT_ALLOW, "/");
	assert_int_equal(
		ambit_policy_guard(policy, path, 1U << OP_WRITE | 1U << OP_READ), 0);
	tables = build_tables(policy);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct decision decision;

		snprintf(path, sizeof(path), "%s/%s", dir, cases[i].name);
		decision = ambit_tables_path(tables, cases[i].op, path, strlen(path));
		if (decision.verdict != cases[i].verdict)
			fail_msg("%s %u: %u", cases[i].name, cases[i].op, decision.verdict);
	}
	snprintf(path, sizeof(path), "%s/link", dir);
	assert_int_equal(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/real", dir);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reserved_places_have_to_be_named),
		cmocka_unit_test(guarded_places_beat_every_rule),
		cmocka_unit_test(links_to_guarded_places_are_guarded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
