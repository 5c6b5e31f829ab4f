/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The automaton in the tables is as small as it can be: no two of its states decide the same for every
 * continuation, which the table-filling algorithm finds out from the tables alone. And it decides what
 * the automaton decides that was not made smaller, with the same rule.
 */
#include <stdio.h>
#include "bpf/lib/dfa.h"
#include "build.h"
#include "compile/build.h"

#define POLICIES 300
#define PATHS	 200
#define STATES	 2000 /* of a policy that is looked at pair by pair */

static uint64_t seed = 0x2545f4914f6cdd1d;

static const char *const names[] = {"a", "b", "ab", "abc", ".env", "x.pem", "usr", "src"};
static const char *const globs[] = {"*", "**", "a*", "*.pem", ".env*", "?b", "[ab]c", "[!a]", "*b*"};

static unsigned pick(unsigned below)
{
	return build_pick(&seed, below);
}

static void random_pattern(char *ret, size_t size)
{
	size_t used = 0;

	for (unsigned i = 0, depth = 1 + pick(4); i < depth; i++)
		used += (size_t)snprintf(ret + used, size - used, "/%s",
			pick(3) ? names[pick(ARRAY_SIZE(names))] : globs[pick(ARRAY_SIZE(globs))]);
}

static size_t random_path(char *ret)
{
	size_t length = 0;

	for (unsigned i = 0, depth = pick(6); i < depth; i++)
		length += (size_t)sprintf(ret + length, "/%s", names[pick(ARRAY_SIZE(names))]);
	if (length > 1 && pick(3) == 0)
		ret[1 + pick((unsigned)length - 1)] = "abpz/."[pick(6)];
	return length;
}

static void random_peer(struct peer *ret)
{
	unsigned low = pick(3) ? 80 * pick(4) : 0;

	*ret = (struct peer){.family = AMBIT_FAMILY_V4, .bits = (uint8_t)pick(12)};
	for (unsigned bit = 0; bit < ret->bits; bit++)
		if (pick(4) == 0)
			ret->addr[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	ret->tcp = pick(4);
	ret->udp = !ret->tcp || pick(4);
	ret->port_low = (uint16_t)low;
	ret->port_high = pick(2) ? (uint16_t)low : (uint16_t)(low + 1000);
}

static struct policy *random_policy(unsigned paths, unsigned peers)
{
	struct policy *policy = build_policy();
	struct peer peer;
	char pattern[128];

	for (unsigned i = 0; i < paths; i++) {
		random_pattern(pattern, sizeof(pattern));
		build_path(policy, pick(4) ? OP_READ : OP_WRITE,
			pick(3) ? VERDICT_ALLOW : VERDICT_DENY, pattern);
	}
	for (unsigned i = 0; i < peers; i++) {
		random_peer(&peer);
		build_peer(policy, pick(3) ? OP_CONNECT : OP_LISTEN,
			pick(3) ? VERDICT_ALLOW : VERDICT_DENY, &peer);
	}
	return policy;
}

static struct tables *build(const struct policy *policy, bool plain, bool allowing)
{
	const struct build_options options = {
		.state_limit = 1U << 20, .plain = plain, .names = allowing};
	struct tables *tables = NULL;
	struct diag diag = {};

	if (tables_build(policy, &options, &diag, &tables) < 0)
		fail_msg("%s", diag.text);
	return tables;
}

/* --- minimality --- */

struct machine {
	const struct tables *tables;
	uint32_t states[STATES]; /* as the tables number them; [0] is the dead one */
	uint32_t next[STATES][256];
	uint64_t accepts[STATES][AMBIT_ACCEPT_WORDS];
	uint32_t count;
};

static uint32_t machine_number(struct machine *machine, uint32_t state)
{
	for (uint32_t i = 0; i < machine->count; i++)
		if (machine->states[i] == state)
			return i;
	assert_true(machine->count < STATES);
	machine->states[machine->count] = state;
	return machine->count++;
}

static void machine_accept(struct machine *machine, uint32_t index)
{
	const struct tables *tables = machine->tables;
	uint32_t state = machine->states[index];
	uint32_t number = state ? dfa_accept(&tables->segments[dfa_segment(state)], state) : 0;
	uint32_t at = AMBIT_HEAD_WORDS + (number - 1) * AMBIT_ACCEPT_WORDS;

	if (number)
		memcpy(machine->accepts[index],
			&tables->segments[at / AMBIT_SEGMENT_WORDS].words[at % AMBIT_SEGMENT_WORDS],
			sizeof(machine->accepts[index]));
}

/* Everything that can be reached in the tables. */
static struct machine *machine_of(const struct tables *tables)
{
	struct machine *machine = calloc(1, sizeof(*machine));
	struct ambit_head head;

	assert_non_null(machine);
	memcpy(&head, tables->segments[0].words, sizeof(head));
	machine->tables = tables;
	machine->count = 1;
	for (size_t i = 0; i < AMBIT_COLUMNS; i++)
		machine_number(machine, head.path_start[i]);
	machine_number(machine, head.peer_start);
	for (uint32_t i = 0; i < machine->count; i++) {
		uint32_t state = machine->states[i];

		machine_accept(machine, i);
		for (unsigned byte = 0; byte < 256; byte++)
			machine->next[i][byte] = machine_number(machine,
				state ? dfa_next(&tables->segments[dfa_segment(state)], state,
						(uint8_t)byte)
				      : 0);
	}
	return machine;
}

/* Table filling: a pair is told apart if its accepts differ, or if a byte leads to such a pair. */
static uint32_t pairs_alike(const struct machine *machine)
{
	uint32_t count = machine->count, alike = 0;
	uint8_t *apart = calloc((size_t)count * count, 1);
	bool changed = true;

	assert_non_null(apart);
	for (uint32_t a = 0; a < count; a++)
		for (uint32_t b = 0; b < count; b++)
			apart[a * count + b] = memcmp(machine->accepts[a], machine->accepts[b],
						       sizeof(machine->accepts[a])) != 0;
	while (changed) {
		changed = false;
		for (uint32_t a = 0; a < count; a++)
			for (uint32_t b = 0; b < a; b++)
				for (unsigned byte = 0; !apart[a * count + b] && byte < 256; byte++)
					if (apart[machine->next[a][byte] * count +
						    machine->next[b][byte]]) {
						apart[a * count + b] = apart[b * count + a] = 1;
						changed = true;
					}
	}
	for (uint32_t a = 0; a < count; a++)
		for (uint32_t b = 0; b < a; b++)
			alike += !apart[a * count + b];
	free(apart);
	return alike;
}

static void check_minimal(const struct policy *policy, unsigned *ret_smaller)
{
	_cleanup_(tables_cleanup) struct tables *plain = build(policy, true, false);
	_cleanup_(tables_cleanup) struct tables *minimal = build(policy, false, false);
	_cleanup_free_ struct machine *machine = machine_of(minimal);

	assert_int_equal(pairs_alike(machine), 0);
	/* The dead state has no row; all others that there are can be reached. */
	assert_int_equal(minimal->state_count, machine->count - 1);
	assert_true(minimal->state_count <= plain->state_count);
	*ret_smaller += minimal->state_count < plain->state_count;
}

static void no_two_states_alike(void **state)
{
	unsigned smaller = 0;
	(void)state;

	for (unsigned i = 0; i < 60; i++) {
		_cleanup_(policy_cleanup) struct policy *policy =
			random_policy(1 + pick(5), pick(4));

		check_minimal(policy, &smaller);
	}
	/* Without work for it the test would say nothing. */
	assert_true(smaller > 40);
}

/* More than half of the bytes spelt out, and all of them, with the same meaning. */
static void wide_rows(void **state)
{
	_cleanup_(policy_cleanup) struct policy *policy = build_policy();
	unsigned smaller = 0;
	(void)state;

	build_path(policy, OP_READ, VERDICT_ALLOW, "/a/[\x01-\x9f]x");
	build_path(policy, OP_READ, VERDICT_ALLOW, "/b/[\x01-\x9f]x");
	build_path(policy, OP_READ, VERDICT_ALLOW, "/c/[!\xa0-\xff]x");
	build_path(policy, OP_READ, VERDICT_DENY, "/d/[\x01-\x7f]");
	build_path(policy, OP_READ, VERDICT_DENY, "/d/[\x80-\xff]y");
	build_path(policy, OP_READ, VERDICT_DENY, "/e/?y");
	check_minimal(policy, &smaller);
}

/* --- equality --- */

static unsigned compare_paths(
	const struct tables *a, const struct tables *b, unsigned *ret_decided)
{
	char path[256];
	unsigned asked = 0;

	for (unsigned i = 0; i < PATHS; i++) {
		size_t length = random_path(path);

		for (unsigned op = OP_READ; op <= OP_WRITE; op++, asked++) {
			uint32_t from = ambit_tables_step(
				a, ambit_tables_start(a, (enum ambit_op)op), path, length);
			uint32_t to = ambit_tables_step(
				b, ambit_tables_start(b, (enum ambit_op)op), path, length);
			struct decision left = ambit_tables_state(a, (enum ambit_op)op, from);
			struct decision right = ambit_tables_state(b, (enum ambit_op)op, to);

			if (left.verdict != right.verdict || left.reason != right.reason ||
				left.rule != right.rule)
				fail_msg("op %u \"%.*s\": rule %u and rule %u", op, (int)length,
					path, left.rule, right.rule);
			assert_int_equal(
				ambit_tables_may_deny(a, from), ambit_tables_may_deny(b, to));
			*ret_decided += left.reason != REASON_NO_RULE;
		}
	}
	return asked;
}

static void compare_peers(const struct tables *a, const struct tables *b, unsigned *ret_decided)
{
	for (unsigned i = 0; i < PATHS; i++) {
		enum ambit_op op = pick(3) ? OP_CONNECT : OP_LISTEN;
		uint8_t proto = pick(2) ? AMBIT_PROTO_TCP : AMBIT_PROTO_UDP;
		struct decision left, right;
		uint16_t port = (uint16_t)(80 * pick(20));
		struct peer peer;

		random_peer(&peer);
		left = ambit_tables_peer(a, op, proto, peer.family, peer.addr, port);
		right = ambit_tables_peer(b, op, proto, peer.family, peer.addr, port);
		assert_int_equal(left.verdict, right.verdict);
		assert_int_equal(left.reason, right.reason);
		assert_int_equal(left.rule, right.rule);
		*ret_decided += left.reason != REASON_NO_RULE;
	}
}

/* The tables of the kernel, and those that name allowing rules. */
static void same_decisions(void **state)
{
	unsigned paths = 0, decided = 0, peers_decided = 0;
	(void)state;

	for (unsigned i = 0; i < POLICIES; i++) {
		_cleanup_(policy_cleanup) struct policy *policy =
			random_policy(1 + pick(12), pick(12));

		for (unsigned names_too = 0; names_too < 2; names_too++) {
			_cleanup_(tables_cleanup) struct tables *plain =
				build(policy, true, names_too);
			_cleanup_(tables_cleanup) struct tables *minimal =
				build(policy, false, names_too);

			paths += compare_paths(plain, minimal, &decided);
			compare_peers(plain, minimal, &peers_decided);
		}
	}
	print_message("%u paths, %u decided; %u peers, %u decided\n", paths, decided,
		2 * POLICIES * PATHS, peers_decided);
	assert_true(decided > paths / 10);
	assert_true(peers_decided > POLICIES * PATHS / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_two_states_alike),
		cmocka_unit_test(wide_rows),
		cmocka_unit_test(same_decisions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
