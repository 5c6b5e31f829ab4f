/* SPDX-License-Identifier: Apache-2.0 */
/* The matcher of user space: the same tables and the same step as the kernel side. */
#include <string.h>
#include "base/util.h"
#include "bpf/lib/dfa.h"
#include "compile/tables.h"

static struct ambit_head tables_head(const struct tables *tables)
{
	struct ambit_head head;

	memcpy(&head, tables->segments[0].words, sizeof(head));
	return head;
}

static uint32_t tables_walk(
	const struct tables *tables, uint32_t state, const void *bytes, size_t length)
{
	const uint8_t *input = bytes;

	for (size_t i = 0; state && i < length; i++)
		state = dfa_next(&tables->segments[dfa_segment(state)], state, input[i]);
	return state;
}

struct decision ambit_tables_column(const struct tables *tables, uint32_t state, unsigned column)
{
	static const struct {
		uint32_t deny;
		enum ambit_reason reason;
	} others[] = {
		{AMBIT_RULE_SPECIAL, REASON_SPECIAL},
		{AMBIT_RULE_RESERVED, REASON_RESERVED},
		{AMBIT_RULE_GUARD, REASON_GUARD},
		{AMBIT_RULE_RESOLVER, REASON_RESOLVER},
	};
	struct decision decision = {VERDICT_DENY, REASON_NO_RULE, 0, 0};
	uint32_t number = state ? dfa_accept(&tables->segments[dfa_segment(state)], state) : 0;
	uint32_t at = AMBIT_HEAD_WORDS + (number - 1) * AMBIT_ACCEPT_WORDS;
	struct ambit_accept accept;

	if (!number)
		return decision;
	memcpy(&accept, &tables->segments[at / AMBIT_SEGMENT_WORDS].words[at % AMBIT_SEGMENT_WORDS],
		sizeof(accept));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (accept.deny[column] == others[i].deny)
			return (struct decision){VERDICT_DENY, others[i].reason, 0, 0};
	if (accept.deny[column])
		return (struct decision){VERDICT_DENY, REASON_RULE, accept.deny[column], 0};
	if (accept.allow[column])
		return (struct decision){VERDICT_ALLOW, REASON_RULE,
			accept.allow[column] == AMBIT_RULE_SOME ? 0 : accept.allow[column],
			column == 0 ? accept.allow[AMBIT_COLUMN_STREAM] : 0};
	return decision;
}

uint32_t ambit_tables_start(const struct tables *tables, enum ambit_op op)
{
	return tables_head(tables).path_start[op & (AMBIT_COLUMNS - 1)];
}

uint32_t ambit_tables_peer_start(const struct tables *tables)
{
	return tables_head(tables).peer_start;
}

uint32_t ambit_tables_step(
	const struct tables *tables, uint32_t state, const char *bytes, size_t length)
{
	return tables_walk(tables, state, bytes, length);
}

struct decision ambit_tables_state(
	const struct tables *tables, enum ambit_op op, uint32_t state)
{
	return ambit_tables_column(tables, state, op & (AMBIT_COLUMNS - 1));
}

bool ambit_tables_may_deny(const struct tables *tables, uint32_t state)
{
	return tables->may_deny[state / 64] >> (state % 64) & 1;
}

struct decision ambit_tables_path(
	const struct tables *tables, enum ambit_op op, const char *path, size_t length)
{
	uint32_t state = tables_walk(tables, ambit_tables_start(tables, op), path, length);
	struct decision decision = ambit_tables_state(tables, op, state);

	if (decision.verdict == VERDICT_ALLOW && tables->names)
		decision.rule = ambit_tables_path(tables->names, op, path, length).rule;
	return decision;
}

struct decision ambit_tables_peer(const struct tables *tables, enum ambit_op op, uint8_t proto,
	uint8_t family, const uint8_t *addr, uint16_t port)
{
	uint8_t bytes[AMBIT_PEER_SIZE] = {proto, family};
	size_t length = family == AMBIT_FAMILY_V4 ? 4 : 16;
	struct decision decision;
	uint32_t state;

	memcpy(bytes + 2, addr, length);
	bytes[2 + length] = (uint8_t)(port >> 8);
	bytes[3 + length] = (uint8_t)port;
	state = tables_walk(tables, tables_head(tables).peer_start, bytes, length + 4);
	decision = ambit_tables_column(tables, state, (unsigned)op - OP_CONNECT);
	if (decision.verdict == VERDICT_ALLOW && tables->names)
		decision.rule =
			ambit_tables_peer(tables->names, op, proto, family, addr, port).rule;
	return decision;
}

uint32_t ambit_tables_name_state(const struct tables *tables, const char *name, size_t length)
{
	const uint8_t first = AMBIT_PEER_NAME, end = '/';
	uint32_t state = tables_walk(tables, tables_head(tables).peer_start, &first, 1);

	state = tables_walk(tables, state, name, length);
	return tables_walk(tables, state, &end, 1);
}

static struct decision name_peer(
	const struct tables *tables, const char *name, uint8_t proto, uint16_t port)
{
	const uint8_t end[] = {proto, (uint8_t)(port >> 8), (uint8_t)port};
	uint32_t state = ambit_tables_name_state(tables, name, strlen(name));

	state = tables_walk(tables, state, end, proto == AMBIT_PROTO_ANY ? 1 : sizeof(end));
	return ambit_tables_column(tables, state, 0);
}

struct decision ambit_tables_quic(struct decision decision, uint8_t proto, uint16_t port)
{
	if (decision.verdict == VERDICT_ALLOW && proto == AMBIT_PROTO_UDP && port == AMBIT_QUIC_PORT &&
		decision.stream != AMBIT_STREAM_ANY)
		return (struct decision){VERDICT_DENY, REASON_QUIC, 0, 0};
	return decision;
}

struct decision ambit_tables_name_peer(
	const struct tables *tables, const char *name, uint8_t proto, uint16_t port)
{
	struct decision decision = ambit_tables_quic(name_peer(tables, name, proto, port), proto, port);

	if (decision.verdict == VERDICT_ALLOW && tables->names)
		decision.rule = name_peer(tables->names, name, proto, port).rule;
	return decision;
}
