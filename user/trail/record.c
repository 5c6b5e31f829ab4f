/* SPDX-License-Identifier: Apache-2.0 */
/* Ring bytes -> record. The ring is the kernel's, but its events carry names that a cell chose. */
#include "base/util.h"
#include "trail/clock.h"
#include "trail/trail.h"

static const char *const op_texts[] = {
#define X(name, text) [OP_##name] = text,
	AMBIT_OPS(X)
#undef X
};
_Static_assert(ARRAY_SIZE(op_texts) == OP_MAX, "a text for each operation");

static const struct {
	const char *code, *text;
} reasons[] = {
#define X(name, code, text) [REASON_##name] = {code, text},
	AMBIT_REASONS(X)
#undef X
};
_Static_assert(ARRAY_SIZE(reasons) == REASON_MAX, "a text for each reason");

static const char *const sections[OP_MAX][VERDICT_MAX] = {
	[OP_READ] = {"files.allow.read", "files.ask.read", "files.deny.read"},
	[OP_WRITE] = {"files.allow.write", "files.ask.write", "files.deny.write"},
	[OP_EXEC] = {"files.allow.exec", "files.ask.exec", "files.deny.exec"},
	[OP_UNIX] = {"network.allow.unix", "network.ask.unix", "network.deny.unix"},
	[OP_CONNECT] = {"network.allow.connect", "network.ask.connect", "network.deny.connect"},
	[OP_LISTEN] = {"network.allow.listen", "network.ask.listen", "network.deny.listen"},
};

const char *ambit_op_text(unsigned op)
{
	return op < OP_MAX ? op_texts[op] : NULL;
}

const char *ambit_reason_code(unsigned reason)
{
	return reason < REASON_MAX ? reasons[reason].code : NULL;
}

const char *ambit_reason_text(unsigned reason)
{
	return reason < REASON_MAX ? reasons[reason].text : NULL;
}

const char *ambit_section(enum ambit_op op, enum ambit_verdict verdict)
{
	return op < OP_MAX && verdict < VERDICT_MAX ? sections[op][verdict] : NULL;
}

static unsigned section_line(const struct policy *policy, enum ambit_op op)
{
	for (size_t i = 0; i < policy->rule_count; i++)
		if (policy->rules[i].op == op && policy->rules[i].verdict == VERDICT_ALLOW)
			return policy->rules[i].line;
	return 0;
}

void ambit_record_explain(struct record *record, const struct policy *policy)
{
	const struct ambit_event *event = record->event;

	record->policy = policy->file;
	record->policy_name = policy->name;
	if (event->rule && event->rule != AMBIT_RULE_SPECIAL)
		record->rule = ambit_policy_rule(policy, event->rule);
	if (event->reason == REASON_NO_RULE)
		record->section_line = section_line(policy, event->op);
}

static bool event_is_sound(const struct ambit_event *event, size_t size)
{
	return event->abi == AMBIT_ABI && event->kind < EVENT_KIND_MAX && event->op < OP_MAX &&
	       event->verdict < VERDICT_MAX && event->reason < REASON_MAX &&
	       event->path_len < AMBIT_PATH_SIZE && event->exe_len < AMBIT_PATH_SIZE &&
	       size - sizeof(*event) >= (size_t)event->path_len + event->exe_len;
}

int ambit_record_decode(const void *bytes, size_t size, const struct policy *policy,
	const char *cell, struct record *ret)
{
	const struct ambit_event *event = bytes;
	struct record record = {
		.event = event,
		.cell = cell,
	};

	if (size < sizeof(*event) || (uintptr_t)bytes % _Alignof(struct ambit_event) ||
		!event_is_sound(event, size))
		return -EBADMSG;
	record.path = (const char *)(event + 1);
	record.path_length = event->path_len;
	record.exe = record.path + event->path_len;
	record.exe_length = event->exe_len;
	/* The clocks are compared for each event, so that a step of the wall clock is not carried
	 * on. */
	record.wall = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC) + event->time;
	ambit_record_explain(&record, policy);
	*ret = record;
	return 0;
}
