/* SPDX-License-Identifier: Apache-2.0 */
/* The automaton for peers against a naive matcher, on random policies and peers. */
#include "build.h"

#define POLICIES 1000
#define PEERS	 120
#define RULES	 12

static bool naive_bits_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	for (unsigned i = 0; i < bits; i++)
		if ((a[i / 8] ^ b[i / 8]) & 0x80 >> i % 8)
			return false;
	return true;
}

/* What is asked for. */
struct question {
	uint8_t proto, family, addr[16];
	uint16_t port;
};

static bool naive_covers(const struct peer *peer, const struct question *question)
{
	return (question->proto == AMBIT_PROTO_TCP ? peer->tcp : peer->udp) &&
	       peer->family == question->family && peer->port_low <= question->port &&
	       question->port <= peer->port_high &&
	       naive_bits_equal(peer->addr, question->addr, peer->bits);
}

static bool naive_names_special(const struct policy *policy, const struct peer *peer)
{
	for (size_t i = 0; i < policy->special_count; i++) {
		const struct peer *special = &policy->specials[i];

		if (special->family == peer->family && special->bits <= peer->bits &&
			naive_bits_equal(special->addr, peer->addr, special->bits))
			return true;
	}
	return false;
}

static bool naive_is_special(const struct policy *policy, const struct question *question)
{
	for (size_t i = 0; i < policy->special_count; i++)
		if (naive_covers(&policy->specials[i], question))
			return true;
	return false;
}

static struct decision naive_decide(
	const struct policy *policy, enum ambit_op op, const struct question *question)
{
	bool special = op == OP_CONNECT && naive_is_special(policy, question);
	struct decision decision = {VERDICT_DENY, special ? REASON_SPECIAL : REASON_NO_RULE, 0, 0};

	for (size_t i = policy->rule_count; i-- > 0;) {
		const struct rule *rule = &policy->rules[i];

		if (rule->op != op || !naive_covers(&rule->peers[0], question))
			continue;
		if (rule->verdict == VERDICT_ALLOW && special &&
			!naive_names_special(policy, &rule->peers[0]))
			continue;
		if (rule->verdict == VERDICT_DENY || decision.reason != REASON_RULE ||
			decision.verdict == VERDICT_ALLOW)
			decision = (struct decision){rule->verdict, REASON_RULE, rule->id, 0};
	}
	return decision;
}

/* Few distinct values, so that ranges meet. */
static void random_address(uint64_t *seed, uint8_t family, uint8_t addr[16])
{
	static const uint8_t bytes[] = {0, 1, 10, 127, 128, 169, 224, 254, 255};

	for (unsigned i = 0; i < (family == AMBIT_FAMILY_V4 ? 4 : 16); i++)
		addr[i] = build_pick(seed, 3) ? 10 : bytes[build_pick(seed, ARRAY_SIZE(bytes))];
}

static uint16_t random_port(uint64_t *seed)
{
	static const uint16_t ports[] = {
		0, 1, 22, 80, 255, 256, 257, 443, 511, 512, 3000, 65279, 65280, 65535};

	return ports[build_pick(seed, ARRAY_SIZE(ports))];
}

static struct peer random_peer(uint64_t *seed)
{
	struct peer peer = {.tcp = true, .udp = true};
	unsigned size;

	peer.family = build_pick(seed, 3) ? AMBIT_FAMILY_V4 : AMBIT_FAMILY_V6;
	size = peer.family == AMBIT_FAMILY_V4 ? 32 : 128;
	random_address(seed, peer.family, peer.addr);
	peer.bits = (uint8_t)build_pick(seed, size + 1);
	for (unsigned i = peer.bits; i < size; i++)
		peer.addr[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
	peer.port_low = build_pick(seed, 3) ? random_port(seed) : 0;
	peer.port_high = build_pick(seed, 3) ? random_port(seed) : 65535;
	if (peer.port_low > peer.port_high) {
		uint16_t low = peer.port_low;

		peer.port_low = peer.port_high;
		peer.port_high = low;
	}
	peer.tcp = build_pick(seed, 4);
	peer.udp = !peer.tcp || build_pick(seed, 2);
	return peer;
}

static void check_question(const struct policy *policy, const struct tables *tables,
	enum ambit_op op, const struct question *question)
{
	struct decision naive = naive_decide(policy, op, question);
	struct decision is = ambit_tables_peer(
		tables, op, question->proto, question->family, question->addr, question->port);

	if (is.verdict == naive.verdict && is.reason == naive.reason && is.rule == naive.rule)
		return;
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct peer *peer = &policy->rules[i].peers[0];

		print_error(
			"%zu op %u verdict %u family %u %u.%u.%u.%u/%u ports %u-%u tcp %d udp %d\n",
			i + 1, policy->rules[i].op, policy->rules[i].verdict, peer->family,
			peer->addr[0], peer->addr[1], peer->addr[2], peer->addr[3], peer->bits,
			peer->port_low, peer->port_high, peer->tcp, peer->udp);
	}
	fail_msg("proto %u family %u %u.%u.%u.%u port %u: verdict %u reason %u rule %u, naive "
		 "%u %u %u",
		question->proto, question->family, question->addr[0], question->addr[1],
		question->addr[2], question->addr[3], question->port, is.verdict, is.reason,
		is.rule, naive.verdict, naive.reason, naive.rule);
}

static struct question random_question(uint64_t *seed, const struct policy *policy)
{
	struct question question = {
		.proto = build_pick(seed, 2) ? AMBIT_PROTO_TCP : AMBIT_PROTO_UDP,
		.family = build_pick(seed, 3) ? AMBIT_FAMILY_V4 : AMBIT_FAMILY_V6,
		.port = random_port(seed),
	};

	random_address(seed, question.family, question.addr);
	/* Most addresses out of the range of a rule, else nothing would match. */
	if (policy->rule_count && build_pick(seed, 4)) {
		const struct peer *peer =
			&policy->rules[build_pick(seed, (unsigned)policy->rule_count)].peers[0];

		question.family = peer->family;
		memcpy(question.addr, peer->addr, sizeof(question.addr));
		question.addr[3] ^= (uint8_t)build_pick(seed, 3);
		if (build_pick(seed, 2))
			question.port = peer->port_high;
	}
	return question;
}

static void check_policy(uint64_t *seed)
{
	_cleanup_(policy_cleanup) struct policy *policy = build_policy();
	_cleanup_(tables_cleanup) struct tables *tables = NULL;
	unsigned count = build_pick(seed, RULES + 1);

	for (unsigned i = 0; i < count; i++) {
		struct peer peer = random_peer(seed);

		build_peer(policy, build_pick(seed, 4) ? OP_CONNECT : OP_LISTEN,
			build_pick(seed, 3) ? VERDICT_ALLOW : VERDICT_DENY, &peer);
	}
	policy->special_count = build_pick(seed, 4);
	policy->specials = calloc(policy->special_count + 1, sizeof(*policy->specials));
	for (size_t i = 0; i < policy->special_count; i++)
		policy->specials[i] = random_peer(seed);
	tables = build_tables(policy);
	for (unsigned i = 0; i < PEERS; i++) {
		struct question question = random_question(seed, policy);

		check_question(policy, tables, OP_CONNECT, &question);
		check_question(policy, tables, OP_LISTEN, &question);
	}
}

static void random_policies_agree(void **state)
{
	uint64_t seed = 0x2545f4914f6cdd1dULL;
	(void)state;

	for (unsigned i = 0; i < POLICIES; i++)
		check_policy(&seed);
}

/* Every port of a range whose ends are in the middle of a high byte. */
static void every_port(void **state)
{
	_cleanup_(policy_cleanup) struct policy *policy = build_policy();
	_cleanup_(tables_cleanup) struct tables *tables = NULL;
	const struct peer peer = {.family = AMBIT_FAMILY_V4,
		.bits = 32,
		.addr = {127, 0, 0, 1},
		.port_low = 3000,
		.port_high = 3999,
		.tcp = true};
	(void)state;

	build_peer(policy, OP_LISTEN, VERDICT_ALLOW, &peer);
	tables = build_tables(policy);
	for (unsigned port = 0; port <= UINT16_MAX; port++) {
		struct decision decision = ambit_tables_peer(tables, OP_LISTEN, AMBIT_PROTO_TCP,
			AMBIT_FAMILY_V4, peer.addr, (uint16_t)port);

		assert_int_equal(decision.verdict == VERDICT_ALLOW, port >= 3000 && port <= 3999);
	}
}

static void special_has_to_be_named(void **state)
{
	_cleanup_(policy_cleanup) struct policy *policy = build_policy();
	_cleanup_(tables_cleanup) struct tables *tables = NULL;
	const struct peer all = {.family = AMBIT_FAMILY_V4, .port_high = 65535, .tcp = true};
	const struct peer metadata = {.family = AMBIT_FAMILY_V4,
		.bits = 32,
		.addr = {169, 254, 169, 254},
		.port_high = 65535,
		.tcp = true,
		.udp = true};
	const struct peer http = {.family = AMBIT_FAMILY_V4,
		.bits = 32,
		.addr = {169, 254, 169, 254},
		.port_low = 80,
		.port_high = 80,
		.tcp = true};
	const struct question questions[] = {
		{AMBIT_PROTO_TCP, AMBIT_FAMILY_V4, {169, 254, 169, 254}, 80},
		{AMBIT_PROTO_TCP, AMBIT_FAMILY_V4, {169, 254, 169, 254}, 443},
		{AMBIT_PROTO_TCP, AMBIT_FAMILY_V4, {169, 254, 169, 253}, 443},
	};
	static const struct decision expected[] = {
		{VERDICT_ALLOW, REASON_RULE, 2, 0},
		{VERDICT_DENY, REASON_SPECIAL, 0, 0},
		{VERDICT_ALLOW, REASON_RULE, 1, 0},
	};
	(void)state;

	build_peer(policy, OP_CONNECT, VERDICT_ALLOW, &all);
	build_peer(policy, OP_CONNECT, VERDICT_ALLOW, &http);
	policy->specials = calloc(1, sizeof(metadata));
	policy->specials[policy->special_count++] = metadata;
	tables = build_tables(policy);
	for (size_t i = 0; i < ARRAY_SIZE(questions); i++) {
		struct decision is = ambit_tables_peer(tables, OP_CONNECT, questions[i].proto,
			questions[i].family, questions[i].addr, questions[i].port);

		assert_int_equal(is.verdict, expected[i].verdict);
		assert_int_equal(is.reason, expected[i].reason);
		assert_int_equal(is.rule, expected[i].rule);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_port),
		cmocka_unit_test(special_has_to_be_named),
		cmocka_unit_test(random_policies_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
