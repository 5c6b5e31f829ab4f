/* SPDX-License-Identifier: Apache-2.0 */
/* What is promised on which kernel, what is refused, and how it is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include "base/util.h"
#include "kernel/promise.h"

#define DYNAMIC "#1 SMP PREEMPT_DYNAMIC Debian"

static void preemption(void **state)
{
	static const struct {
		const char *debugfs, *cmdline, *version;
		enum preemption expected;
	} rows[] = {
		{"none (voluntary) full ", "quiet", DYNAMIC, PREEMPTION_OFF},
		{"(none) voluntary full ", NULL, DYNAMIC, PREEMPTION_OFF},
		{"none voluntary (full) ", "preempt=voluntary", DYNAMIC, PREEMPTION_ON},
		{"full (lazy) ", "quiet", DYNAMIC, PREEMPTION_ON},
		{"none (voluntary) full ", NULL, "#1 SMP PREEMPT_RT Debian", PREEMPTION_ON},
		{NULL, "quiet preempt=voluntary ro", DYNAMIC, PREEMPTION_OFF},
		{NULL, "preempt=voluntary preempt=full", DYNAMIC, PREEMPTION_ON},
		{NULL, "preempt=none\n", DYNAMIC, PREEMPTION_OFF},
		{NULL, "nopreempt=none", DYNAMIC, PREEMPTION_UNKNOWN},
		{NULL, "quiet", DYNAMIC, PREEMPTION_UNKNOWN},
		{NULL, NULL, DYNAMIC, PREEMPTION_UNKNOWN},
		{NULL, "quiet", "#1 SMP PREEMPT Debian", PREEMPTION_ON},
		{NULL, "quiet", "#1 SMP Debian", PREEMPTION_OFF},
		{NULL, NULL, NULL, PREEMPTION_UNKNOWN},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(
			preemption_of(rows[i].debugfs, rows[i].cmdline, rows[i].version),
			rows[i].expected);
}

/* A kernel that has everything. */
static struct facts good(void)
{
	struct facts facts = {.lsm = LSM_HAS_BPF, .lsm_list = "lockdown,yama,bpf",
		.preemption = PREEMPTION_OFF};

	memset(facts.present, true, sizeof(facts.present));
	return facts;
}

static void refused(const struct facts *facts, const char *words)
{
	struct diag diag = {};

	assert_int_equal(facts_refuse(facts, NEEDS_ALL, &diag), -ENOTSUP);
	assert_non_null(strstr(diag.text, words));
	assert_non_null(strstr(diag.text, "--best-effort"));
	ambit_diag_clear(&diag);
}

static void accepted(const struct facts *facts)
{
	struct diag diag = {};

	assert_int_equal(facts_refuse(facts, NEEDS_ALL, &diag), 0);
	assert_null(diag.text);
}

static void refusals(void **state)
{
	struct facts facts = good();

	(void)state;
	accepted(&facts);
	facts.lsm = LSM_LACKS_BPF;
	refused(&facts, "lsm=lockdown,yama,bpf,bpf");
	facts.lsm = LSM_UNKNOWN; /* the canary decides */
	accepted(&facts);
	facts = good();
	facts.label_fails = true;
	accepted(&facts);
	facts.preemption = PREEMPTION_ON;
	refused(&facts, "preempt=voluntary");
	facts.preemption = PREEMPTION_UNKNOWN;
	refused(&facts, "perhaps");
	facts.label_fails = false;
	accepted(&facts);
	facts.lsm_skips = true;
	refused(&facts, "preempt=voluntary");
}

static void missing_hook(void **state)
{
	struct facts facts = good();

	(void)state;
	for (int row = 0; row < HOOK_ROWS; row++) {
		facts.present[row] = false;
		if (hook_rows[row].must)
			refused(&facts, hook_rows[row].hook);
		else
			accepted(&facts);
		facts.present[row] = true;
	}
}

/* The first rule that asks for what is missing is named by its line. */
static void missing_for_policy(void **state)
{
	struct rule rules[] = {
		{.id = 1, .line = 5, .op = OP_READ, .verdict = VERDICT_ALLOW, .text = (char *)"/usr"},
		{.id = 2, .line = 7, .op = OP_WRITE, .verdict = VERDICT_ALLOW, .text = (char *)"/tmp"},
		{.id = 3, .line = 9, .op = OP_WRITE, .verdict = VERDICT_DENY, .text = (char *)"/etc"},
	};
	struct policy policy = {.file = (char *)"agent.yaml", .rules = rules,
		.rule_count = ARRAY_SIZE(rules)};
	struct facts facts = good();
	struct diag diag = {};

	(void)state;
	assert_int_equal(facts_refuse_policy(&facts, &policy, &diag), 0);
	facts.present[hook_row_of_hook("socket_connect")] = false; /* nobody asks for it */
	facts.present[hook_row_of_hook("inode_set_acl")] = false;  /* another hook does it */
	assert_int_equal(facts_refuse_policy(&facts, &policy, &diag), 0);
	facts.present[hook_row_of_hook("path_rename")] = false;
	assert_int_equal(facts_refuse_policy(&facts, &policy, &diag), -ENOTSUP);
	assert_string_equal(diag.file, "agent.yaml");
	assert_int_equal(diag.line, 7);
	assert_non_null(strstr(diag.text, "path_rename"));
	assert_non_null(strstr(diag.text, "\"write\" of \"/tmp\""));
	assert_int_equal(facts_refuse_policy(&facts, NULL, &diag), 0);
	ambit_diag_clear(&diag);
}

static void promises(void **state)
{
	struct facts facts = good();
	bool attached[HOOK_ROWS];
	char text[1024], small[16];

	(void)state;
	memset(attached, true, sizeof(attached));
	assert_string_equal(promise_text(&facts, false, NEEDS_ALL, attached, text, sizeof(text)), "");
	promise_text(&facts, true, NEEDS_ALL, attached, text, sizeof(text));
	assert_non_null(strstr(text, "skipped, that is, allowed"));
	assert_null(strstr(text, "preemptible"));
	facts.preemption = PREEMPTION_ON;
	promise_text(&facts, true, NEEDS_ALL, attached, text, sizeof(text));
	assert_non_null(strstr(text, "preemptible"));
	assert_string_equal(promise_text(&facts, false, NEEDS_ALL, attached, text, sizeof(text)), "");
	facts.label_fails = true;
	promise_text(&facts, false, NEEDS_ALL, attached, text, sizeof(text));
	assert_non_null(strstr(text, "preemptible"));
	facts = good();
	attached[hook_row_of_hook("path_rename")] = false;
	attached[hook_row_of_hook("bpf")] = false;
	attached[hook_row_of_hook("inode_set_acl")] = false;
	assert_string_equal(promise_text(&facts, false, NEEDS_ALL, attached, text, sizeof(text)),
		"not enforced, for lack of a hook: path_rename, bpf");
	assert_int_equal(strlen(promise_text(&facts, true, NEEDS_ALL, attached, small, sizeof(small))),
		sizeof(small) - 1);
}

/* What one policy needs and another does not: its absence stops the first and not the second. */
static void needs(void **state)
{
	struct rule rule = {.id = 1, .line = 5, .op = OP_EXEC, .verdict = VERDICT_ALLOW,
		.text = (char *)"/usr"};
	struct policy without = {.rules = &rule, .rule_count = 1}, with = without;
	const struct ambit_cell bound = {}, jit = {.flags = AMBIT_CELL_JIT},
				canary = {.flags = AMBIT_CELL_CANARY};
	struct facts facts = good();
	struct diag diag = {};
	char text[1024];
	int conditional = 0;

	(void)state;
	with.jit = true;
	assert_int_equal(cell_needs(&bound), policy_needs(&without));
	assert_int_equal(cell_needs(&jit), policy_needs(&with));
	assert_int_equal(cell_needs(&canary), policy_needs(&with));
	assert_int_equal(hook_lacking(policy_needs(NULL), facts.present), -1);
	for (int row = 0; row < HOOK_ROWS; row++) {
		bool needed = hook_needed(row, policy_needs(&with));

		if (hook_rows[row].when == WHEN_KEPT)
			continue; /* no policy asks for it */
		assert_true(hook_needed(row, policy_needs(NULL)));
		assert_true(hook_needed(row, policy_needs(&without)));
		if (needed)
			continue;
		conditional++;
		facts.present[row] = false;
		assert_int_equal(hook_lacking(policy_needs(&without), facts.present), row);
		assert_int_equal(hook_lacking(policy_needs(&with), facts.present), -1);
		assert_int_equal(facts_refuse(&facts, policy_needs(&with), &diag), 0);
		assert_int_equal(facts_refuse_policy(&facts, &with, &diag), 0);
		assert_string_equal(promise_text(&facts, false, policy_needs(&with), facts.present,
					    text, sizeof(text)), "");
		assert_null(diag.text);
		assert_int_equal(facts_refuse(&facts, policy_needs(&without), &diag), -ENOTSUP);
		assert_int_equal(facts_refuse_policy(&facts, &without, &diag), -ENOTSUP);
		assert_non_null(strstr(promise_text(&facts, false, policy_needs(&without),
					       facts.present, text, sizeof(text)),
			hook_rows[row].hook));
		ambit_diag_clear(&diag);
		facts.present[row] = true;
	}
	assert_int_equal(conditional, 2);
	/* Verdicts are kept where no run of a program is skipped. */
	assert_true(facts_keep(&facts));
	facts.present[HOOK_ROW_d_instantiate] = false;
	assert_false(facts_keep(&facts));
	assert_int_equal(facts_refuse(&facts, NEEDS_ALL, &diag), 0);
	facts.present[HOOK_ROW_d_instantiate] = true;
	facts.lsm_skips = true;
	facts.preemption = PREEMPTION_ON;
	assert_false(facts_keep(&facts));
	facts.preemption = PREEMPTION_OFF;
	assert_true(facts_keep(&facts));
	facts.lsm = LSM_LACKS_BPF;
	assert_false(facts_keep(&facts));
	facts.lsm = LSM_HAS_BPF;
	assert_false(hook_needed(hook_row_of_hook("mmap_addr"), policy_needs(&with)));
	assert_false(hook_needed(hook_row_of_hook("inode_init_security_anon"), policy_needs(&with)));
}

static void rows(void **state)
{
	(void)state;
	for (int row = 0; row < HOOK_ROWS; row++) {
		assert_int_equal(hook_row_of_hook(hook_rows[row].hook), row);
		assert_int_equal(hook_row_of_program(hook_rows[row].program), row);
	}
	assert_int_equal(hook_row_of_hook("no_such_hook"), -1);
	assert_int_equal(hook_row_of_program(""), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(preemption), cmocka_unit_test(refusals),
		cmocka_unit_test(missing_hook), cmocka_unit_test(missing_for_policy),
		cmocka_unit_test(promises), cmocka_unit_test(needs),
		cmocka_unit_test(rows)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
