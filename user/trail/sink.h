/* SPDX-License-Identifier: Apache-2.0 */
/* What a sink is made of (sinks.h). */
#ifndef AMBIT_SINK_H
#define AMBIT_SINK_H

#include <pthread.h>
#include <sys/types.h>
#include "trail/sinks.h"

#define SECOND_NS 1000000000ULL
#define SINK_CHAIN 8 /* digits that a chain is known by, in its lines */
/* The chains of a daemon are as many as its cells; they are found by the first two digits. */
#define SINK_CHAINS 256

struct sinks {
	pthread_mutex_t lock;
	struct sink *items;
	size_t count;
	int stop_fd;   /* readable: they have to end */
	int report_fd; /* readable: there is something to say */
	bool ends;
	uint64_t deadline; /* CLOCK_MONOTONIC, ns */
};

/* SINK_CHECKPOINTS: what is known of one chain. */
struct checkpoint {
	struct checkpoint *next;
	char chain[SINK_CHAIN];
	uint64_t passed_at; /* when the latest line that was sent went (CLOCK_MONOTONIC, ns) */
	char *held;	    /* the latest line, which is too early yet; NULL: none */
	size_t held_size;
};

struct sink {
	const struct sink_config *config;
	const struct sink_type *type;
	struct sinks *sinks;
	pthread_t thread;
	bool started;

	/* The thread's own. */
	int fd;		 /* -1: not connected */
	pid_t pid;	 /* SINK_PROGRAM: 0: none */
	void *data;	 /* the type's */
	char *batch;	 /* what is being sent, from `batch_at` on */
	size_t batch_at, batch_size, batch_capacity;

	/* With the lock of `sinks`. */
	pthread_cond_t wake;
	char *queue;
	size_t queue_size, queue_capacity;
	struct checkpoint *checkpoints[SINK_CHAINS];
	int failing;	    /* negative errno */
	char error[128];
	uint64_t sent, dropped;
	bool told_failing;     /* what the trail knows */
	uint64_t told_dropped, told_at;
};

/* `send` takes lines from the front of `lines`, each with its newline; `ret_done` bytes of them, whole lines,
 * are sent, or with `ret_refused` were lines that will never be taken. A negative errno: to be tried again,
 * after `close` and `open`. */
struct sink_type {
	int (*open)(struct sink *sink);
	int (*send)(struct sink *sink, const char *lines, size_t size, size_t *ret_done,
		uint64_t *ret_refused);
	void (*close)(struct sink *sink);
};
extern const struct sink_type sink_journal, sink_syslog, sink_stream, sink_program, sink_otlp;

/* Waits until `fd` (-1: none) is ready for `events`, for `ms` at most. -ETIMEDOUT; -ECANCELED when the sink
 * has to end. */
int sink_wait(struct sink *sink, int fd, short events, int ms);
/* The descriptor that becomes readable when it has to end soon, and how long it may still take (ms). */
int sink_stop_fd(const struct sink *sink);
int sink_patience(const struct sink *sink, int ms);
/* Why, where errno's text does not say it. */
void sink_explain(struct sink *sink, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A line of a decision that was denied, or would be. */
bool sink_is_denied(const char *line, size_t size);
/* A datagram socket that is connected; -1 and errno. */
int sink_connect_unix(const char *path);

/* --- queue.c, with the lock --- */

/* The one who keeps the trail has to look at ambit_sinks_report(). */
void sink_tell(struct sinks *sinks);
/* Checkpoints that were too early are queued when their time has come, or all ends. Returns when the next one
 * has to be (CLOCK_MONOTONIC, ns); 0: there is none. */
uint64_t sink_release(struct sink *sink);
void sink_forget(struct sink *sink);

#endif
