/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Record -> one line for people. Fields are set apart by two spaces; a word that holds a space is
 * quoted (text.h), so that no name can forge a field.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include "base/util.h"
#include "trail/text.h"
#include "trail/trail.h"

static const char *verb(const struct ambit_event *event)
{
	bool enforced = event->flags & AMBIT_EVENT_ENFORCED;

	if (event->kind == EVENT_EXEC)
		return "started";
	if (event->verdict == VERDICT_ALLOW)
		return "allowed";
	if (event->verdict == VERDICT_ASK)
		return enforced ? "held" : "would hold";
	return enforced ? "denied" : "would deny";
}

static void put_peer(FILE *out, const struct ambit_event *event)
{
	char text[INET6_ADDRSTRLEN] = "?";
	bool v6 = event->family == AMBIT_FAMILY_V6;

	if (v6 || event->family == AMBIT_FAMILY_V4)
		inet_ntop(v6 ? AF_INET6 : AF_INET, event->addr, text, sizeof(text));
	fprintf(out, v6 ? "[%s]:%u" : "%s:%u", text, event->port);
	if (event->proto == AMBIT_PROTO_UDP)
		fputs("/udp", out);
}

/* The name that was looked up, and the address that it led to. */
static void put_domain(FILE *out, const struct record *record)
{
	const struct ambit_event *event = record->event;

	ambit_text_word(out, record->path, record->path_length);
	if (event->family == AMBIT_FAMILY_V4 || event->family == AMBIT_FAMILY_V6) {
		fputs(" (", out);
		put_peer(out, event);
		fputc(')', out);
		return;
	}
	fprintf(out, ":%u%s", event->port, event->proto == AMBIT_PROTO_UDP ? "/udp" : "");
}

static const char *family_name(unsigned family)
{
	static const struct {
		unsigned family;
		const char *name;
	} names[] = {{AF_UNIX, "unix"}, {AF_INET, "inet"}, {AF_INET6, "inet6"},
		{AF_NETLINK, "netlink"}, {AF_PACKET, "packet"}, {AF_VSOCK, "vsock"},
		{AF_ALG, "alg"}, {AF_XDP, "xdp"}, {AF_TIPC, "tipc"}, {AF_CAN, "can"},
		{AF_BLUETOOTH, "bluetooth"}, {AF_KEY, "key"}, {AF_RDS, "rds"}};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].family == family)
			return names[i].name;
	return "other";
}

/* A signal's name without "SIG", for those that have one. */
static void put_signal(FILE *out, unsigned number)
{
	const char *name = number ? sigabbrev_np((int)number) : NULL;

	if (name)
		fputs(name, out);
	else
		fprintf(out, "signal-%u", number);
}

/* "option 1:36 SO_MARK", "ioctl 0x8914". */
static void put_numbers(FILE *out, unsigned reason, const struct ambit_numbers *numbers)
{
	const char *name;

	if (reason == REASON_IOCTL) {
		fprintf(out, "ioctl %#x", numbers->number);
		return;
	}
	if (reason == REASON_NETLINK) {
		fprintf(out, "netlink message %u", numbers->number);
		return;
	}
	fprintf(out, "%s %u:%u", reason == REASON_OPTION ? "option" : "control data",
		numbers->level, numbers->number);
	name = ambit_option_name(numbers);
	if (name)
		fprintf(out, " %s", name);
}

/* What the first bytes of a connection have said. */
static void put_said(FILE *out, const struct record *record)
{
	if (!record->said_length)
		return;
	fputs(" saying ", out);
	ambit_text_word(out, record->said, record->said_length);
}

static void put_object(FILE *out, const struct record *record)
{
	const struct ambit_event *event = record->event;
	struct ambit_numbers numbers;

	if (record->path_length && event->op == OP_CONNECT)
		put_domain(out, record);
	else if (record->path_length)
		ambit_text_word(out, record->path, record->path_length);
	else if (ambit_event_numbers(event, &numbers))
		put_numbers(out, event->reason, &numbers);
	else if (event->op == OP_CONNECT || event->op == OP_LISTEN)
		put_peer(out, event);
	else if (event->op == OP_SOCKET && event->family)
		fprintf(out, "%s(%u) type %u protocol %u", family_name(event->family),
			event->family, event->detail, event->proto);
	else if (event->op == OP_TASK && event->detail)
		put_signal(out, event->detail);
	else if (event->reason == REASON_PRIVILEGE)
		fputs(ambit_capability_name(event->detail) ?: "unknown", out);
	else if (event->reason == REASON_JIT)
		fputs("(memory)", out);
	else
		fprintf(out, "(%s)", ambit_hook_name(event->hook) ?: "no name");
}

static void put_policy(FILE *out, const struct record *record)
{
	unsigned line = record->rule ? record->rule->line : record->section_line;

	fputs("policy ", out);
	ambit_text_word(out, record->policy_name ?: "-", strlen(record->policy_name ?: "-"));
	if (line)
		fprintf(out, ":%u", line);
}

/* What the reader can do about it. */
static void put_remedy(FILE *out, const struct record *record)
{
	const struct ambit_event *event = record->event;
	const char *allow = ambit_section(event->op, VERDICT_ALLOW);
	const char *section = ambit_section(event->op, event->verdict);

	fputs("  ", out);
	if (record->rule && event->reason == REASON_RULE) {
		fprintf(out, "%s ", section ?: "rule");
		ambit_text_word(out, record->rule->text, strlen(record->rule->text));
	} else if (event->reason == REASON_NO_RULE && allow) {
		fprintf(out, "not in %s", allow);
	} else {
		fputs(ambit_reason_text(event->reason), out);
	}
}

static void put_asked(FILE *out, const struct record *record)
{
	fprintf(out, "%s ", ambit_op_text(record->event->op));
	put_object(out, record);
	put_said(out, record);
}

static void put_cause(FILE *out, const struct record *record)
{
	put_policy(out, record);
	if (record->event->kind != EVENT_EXEC)
		put_remedy(out, record);
	if (record->stream)
		fprintf(out, "; first bytes: %s", record->stream);
	if (record->limits)
		fprintf(out, "; counts for %s", record->limits);
}

static void put_line(FILE *out, const struct record *record)
{
	const struct ambit_event *event = record->event;

	fprintf(out, "%s  ", verb(event));
	put_asked(out, record);
	fputs("  by ", out);
	ambit_text_word(out, event->comm, strnlen(event->comm, sizeof(event->comm)));
	fprintf(out, "(%u)  ", event->pid);
	put_cause(out, record);
	if (record->count > 1)
		fprintf(out, "  (%" PRIu64 " times)", record->count);
}

static char *text_of(
	void (*put)(FILE *out, const struct record *record), const struct record *record)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	put(out, record);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

char *ambit_record_object(const struct record *record)
{
	return text_of(put_asked, record);
}

char *ambit_record_cause(const struct record *record)
{
	return text_of(put_cause, record);
}

char *ambit_record_line(const struct record *record)
{
	return text_of(put_line, record);
}
