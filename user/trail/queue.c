/* SPDX-License-Identifier: Apache-2.0 */
/* Which lines a sink gets, and what waits for it. */
#include <string.h>
#include "base/util.h"
#include "trail/clock.h"
#include "trail/sink.h"

#define HAS(line, size, text) memmem(line, size, text, sizeof(text) - 1)

bool sink_is_denied(const char *line, size_t size)
{
	/* The first of them stands before anything that a cell chose, and a text has no quote as it is. */
	const char *verdict = HAS(line, size, ",\"verdict\":\"");

	return verdict && (size_t)(line + size - verdict) > 16 && !memcmp(verdict + 12, "deny", 4);
}

void sink_tell(struct sinks *sinks)
{
	const uint64_t one = 1;

	if (write(sinks->report_fd, &one, sizeof(one)) < 0)
		return; /* it is readable already */
}

static bool append(char **bytes, size_t *size, size_t *capacity, const char *more, size_t length)
{
	size_t wanted = 2 * (*size + length);
	char *larger;

	if (*size + length > *capacity) {
		larger = realloc(*bytes, wanted);
		if (!larger)
			return false;
		*bytes = larger;
		*capacity = wanted;
	}
	memcpy(*bytes + *size, more, length);
	*size += length;
	return true;
}

/* With the lock. `cut`: the line ends there, with its brackets. */
static void enqueue(struct sink *sink, const char *line, size_t size, bool cut)
{
	const char *end = cut ? "}}\n" : "\n";

	if (sink->queue_size + size + strlen(end) > sink->config->queue ||
		!append(&sink->queue, &sink->queue_size, &sink->queue_capacity, line, size) ||
		!append(&sink->queue, &sink->queue_size, &sink->queue_capacity, end, strlen(end))) {
		if (sink->dropped++ == sink->told_dropped)
			sink_tell(sink->sinks);
		return;
	}
	pthread_cond_signal(&sink->wake);
}

/* Where the chain's keys begin (seal.h): the last that is spelled so. */
static size_t seal_at(const char *line, size_t size)
{
	static const char key[] = ",\"chain\":\"";

	for (size_t at = size; at > 0; at--)
		if (size - at >= sizeof(key) - 1 && !memcmp(line + at, key, sizeof(key) - 1))
			return at;
	return size;
}

/* --- checkpoints --- */

static struct checkpoint **bucket_of(struct sink *sink, const char *chain)
{
	unsigned value = 0;

	for (unsigned i = 0; i < 2; i++)
		value = value << 4 | ((unsigned)chain[i] % 32 + (chain[i] > '9') * 9) % 16;
	return &sink->checkpoints[value];
}

/* What is known of the chain of a line; a new one if there is nothing. NULL without memory, and for what has no
 * chain. */
static struct checkpoint **checkpoint_of(struct sink *sink, const char *line, size_t size)
{
	const size_t at = seal_at(line, size) + sizeof(",\"chain\":\"") - 1;
	struct checkpoint **found;

	if (at + SINK_CHAIN > size)
		return NULL;
	found = bucket_of(sink, line + at);
	while (*found && memcmp((*found)->chain, line + at, SINK_CHAIN))
		found = &(*found)->next;
	if (!*found && (*found = calloc(1, sizeof(**found))))
		memcpy((*found)->chain, line + at, SINK_CHAIN);
	return *found ? found : NULL;
}

static void checkpoint_free(struct checkpoint **at)
{
	struct checkpoint *gone = *at;

	*at = gone->next;
	free(gone->held);
	free(gone);
}

static void hold(struct sink *sink, struct checkpoint *of, const char *line, size_t size)
{
	char *held = realloc(of->held, size);

	if (!held)
		return;
	memcpy(held, line, size);
	of->held = held;
	of->held_size = size;
	pthread_cond_signal(&sink->wake);
}

/* Of each chain one a second; the first and the last of a chain or file always. */
static void put_checkpoint(struct sink *sink, const char *line, size_t size)
{
	const uint64_t now = clock_ns(CLOCK_MONOTONIC);
	struct checkpoint **of = checkpoint_of(sink, line, size);
	const bool last = !HAS(line, size, ",\"next\":\"");

	if (of && (*of)->passed_at && now < (*of)->passed_at + SECOND_NS && !last &&
		!HAS(line, size, ",\"key\":\"")) {
		hold(sink, *of, line, size);
		return;
	}
	enqueue(sink, line, size, false);
	if (!of)
		return;
	free((*of)->held);
	(*of)->held = NULL;
	(*of)->passed_at = now;
	if (last)
		checkpoint_free(of);
}

uint64_t sink_release(struct sink *sink)
{
	const uint64_t now = clock_ns(CLOCK_MONOTONIC);
	uint64_t next = 0;

	for (size_t i = 0; i < SINK_CHAINS; i++)
		for (struct checkpoint *of = sink->checkpoints[i]; of; of = of->next) {
			const uint64_t due = of->passed_at + SECOND_NS;

			if (!of->held)
				continue;
			if (!sink->sinks->ends && now < due) {
				next = next && next < due ? next : due;
				continue;
			}
			enqueue(sink, of->held, of->held_size, false);
			free(of->held);
			of->held = NULL;
			of->passed_at = now;
		}
	return next;
}

void sink_forget(struct sink *sink)
{
	for (size_t i = 0; i < SINK_CHAINS; i++)
		while (sink->checkpoints[i])
			checkpoint_free(&sink->checkpoints[i]);
}

/* --- lines --- */

static bool is_wanted(const struct sink *sink, const char *line, size_t size)
{
	switch (sink->config->lines) {
	case SINK_DENIED:
		return sink_is_denied(line, size) || !HAS(line, size, ",\"verdict\":\"");
	case SINK_CHECKPOINTS:
		return HAS(line, size, ",\"sig\":\"");
	case SINK_ALL:
	case SINK_LINES_MAX:
		break;
	}
	return true;
}

static void put_line(struct sink *sink, const char *line, size_t size, bool whole)
{
	size_t end;

	if (!is_wanted(sink, line, size))
		return;
	if (!whole) {
		end = seal_at(line, size);
		if (sink->config->lines != SINK_CHECKPOINTS)
			enqueue(sink, line, end, end < size);
	} else if (sink->config->lines == SINK_CHECKPOINTS) {
		put_checkpoint(sink, line, size);
	} else {
		enqueue(sink, line, size, false);
	}
}

void ambit_sinks_put(struct sinks *sinks, const char *lines, size_t size, uint64_t whole)
{
	const char *end;

	if (!sinks)
		return;
	pthread_mutex_lock(&sinks->lock);
	for (size_t at = 0; at < size && (end = memchr(lines + at, '\n', size - at));
		at = (size_t)(end + 1 - lines), whole -= whole > 0)
		for (size_t i = 0; i < sinks->count; i++)
			put_line(&sinks->items[i], lines + at, (size_t)(end - lines) - at, whole > 0);
	pthread_mutex_unlock(&sinks->lock);
}
