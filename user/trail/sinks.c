/* SPDX-License-Identifier: Apache-2.0 */
#include "trail/sinks.h"

#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include "base/util.h"
#include "trail/clock.h"
#include "trail/sink.h"
#include "trail/trail.h"

/* A sink that fails is tried again after this, then after twice as long, up to the last. */
#define AGAIN_FIRST_MS 100
#define AGAIN_LAST_MS  30000

static const char *const kinds[] = {"journal", "syslog", "stdout", "program", "otlp"};
static const char *const filters[] = {"all", "denied", "checkpoints"};
static const struct sink_type *const types[] = {
	&sink_journal, &sink_syslog, &sink_stream, &sink_program, &sink_otlp};
_Static_assert(ARRAY_SIZE(kinds) == SINK_KIND_MAX && ARRAY_SIZE(types) == SINK_KIND_MAX, "one each");
_Static_assert(ARRAY_SIZE(filters) == SINK_LINES_MAX, "a text for each");

const char *ambit_sink_kind(unsigned kind)
{
	return kinds[kind];
}

const char *ambit_sink_lines(unsigned lines)
{
	return filters[lines];
}

/* --- for the types --- */

int sink_stop_fd(const struct sink *sink)
{
	return sink->sinks->stop_fd;
}

int sink_patience(const struct sink *sink, int ms)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC), deadline, left;

	pthread_mutex_lock(&sink->sinks->lock);
	deadline = sink->sinks->ends ? sink->sinks->deadline : UINT64_MAX;
	pthread_mutex_unlock(&sink->sinks->lock);
	left = deadline > now ? (deadline - now) / 1000000U : 0;
	return left < (uint64_t)ms ? (int)left : ms;
}

int sink_wait(struct sink *sink, int fd, short events, int ms)
{
	struct pollfd fds[] = {{.fd = fd, .events = events}, {.fd = sink->sinks->stop_fd, .events = POLLIN}};
	int left = sink_patience(sink, ms);
	bool ends = left < ms;
	int count;

	/* Woken by the end, it waits for what is left of the time. */
	do
		count = poll(fds, ends ? 1 : 2, left);
	while (count < 0 && errno == EINTR);
	if (count > 0 && fds[0].revents)
		return 0;
	if (count > 0 && !ends) {
		left = sink_patience(sink, ms);
		count = poll(fds, 1, left);
		ends = true;
	}
	if (count > 0)
		return 0;
	return ends ? -ECANCELED : -ETIMEDOUT;
}

void sink_explain(struct sink *sink, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	pthread_mutex_lock(&sink->sinks->lock);
	vsnprintf(sink->error, sizeof(sink->error), format, args);
	pthread_mutex_unlock(&sink->sinks->lock);
	va_end(args);
}

/* --- threads --- */

static void state_set(struct sink *sink, int error)
{
	pthread_mutex_lock(&sink->sinks->lock);
	if (error && !sink->error[0])
		snprintf(sink->error, sizeof(sink->error), "%s", strerror(-error));
	if (!sink->failing != !error)
		sink_tell(sink->sinks);
	sink->failing = error;
	pthread_mutex_unlock(&sink->sinks->lock);
}

static uint64_t newlines(const char *bytes, size_t size)
{
	uint64_t count = 0;

	for (size_t i = 0; i < size; i++)
		count += bytes[i] == '\n';
	return count;
}

/* Sends the batch as far as it goes. */
static int send_batch(struct sink *sink)
{
	int error = 0;

	if (sink->fd < 0 && !sink->data)
		error = sink->type->open(sink);
	while (!error && sink->batch_at < sink->batch_size) {
		const char *from = sink->batch + sink->batch_at;
		uint64_t refused = 0, lines;
		size_t done = 0;

		error = sink->type->send(sink, from, sink->batch_size - sink->batch_at, &done, &refused);
		lines = newlines(from, done);
		sink->batch_at += done;
		pthread_mutex_lock(&sink->sinks->lock);
		sink->sent += lines - refused;
		sink->dropped += refused;
		if (refused)
			sink_tell(sink->sinks);
		else if (lines && !error)
			sink->error[0] = '\0';
		pthread_mutex_unlock(&sink->sinks->lock);
	}
	if (error)
		sink->type->close(sink);
	return error;
}

/* With the lock. */
static void wait_until(struct sink *sink, uint64_t when)
{
	const struct timespec at = {.tv_sec = (time_t)(when / SECOND_NS), .tv_nsec = (long)(when % SECOND_NS)};

	if (when)
		pthread_cond_timedwait(&sink->wake, &sink->sinks->lock, &at);
	else
		pthread_cond_wait(&sink->wake, &sink->sinks->lock);
}

/* Takes what is queued as the next batch; false: there is nothing, and all ends. */
static bool take_batch(struct sink *sink)
{
	char *batch = sink->batch;
	size_t capacity = sink->batch_capacity;
	uint64_t next;

	pthread_mutex_lock(&sink->sinks->lock);
	next = sink_release(sink);
	while (!sink->queue_size && !sink->sinks->ends) {
		wait_until(sink, next);
		next = sink_release(sink);
	}
	sink->batch = sink->queue;
	sink->batch_at = 0;
	sink->batch_size = sink->queue_size;
	sink->batch_capacity = sink->queue_capacity;
	sink->queue = batch;
	sink->queue_size = 0;
	sink->queue_capacity = capacity;
	pthread_mutex_unlock(&sink->sinks->lock);
	return sink->batch_size;
}

/* False: all ends, and there is no more time. */
static bool back_off(struct sink *sink, int *ms)
{
	uint64_t until = clock_ns(CLOCK_MONOTONIC) + (uint64_t)*ms * 1000000U;
	bool ends;

	*ms = *ms < AGAIN_LAST_MS / 2 ? *ms * 2 : AGAIN_LAST_MS;
	pthread_mutex_lock(&sink->sinks->lock);
	while (!sink->sinks->ends && clock_ns(CLOCK_MONOTONIC) < until)
		wait_until(sink, until);
	ends = sink->sinks->ends;
	pthread_mutex_unlock(&sink->sinks->lock);
	return !ends;
}

static void *work(void *data)
{
	struct sink *sink = data;
	int ms = AGAIN_FIRST_MS, error = 0;

	while (take_batch(sink)) {
		do {
			error = send_batch(sink);
			state_set(sink, error);
			if (!error)
				ms = AGAIN_FIRST_MS;
		} while (error && back_off(sink, &ms));
		if (error)
			break;
	}
	/* What came through before the end is sent; the program reads its end. */
	sink->type->close(sink);
	return NULL;
}

static void start(struct sink *sink)
{
	pthread_condattr_t attributes;
	sigset_t all, before;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&sink->wake, &attributes);
	pthread_condattr_destroy(&attributes);
	/* Signals are for the one who polls for them; and a pipe that breaks is an error here. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	sink->started = !pthread_create(&sink->thread, NULL, work, sink);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

int ambit_sinks_new(const struct sink_config *configs, size_t count, struct sinks **ret)
{
	struct sinks *sinks = calloc(1, sizeof(*sinks));
	bool started = true;

	if (!sinks)
		return -ENOMEM;
	pthread_mutex_init(&sinks->lock, NULL);
	sinks->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	sinks->report_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	sinks->items = calloc(count ?: 1, sizeof(*sinks->items));
	started = sinks->items && sinks->stop_fd >= 0 && sinks->report_fd >= 0;
	for (; started && sinks->count < count; sinks->count++) {
		struct sink *sink = &sinks->items[sinks->count];

		*sink = (struct sink){.config = &configs[sinks->count],
			.type = types[configs[sinks->count].kind],
			.sinks = sinks,
			.fd = -1};
		start(sink);
		started = sink->started;
	}
	if (!started) {
		ambit_sinks_free(sinks, 0);
		return -EAGAIN;
	}
	*ret = sinks;
	return 0;
}

int ambit_sinks_fd(const struct sinks *sinks)
{
	return sinks ? sinks->report_fd : -1;
}

/* With the lock. What the trail does not know of the sink yet. */
static char *report(struct sink *sink)
{
	struct trail_sink facts = {.kind = ambit_sink_kind(sink->config->kind),
		.to = sink->config->to ?: sink->config->argv ? sink->config->argv[0] : NULL,
		.failing = sink->failing,
		.error = sink->error[0] ? sink->error : NULL,
		.dropped = sink->dropped - sink->told_dropped};
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	bool changed = !sink->failing != !sink->told_failing;

	/* Drops alone are told once a second at most: they may be many. */
	if (!changed && (!facts.dropped || (sink->told_at && now < sink->told_at + SECOND_NS)))
		return NULL;
	sink->told_failing = sink->failing;
	sink->told_dropped = sink->dropped;
	sink->told_at = now;
	return ambit_sink_json(&facts);
}

char *ambit_sinks_report(struct sinks *sinks)
{
	char *json = NULL;
	uint64_t count;

	if (!sinks)
		return NULL;
	if (read(sinks->report_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return NULL;
	pthread_mutex_lock(&sinks->lock);
	for (size_t i = 0; !json && i < sinks->count; i++)
		json = report(&sinks->items[i]);
	pthread_mutex_unlock(&sinks->lock);
	return json;
}

void ambit_sinks_each(
	struct sinks *sinks, void (*each)(const struct sink_status *status, void *data), void *data)
{
	for (size_t i = 0; sinks && i < sinks->count; i++) {
		struct sink *sink = &sinks->items[i];
		struct sink_status status;

		pthread_mutex_lock(&sinks->lock);
		status = (struct sink_status){.kind = ambit_sink_kind(sink->config->kind),
			.to = sink->config->to,
			.failing = sink->failing,
			.sent = sink->sent,
			.dropped = sink->dropped,
			.queued = sink->queue_size};
		pthread_mutex_unlock(&sinks->lock);
		each(&status, data);
	}
}

static uint64_t sink_clear(struct sink *sink)
{
	uint64_t left;

	if (sink->started)
		pthread_join(sink->thread, NULL);
	left = sink->dropped + newlines(sink->queue, sink->queue_size);
	if (sink->batch)
		left += newlines(sink->batch + sink->batch_at, sink->batch_size - sink->batch_at);
	pthread_cond_destroy(&sink->wake);
	free(sink->batch);
	free(sink->queue);
	sink_forget(sink);
	return left;
}

uint64_t ambit_sinks_free(struct sinks *sinks, unsigned patience_ms)
{
	const uint64_t one = 1;
	uint64_t left = 0;

	if (!sinks)
		return 0;
	pthread_mutex_lock(&sinks->lock);
	sinks->ends = true;
	sinks->deadline = clock_ns(CLOCK_MONOTONIC) + patience_ms * 1000000ULL;
	for (size_t i = 0; i < sinks->count; i++)
		pthread_cond_signal(&sinks->items[i].wake);
	pthread_mutex_unlock(&sinks->lock);
	if (sinks->stop_fd >= 0 && write(sinks->stop_fd, &one, sizeof(one)) < 0)
		left = 0; /* an empty counter takes one */
	for (size_t i = 0; i < sinks->count; i++)
		left += sink_clear(&sinks->items[i]);
	close(sinks->stop_fd);
	close(sinks->report_fd);
	pthread_mutex_destroy(&sinks->lock);
	free(sinks->items);
	free(sinks);
	return left;
}
