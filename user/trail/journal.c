/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journald's own protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): a datagram an entry, KEY=VALUE and a newline
 * a field; a value with newlines in it stands behind its length. AMBIT_RECORD is the line of the trail, so
 * what the journal holds can be compared with the file.
 */
#include <endian.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include "base/util.h"
#include "trail/sink.h"
#include "trail/trail.h"

/* How long a full socket is waited for at a time. */
#define WAIT_MS 5000

static int journal_open(struct sink *sink)
{
	sink->fd = sink_connect_unix(sink->config->to ?: SINK_JOURNAL_SOCKET);
	return sink->fd < 0 ? -errno : 0;
}

static void journal_close(struct sink *sink)
{
	if (sink->fd >= 0)
		close(sink->fd);
	sink->fd = -1;
}

static void put_bytes(FILE *out, const char *key, const char *bytes, size_t size)
{
	const uint64_t length = htole64(size);

	if (!size)
		return;
	if (memchr(bytes, '\n', size)) {
		fprintf(out, "%s\n", key);
		fwrite(&length, sizeof(length), 1, out);
	} else {
		fprintf(out, "%s=", key);
	}
	fwrite(bytes, size, 1, out);
	fputc('\n', out);
}

static void put_text(FILE *out, const char *key, const char *text)
{
	if (text)
		put_bytes(out, key, text, strlen(text));
}

static void put_event(FILE *out, const struct record *record)
{
	const struct ambit_event *event = record->event;
	_cleanup_free_ char *line = ambit_record_line(record);
	bool named = event->op == OP_CONNECT;

	put_text(out, "MESSAGE", line);
	put_text(out, "AMBIT_OP", ambit_op_text(event->op));
	put_text(out, "AMBIT_REASON", ambit_reason_code(event->reason));
	put_text(out, "AMBIT_POLICY", record->policy_name);
	put_bytes(out, named ? "AMBIT_DOMAIN" : "AMBIT_PATH", record->path, record->path_length);
	put_bytes(out, "AMBIT_EXE", record->exe, record->exe_length);
	put_bytes(out, "AMBIT_COMM", event->comm, strnlen(event->comm, sizeof(event->comm)));
	fprintf(out, "AMBIT_PID=%u\nAMBIT_UID=%u\n", event->pid, event->uid);
	if (record->rule)
		fprintf(out, "AMBIT_RULE=%u\nAMBIT_LINE=%u\n", record->rule->id, record->rule->line);
}

static void put_entry(FILE *out, const char *line, size_t size, bool fields)
{
	_cleanup_(entry_cleanup) struct trail_entry *entry = NULL;

	fprintf(out, "SYSLOG_IDENTIFIER=ambit\nPRIORITY=%u\n", sink_is_denied(line, size) ? 4 : 6);
	if (!fields || ambit_entry_parse(line, size, &entry)) {
		put_text(out, "MESSAGE", "a record of the trail");
	} else {
		put_text(out, "AMBIT_TYPE", ambit_trail_type(entry->type));
		put_text(out, "AMBIT_CELL", entry->record.cell);
		if (entry->record.event)
			put_event(out, &entry->record);
		else
			put_text(out, "MESSAGE", ambit_trail_type(entry->type));
	}
	put_bytes(out, "AMBIT_RECORD", line, size);
}

static int send_bytes(struct sink *sink, const char *bytes, size_t size)
{
	while (send(sink->fd, bytes, size, MSG_NOSIGNAL) < 0) {
		int error = -errno;

		if (error == -EAGAIN)
			error = sink_wait(sink, sink->fd, POLLOUT, WAIT_MS);
		if (error && error != -EINTR)
			return error;
	}
	return 0;
}

static int send_entry(struct sink *sink, const char *line, size_t size, bool fields)
{
	_cleanup_free_ char *bytes = NULL;
	size_t length;
	FILE *out = open_memstream(&bytes, &length);

	if (!out)
		return -ENOMEM;
	put_entry(out, line, size, fields);
	return fclose(out) ? -ENOMEM : send_bytes(sink, bytes, length);
}

static int journal_send(
	struct sink *sink, const char *lines, size_t size, size_t *ret_done, uint64_t *ret_refused)
{
	const char *end = memchr(lines, '\n', size);
	size_t length = (size_t)(end - lines);
	int error = send_entry(sink, lines, length, true);

	/* Names of thousands of bytes, each three times: then the record alone, which fits. */
	if (error == -EMSGSIZE)
		error = send_entry(sink, lines, length, false);
	if (error == -EMSGSIZE) {
		sink_explain(sink, "a line is larger than the journal takes");
		*ret_refused = 1;
		error = 0;
	}
	*ret_done = error ? 0 : length + 1;
	return error;
}

const struct sink_type sink_journal = {.open = journal_open, .send = journal_send, .close = journal_close};
