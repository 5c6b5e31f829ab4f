/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where lines go besides the file. Each sink has a filter, a queue with an end, and a thread, so that none
 * can hold up another, the file, or who writes it: what does not fit into a queue is counted.
 *
 *   sinks.c   threads, and what became of sinks    queue.c    filters and queues
 *   stream.c  stdout and programs                  journal.c  journald, with fields
 *   otlp.c    OTLP over HTTP, as JSON              syslog.c   syslog, as datagrams
 *   curl.c    libcurl, where it is needed
 */
#ifndef AMBIT_SINKS_H
#define AMBIT_SINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sink_kind { SINK_JOURNAL, SINK_SYSLOG, SINK_STDOUT, SINK_PROGRAM, SINK_OTLP, SINK_KIND_MAX };
enum sink_lines {
	SINK_ALL,
	SINK_DENIED,	  /* what was denied, or would be, and what is about the trail */
	SINK_CHECKPOINTS, /* signed lines, of each chain one a second at most, but for its first and its last */
	SINK_LINES_MAX
};
const char *ambit_sink_kind(unsigned kind);
const char *ambit_sink_lines(unsigned lines);

struct sink_config {
	enum sink_kind kind;
	enum sink_lines lines;
	char *to; /* SINK_SYSLOG: a socket's path, or udp:ADDRESS:PORT; SINK_OTLP: a URL; owned */
	char **argv; /* SINK_PROGRAM: ends with NULL; owned */
	size_t argc, argv_room;
	uint64_t queue; /* bytes */
};
#define SINK_QUEUE (4U << 20)
#define SINK_JOURNAL_SOCKET "/run/systemd/journal/socket"

struct sinks;
/* `configs` have to outlive it. -ENOMEM and errors of pthread_create(3) leave nothing behind. A sink that
 * cannot be reached is no error: it is tried again. */
int ambit_sinks_new(const struct sink_config *configs, size_t count, struct sinks **ret);
/* Lines, each with its newline. Those behind the first `whole` are not in the file, and go without the
 * chain's keys. NULL is fine. Never waits. */
void ambit_sinks_put(struct sinks *sinks, const char *lines, size_t size, uint64_t whole);
/* Readable when ambit_sinks_report() has something to say; -1 without sinks. */
int ambit_sinks_fd(const struct sinks *sinks);
/* A line for the trail: a sink fails, works again, or lost lines. malloc()ed; NULL: there is no more. */
char *ambit_sinks_report(struct sinks *sinks);

struct sink_status {
	const char *kind, *to;
	bool failing;
	uint64_t sent, dropped; /* lines, since it began */
	uint64_t queued;	/* bytes */
};
/* Calls `each` for every sink. */
void ambit_sinks_each(struct sinks *sinks,
	void (*each)(const struct sink_status *status, void *data), void *data);
/* Gives each sink `patience_ms` to send what it has, and frees all. Returns how many lines were not sent.
 * NULL is fine. */
uint64_t ambit_sinks_free(struct sinks *sinks, unsigned patience_ms);

#endif
