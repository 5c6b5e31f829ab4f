/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BPF matcher against the user-space matcher, and the address reader against a table: the same
 * tables, read by the kernel side's code, over random policies, paths and peers.
 */
#include <netinet/in.h>
#include <stdio.h>
#include "harness.h"

#define ROUNDS	200
#define CELL	7

/* --- policies --- */

static const char *const parts[] = {"a", "b", "ab", "secret", ".env", "x.pem", "usr", "é", "a b"};
static const char *const globs[] = {"*", "**", "a*", "*.pem", ".env*", "?", "[ab]", "[!a]", "*b*"};

static void add_glob(char *text, size_t size)
{
	unsigned depth = 1 + rnd(5);

	text[0] = '\0';
	for (unsigned i = 0; i < depth; i++) {
		size_t used = strlen(text);
		const char *part = rnd(3) ? parts[rnd(ARRAY_SIZE(parts))]
					  : globs[rnd(ARRAY_SIZE(globs))];

		snprintf(text + used, size - used, "/%s", part);
	}
}

/* A policy document with random rules, in the language itself. */
static void policy_text(char *text, size_t size)
{
	static const char *const ops[] = {"read", "write", "exec"};
	size_t used = 0;
	char glob[256];

#define ADD(...) used += (size_t)snprintf(text + used, size - used, __VA_ARGS__)
	ADD("apiVersion: ambit/v1\nname: random\nfiles:\n");
	for (int deny = 0; deny < 2; deny++) {
		ADD("  %s:\n", deny ? "deny" : "allow");
		for (size_t op = 0; op < ARRAY_SIZE(ops); op++) {
			ADD("    %s:\n", ops[op]);
			for (unsigned i = 0, count = 1 + rnd(6); i < count; i++) {
				add_glob(glob, sizeof(glob));
				ADD("      - '%s'\n", glob);
			}
		}
	}
	ADD("network:\n  allow:\n    connect: ['10.0.0.0/8:1000-2000', '127.0.0.1:*/tcp', "
	    "'[2001:db8::/32]:443', '0.0.0.0/0:53/udp']\n    listen: ['0.0.0.0:8080']\n"
	    "  deny:\n    connect: ['10.1.2.0/24:*', '[2001:db8:1::/48]:443']\n");
#undef ADD
}

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

static uint32_t random_path(char *path)
{
	uint32_t length = 0, depth = rnd(7);

	for (uint32_t i = 0; i < depth; i++)
		length += (uint32_t)sprintf(path + length, "/%s", parts[rnd(ARRAY_SIZE(parts))]);
	/* Now and then one byte of any value but the two that names cannot have. */
	if (length > 1 && rnd(4) == 0) {
		uint8_t byte = (uint8_t)(1 + rnd(255));

		path[1 + rnd(length - 1)] = byte == '/' ? 'z' : (char)byte;
	}
	return length;
}

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

static void test_random_paths(void **context)
{
	static struct path_case c;
	char text[16384];
	unsigned allowed = 0, denied = 0;

	(void)context;
	for (uint32_t round = 0; round < ROUNDS; round++) {
		_cleanup_(tables_cleanup) struct tables *tables = NULL;
		int map = bpf_map__fd(skeleton->maps.path_cases);

		policy_text(text, sizeof(text));
		tables = compile(text);
		install(1, tables);
		for (uint32_t i = 0; i < CASES; i++) {
			memset(&c, 0, sizeof(c));
			c.policy = 1;
			c.length = random_path(c.path);
			assert_int_equal(bpf_map_update_elem(map, &i, &c, 0), 0);
		}
		run(skeleton->progs.test_paths);
		for (uint32_t i = 0; i < CASES; i++) {
			assert_int_equal(bpf_map_lookup_elem(map, &i, &c), 0);
			check_path(tables, &c);
			allowed += c.results[OP_READ].verdict == VERDICT_ALLOW;
			denied += c.results[OP_READ].verdict == VERDICT_DENY;
		}
	}
	/* A run that saw one verdict only would prove nothing. */
	assert_true(allowed > 1000 && denied > 1000);
	print_message("%d pairs: %u allowed, %u denied\n", ROUNDS * CASES, allowed, denied);
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
	assert_int_equal(bpf_map_update_elem(map, &index, &c, 0), 0);
	run(skeleton->progs.test_paths);
	assert_int_equal(bpf_map_lookup_elem(map, &index, &c), 0);
	assert_int_equal(c.results[OP_READ].error, 1);
	assert_int_equal(c.results[OP_READ].verdict, VERDICT_DENY);
}

/* --- peers --- */

static void put_v4(struct peer_case *c, uint16_t family, uint32_t ip, uint16_t port)
{
	struct sockaddr_in address = {.sin_family = family, .sin_port = htons(port)};

	address.sin_addr.s_addr = htonl(ip);
	memcpy(c->sockaddr, &address, sizeof(address));
	c->length = sizeof(address);
}

static void put_v6(struct peer_case *c, const uint8_t ip[16], uint16_t port)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	memcpy(&address.sin6_addr, ip, 16);
	memcpy(c->sockaddr, &address, sizeof(address));
	c->length = sizeof(address);
}

static void random_peer(struct peer_case *c)
{
	static const uint32_t v4[] = {0x0a010203, 0x0a020304, 0x7f000001, 0, 0xa9fea9fe, 0x08080808};
	static const uint16_t ports[] = {0, 53, 443, 999, 1000, 2000, 2001, 8080, 65535};
	uint8_t v6[16] = {0x20, 0x01, 0x0d, 0xb8, 0, (uint8_t)rnd(3)};
	uint32_t ip = rnd(3) ? v4[rnd(ARRAY_SIZE(v4))] : rnd(0xffffffff);
	uint16_t port = ports[rnd(ARRAY_SIZE(ports))];

	memset(c, 0, sizeof(*c));
	c->cell = CELL;
	c->op = rnd(4) ? OP_CONNECT : OP_LISTEN;
	c->proto = rnd(2) ? AMBIT_PROTO_TCP : AMBIT_PROTO_UDP;
	c->socket_family = AF_INET6;
	c->as_peer = c->op == OP_CONNECT;
	if (rnd(2))
		put_v4(c, AF_INET, ip, port);
	else
		put_v6(c, v6, port);
}

static void test_random_peers(void **context)
{
	struct ambit_cell cell = {.policy = 1};
	uint32_t id = CELL;
	unsigned allowed = 0, denied = 0;
	int map = bpf_map__fd(skeleton->maps.peer_cases);
	_cleanup_(tables_cleanup) struct tables *tables = NULL;
	char text[16384];

	(void)context;
	policy_text(text, sizeof(text));
	tables = compile(text);
	install(1, tables);
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(skeleton->maps.cells), &id, &cell, 0), 0);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		struct peer_case c;

		for (uint32_t i = 0; i < CASES; i++) {
			random_peer(&c);
			assert_int_equal(bpf_map_update_elem(map, &i, &c, 0), 0);
		}
		run(skeleton->progs.test_peers);
		for (uint32_t i = 0; i < CASES; i++) {
			struct decision expected;

			assert_int_equal(bpf_map_lookup_elem(map, &i, &c), 0);
			assert_int_equal(c.read, 0);
			expected = ambit_tables_peer(tables, (enum ambit_op)c.op, (uint8_t)c.proto,
				c.family, c.addr, c.port);
			assert_int_equal(c.result.verdict, expected.verdict);
			if (expected.verdict == VERDICT_DENY) {
				assert_int_equal(c.result.rule, expected.rule);
				assert_int_equal(c.result.reason, expected.reason);
			}
			allowed += expected.verdict == VERDICT_ALLOW;
			denied += expected.verdict == VERDICT_DENY;
		}
	}
	assert_true(allowed > 1000 && denied > 1000);
	print_message("%d pairs: %u allowed, %u denied\n", ROUNDS * CASES, allowed, denied);
}

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
		cmocka_unit_test(test_random_paths),
		cmocka_unit_test(test_long_paths),
		cmocka_unit_test(test_no_policy),
		cmocka_unit_test(test_random_peers),
		cmocka_unit_test(test_addresses),
	};

	if (geteuid() != 0) {
		print_message("BPF_PROG_TEST_RUN needs root\n");
		return 77;
	}
	return cmocka_run_group_tests_name("bpf", tests, harness_open, harness_close);
}
