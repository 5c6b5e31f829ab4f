/* SPDX-License-Identifier: Apache-2.0 */
/* A policy that is narrowed by another one decides as both do, whatever they say. */
#include <stdio.h>
#include "build.h"

#define POLICIES 400
#define QUESTIONS 60

static const char *const names[] = {"a", "b", "ab", "*", "a*", "[ab]", "**"};

static void random_path(uint64_t *seed, bool pattern, char *ret, size_t size)
{
	size_t at = 0;

	for (unsigned i = 0, count = 1 + build_pick(seed, 4); i < count; i++)
		at += (size_t)snprintf(ret + at, size - at, "/%s", names[build_pick(seed, pattern ? 7 : 3)]);
}

static struct policy *random_policy(uint64_t *seed)
{
	struct policy *policy = build_policy();
	char path[64];

	for (unsigned i = 0, count = build_pick(seed, 6); i < count; i++) {
		const bool deny = build_pick(seed, 3) == 0;
		struct peer peer = {
			.family = AMBIT_FAMILY_V4,
			.bits = (uint8_t)(8 * (1 + build_pick(seed, 4))),
			.addr = {10, (uint8_t)build_pick(seed, 2), (uint8_t)build_pick(seed, 2), 1},
			.port_low = (uint16_t)(80 + build_pick(seed, 3)),
			.port_high = (uint16_t)(82 + build_pick(seed, 3)),
			.tcp = true,
			.udp = build_pick(seed, 2),
		};

		random_path(seed, true, path, sizeof(path));
		build_path(policy, build_pick(seed, 2) ? OP_READ : OP_EXEC,
			deny ? VERDICT_DENY : VERDICT_ALLOW, path);
		for (unsigned byte = peer.bits / 8; byte < 4; byte++)
			peer.addr[byte] = 0;
		build_peer(policy, build_pick(seed, 2) ? OP_CONNECT : OP_LISTEN,
			deny ? VERDICT_DENY : VERDICT_ALLOW, &peer);
	}
	return policy;
}

static void check(struct decision both, struct decision inner, struct decision outer)
{
	assert_int_equal(both.verdict == VERDICT_ALLOW,
		inner.verdict == VERDICT_ALLOW && outer.verdict == VERDICT_ALLOW);
	/* What a rule of either denies is denied by a rule, so that a file is by all its names. */
	if ((inner.verdict == VERDICT_DENY && inner.rule) || (outer.verdict == VERDICT_DENY && outer.rule))
		assert_true(both.rule);
}

static void random_policies(void **state)
{
	uint64_t seed = 0x2545f4914f6cdd1dULL;
	unsigned allowed = 0;
	(void)state;

	for (unsigned i = 0; i < POLICIES; i++) {
		_cleanup_(policy_cleanup) struct policy *policy = random_policy(&seed);
		struct policy *outer = random_policy(&seed);
		_cleanup_(tables_cleanup) struct tables *inner_tables = build_tables(policy);
		_cleanup_(tables_cleanup) struct tables *outer_tables = build_tables(outer);
		_cleanup_(tables_cleanup) struct tables *tables = NULL;
		struct diags diags = {};
		struct diag diag = {};

		outer->file = strdup("outer.yaml");
		assert_int_equal(ambit_policy_narrow(policy, outer, &diags), 0);
		assert_int_equal(ambit_tables_compile(policy, &diag, &tables), 0);
		for (unsigned q = 0; q < QUESTIONS; q++) {
			const enum ambit_op op = build_pick(&seed, 2) ? OP_READ : OP_EXEC;
			const enum ambit_op net = build_pick(&seed, 2) ? OP_CONNECT : OP_LISTEN;
			const uint8_t addr[16] = {10, (uint8_t)build_pick(&seed, 2),
				(uint8_t)build_pick(&seed, 2), (uint8_t)build_pick(&seed, 2)};
			const uint8_t proto = build_pick(&seed, 2) ? AMBIT_PROTO_TCP : AMBIT_PROTO_UDP;
			const uint16_t port = (uint16_t)(79 + build_pick(&seed, 6));
			struct decision both;
			char path[64];

			random_path(&seed, false, path, sizeof(path));
			both = ambit_tables_path(tables, op, path, strlen(path));
			check(both, ambit_tables_path(inner_tables, op, path, strlen(path)),
				ambit_tables_path(outer_tables, op, path, strlen(path)));
			allowed += both.verdict == VERDICT_ALLOW;
			both = ambit_tables_peer(tables, net, proto, AMBIT_FAMILY_V4, addr, port);
			check(both,
				ambit_tables_peer(inner_tables, net, proto, AMBIT_FAMILY_V4, addr, port),
				ambit_tables_peer(outer_tables, net, proto, AMBIT_FAMILY_V4, addr, port));
			allowed += both.verdict == VERDICT_ALLOW;
		}
	}
	assert_true(allowed > POLICIES);
}

/* A name (or an address), and what the first bytes of a connection have to be. */
static void build_stream(struct policy *policy, bool name, enum tls tls)
{
	struct peer peer = {.port_low = 443, .port_high = 443, .tcp = true};

	if (name) {
		peer.family = AMBIT_FAMILY_NAME;
		strcpy(peer.name, "com.example");
	} else {
		peer.family = AMBIT_FAMILY_V4;
		peer.bits = 32;
		memcpy(peer.addr, (uint8_t[]){10, 0, 0, 1}, 4);
	}
	build_peer(policy, OP_CONNECT, VERDICT_ALLOW, &peer);
	policy->rules[policy->rule_count - 1].tls = tls;
}

/* Of first bytes the narrower word counts, and where both say something else nothing is allowed. */
static void streams(void **state)
{
	static const struct {
		bool name;
		enum tls inner, outer;
		bool allowed;
		uint32_t stream;
	} cases[] = {
		{true, TLS_NAME, TLS_NAME, true, 0},
		{true, TLS_NONE, TLS_NONE, true, AMBIT_STREAM_ANY},
		{true, TLS_NONE, TLS_NAME, true, 0},
		{true, TLS_NAME, TLS_NONE, true, 0},
		{true, TLS_PROXY, TLS_NONE, true, AMBIT_STREAM_PROXY},
		{true, TLS_PROXY, TLS_NAME, false, 0},
		{true, TLS_NAME, TLS_PROXY, false, 0},
		{false, TLS_NAME, TLS_PROXY, true, AMBIT_STREAM_PROXY},
		{false, TLS_NAME, TLS_NAME, true, 0},
	};
	static const uint8_t addr[16] = {10, 0, 0, 1};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(policy_cleanup) struct policy *policy = build_policy();
		_cleanup_(tables_cleanup) struct tables *tables = NULL;
		struct policy *outer = build_policy();
		struct diags diags = {};
		struct diag diag = {};
		struct decision decision;

		build_stream(policy, cases[i].name, cases[i].inner);
		build_stream(outer, cases[i].name, cases[i].outer);
		outer->file = strdup("outer.yaml");
		assert_int_equal(ambit_policy_narrow(policy, outer, &diags), 0);
		assert_int_equal(ambit_tables_compile(policy, &diag, &tables), 0);
		decision = cases[i].name ? ambit_tables_name_peer(tables, "com.example", AMBIT_PROTO_TCP, 443)
					 : ambit_tables_peer(tables, OP_CONNECT, AMBIT_PROTO_TCP,
						   AMBIT_FAMILY_V4, addr, 443);
		assert_int_equal(decision.verdict == VERDICT_ALLOW, cases[i].allowed);
		assert_int_equal(decision.stream, cases[i].stream);
	}
}

static void rest(void **state)
{
	_cleanup_(policy_cleanup) struct policy *policy = build_policy();
	struct policy *outer = build_policy();
	struct diags diags = {};
	(void)state;

	policy->mode = MODE_AUDIT;
	policy->jit = true;
	policy->limits[LIMIT_CONNECTS] = (struct quota){60, 7};
	policy->file_size = (struct quota){1000, 8};
	outer->limits[LIMIT_CONNECTS] = (struct quota){10, 9};
	outer->limits[LIMIT_EGRESS_DAY] = (struct quota){5, 9};
	outer->trail_denies = true;
	outer->file = strdup("outer.yaml");
	build_path(policy, OP_READ, VERDICT_ALLOW, "/a");
	build_path(outer, OP_READ, VERDICT_DENY, "/b");
	assert_int_equal(ambit_policy_narrow(policy, outer, &diags), 0);
	assert_int_equal(policy->mode, MODE_ENFORCE);
	assert_false(policy->jit);
	assert_true(policy->trail_denies);
	assert_int_equal(policy->limits[LIMIT_CONNECTS].value, 10);
	assert_int_equal(policy->limits[LIMIT_EGRESS_HOUR].value, 0);
	assert_int_equal(policy->limits[LIMIT_EGRESS_DAY].value, 5);
	assert_int_equal(policy->file_size.value, 1000);
	assert_int_equal(policy->file_size.line, 8);
	assert_string_equal(ambit_policy_rule(policy, 2)->text, "outer.yaml:11: /b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_policies),
		cmocka_unit_test(streams),
		cmocka_unit_test(rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
