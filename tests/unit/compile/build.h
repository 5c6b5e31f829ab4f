/* SPDX-License-Identifier: Apache-2.0 */
/* Resolved policies for tests, made without any text. */
#ifndef AMBIT_TEST_BUILD_H
#define AMBIT_TEST_BUILD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/util.h"
#include "compile/tables.h"

static inline struct policy *build_policy(void)
{
	struct policy *policy = NULL;

	assert_int_equal(ambit_policy_empty("test", MODE_ENFORCE, &policy), 0);
	return policy;
}

static inline struct rule *build_rule(
	struct policy *policy, enum ambit_op op, enum ambit_verdict verdict)
{
	struct rule *rule;

	policy->rules = reallocarray(policy->rules, policy->rule_count + 1, sizeof(*policy->rules));
	assert_non_null(policy->rules);
	rule = &policy->rules[policy->rule_count++];
	*rule = (struct rule){
		.id = (uint32_t)policy->rule_count,
		.op = op,
		.verdict = verdict,
		.line = (unsigned)policy->rule_count + 10,
	};
	return rule;
}

static inline void build_path(
	struct policy *policy, enum ambit_op op, enum ambit_verdict verdict, const char *pattern)
{
	struct rule *rule = build_rule(policy, op, verdict);

	rule->text = strdup(pattern);
	rule->paths = calloc(1, sizeof(*rule->paths));
	rule->paths[rule->path_count++] = strdup(pattern);
}

/* A peer of unix sockets that is no path. */
static inline void build_name(
	struct policy *policy, enum ambit_verdict verdict, const char *pattern)
{
	struct rule *rule = build_rule(policy, OP_UNIX, verdict);

	rule->text = strdup(pattern);
	rule->names = calloc(1, sizeof(*rule->names));
	rule->names[rule->name_count++] = strdup(pattern);
}

static inline void build_peer(struct policy *policy, enum ambit_op op, enum ambit_verdict verdict,
	const struct peer *peer)
{
	struct rule *rule = build_rule(policy, op, verdict);

	rule->text = strdup("peer");
	rule->peers = calloc(1, sizeof(*rule->peers));
	rule->peers[rule->peer_count++] = *peer;
}

static inline struct tables *build_tables(const struct policy *policy)
{
	struct tables *tables = NULL;
	struct diag diag = {};
	int r = ambit_tables_compile(policy, &diag, &tables);

	if (r >= 0)
		r = ambit_tables_name(tables, policy, &diag);
	if (r < 0)
		fail_msg("%s", diag.text);
	return tables;
}

/* Random numbers that are the same in every run (xorshift64). */
static inline uint64_t build_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static inline unsigned build_pick(uint64_t *seed, unsigned below)
{
	return (unsigned)(build_random(seed) >> 11) % below;
}

#endif
