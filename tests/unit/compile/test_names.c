/* SPDX-License-Identifier: Apache-2.0 */
/* The automaton for names against a naive matcher, on random policies and names; and who is left of
 * port 53. */
#include <stdio.h>
#include "build.h"

#define POLICIES 1000
#define NAMES	 120
#define RULES	 10

/* Names of up to four labels, few of them, so that they meet; in the form of `peer.name`. */
static void random_name(uint64_t *seed, char *ret)
{
	static const char *const labels[] = {"a", "b", "ab", "a-b", "x"};
	unsigned count = 1 + build_pick(seed, 4);

	*ret = '\0';
	for (unsigned i = 0; i < count; i++)
		sprintf(ret + strlen(ret), "%s%s", i ? "." : "",
			labels[build_pick(seed, ARRAY_SIZE(labels))]);
}

static struct peer random_peer(uint64_t *seed)
{
	struct peer peer = {.family = AMBIT_FAMILY_NAME, .port_high = UINT16_MAX};

	random_name(seed, peer.name);
	peer.beneath = build_pick(seed, 2);
	if (build_pick(seed, 2)) {
		peer.port_low = (uint16_t)(250 + build_pick(seed, 20));
		peer.port_high = (uint16_t)(peer.port_low + build_pick(seed, 600));
	}
	peer.tcp = build_pick(seed, 4);
	peer.udp = !peer.tcp || build_pick(seed, 2);
	return peer;
}

static bool naive_is(const struct peer *peer, const char *name)
{
	size_t length = strlen(peer->name);

	if (!peer->beneath)
		return !strcmp(peer->name, name);
	return !strncmp(peer->name, name, length) && name[length] == '.';
}

static bool naive_covers(const struct peer *peer, const char *name, uint8_t proto, uint16_t port)
{
	return naive_is(peer, name) && (proto == AMBIT_PROTO_TCP ? peer->tcp : peer->udp) &&
	       peer->port_low <= port && port <= peer->port_high;
}

/* Whether a rule says something of a question for the name: a denying one if it denies all of it. */
static bool naive_asks(const struct rule *rule, const char *name)
{
	const struct peer *peer = &rule->peers[0];

	return naive_is(peer, name) &&
	       (rule->verdict == VERDICT_ALLOW || (peer->tcp && peer->udp && !peer->port_low &&
							  peer->port_high == UINT16_MAX));
}

/* What an allowing rule says of first bytes. */
static uint32_t naive_mark(const struct rule *rule, uint8_t proto)
{
	if (rule->verdict == VERDICT_DENY)
		return 0;
	if (proto == AMBIT_PROTO_UDP)
		return rule->quic ? AMBIT_STREAM_ANY : 0;
	return rule->tls == TLS_PROXY ? AMBIT_STREAM_PROXY : rule->tls == TLS_NONE ? AMBIT_STREAM_ANY : 0;
}

static struct decision naive_decide(
	const struct policy *policy, const char *name, uint8_t proto, uint16_t port)
{
	struct decision decision = {VERDICT_DENY, REASON_NO_RULE, 0, 0};
	uint32_t stream = 0, mark;

	for (size_t i = policy->rule_count; i-- > 0;) {
		const struct rule *rule = &policy->rules[i];

		if (proto == AMBIT_PROTO_ANY ? !naive_asks(rule, name)
					     : !naive_covers(&rule->peers[0], name, proto, port))
			continue;
		if (rule->verdict == VERDICT_DENY || decision.reason != REASON_RULE ||
			decision.verdict == VERDICT_ALLOW)
			decision = (struct decision){rule->verdict, REASON_RULE, rule->id, 0};
		mark = naive_mark(rule, proto);
		if (mark && (!stream || mark < stream))
			stream = mark;
	}
	if (decision.verdict != VERDICT_ALLOW || proto == AMBIT_PROTO_ANY)
		return decision;
	if (proto == AMBIT_PROTO_UDP && port == AMBIT_QUIC_PORT && !stream)
		return (struct decision){VERDICT_DENY, REASON_QUIC, 0, 0};
	decision.stream = stream;
	return decision;
}

static void check_name(const struct policy *policy, const struct tables *tables, const char *name,
	uint8_t proto, uint16_t port)
{
	struct decision naive = naive_decide(policy, name, proto, port);
	struct decision is = ambit_tables_name_peer(tables, name, proto, port);

	if (is.verdict != naive.verdict || is.reason != naive.reason || is.rule != naive.rule ||
		(proto != AMBIT_PROTO_ANY && is.stream != naive.stream))
		fail_msg("%s proto %u port %u: verdict %u reason %u rule %u stream %u, naive %u %u %u %u",
			name, proto, port, is.verdict, is.reason, is.rule, is.stream, naive.verdict,
			naive.reason, naive.rule, naive.stream);
}

static void random_policies_agree(void **state)
{
	static const uint8_t protos[] = {AMBIT_PROTO_ANY, AMBIT_PROTO_TCP, AMBIT_PROTO_UDP};
	uint64_t seed = 0x2545f4914f6cdd1dULL;
	(void)state;

	for (unsigned i = 0; i < POLICIES; i++) {
		_cleanup_(policy_cleanup) struct policy *policy = build_policy();
		_cleanup_(tables_cleanup) struct tables *tables = NULL;
		unsigned count = 1 + build_pick(&seed, RULES);

		for (unsigned k = 0; k < count; k++) {
			struct peer peer = random_peer(&seed);

			build_peer(policy, OP_CONNECT,
				build_pick(&seed, 3) ? VERDICT_ALLOW : VERDICT_DENY, &peer);
			if (policy->rules[k].verdict == VERDICT_DENY)
				continue;
			policy->rules[k].tls = (enum tls)build_pick(&seed, 3);
			policy->rules[k].quic = build_pick(&seed, 2);
		}
		tables = build_tables(policy);
		for (unsigned k = 0; k < NAMES; k++) {
			char name[AMBIT_DOMAIN_SIZE];

			random_name(&seed, name);
			check_name(policy, tables, name, protos[build_pick(&seed, 3)],
				build_pick(&seed, 4) ? (uint16_t)(240 + build_pick(&seed, 700))
						     : AMBIT_QUIC_PORT);
		}
	}
}

static void only_resolvers(void **state)
{
	_cleanup_(policy_cleanup) struct policy *policy = build_policy();
	_cleanup_(tables_cleanup) struct tables *tables = NULL;
	const struct peer all[] = {
		{.family = AMBIT_FAMILY_V4, .port_high = UINT16_MAX, .tcp = true, .udp = true},
		{.family = AMBIT_FAMILY_V6, .port_high = UINT16_MAX, .tcp = true, .udp = true},
	};
	const uint8_t resolver[16] = {10, 1, 2, 3};
	(void)state;

	for (unsigned i = 0; i < 4; i++)
		build_peer(policy, i < 2 ? OP_CONNECT : OP_LISTEN, VERDICT_ALLOW, &all[i % 2]);
	policy->names = true;
	policy->dns.resolver_count = 2;
	for (unsigned i = 0; i < 2; i++) {
		struct peer *peer = &policy->dns.resolvers[i];

		*peer = all[i];
		peer->bits = i ? 128 : 32;
		memcpy(peer->addr, resolver, sizeof(resolver));
	}
	tables = build_tables(policy);
	for (unsigned family = 0; family < 2; family++) {
		for (unsigned bit = 0; bit <= policy->dns.resolvers[family].bits; bit++) {
			for (unsigned port = 52; port <= 54; port++) {
				uint8_t addr[16];
				bool is = bit == policy->dns.resolvers[family].bits;
				struct decision decision;

				memcpy(addr, resolver, sizeof(addr));
				if (!is)
					addr[bit / 8] ^= (uint8_t)(1 << bit % 8);
				decision = ambit_tables_peer(tables, OP_CONNECT, AMBIT_PROTO_UDP,
					all[family].family, addr, (uint16_t)port);
				assert_int_equal(decision.verdict,
					is || port != 53 ? VERDICT_ALLOW : VERDICT_DENY);
				assert_int_equal(decision.reason,
					is || port != 53 ? REASON_RULE : REASON_RESOLVER);
				decision = ambit_tables_peer(tables, OP_LISTEN, AMBIT_PROTO_UDP,
					all[family].family, addr, (uint16_t)port);
				assert_int_equal(decision.verdict,
					port != 53 ? VERDICT_ALLOW : VERDICT_DENY);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_policies_agree),
		cmocka_unit_test(only_resolvers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
