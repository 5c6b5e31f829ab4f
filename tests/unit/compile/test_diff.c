/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/diff.h"
#include <stdio.h>
#include "build.h"

#define FOUND_MAX 4096

struct found {
	struct difference items[FOUND_MAX];
	char texts[FOUND_MAX][64];
	size_t count;
};

static int collect(const struct difference *difference, void *data)
{
	struct found *found = data;

	assert_true(found->count < FOUND_MAX);
	found->items[found->count] = *difference;
	snprintf(found->texts[found->count], sizeof(found->texts[0]), "%s", difference->text ?: "");
	found->count++;
	return 0;
}

static struct found *diff_of(struct tables *before, struct tables *after)
{
	struct found *found = calloc(1, sizeof(*found));

	assert_non_null(found);
	assert_int_equal(ambit_tables_diff(before, after, collect, found), 0);
	return found;
}

/* Takes both policies. */
static struct found *diff_policies(struct policy *before, struct policy *after)
{
	struct tables *tables[] = {build_tables(before), build_tables(after)};
	struct found *found = diff_of(tables[0], tables[1]);

	ambit_tables_free(tables[0]);
	ambit_tables_free(tables[1]);
	ambit_policy_free(before);
	ambit_policy_free(after);
	return found;
}

static void test_alike(void **state)
{
	struct policy *before = build_policy(), *after = build_policy();
	struct found *found;

	(void)state;
	/* In another order, and one rule that another covers. */
	build_path(before, OP_READ, VERDICT_ALLOW, "/usr");
	build_path(before, OP_READ, VERDICT_ALLOW, "/etc/ssl");
	build_path(after, OP_READ, VERDICT_ALLOW, "/etc/ssl");
	build_path(after, OP_READ, VERDICT_ALLOW, "/usr/lib");
	build_path(after, OP_READ, VERDICT_ALLOW, "/usr");
	found = diff_policies(before, after);
	assert_int_equal(found->count, 0);
	free(found);
}

static void test_shortest(void **state)
{
	struct policy *before = build_policy(), *after = build_policy();
	struct found *found;

	(void)state;
	build_path(before, OP_READ, VERDICT_ALLOW, "/etc/ssl");
	build_path(after, OP_READ, VERDICT_ALLOW, "/etc");
	build_path(after, OP_READ, VERDICT_DENY, "/etc/ssl/private");
	found = diff_policies(before, after);
	assert_int_equal(found->count, 2);
	assert_string_equal(found->texts[0], "/etc");
	assert_int_equal(found->items[0].after.verdict, VERDICT_ALLOW);
	assert_int_equal(found->items[0].after.rule, 1);
	assert_int_equal(found->items[0].before.reason, REASON_NO_RULE);
	assert_string_equal(found->texts[1], "/etc/ssl/private");
	assert_int_equal(found->items[1].after.rule, 2);
	assert_int_equal(found->items[1].before.verdict, VERDICT_ALLOW);
	free(found);
}

/* The root, and what no path has: two slashes, ".", a slash at the end. */
static void test_grammar(void **state)
{
	struct policy *before = build_policy(), *after = build_policy();
	struct found *found;

	(void)state;
	build_path(after, OP_READ, VERDICT_ALLOW, "/");
	found = diff_policies(before, after);
	assert_int_equal(found->count, 1);
	assert_string_equal(found->texts[0], "");
	free(found);
	before = build_policy();
	after = build_policy();
	build_path(after, OP_READ, VERDICT_ALLOW, "/a/?");
	found = diff_policies(before, after);
	assert_int_equal(found->count, 1);
	assert_string_equal(found->texts[0], "/a/a");
	free(found);
}

/* What no path is called is no difference. */
static void test_dots(void **state)
{
	struct policy *before = build_policy(), *after = build_policy();
	struct found *found;

	(void)state;
	build_path(after, OP_READ, VERDICT_ALLOW, "/a/..");
	build_path(after, OP_READ, VERDICT_ALLOW, "/a/.");
	found = diff_policies(before, after);
	assert_int_equal(found->count, 0);
	free(found);
}

static void test_names(void **state)
{
	const struct peer one = {.family = AMBIT_FAMILY_NAME, .name = "com.example.api", .port_low = 443,
		.port_high = 443, .tcp = true};
	const struct peer all = {.family = AMBIT_FAMILY_NAME, .name = "com.example", .beneath = true,
		.port_low = 443, .port_high = 443, .tcp = true};
	struct policy *before = build_policy(), *after = build_policy();
	struct found *found;

	(void)state;
	before->names = after->names = true;
	build_peer(before, OP_CONNECT, VERDICT_ALLOW, &one);
	build_peer(after, OP_CONNECT, VERDICT_ALLOW, &all);
	found = diff_policies(before, after);
	assert_int_equal(found->count, 1);
	assert_string_equal(found->texts[0], "com.example.a");
	assert_int_equal(found->items[0].op, OP_CONNECT);
	assert_int_equal(found->items[0].port_low, 443);
	assert_int_equal(found->items[0].port_high, 443);
	assert_int_equal(found->items[0].after.verdict, VERDICT_ALLOW);
	free(found);
}

static void test_ranges(void **state)
{
	const struct peer some = {.family = AMBIT_FAMILY_V4, .bits = 16, .addr = {10, 1},
		.port_low = 5432, .port_high = 5432, .tcp = true};
	const struct peer all = {.family = AMBIT_FAMILY_V4, .bits = 8, .addr = {10},
		.port_low = 5432, .port_high = 5440, .tcp = true};
	struct policy *before = build_policy(), *after = build_policy();
	struct found *found;
	static const struct {
		uint8_t first[4], last[4];
		uint16_t low;
	} wanted[] = {
		{{10, 0, 0, 0}, {10, 0, 255, 255}, 5432},
		{{10, 1, 0, 0}, {10, 1, 255, 255}, 5433},
		{{10, 2, 0, 0}, {10, 255, 255, 255}, 5432},
	};

	(void)state;
	build_peer(before, OP_CONNECT, VERDICT_ALLOW, &some);
	build_peer(after, OP_CONNECT, VERDICT_ALLOW, &all);
	found = diff_policies(before, after);
	assert_int_equal(found->count, ARRAY_SIZE(wanted));
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		assert_memory_equal(found->items[i].addr, wanted[i].first, 4);
		assert_memory_equal(found->items[i].last, wanted[i].last, 4);
		assert_int_equal(found->items[i].port_low, wanted[i].low);
		assert_int_equal(found->items[i].port_high, 5440);
		assert_int_equal(found->items[i].proto, AMBIT_PROTO_TCP);
		assert_int_equal(found->items[i].after.verdict, VERDICT_ALLOW);
	}
	free(found);
}

/* --- against the matcher, on random policies --- */

static const char *const words[] = {"a", "b", "ab", "*", "a*", "**", "?b"};

static void random_rules(struct policy *policy, uint64_t *seed)
{
	for (unsigned i = 1 + build_random(seed) % 4; i; i--) {
		char pattern[32] = "";

		for (unsigned k = 1 + build_random(seed) % 3; k; k--) {
			strcat(pattern, "/");
			strcat(pattern, words[build_random(seed) % ARRAY_SIZE(words)]);
		}
		build_path(policy, OP_READ, build_random(seed) % 3 ? VERDICT_ALLOW : VERDICT_DENY, pattern);
	}
	for (unsigned i = build_random(seed) % 4; i; i--) {
		struct peer peer = {.family = AMBIT_FAMILY_V4, .bits = (uint8_t)(24 + build_random(seed) % 9),
			.addr = {10, 0, 0, (uint8_t)build_random(seed)},
			.port_low = (uint16_t)(build_random(seed) % 8), .tcp = true};

		for (unsigned bit = peer.bits; bit < 32; bit++)
			peer.addr[bit / 8] &= (uint8_t)~(0x80 >> bit % 8);
		peer.port_high = (uint16_t)(peer.port_low + build_random(seed) % 8);
		build_peer(policy, OP_CONNECT, build_random(seed) % 3 ? VERDICT_ALLOW : VERDICT_DENY, &peer);
	}
}

/* What is told of differs; and of each path that differs one decided by the same rules was told. */
static void paths_agree(struct tables *tables[2], const struct found *found, uint64_t *seed)
{
	static const char letters[] = "abc.";

	for (size_t i = 0; i < found->count; i++) {
		const struct difference *item = &found->items[i];
		bool allow[2];

		if (item->op != OP_READ)
			continue;
		for (int k = 0; k < 2; k++)
			allow[k] = ambit_tables_path(tables[k], OP_READ, found->texts[i], item->length)
					   .verdict == VERDICT_ALLOW;
		assert_true(allow[0] != allow[1]);
		assert_int_equal(allow[1], item->after.verdict == VERDICT_ALLOW);
	}
	for (unsigned n = 0; n < 2000; n++) {
		char path[64] = "";
		struct decision decisions[2];
		bool told = false;

		for (unsigned k = 1 + build_random(seed) % 4; k; k--) {
			size_t length = strlen(path);

			path[length++] = '/';
			for (unsigned m = 1 + build_random(seed) % 3; m; m--)
				path[length++] = letters[build_random(seed) % 3];
			path[length] = '\0';
		}
		for (int k = 0; k < 2; k++)
			decisions[k] = ambit_tables_path(tables[k], OP_READ, path, strlen(path));
		if ((decisions[0].verdict == VERDICT_ALLOW) == (decisions[1].verdict == VERDICT_ALLOW))
			continue;
		for (size_t i = 0; i < found->count; i++)
			told |= found->items[i].op == OP_READ &&
				found->items[i].after.verdict == decisions[1].verdict &&
				found->items[i].length <= strlen(path);
		assert_true(told);
	}
}

/* Each address and port that can differ, one by one. */
static void peers_agree(struct tables *tables[2], const struct found *found)
{
	for (unsigned host = 0; host < 256; host++) {
		for (unsigned port = 0; port < 20; port++) {
			const uint8_t addr[16] = {10, 0, 0, (uint8_t)host};
			bool allow[2], told = false;

			for (int k = 0; k < 2; k++)
				allow[k] = ambit_tables_peer(tables[k], OP_CONNECT, AMBIT_PROTO_TCP,
						   AMBIT_FAMILY_V4, addr, (uint16_t)port)
						   .verdict == VERDICT_ALLOW;
			for (size_t i = 0; i < found->count; i++) {
				const struct difference *item = &found->items[i];

				told |= item->op == OP_CONNECT && item->proto == AMBIT_PROTO_TCP &&
					item->family == AMBIT_FAMILY_V4 &&
					memcmp(item->addr, addr, 4) <= 0 &&
					memcmp(item->last, addr, 4) >= 0 && item->port_low <= port &&
					item->port_high >= port;
			}
			assert_int_equal(told, allow[0] != allow[1]);
		}
	}
}

/* Peers of unix sockets that are no path. */
static void test_unix(void **state)
{
	struct policy *before = build_policy(), *after = build_policy();
	struct found *found;

	(void)state;
	build_name(before, VERDICT_ALLOW, "abstract:in*");
	build_name(after, VERDICT_ALLOW, "abstract:inn/b");
	build_name(after, VERDICT_ALLOW, "cell:builder");
	found = diff_policies(before, after);
	assert_int_equal(found->count, 2);
	assert_string_equal(found->texts[0], "abstract:in");
	assert_int_equal(found->items[0].after.verdict, VERDICT_DENY);
	assert_string_equal(found->texts[1], "cell:builder");
	assert_int_equal(found->items[1].after.verdict, VERDICT_ALLOW);
	free(found);
}

/* Both allow the name; what the first bytes may be is another thing. */
static void test_streams(void **state)
{
	static const struct {
		uint8_t proto;
		uint32_t before, after; /* AMBIT_STREAM_* */
		enum ambit_verdict verdicts[2];
		size_t count;
	} rows[] = {
		{AMBIT_PROTO_TCP, 0, AMBIT_STREAM_ANY, {VERDICT_ALLOW, VERDICT_ALLOW}, 1},
		{AMBIT_PROTO_TCP, AMBIT_STREAM_ANY, AMBIT_STREAM_PROXY, {VERDICT_ALLOW, VERDICT_ALLOW}, 1},
		{AMBIT_PROTO_TCP, 0, 0, {0}, 0},
		{AMBIT_PROTO_UDP, 0, AMBIT_STREAM_ANY, {VERDICT_DENY, VERDICT_ALLOW}, 1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct policy *policies[] = {build_policy(), build_policy()};
		struct found *found;

		for (int k = 0; k < 2; k++) {
			const uint32_t stream = k ? rows[i].after : rows[i].before;
			const struct peer peer = {.family = AMBIT_FAMILY_NAME,
				.tcp = rows[i].proto == AMBIT_PROTO_TCP, .udp = rows[i].proto == AMBIT_PROTO_UDP,
				.name = "a.test", .port_low = 443, .port_high = 443};

			build_peer(policies[k], OP_CONNECT, VERDICT_ALLOW, &peer);
			policies[k]->rules[0].tls = stream == AMBIT_STREAM_PROXY ? TLS_PROXY
						    : stream == AMBIT_STREAM_ANY ? TLS_NONE
										 : TLS_NAME;
			policies[k]->rules[0].quic = stream == AMBIT_STREAM_ANY;
		}
		found = diff_policies(policies[0], policies[1]);
		assert_int_equal(found->count, rows[i].count);
		for (size_t k = 0; k < found->count; k++) {
			assert_int_equal(found->items[k].before.verdict, rows[i].verdicts[0]);
			assert_int_equal(found->items[k].after.verdict, rows[i].verdicts[1]);
		}
		free(found);
	}
}

static void test_random(void **state)
{
	uint64_t seed = 0x5eed5eed;

	(void)state;
	for (unsigned round = 0; round < 40; round++) {
		struct policy *policies[] = {build_policy(), build_policy()};
		struct tables *tables[2];
		struct found *found;

		for (int k = 0; k < 2; k++) {
			random_rules(policies[k], &seed);
			tables[k] = build_tables(policies[k]);
		}
		found = diff_of(tables[0], tables[1]);
		paths_agree(tables, found, &seed);
		peers_agree(tables, found);
		for (int k = 0; k < 2; k++) {
			ambit_tables_free(tables[k]);
			ambit_policy_free(policies[k]);
		}
		free(found);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alike),
		cmocka_unit_test(test_shortest),
		cmocka_unit_test(test_grammar),
		cmocka_unit_test(test_dots),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_unix),
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
