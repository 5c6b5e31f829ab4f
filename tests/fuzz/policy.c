/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer: any bytes as a policy, from the text to the tables. What compiles has to answer every
 * question; what does not has to say why. Run from the root of the tree, where policies/sets is.
 */
#include <stdlib.h>
#include <string.h>
#include "base/util.h"
#include "compile/tables.h"
#include "policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Small, so that a policy that explodes costs a fraction of a second. */
#define STATES 3000

static const char *lookup(const char *name, void *data)
{
	(void)data;
	return !strcmp(name, "dir") ? "/srv/[a]*" : !strcmp(name, "word") ? "x-y" : NULL;
}

static const struct policy_env env = {
	.home = "/home/user",
	.cwd = "/home/user/project",
	.sets_dir = "policies/sets",
	.lookup = lookup,
};

/* Asks for the patterns themselves, which are near to what they cover. */
static void ask(const struct policy *policy, const struct tables *tables)
{
	static const uint8_t addr[16] = {127, 0, 0, 1};

	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct rule *rule = &policy->rules[i];

		for (size_t p = 0; p < rule->path_count; p++)
			ambit_tables_path(tables, rule->op, rule->paths[p], strlen(rule->paths[p]));
		for (size_t p = 0; p < rule->peer_count; p++)
			ambit_tables_peer(tables, rule->op, AMBIT_PROTO_TCP, rule->peers[p].family,
				rule->peers[p].addr, rule->peers[p].port_low);
	}
	ambit_tables_peer(tables, OP_CONNECT, AMBIT_PROTO_UDP, AMBIT_FAMILY_V4, addr, 53);
}

static void run(const char *text, size_t size, struct diags *diags)
{
	_cleanup_(policy_cleanup) struct policy *policy = NULL;
	_cleanup_(tables_cleanup) struct tables *tables = NULL;
	struct diag diag = {};

	if (ambit_policy_parse("fuzz.yaml", text, size, diags, &policy) < 0 ||
		ambit_policy_resolve(policy, &env, diags) < 0) {
		if (!diags->count)
			abort();
		return;
	}
	if (diags->count)
		abort();
	if (ambit_tables_compile_within(policy, STATES, &diag, &tables) < 0) {
		if (!diag.text)
			abort();
	} else {
		ask(policy, tables);
	}
	ambit_diag_clear(&diag);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = malloc(size + 1);
	struct diags diags = {};

	/* Files with NUL bytes never come this far (ambit_policy_read). */
	if (!text || memchr(data, '\0', size))
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	run(text, size, &diags);
	ambit_diags_clear(&diags);
	return 0;
}
