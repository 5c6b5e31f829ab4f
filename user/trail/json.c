/* SPDX-License-Identifier: Apache-2.0 */
/* Record -> one line for machines; docs/trail.md has the schema. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include "trail/source.h"
#include "trail/trail.h"
#include "trail/writer.h"

static const char *const verdicts[] = {
	[VERDICT_ALLOW] = "allow", [VERDICT_ASK] = "ask", [VERDICT_DENY] = "deny"};

static void put_decision(struct writer *writer, const struct record *record)
{
	const struct ambit_event *event = record->event;

	ambit_writer_string(writer, "op", ambit_op_text(event->op));
	ambit_writer_string(writer, "verdict", verdicts[event->verdict]);
	ambit_writer_bool(writer, "enforced", event->flags & AMBIT_EVENT_ENFORCED);
	ambit_writer_string(writer, "reason", ambit_reason_code(event->reason));
	ambit_writer_string(writer, "why", ambit_reason_text(event->reason));
}

static void put_policy(struct writer *writer, const struct record *record)
{
	const struct ambit_event *event = record->event;

	ambit_writer_string(writer, "policy", record->policy_name);
	ambit_writer_string(writer, "file", record->policy);
	if (record->rule) {
		ambit_writer_number(writer, "rule", record->rule->id);
		ambit_writer_number(writer, "line", record->rule->line);
		ambit_writer_string(
			writer, "section", ambit_section(record->rule->op, record->rule->verdict));
		ambit_writer_string(writer, "pattern", record->rule->text);
	} else if (record->section_line) {
		ambit_writer_number(writer, "line", record->section_line);
	}
	if (event->reason == REASON_NO_RULE && !record->rule)
		ambit_writer_string(writer, "section", ambit_section(event->op, VERDICT_ALLOW));
}

static void put_peer(struct writer *writer, const struct ambit_event *event, bool named)
{
	bool v6 = event->family == AMBIT_FAMILY_V6;
	char text[INET6_ADDRSTRLEN];

	/* A name that was only asked about has no address. */
	if (!v6 && event->family != AMBIT_FAMILY_V4 && !named)
		return;
	if (v6 || event->family == AMBIT_FAMILY_V4) {
		if (!inet_ntop(v6 ? AF_INET6 : AF_INET, event->addr, text, sizeof(text)))
			return;
		ambit_writer_string(writer, "addr", text);
	}
	ambit_writer_number(writer, "port", event->port);
	ambit_writer_string(writer, "proto", event->proto == AMBIT_PROTO_UDP ? "udp" : "tcp");
}

static void put_object(struct writer *writer, const struct record *record)
{
	const struct ambit_event *event = record->event;
	struct ambit_numbers numbers;

	bool named = event->op == OP_CONNECT && record->path_length + record->said_length;

	ambit_writer_bytes(writer, named ? "domain" : "path", named ? "domain_hex" : "path_hex",
		record->path, record->path_length);
	ambit_writer_bytes(writer, "said", "said_hex", record->said, record->said_length);
	if (event->op == OP_CONNECT || event->op == OP_LISTEN)
		put_peer(writer, event, named);
	if (record->stream)
		ambit_writer_string(writer, "first_bytes", record->stream);
	if (record->limits)
		ambit_writer_string(writer, "limits", record->limits);
	if (ambit_event_numbers(event, &numbers)) {
		ambit_writer_number(writer, "level", numbers.level);
		ambit_writer_number(writer, "number", numbers.number);
	} else if (event->op == OP_SOCKET && event->family) {
		ambit_writer_number(writer, "socket_family", event->family);
		ambit_writer_number(writer, "socket_type", event->detail);
		ambit_writer_number(writer, "socket_protocol", event->proto);
	}
	if (event->op == OP_TASK && event->detail)
		ambit_writer_number(writer, "signal", event->detail);
	if (event->reason == REASON_PRIVILEGE)
		ambit_writer_string(writer, "capability", ambit_capability_name(event->detail));
}

static void put_process(struct writer *writer, const struct record *record)
{
	const struct ambit_event *event = record->event;

	ambit_writer_number(writer, "pid", event->pid);
	ambit_writer_number(writer, "tid", event->tid);
	ambit_writer_number(writer, "ppid", event->ppid);
	ambit_writer_number(writer, "uid", event->uid);
	ambit_writer_number(writer, "gid", event->gid);
	ambit_writer_number(writer, "start_ns", event->start_time);
	ambit_writer_bytes(
		writer, "comm", "comm_hex", event->comm, strnlen(event->comm, sizeof(event->comm)));
	ambit_writer_bytes(writer, "parent_comm", "parent_comm_hex", event->parent_comm,
		strnlen(event->parent_comm, sizeof(event->parent_comm)));
	ambit_writer_bytes(writer, "exe", "exe_hex", record->exe, record->exe_length);
}

/* What a rule says is the same in every line that names it: made once (struct trail_source). */
static void put_policy_again(struct writer *writer, const struct record *record)
{
	struct trail_text *text = ambit_source_text(record);
	size_t from = writer->size;

	if (text && text->bytes) {
		ambit_writer_again(writer, text->bytes, text->size);
		return;
	}
	put_policy(writer, record);
	if (!text || writer->failed)
		return;
	text->size = writer->size - from;
	text->bytes = malloc(text->size);
	if (text->bytes)
		memcpy(text->bytes, writer->bytes + from, text->size);
}

static void put_count(struct writer *writer, const struct record *record)
{
	if (record->count < 2)
		return;
	ambit_writer_number(writer, "count", record->count);
	ambit_writer_time(writer, "last", record->last);
}

void ambit_record_put(struct writer *writer, const struct record *record)
{
	const struct ambit_event *event = record->event;

	ambit_writer_begin(writer, event->kind == EVENT_EXEC ? "exec" : "decision");
	ambit_writer_time(writer, "time", record->wall);
	ambit_writer_number(writer, "mono_ns", event->time);
	ambit_writer_string(writer, "cell", record->cell);
	ambit_writer_number(writer, "cell_id", event->cell);
	ambit_writer_number(writer, "epoch", event->epoch);
	put_decision(writer, record);
	ambit_writer_string(writer, "hook", ambit_hook_name(event->hook));
	put_object(writer, record);
	put_policy_again(writer, record);
	put_process(writer, record);
	put_count(writer, record);
}

char *ambit_record_json(const struct record *record)
{
	struct writer writer = {0};

	ambit_record_put(&writer, record);
	return ambit_writer_end(&writer);
}

char *ambit_record_answer(const struct record *record)
{
	struct writer writer = {0};

	ambit_writer_begin(&writer, "answer");
	put_decision(&writer, record);
	put_object(&writer, record);
	put_policy(&writer, record);
	return ambit_writer_end(&writer);
}
