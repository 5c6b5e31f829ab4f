/* SPDX-License-Identifier: Apache-2.0 */
/* The matcher at its limits, and the address reader against a table. */
#include <netinet/in.h>
#include <stdio.h>
#include "harness.h"

#define CELL	7

static struct tables *compile(const char *text)
{
	struct policy_env env = {.home = "/root", .cwd = "/w", .sets_dir = "policies/sets"};
	_cleanup_(policy_cleanup) struct policy *policy = NULL;
	struct tables *tables = NULL;
	struct diags diags = {};
	struct diag diag = {};

	if (ambit_policy_parse("random", text, strlen(text), &diags, &policy) < 0 ||
		ambit_policy_resolve(policy, &env, &diags) < 0)
		fail_msg("%s\n%s", diags.count ? diags.items[0].text : "?", text);
	assert_int_equal(ambit_tables_compile(policy, &diag, &tables), 0);
	return tables;
}

/* --- paths --- */

static void check_path(const struct tables *tables, const struct path_case *c)
{
	for (unsigned op = 0; op < AMBIT_COLUMNS; op++) {
		struct decision expected =
			ambit_tables_path(tables, (enum ambit_op)op, c->path, c->length);

		assert_int_equal(c->results[op].error, 0);
		/* Which rule allows is nothing that the kernel's tables know. */
		if (c->results[op].verdict != expected.verdict ||
			c->results[op].rule != (expected.verdict == VERDICT_ALLOW
							       ? AMBIT_RULE_SOME
							       : expected.rule) ||
			(expected.verdict == VERDICT_DENY &&
				c->results[op].reason != expected.reason))
			fail_msg("op %u \"%.*s\": BPF %u rule %u, user space %d rule %u", op,
				(int)c->length, c->path, c->results[op].verdict,
				c->results[op].rule, (int)expected.verdict, expected.rule);
	}
}

/* Every depth and the longest path there is: nothing is cut off. */
static void test_long_paths(void **context)
{
	_cleanup_(tables_cleanup) struct tables *tables = compile(
		"apiVersion: ambit/v1\nname: long\nfiles:\n  allow:\n    read: ['/']\n"
		"  deny:\n    read: ['**/end']\n");
	int map = bpf_map__fd(skeleton->maps.path_cases);
	static struct path_case c;
	uint32_t index = 0;

	(void)context;
	install(1, tables);
	for (uint32_t length = 4; length < AMBIT_PATH_SIZE; length += 8 + rnd(8)) {
		memset(&c, 0, sizeof(c));
		c.policy = 1;
		c.length = length;
		for (uint32_t i = 0; i < length; i++)
			c.path[i] = i % 2 ? 'x' : '/';
		if (c.path[length - 1] == '/')
			c.path[length - 1] = 'x';
		memcpy(&c.path[length - 4], "/end", 4);
		name_find(&c);
		assert_int_equal(bpf_map_update_elem(map, &index, &c, 0), 0);
		index++;
		if (index == CASES)
			break;
	}
	run(skeleton->progs.test_paths);
	for (uint32_t i = 0; i < index; i++) {
		assert_int_equal(bpf_map_lookup_elem(map, &i, &c), 0);
		assert_int_equal(c.results[OP_READ].verdict, VERDICT_DENY);
		assert_int_equal(c.results[OP_READ].reason, REASON_RULE);
		check_path(tables, &c);
	}
}

/* A policy that is not there is an error, which the caller turns into a deny. */
static void test_no_policy(void **context)
{
	int map = bpf_map__fd(skeleton->maps.path_cases);
	static struct path_case c;
	uint32_t index = 0;

	(void)context;
	memset(&c, 0, sizeof(c));
	c.policy = 12345;
	c.length = 2;
	memcpy(c.path, "/a", 2);
	name_find(&c);
	assert_int_equal(bpf_map_update_elem(map, &index, &c, 0), 0);
	run(skeleton->progs.test_paths);
	assert_int_equal(bpf_map_lookup_elem(map, &index, &c), 0);
	assert_int_equal(c.results[OP_READ].error, 1);
	assert_int_equal(c.results[OP_READ].verdict, VERDICT_DENY);
}

/* --- peers --- */

/* What an address is taken for. */
static const struct {
	const char *what;
	uint8_t bytes[28];
	int length;
	uint16_t socket;
	bool unspec_is_v4, as_peer;
	uint32_t read; /* ADDRESS_* of bpf/lib/address.bpf.h: 0 ok, 1 none, 2 bad, 3 family */
	uint8_t family, addr[16];
	uint16_t port;
} addresses[] = {
	{"IPv4", {2, 0, 1, 0xbb, 1, 2, 3, 4}, 16, AF_INET, false, true, 0, 4, {1, 2, 3, 4}, 443},
	{"IPv4, short", {2, 0, 1, 0xbb, 1, 2, 3, 4}, 15, AF_INET, false, true, 2, 0, {0}, 0},
	{"0.0.0.0 as a peer", {2, 0, 0, 80}, 16, AF_INET, false, true, 0, 4, {127, 0, 0, 1}, 80},
	{"0.0.0.0 to listen", {2, 0, 0, 80}, 16, AF_INET, false, false, 0, 4, {0}, 80},
	{"IPv6, short", {10, 0, 0, 80}, 23, AF_INET6, false, true, 2, 0, {0}, 0},
	{":: as a peer", {10, 0, 0, 80}, 28, AF_INET6, false, true, 0, 6, {[15] = 1}, 80},
	{"v4-mapped", {10, 0, 0, 80, [18] = 0xff, 0xff, 1, 2, 3, 4}, 28, AF_INET6, false, true, 0, 4,
		{1, 2, 3, 4}, 80},
	{"v4-mapped any", {10, 0, 0, 80, [18] = 0xff, 0xff}, 28, AF_INET6, false, true, 0, 4,
		{127, 0, 0, 1}, 80},
	{"NAT64", {10, 0, 0, 80, [8] = 0, 0x64, 0xff, 0x9b, [20] = 1, 2, 3, 4}, 28, AF_INET6, false,
		true, 0, 4, {1, 2, 3, 4}, 80},
	{"6to4", {10, 0, 0, 80, [8] = 0x20, 0x02, 1, 2, 3, 4, 9}, 28, AF_INET6, false, true, 0, 4,
		{1, 2, 3, 4}, 80},
	{"IPv4 on an IPv6 socket", {2, 0, 0, 80, 1, 2, 3, 4}, 16, AF_INET6, false, true, 0, 4,
		{1, 2, 3, 4}, 80},
	{"AF_UNSPEC sent", {0, 0, 0, 80, 1, 2, 3, 4}, 16, AF_INET, true, true, 0, 4, {1, 2, 3, 4}, 80},
	{"AF_UNSPEC connected", {0, 0, 0, 80, 1, 2, 3, 4}, 16, AF_INET, false, true, 1, 0, {0}, 0},
	{"AF_UNSPEC on IPv6", {0, 0, 0, 80, 1, 2, 3, 4}, 16, AF_INET6, true, true, 1, 0, {0}, 0},
	{"no family", {2}, 1, AF_INET, true, true, 2, 0, {0}, 0},
	{"AF_UNIX", {1, 0, 'x'}, 16, AF_INET, false, true, 3, 0, {0}, 0},
};

static void test_addresses(void **context)
{
	int map = bpf_map__fd(skeleton->maps.peer_cases);
	struct peer_case c;

	(void)context;
	for (uint32_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		memset(&c, 0, sizeof(c));
		memcpy(c.sockaddr, addresses[i].bytes, sizeof(addresses[i].bytes));
		c.length = addresses[i].length;
		c.socket_family = addresses[i].socket;
		c.unspec_is_v4 = addresses[i].unspec_is_v4;
		c.as_peer = addresses[i].as_peer;
		c.cell = CELL;
		c.op = OP_CONNECT;
		c.proto = AMBIT_PROTO_TCP;
		assert_int_equal(bpf_map_update_elem(map, &i, &c, 0), 0);
	}
	run(skeleton->progs.test_peers);
	for (uint32_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		assert_int_equal(bpf_map_lookup_elem(map, &i, &c), 0);
		if (c.read != addresses[i].read || (c.read == 0 &&
			    (c.family != addresses[i].family || c.port != addresses[i].port ||
				    memcmp(c.addr, addresses[i].addr, 16) != 0)))
			fail_msg("%s: read %u family %u port %u addr %u.%u.%u.%u", addresses[i].what,
				c.read, c.family, c.port, c.addr[0], c.addr[1], c.addr[2], c.addr[3]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_long_paths),
		cmocka_unit_test(test_no_policy),
		cmocka_unit_test(test_addresses),
	};

	if (geteuid() != 0) {
		print_message("BPF_PROG_TEST_RUN needs root\n");
		return 77;
	}
	return cmocka_run_group_tests_name("bpf", tests, harness_open, harness_close);
}
