/* SPDX-License-Identifier: Apache-2.0 */
/* Record -> one line for machines; docs/trail.md has the schema. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include "trail/actor.h"
#include "trail/ocsf.h"
#include "trail/source.h"
#include "trail/trail.h"

static const char *const verdicts[] = {
	[VERDICT_ALLOW] = "allow", [VERDICT_ASK] = "ask", [VERDICT_DENY] = "deny"};

/* Names that are no UTF-8, whose bytes the line has to have besides. */
struct inexact {
	bool path, said;
	struct actor_inexact actor;
};

/* --- what OCSF has a word for --- */

/* action_id: Allowed, Denied, Observed. disposition_id: Allowed, Blocked, Delayed, Logged. */
static void put_action(struct writer *writer, const struct ambit_event *event)
{
	bool enforced = event->flags & AMBIT_EVENT_ENFORCED;
	unsigned action = 3, disposition = 17;

	if (event->verdict == VERDICT_ALLOW)
		action = disposition = 1;
	else if (enforced && event->verdict == VERDICT_DENY)
		action = disposition = 2;
	else if (enforced)
		disposition = 14;
	ambit_writer_number(writer, "action_id", action);
	ambit_writer_number(writer, "disposition_id", disposition);
}

/* What is launched is the process itself, with another program. */
static void put_launched(struct writer *writer, const struct record *record, struct inexact *inexact)
{
	ambit_writer_open(writer, "process", '{');
	ambit_ocsf_process(writer, record->event->pid, record->event->start_time);
	if (record->path_length)
		inexact->path = !ambit_ocsf_file(writer, record->path, record->path_length, 1);
	ambit_writer_close(writer, '}');
}

static bool has_address(const struct ambit_event *event)
{
	return event->family == AMBIT_FAMILY_V4 || event->family == AMBIT_FAMILY_V6;
}

static void put_address(struct writer *writer, const struct ambit_event *event)
{
	char text[INET6_ADDRSTRLEN];

	if (inet_ntop(event->family == AMBIT_FAMILY_V6 ? AF_INET6 : AF_INET, event->addr, text, sizeof(text)))
		ambit_writer_string(writer, "ip", text);
}

/* Where it leads, or on which own address it listens. An endpoint has to be called something. */
static void put_endpoint(
	struct writer *writer, const struct record *record, enum ocsf_class class, struct inexact *inexact)
{
	const struct ambit_event *event = record->event;
	const char *key = class == OCSF_DNS ? NULL : event->op == OP_CONNECT ? "hostname" : "name";

	ambit_writer_open(writer, "dst_endpoint", '{');
	if (event->op == OP_UNIX)
		ambit_writer_string(writer, "svc_name", "unix");
	if (key)
		inexact->path = !ambit_writer_bytes(writer, key, record->path, record->path_length);
	if (event->op != OP_UNIX && has_address(event))
		put_address(writer, event);
	else if (event->op != OP_UNIX)
		ambit_writer_string(writer, "svc_name", "unknown");
	if (event->op != OP_UNIX)
		ambit_writer_number(writer, "port", event->port);
	ambit_writer_close(writer, '}');
	if (event->op == OP_UNIX)
		return;
	ambit_writer_open(writer, "connection_info", '{');
	ambit_writer_number(writer, "direction_id", event->op == OP_LISTEN ? 1 : 2); /* Inbound, Outbound */
	ambit_writer_string(writer, "protocol_name", event->proto == AMBIT_PROTO_UDP ? "udp" : "tcp");
	ambit_writer_close(writer, '}');
}

static void put_query(struct writer *writer, const struct record *record, struct inexact *inexact)
{
	ambit_writer_open(writer, "query", '{');
	inexact->path = !ambit_writer_bytes(writer, "hostname", record->path, record->path_length);
	ambit_writer_close(writer, '}');
}

/* What the event is about, where its class has a place for it. */
static void put_target(
	struct writer *writer, const struct record *record, enum ocsf_class class, struct inexact *inexact)
{
	const struct ambit_event *event = record->event;

	switch (class) {
	case OCSF_FILE:
		inexact->path = !ambit_ocsf_file(writer, record->path, record->path_length, 0);
		break;
	case OCSF_PROCESS:
		put_launched(writer, record, inexact);
		break;
	case OCSF_DNS:
		put_query(writer, record, inexact);
		put_endpoint(writer, record, class, inexact);
		break;
	case OCSF_NETWORK:
		put_endpoint(writer, record, class, inexact);
		break;
	case OCSF_FINDING:
		ambit_ocsf_finding(writer, event->time, event->cell, ambit_reason_text(event->reason));
		break;
	case OCSF_CONFIG:
		break;
	}
}

static void put_count(struct writer *writer, const struct record *record)
{
	if (record->count < 2)
		return;
	ambit_writer_number(writer, "count", record->count);
	ambit_writer_number(writer, "end_time", record->last / 1000000U);
	ambit_writer_time(writer, "end_time_dt", record->last);
}

/* --- what is ambit's own --- */

static void put_decision(struct writer *writer, const struct record *record)
{
	const struct ambit_event *event = record->event;

	ambit_writer_string(writer, "op", ambit_op_text(event->op));
	ambit_writer_string(writer, "verdict", verdicts[event->verdict]);
	ambit_writer_bool(writer, "enforced", event->flags & AMBIT_EVENT_ENFORCED);
	ambit_writer_string(writer, "reason", ambit_reason_code(event->reason));
}

static void put_rule(struct writer *writer, const struct record *record)
{
	const struct ambit_event *event = record->event;

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

/* What a rule says is the same in every line that names it: made once (struct trail_source). */
static void put_rule_again(struct writer *writer, const struct record *record)
{
	struct trail_text *text = ambit_source_text(record);
	size_t from = writer->size;

	if (text && text->bytes) {
		ambit_writer_again(writer, text->bytes, text->size);
		return;
	}
	put_rule(writer, record);
	if (!text || writer->failed)
		return;
	text->size = writer->size - from;
	text->bytes = malloc(text->size);
	if (text->bytes)
		memcpy(text->bytes, writer->bytes + from, text->size);
}

/* What an event is about and OCSF has no place for. */
static void put_object(struct writer *writer, const struct record *record)
{
	const struct ambit_event *event = record->event;
	struct ambit_numbers numbers;

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

static void put_hex(struct writer *writer, const char *key, bool wanted, const char *bytes, size_t size)
{
	if (wanted)
		ambit_writer_hex(writer, key, (const uint8_t *)bytes, size);
}

static void put_inexact(struct writer *writer, const struct record *record, const struct inexact *inexact)
{
	const struct ambit_event *event = record->event;

	put_hex(writer, event->op == OP_CONNECT ? "domain_hex" : "path_hex", inexact->path, record->path,
		record->path_length);
	put_hex(writer, "said_hex", inexact->said, record->said, record->said_length);
	put_hex(writer, "comm_hex", inexact->actor.comm, event->comm, strnlen(event->comm, sizeof(event->comm)));
	put_hex(writer, "parent_comm_hex", inexact->actor.parent_comm, event->parent_comm,
		strnlen(event->parent_comm, sizeof(event->parent_comm)));
	put_hex(writer, "exe_hex", inexact->actor.exe, record->exe, record->exe_length);
}

static void put_own(
	struct writer *writer, const struct record *record, enum ocsf_class class, struct inexact *inexact)
{
	const struct ambit_event *event = record->event;

	ambit_ocsf_own(writer, event->kind == EVENT_EXEC ? "exec" : "decision");
	ambit_writer_number(writer, "mono_ns", event->time);
	ambit_writer_string(writer, "cell", record->cell);
	ambit_writer_number(writer, "cell_id", event->cell);
	ambit_writer_number(writer, "epoch", event->epoch);
	put_decision(writer, record);
	ambit_writer_string(writer, "hook", ambit_hook_name(event->hook));
	if (class == OCSF_FINDING)
		inexact->path = !ambit_writer_bytes(writer, "path", record->path, record->path_length);
	inexact->said = !ambit_writer_bytes(writer, "said", record->said, record->said_length);
	put_object(writer, record);
	put_rule_again(writer, record);
	ambit_writer_number(writer, "gid", event->gid);
	put_inexact(writer, record, inexact);
}

void ambit_record_put(struct writer *writer, const struct record *record)
{
	const struct ocsf_kind kind = ambit_ocsf_kind(record);
	struct inexact inexact = {0};

	ambit_ocsf_begin(writer, kind, record->wall);
	put_count(writer, record);
	put_action(writer, record->event);
	ambit_writer_string(writer, "status_detail", ambit_reason_text(record->event->reason));
	ambit_writer_open(writer, "policy", '{');
	ambit_writer_string(writer, "name", record->policy_name ?: "unknown");
	ambit_writer_close(writer, '}');
	inexact.actor = ambit_actor_put(writer, record);
	put_target(writer, record, kind.class, &inexact);
	put_own(writer, record, kind.class, &inexact);
}

char *ambit_record_json(const struct record *record)
{
	struct writer writer = {0};

	ambit_record_put(&writer, record);
	ambit_writer_close(&writer, '}');
	ambit_writer_close(&writer, '}');
	return ambit_writer_end(&writer);
}

/* --- an answer, which is no line of a trail --- */

static void put_peer(struct writer *writer, const struct ambit_event *event, bool named)
{
	if (!has_address(event) && !named)
		return;
	if (has_address(event))
		put_address(writer, event);
	ambit_writer_number(writer, "port", event->port);
	ambit_writer_string(writer, "proto", event->proto == AMBIT_PROTO_UDP ? "udp" : "tcp");
}

char *ambit_record_answer(const struct record *record)
{
	const struct ambit_event *event = record->event;
	bool named = event->op == OP_CONNECT && record->path_length;
	struct writer writer = {0};

	ambit_writer_begin(&writer);
	ambit_writer_number(&writer, "v", AMBIT_TRAIL_SCHEMA);
	ambit_writer_string(&writer, "type", "answer");
	put_decision(&writer, record);
	ambit_writer_string(&writer, "why", ambit_reason_text(event->reason));
	if (!ambit_writer_bytes(&writer, named ? "domain" : "path", record->path, record->path_length))
		ambit_writer_hex(&writer, named ? "domain_hex" : "path_hex", (const uint8_t *)record->path,
			record->path_length);
	if (event->op == OP_CONNECT || event->op == OP_LISTEN)
		put_peer(&writer, event, named);
	ambit_writer_string(&writer, "first_bytes", record->stream);
	ambit_writer_string(&writer, "limits", record->limits);
	ambit_writer_string(&writer, "policy", record->policy_name);
	put_rule(&writer, record);
	ambit_writer_close(&writer, '}');
	return ambit_writer_end(&writer);
}
