/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line of a trail -> record. The file may have been cut short, mixed up or written by somebody
 * who means harm: what is not understood is -EBADMSG, and nothing is taken on trust.
 */
#include <arpa/inet.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/util.h"
#include "trail/trail.h"

#define DEPTH_MAX 8

struct stored {
	struct trail_entry entry;
	struct ambit_event event;
	struct rule rule;
	struct json_object *root;
	char *path, *said, *exe; /* owned where they come from hex */
};

static const char *const types[] = {[TRAIL_DECISION] = "decision",
	[TRAIL_EXEC] = "exec",
	[TRAIL_START] = "start",
	[TRAIL_LOST] = "lost",
	[TRAIL_SKIPPED] = "skipped",
	[TRAIL_STRAYED] = "strayed",
	[TRAIL_MISSING] = "missing",
	[TRAIL_CLOCK] = "clock",
	[TRAIL_STOP] = "stop",
	[TRAIL_END] = "end",
	[TRAIL_ROTATE] = "rotate",
	[TRAIL_CONTINUE] = "continue",
	[TRAIL_RETIRED] = "retired",
	[TRAIL_FAILURE] = "failure",
	[TRAIL_SINK] = "sink",
	[TRAIL_SERVICE] = "service"};
_Static_assert(ARRAY_SIZE(types) == TRAIL_TYPE_MAX, "a text for each type");

/* The value at a path such as "actor.process.pid". */
static struct json_object *value_at(const struct stored *stored, const char *path)
{
	struct json_object *value = stored->root;
	char key[32];

	for (const char *dot; value; path = dot + 1) {
		dot = strchrnul(path, '.');
		snprintf(key, sizeof(key), "%.*s", (int)(dot - path), path);
		if (!json_object_is_type(value, json_type_object) ||
			!json_object_object_get_ex(value, key, &value))
			return NULL;
		if (!*dot)
			break;
	}
	return value;
}

static const char *string_at(const struct stored *stored, const char *path, size_t *ret_size)
{
	struct json_object *value = value_at(stored, path);

	if (!json_object_is_type(value, json_type_string))
		return NULL;
	if (ret_size)
		*ret_size = (size_t)json_object_get_string_len(value);
	return json_object_get_string(value);
}

static uint64_t number_at(const struct stored *stored, const char *path, uint64_t max)
{
	struct json_object *value = value_at(stored, path);
	uint64_t number;

	if (!json_object_is_type(value, json_type_int))
		return 0;
	number = json_object_get_uint64(value);
	return number <= max ? number : 0;
}

static bool flag_at(const struct stored *stored, const char *path)
{
	struct json_object *value = value_at(stored, path);

	return json_object_is_type(value, json_type_boolean) && json_object_get_boolean(value);
}

/* A number that OCSF has as text. */
static uint32_t text_number_at(const struct stored *stored, const char *path)
{
	const char *text = string_at(stored, path, NULL);
	uint64_t number = text ? strtoull(text, NULL, 10) : 0;

	return number <= UINT32_MAX ? (uint32_t)number : 0;
}

/* Index of the text at `key` among `count` texts; -EBADMSG if it is none of them. */
static int choice_at(const struct stored *stored, const char *key, unsigned count,
	const char *(*text)(unsigned index))
{
	const char *value = string_at(stored, key, NULL);

	for (unsigned i = 0; value && i < count; i++)
		if (!strcmp(value, text(i)))
			return (int)i;
	return -EBADMSG;
}

const char *ambit_trail_type(unsigned type)
{
	return types[type];
}

static const char *verdict_text(unsigned verdict)
{
	static const char *const texts[] = {"allow", "ask", "deny"};

	return texts[verdict];
}

static int nibble(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Bytes that are either at `key` or, where they are not UTF-8, at `hex_key`. `*owned` is what has
 * to be freed. */
static int bytes_at(const struct stored *stored, const char *key, const char *hex_key, char **owned,
	const char **ret, size_t *ret_size)
{
	size_t size = 0;
	const char *hex = string_at(stored, hex_key, &size);
	_cleanup_free_ char *bytes = NULL;

	if (!hex) {
		*ret = string_at(stored, key, &size) ?: "";
		*ret_size = size;
		return 0;
	}
	bytes = malloc(size / 2 + 1);
	if (!bytes)
		return -ENOMEM;
	for (size_t i = 0; i < size / 2; i++) {
		int high = nibble(hex[2 * i]), low = nibble(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EBADMSG;
		bytes[i] = (char)(high << 4 | low);
	}
	*ret_size = size / 2;
	*ret = *owned = TAKE_PTR(bytes);
	return 0;
}

static int comm_at(const struct stored *stored, char comm[AMBIT_COMM_SIZE])
{
	_cleanup_free_ char *owned = NULL;
	const char *bytes;
	size_t size;
	int error = bytes_at(stored, "actor.process.name", "unmapped.comm_hex", &owned, &bytes, &size);

	if (error)
		return error;
	memcpy(comm, bytes, size < AMBIT_COMM_SIZE ? size : AMBIT_COMM_SIZE);
	return 0;
}

static uint64_t time_at(const struct stored *stored, const char *key)
{
	const char *text = string_at(stored, key, NULL);
	struct tm tm = {0};
	unsigned ns = 0;
	const char *rest;

	rest = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
	if (!rest)
		return 0;
	if (sscanf(rest, ".%9u", &ns) != 1)
		ns = 0;
	return (uint64_t)timegm(&tm) * 1000000000U + ns;
}

static void peer_at(const struct stored *stored, struct ambit_event *event)
{
	const char *text = string_at(stored, "dst_endpoint.ip", NULL) ?: "";
	const char *proto = string_at(stored, "connection_info.protocol_name", NULL) ?: "";

	if (inet_pton(AF_INET6, text, event->addr) == 1)
		event->family = AMBIT_FAMILY_V6;
	else if (inet_pton(AF_INET, text, event->addr) == 1)
		event->family = AMBIT_FAMILY_V4;
	event->port = (uint16_t)number_at(stored, "dst_endpoint.port", UINT16_MAX);
	event->proto = strcmp(proto, "udp") ? AMBIT_PROTO_TCP : AMBIT_PROTO_UDP;
}

static uint8_t capability_at(const struct stored *stored)
{
	const char *name = string_at(stored, "unmapped.capability", NULL), *known;

	for (uint8_t i = 0; name && (known = ambit_capability_name(i)); i++)
		if (!strcmp(known, name))
			return i;
	return UINT8_MAX;
}

static void object_at(const struct stored *stored, struct ambit_event *event)
{
	if (event->op == OP_CONNECT || event->op == OP_LISTEN)
		peer_at(stored, event);
	if (ambit_reason_has_numbers(event->reason)) {
		struct ambit_numbers numbers = {
			.level = (uint32_t)number_at(stored, "unmapped.level", UINT32_MAX),
			.number = (uint32_t)number_at(stored, "unmapped.number", UINT32_MAX),
		};

		memcpy(event->addr, &numbers, sizeof(numbers));
	} else if (event->op == OP_SOCKET) {
		event->family = (uint8_t)number_at(stored, "unmapped.socket_family", UINT8_MAX);
		event->detail = (uint8_t)number_at(stored, "unmapped.socket_type", UINT8_MAX);
		event->proto = (uint8_t)number_at(stored, "unmapped.socket_protocol", UINT8_MAX);
	}
	if (event->op == OP_TASK)
		event->detail = (uint8_t)number_at(stored, "unmapped.signal", UINT8_MAX);
	if (event->reason == REASON_PRIVILEGE)
		event->detail = capability_at(stored);
}

/* By name, not by number: hooks.def grows. */
static uint16_t hook_at(const struct stored *stored)
{
	const char *name = string_at(stored, "unmapped.hook", NULL), *known;

	for (uint16_t i = 0; name && (known = ambit_hook_name(i)); i++)
		if (!strcmp(known, name))
			return i;
	return UINT16_MAX;
}

static int event_at(const struct stored *stored, struct ambit_event *event)
{
	int op = choice_at(stored, "unmapped.op", OP_MAX, ambit_op_text);
	int verdict = choice_at(stored, "unmapped.verdict", VERDICT_MAX, verdict_text);
	int reason = choice_at(stored, "unmapped.reason", REASON_MAX, ambit_reason_code);

	if (op < 0 || verdict < 0 || reason < 0)
		return -EBADMSG;
	*event = (struct ambit_event){
		.abi = AMBIT_ABI,
		.kind = stored->entry.type == TRAIL_EXEC ? EVENT_EXEC : EVENT_DECISION,
		.op = (uint8_t)op,
		.verdict = (uint8_t)verdict,
		.reason = (uint8_t)reason,
		.flags = flag_at(stored, "unmapped.enforced") ? AMBIT_EVENT_ENFORCED : 0,
		.time = number_at(stored, "unmapped.mono_ns", UINT64_MAX),
		.epoch = number_at(stored, "unmapped.epoch", UINT64_MAX),
		.cell = (uint32_t)number_at(stored, "unmapped.cell_id", UINT32_MAX),
		.rule = (uint32_t)number_at(stored, "unmapped.rule", UINT32_MAX),
		.pid = (uint32_t)number_at(stored, "actor.process.pid", UINT32_MAX),
		.tid = (uint32_t)number_at(stored, "actor.process.tid", UINT32_MAX),
		.ppid = (uint32_t)number_at(stored, "actor.process.parent_process.pid", UINT32_MAX),
		.uid = text_number_at(stored, "actor.process.user.uid"),
		.gid = (uint32_t)number_at(stored, "unmapped.gid", UINT32_MAX),
		.hook = hook_at(stored),
	};
	object_at(stored, event);
	return comm_at(stored, event->comm);
}

/* Where the object of an operation stands. */
static const char *path_of(const struct stored *stored)
{
	static const char *const paths[OP_MAX] = {
		[OP_READ] = "file.path",
		[OP_WRITE] = "file.path",
		[OP_EXEC] = "process.file.path",
		[OP_UNIX] = "dst_endpoint.name",
		[OP_CONNECT] = "dst_endpoint.hostname",
		[OP_LISTEN] = "dst_endpoint.name",
		[OP_SOCKET] = "unmapped.path",
		[OP_TASK] = "unmapped.path",
		[OP_SYSTEM] = "unmapped.path",
	};

	return value_at(stored, "query") ? "query.hostname" : paths[stored->event.op];
}

static int record_at(struct stored *stored)
{
	struct record *record = &stored->entry.record;
	const char *pattern = string_at(stored, "unmapped.pattern", NULL);
	unsigned line = (unsigned)number_at(stored, "unmapped.line", UINT32_MAX);
	int error = event_at(stored, &stored->event);
	bool peer = !error && stored->event.op == OP_CONNECT;

	if (!error)
		error = bytes_at(stored, path_of(stored),
			peer ? "unmapped.domain_hex" : "unmapped.path_hex", &stored->path, &record->path,
			&record->path_length);
	if (!error && peer)
		error = bytes_at(stored, "unmapped.said", "unmapped.said_hex", &stored->said, &record->said,
			&record->said_length);
	if (!error)
		error = bytes_at(stored, "actor.process.file.path", "unmapped.exe_hex", &stored->exe,
			&record->exe, &record->exe_length);
	if (error)
		return error;
	record->event = &stored->event;
	record->cell = string_at(stored, "unmapped.cell", NULL);
	record->policy = string_at(stored, "unmapped.file", NULL);
	record->policy_name = string_at(stored, "policy.name", NULL);
	record->wall = time_at(stored, "time_dt");
	record->count = number_at(stored, "count", UINT64_MAX);
	record->last = time_at(stored, "end_time_dt");
	if (stored->event.rule && pattern) {
		stored->rule = (struct rule){.id = stored->event.rule,
			.op = stored->event.op,
			.verdict = stored->event.verdict,
			.text = (char *)pattern,
			.line = line};
		record->rule = &stored->rule;
	} else {
		record->section_line = line;
	}
	return 0;
}

static int parse_root(const char *line, size_t size, struct json_object **ret)
{
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
	struct json_object *root;
	bool whole;

	if (!tokener)
		return -ENOMEM;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	root = json_tokener_parse_ex(tokener, line, (int)size);
	whole = root && json_tokener_get_parse_end(tokener) == size &&
		json_object_is_type(root, json_type_object);
	json_tokener_free(tokener);
	if (!whole) {
		json_object_put(root);
		return -EBADMSG;
	}
	*ret = root;
	return 0;
}

static int entry_fill(struct stored *stored)
{
	struct trail_entry *entry = &stored->entry;
	const char *mode = string_at(stored, "unmapped.mode", NULL);
	int type = choice_at(stored, "unmapped.type", TRAIL_TYPE_MAX, ambit_trail_type);

	if (type < 0 || number_at(stored, "unmapped.v", UINT64_MAX) != AMBIT_TRAIL_SCHEMA)
		return -EBADMSG;
	entry->type = (enum trail_type)type;
	entry->denied = number_at(stored, "unmapped.denied", UINT64_MAX);
	entry->allowed = number_at(stored, "unmapped.allowed", UINT64_MAX);
	entry->lost = number_at(stored, "unmapped.lost", UINT64_MAX);
	entry->skipped = number_at(stored, "unmapped.skipped", UINT64_MAX);
	entry->strayed = number_at(stored, "unmapped.strayed", UINT64_MAX);
	entry->missing = number_at(stored, "unmapped.missing", UINT64_MAX);
	entry->was = time_at(stored, "unmapped.was");
	entry->files = number_at(stored, "unmapped.files", UINT64_MAX);
	entry->since = time_at(stored, "unmapped.since");
	entry->piece = string_at(stored, "unmapped.piece", NULL);
	entry->error = string_at(stored, "unmapped.error", NULL);
	entry->sink = (struct trail_sink){.kind = string_at(stored, "unmapped.sink", NULL),
		.to = string_at(stored, "unmapped.to", NULL),
		.failing = flag_at(stored, "unmapped.failing"),
		.error = entry->error,
		.dropped = number_at(stored, "unmapped.dropped", UINT64_MAX)};
	entry->denied_all = flag_at(stored, "unmapped.denied_all");
	entry->weaker = string_at(stored, "unmapped.best_effort", NULL);
	entry->what = string_at(stored, "unmapped.what", NULL);
	entry->status = (int)number_at(stored, "unmapped.status", 255);
	entry->audit = mode && !strcmp(mode, "audit");
	if (type == TRAIL_DECISION || type == TRAIL_EXEC)
		return record_at(stored);
	entry->record.cell = string_at(stored, "unmapped.cell", NULL);
	entry->record.policy = string_at(stored, "unmapped.file", NULL);
	entry->record.policy_name = string_at(stored, "policy.name", NULL);
	entry->record.wall = time_at(stored, "time_dt");
	return 0;
}

int ambit_entry_parse(const char *line, size_t size, struct trail_entry **ret)
{
	_cleanup_(entry_cleanup) struct trail_entry *entry = NULL;
	struct stored *stored;
	int error;

	if (size > AMBIT_TRAIL_LINE_MAX)
		return -EBADMSG;
	stored = calloc(1, sizeof(*stored));
	if (!stored)
		return -ENOMEM;
	entry = &stored->entry;
	error = parse_root(line, size, &stored->root);
	if (!error)
		error = entry_fill(stored);
	if (error)
		return error;
	*ret = TAKE_PTR(entry);
	return 0;
}

void ambit_entry_free(struct trail_entry *entry)
{
	struct stored *stored = (struct stored *)entry; /* its first member */

	if (!stored)
		return;
	json_object_put(stored->root);
	free(stored->path);
	free(stored->said);
	free(stored->exe);
	free(stored);
}
