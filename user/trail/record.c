/* SPDX-License-Identifier: Apache-2.0 */
/* Ring bytes -> record. The ring is the kernel's, but its events carry names that a cell chose. */
#include <string.h>
#include "base/util.h"
#include "trail/clock.h"
#include "trail/source.h"
#include "trail/trail.h"

/* Which text of a source: those of an operation without a rule, one for what has neither, those of
 * the rules. */
enum { TEXTS_NONE = OP_MAX, TEXTS_RULE };

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

/* The line of the cell's limit that a denial is about; 0: it is about none of them. */
static unsigned limit_line(const struct ambit_event *event, const struct policy *policy)
{
	if (event->reason == REASON_FILE_SIZE)
		return policy->file_size.line;
	if (event->reason < REASON_CONNECTS || event->reason > REASON_EGRESS_DAY || event->rule)
		return 0;
	return policy->limits[event->reason - REASON_CONNECTS].line;
}

static const struct rule *rule_of(const struct ambit_event *event, const struct policy *policy)
{
	return event->rule == AMBIT_RULE_SPECIAL ? NULL : ambit_policy_rule(policy, event->rule);
}

void ambit_record_explain(struct record *record, const struct policy *policy)
{
	const struct ambit_event *event = record->event;

	record->policy = policy->file;
	record->policy_name = policy->name;
	record->rule = rule_of(event, policy);
	record->section_line = event->reason == REASON_NO_RULE ? section_line(policy, event->op)
							       : limit_line(event, policy);
}

static bool event_is_sound(const struct ambit_event *event, size_t size)
{
	return event->abi == AMBIT_ABI && event->kind < EVENT_KIND_MAX && event->op < OP_MAX &&
	       event->verdict < VERDICT_MAX && event->reason < REASON_MAX &&
	       event->path_len < AMBIT_PATH_SIZE && event->exe_len < AMBIT_PATH_SIZE &&
	       size - sizeof(*event) >= (size_t)event->path_len + event->exe_len;
}

/* Of a connect no name that led there has a '/': behind one stands what the first bytes have said. */
static void split_said(struct record *record)
{
	const char *slash = record->event->op == OP_CONNECT
				    ? memchr(record->path, '/', record->path_length)
				    : NULL;

	if (!slash)
		return;
	record->said = slash + 1;
	record->said_length = record->path_length - (size_t)(slash + 1 - record->path);
	record->path_length = (size_t)(slash - record->path);
}

int ambit_record_decode(
	const void *bytes, size_t size, struct trail_source *source, struct record *ret)
{
	const struct ambit_event *event = bytes;

	if (size < sizeof(*event) || (uintptr_t)bytes % _Alignof(struct ambit_event) ||
		!event_is_sound(event, size))
		return -EBADMSG;
	*ret = (struct record){
		.event = event,
		.path = (const char *)(event + 1),
		.path_length = event->path_len,
		.exe = (const char *)(event + 1) + event->path_len,
		.exe_length = event->exe_len,
		.cell = source->cell,
		.policy = source->policy->file,
		.policy_name = source->policy->name,
		.rule = rule_of(event, source->policy),
		.section_line =
			event->reason == REASON_NO_RULE ? source->section_lines[event->op]
							: limit_line(event, source->policy),
		.wall = source->wall + event->time,
		.source = source,
	};
	split_said(ret);
	return 0;
}

void ambit_source_clock(struct trail_source *source)
{
	source->wall = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
}

int ambit_source_open(struct trail_source *source, const struct policy *policy, const char *cell)
{
	*source = (struct trail_source){.policy = policy, .cell = cell};
	source->texts = calloc(TEXTS_RULE + policy->rule_count, sizeof(*source->texts));
	if (!source->texts)
		return -ENOMEM;
	for (unsigned op = 0; op < OP_MAX; op++)
		source->section_lines[op] = section_line(policy, op);
	ambit_source_clock(source);
	return 0;
}

struct trail_text *ambit_source_text(const struct record *record)
{
	struct trail_source *source = record->source;

	if (!source)
		return NULL;
	if (record->rule)
		return &source->texts[TEXTS_RULE + record->rule->id - 1];
	if (record->event->reason == REASON_NO_RULE)
		return &source->texts[record->event->op];
	/* One text for all that has neither a rule nor a line. */
	return record->section_line ? NULL : &source->texts[TEXTS_NONE];
}

void ambit_source_close(struct trail_source *source)
{
	for (size_t i = 0; source->texts && i < TEXTS_RULE + source->policy->rule_count; i++)
		free(source->texts[i].bytes);
	free(source->texts);
	ambit_actor_forget(&source->actor);
	*source = (struct trail_source){0};
}
