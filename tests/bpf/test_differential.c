/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The matcher of the kernel against that of user space, over a million questions of each kind: the same
 * tables, read by the code of both sides, have to give the same answer with the same rule. Policies are
 * random ones with every kind of glob, and those of tests/bench/rulebook.h with up to 10,000 rules. What
 * is asked about is derived from their patterns, so that it hits: one of them filled in, gone on beneath,
 * or missed by a byte.
 */
#include <netinet/in.h>
#include <stdio.h>
#include "../bench/rulebook.h"
#include "harness.h"
#include "policy/glob.h"

#define PAIRS	 1000000 /* (path, operation), and (peer, operation) */
#define CELL	 7
#define BATCHES	 5  /* of CASES paths, and as many of peers, for one policy */
#define LARGE	 10 /* every so many policies are of the rulebook */
#define TEXT_MAX 16384

struct count {
	unsigned asked, allowed, denied, none;
};

/* --- policies --- */

static const char *const parts[] = {"a", "b", "ab", "secret", ".env", "x.pem", "usr", "é", "a b"};
static const char *const globs[] = {"*", "**", "a*", "*.pem", ".env*", "?", "[ab]", "[!a]", "*b*"};

static void add_glob(char *text, size_t size)
{
	size_t used = 0;

	for (unsigned i = 0, depth = 1 + rnd(5); i < depth; i++)
		used += (size_t)snprintf(text + used, size - used, "/%s",
			rnd(3) ? parts[rnd(ARRAY_SIZE(parts))] : globs[rnd(ARRAY_SIZE(globs))]);
}

static void add_peer(char *text, size_t size)
{
	static const char *const ports[] = {"443", "1000-2000", "*", "53/udp", "80-90/tcp", "0-255"};
	const char *port = ports[rnd(ARRAY_SIZE(ports))];
	unsigned bits = 8 + rnd(25);
	uint32_t address = 10U << 24 | (rnd(8) << 21 | rnd(8) << 14 | rnd(8) << 7 | rnd(8));

	address &= ~0U << (32 - bits);
	if (rnd(4))
		snprintf(text, size, "%u.%u.%u.%u/%u:%s", address >> 24, address >> 16 & 255,
			address >> 8 & 255, address & 255, bits, port);
	else
		snprintf(text, size, "[2001:db8:%x::/48]:%s", rnd(4), port);
}

/* A list of `count` random patterns. */
static size_t add_list(char *text, size_t size, const char *name, unsigned count,
	void (*add)(char *text, size_t size))
{
	size_t used = (size_t)snprintf(text, size, "    %s:\n", name);
	char item[256];

	while (count--) {
		add(item, sizeof(item));
		used += (size_t)snprintf(text + used, size - used, "      - '%s'\n", item);
	}
	return used;
}

/* A policy document with random rules, in the language itself. */
static void policy_random(char *text, size_t size)
{
	static const char *const ops[] = {"read", "write", "exec"};
	static const char *const verdicts[] = {"  allow:\n", "  deny:\n"};
	size_t used = (size_t)snprintf(text, size, "apiVersion: ambit/v1\nname: random\nfiles:\n");

	for (size_t v = 0; v < ARRAY_SIZE(verdicts); v++) {
		used += (size_t)snprintf(text + used, size - used, "%s", verdicts[v]);
		for (size_t op = 0; op < ARRAY_SIZE(ops); op++)
			used += add_list(text + used, size - used, ops[op], 1 + rnd(6), add_glob);
	}
	used += (size_t)snprintf(text + used, size - used, "network:\n");
	for (size_t v = 0; v < ARRAY_SIZE(verdicts); v++) {
		used += (size_t)snprintf(text + used, size - used, "%s", verdicts[v]);
		used += add_list(text + used, size - used, "connect", 2 + rnd(6), add_peer);
		used += add_list(text + used, size - used, "listen", 1 + rnd(3), add_peer);
		used += add_list(text + used, size - used, "unix", 1 + rnd(3), add_glob);
	}
}

static struct policy *policy_make(unsigned number)
{
	const struct policy_env env = {
		.home = RULEBOOK_HOME, .cwd = "/w", .sets_dir = "policies/sets"};
	/* The first is the largest. */
	const struct rulebook book = {.paths = number ? 20 + rnd(2000) : 10000,
		.peers = number ? 1 + rnd(2000) : 10000};
	_cleanup_free_ char *text = malloc(TEXT_MAX);
	struct policy *policy = NULL;
	struct diags diags = {};
	size_t size;

	assert_non_null(text);
	if (number % LARGE == 0) {
		free(text);
		text = rulebook_text(&book, &size);
		assert_non_null(text);
	} else {
		policy_random(text, TEXT_MAX);
	}
	if (ambit_policy_parse("random", text, strlen(text), &diags, &policy) < 0 ||
		ambit_policy_resolve(policy, &env, &diags) < 0)
		fail_msg("%s\n%s", diags.count ? diags.items[0].text : "?", text);
	return policy;
}

/* A rule for paths, or one for peers; every policy has both. */
static const struct rule *rule_pick(const struct policy *policy, bool peers)
{
	for (;;) {
		const struct rule *rule = &policy->rules[rnd((uint32_t)policy->rule_count)];

		if (peers ? rule->peer_count : rule->path_count)
			return rule;
	}
}

/* --- paths --- */

static uint32_t add_part(char *path, uint32_t at)
{
	return at + (uint32_t)sprintf(path + at, "%s", parts[rnd(ARRAY_SIZE(parts))]);
}

static char set_pick(const struct byte_set *set)
{
	uint8_t byte = (uint8_t)rnd(256);

	while (!byte_set_has(set, byte))
		byte++;
	return (char)byte;
}

/* What a pattern matches: a name or a few for each star. */
static uint32_t path_fill(const char *pattern, char *path)
{
	struct glob glob = {pattern, pattern};
	struct glob_token token;
	const char *problem;
	uint32_t at = 0;

	for (;;) {
		assert_int_equal(glob_next(&glob, &token, &problem), 0);
		if (token.kind == GLOB_END)
			return at;
		if (token.kind == GLOB_BYTE)
			path[at++] = (char)token.byte;
		else if (token.kind == GLOB_SET)
			path[at++] = set_pick(&token.set);
		else if (token.kind == GLOB_NAME && rnd(4))
			at = add_part(path, at);
		for (unsigned i = token.kind == GLOB_DEPTH ? rnd(3) : 0; i > 0; i--) {
			at = add_part(path, at);
			path[at++] = '/';
		}
	}
}

/* "**" that stands for nothing leaves two slashes, and one at the end; no path has those. */
static uint32_t path_tidy(char *path, uint32_t length)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < length; i++)
		if (!kept || path[i] != '/' || path[kept - 1] != '/')
			path[kept++] = path[i];
	return kept && path[kept - 1] == '/' ? kept - 1 : kept;
}

/* A path near to a pattern of the policy; as the kernel has it, the root is empty. */
static uint32_t path_derive(const struct policy *policy, char *path)
{
	const struct rule *rule = rule_pick(policy, false);
	uint32_t length = path_fill(rule->paths[rnd((uint32_t)rule->path_count)], path);

	for (unsigned i = rnd(3); i > 0; i--) {
		path[length++] = '/';
		length = add_part(path, length);
	}
	length = path_tidy(path, length);
	if (length > 1 && rnd(3) == 0) {
		uint8_t byte = (uint8_t)(1 + rnd(255));

		path[1 + rnd(length - 1)] = byte == '/' ? 'z' : (char)byte;
	}
	return length;
}

static void count_decision(struct count *count, const struct decision *decision)
{
	count->asked++;
	count->allowed += decision->verdict == VERDICT_ALLOW;
	count->denied += decision->verdict == VERDICT_DENY && decision->reason != REASON_NO_RULE;
	count->none += decision->reason == REASON_NO_RULE;
}

static void check_path(const struct tables *tables, const struct path_case *c, struct count *count)
{
	for (unsigned op = 0; op < AMBIT_COLUMNS; op++) {
		struct decision is =
			ambit_tables_path(tables, (enum ambit_op)op, c->path, c->length);
		const struct case_result *bpf = &c->results[op];
		/* Which rule allows is nothing that the kernel's tables know. */
		uint32_t rule = is.verdict == VERDICT_ALLOW ? AMBIT_RULE_SOME : is.rule;

		if (bpf->error || bpf->verdict != is.verdict || bpf->rule != rule ||
			(is.verdict == VERDICT_DENY && bpf->reason != is.reason))
			fail_msg("op %u \"%.*s\": BPF error %u verdict %u rule %u reason %u, user "
				 "space %d %u %d",
				op, (int)c->length, c->path, bpf->error, bpf->verdict, bpf->rule,
				bpf->reason, (int)is.verdict, rule, (int)is.reason);
		count_decision(count, &is);
	}
}

static void put_all(int map, const void *values)
{
	static uint32_t keys[CASES];
	uint32_t count = CASES;

	for (uint32_t i = 0; i < CASES; i++)
		keys[i] = i;
	assert_int_equal(bpf_map_update_batch(map, keys, values, &count, NULL), 0);
	assert_int_equal(count, CASES);
}

static void get_all(int map, void *values)
{
	static uint32_t keys[CASES];
	uint32_t count = CASES, next;

	/* -ENOENT says that these were all. */
	bpf_map_lookup_batch(map, NULL, &next, keys, values, &count, NULL);
	assert_int_equal(count, CASES);
}

static void ask_paths(const struct policy *policy, const struct tables *tables, struct count *count)
{
	static struct path_case cases[CASES];
	int map = bpf_map__fd(skeleton->maps.path_cases);

	memset(cases, 0, sizeof(cases));
	for (uint32_t i = 0; i < CASES; i++) {
		cases[i].policy = 1;
		cases[i].length = path_derive(policy, cases[i].path);
		name_find(&cases[i]);
	}
	put_all(map, cases);
	run(skeleton->progs.test_paths);
	get_all(map, cases);
	for (uint32_t i = 0; i < CASES; i++)
		check_path(tables, &cases[i], count);
}

/* --- peers --- */

/* An address in a range of the policy, or beside it. */
static void peer_derive(const struct policy *policy, struct peer_case *c)
{
	const struct rule *rule = rule_pick(policy, true);
	struct peer peer = rule->peers[rnd((uint32_t)rule->peer_count)];
	unsigned size = peer.family == AMBIT_FAMILY_V4 ? 4 : 16;
	uint32_t port = rnd(3) ? peer.port_low + rnd(peer.port_high - peer.port_low + 1U)
			       : peer.port_low + 65535 + rnd(3);

	for (unsigned bit = peer.bits; bit < size * 8; bit++)
		peer.addr[bit / 8] |= (uint8_t)(rnd(2) << (7 - bit % 8));
	if (rnd(4) == 0 && peer.bits) {
		unsigned bit = rnd(peer.bits);

		peer.addr[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
	}
	*c = (struct peer_case){
		.cell = CELL,
		.op = rnd(5) ? rule->op : rule->op == OP_CONNECT ? OP_LISTEN : OP_CONNECT,
		.proto = rnd(2) ? AMBIT_PROTO_TCP : AMBIT_PROTO_UDP,
		.socket_family = AF_INET6,
	};
	c->as_peer = c->op == OP_CONNECT;
	if (size == 4) {
		struct sockaddr_in address = {
			.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

		memcpy(&address.sin_addr, peer.addr, size);
		memcpy(c->sockaddr, &address, sizeof(address));
		c->length = sizeof(address);
	} else {
		struct sockaddr_in6 address = {
			.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};

		memcpy(&address.sin6_addr, peer.addr, size);
		memcpy(c->sockaddr, &address, sizeof(address));
		c->length = sizeof(address);
	}
}

static void check_peer(const struct tables *tables, const struct peer_case *c, struct count *count)
{
	struct decision is;

	assert_int_equal(c->read, 0);
	is = ambit_tables_peer(tables, (enum ambit_op)c->op, (uint8_t)c->proto, c->family, c->addr,
		c->port);
	if (c->result.verdict != is.verdict ||
		(is.verdict == VERDICT_DENY &&
			(c->result.rule != is.rule || c->result.reason != is.reason)))
		fail_msg("op %u %u.%u.%u.%u port %u: BPF %u rule %u, user space %d rule %u", c->op,
			c->addr[0], c->addr[1], c->addr[2], c->addr[3], c->port, c->result.verdict,
			c->result.rule, (int)is.verdict, is.rule);
	count_decision(count, &is);
}

static void ask_peers(const struct policy *policy, const struct tables *tables, struct count *count)
{
	static struct peer_case cases[CASES];
	int map = bpf_map__fd(skeleton->maps.peer_cases);

	for (uint32_t i = 0; i < CASES; i++)
		peer_derive(policy, &cases[i]);
	put_all(map, cases);
	run(skeleton->progs.test_peers);
	get_all(map, cases);
	for (uint32_t i = 0; i < CASES; i++)
		check_peer(tables, &cases[i], count);
}

/* --- the test --- */

static void print_count(const char *what, const struct count *count)
{
	print_message("%u pairs of %s and operation: %u allowed, %u denied by a rule, %u by none\n",
		count->asked, what, count->allowed, count->denied, count->none);
	/* A run that saw one verdict only would prove nothing. */
	assert_true(count->allowed > count->asked / 10 && count->denied > count->asked / 10 &&
		    count->none > count->asked / 10);
}

static void test_differential(void **context)
{
	const struct ambit_cell cell = {.policy = 1};
	const uint32_t id = CELL;
	struct count paths = {}, peers = {};
	unsigned policies = 0;

	(void)context;
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(skeleton->maps.cells), &id, &cell, 0), 0);
	for (; paths.asked < PAIRS || peers.asked < PAIRS; policies++) {
		_cleanup_(policy_cleanup) struct policy *policy = policy_make(policies);
		_cleanup_(tables_cleanup) struct tables *tables = NULL;
		struct diag diag = {};

		if (ambit_tables_compile(policy, &diag, &tables) < 0)
			fail_msg("%s", diag.text);
		install(1, tables);
		for (unsigned i = 0; i < BATCHES; i++) {
			ask_paths(policy, tables, &paths);
			/* Four operations are asked of a path, and one of a peer. */
			for (unsigned k = 0; k < AMBIT_COLUMNS; k++)
				ask_peers(policy, tables, &peers);
		}
	}
	print_message("%u policies\n", policies);
	print_count("path", &paths);
	print_count("peer", &peers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_differential),
	};

	if (geteuid() != 0) {
		print_message("BPF_PROG_TEST_RUN needs root\n");
		return 77;
	}
	return cmocka_run_group_tests_name("bpf differential", tests, harness_open, harness_close);
}
