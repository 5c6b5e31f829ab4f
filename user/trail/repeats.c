/* SPDX-License-Identifier: Apache-2.0 */
#include "trail/repeats.h"

#include <string.h>
#include <sys/random.h>
#include "base/util.h"

#define BUCKETS 4096U

struct repeat {
	struct repeat *newer;	/* in the queue */
	struct repeat *another; /* in the bucket */
	uint64_t hash;
	uint64_t since; /* time of the one that was written */
	uint64_t first, last; /* of those that were counted */
	uint64_t count;
	uint32_t tid; /* of the first that was counted */
	uint32_t size;
	struct ambit_event event; /* its time and tid are 0; the strings follow */
};

struct repeats {
	void (*put)(const struct ambit_event *event, size_t size, uint64_t count, uint64_t last,
		void *data);
	void *data;
	uint64_t seed; /* so that nobody makes many fall into one bucket */
	struct repeat *oldest, *newest;
	size_t count, bytes, pending;
	struct repeat *buckets[BUCKETS];
};

struct repeats *ambit_repeats_new(void (*put)(const struct ambit_event *event, size_t size,
					  uint64_t count, uint64_t last, void *data),
	void *data)
{
	struct repeats *repeats = calloc(1, sizeof(*repeats));

	if (!repeats)
		return NULL;
	repeats->put = put;
	repeats->data = data;
	if (getrandom(&repeats->seed, sizeof(repeats->seed), GRND_NONBLOCK) < 0)
		repeats->seed = (uintptr_t)repeats; /* early at boot; it only costs time */
	return repeats;
}

/* Of words; what is left over at the end counts as one. */
static uint64_t hash_bytes(uint64_t hash, const char *bytes, size_t size)
{
	uint64_t word = 0;

	for (; size >= sizeof(word); bytes += sizeof(word), size -= sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		hash = (hash ^ word) * 0x9e3779b97f4a7c15U;
		hash ^= hash >> 32;
	}
	word = size;
	memcpy(&word, bytes, size);
	hash = (hash ^ word) * 0x9e3779b97f4a7c15U;
	return hash ^ hash >> 32;
}

/* What two events have to have in common: the head without time and thread, and the strings. */
static bool alike(const struct repeat *repeat, const struct ambit_event *head, uint64_t hash,
	const char *strings, size_t size)
{
	return repeat->hash == hash && repeat->size == size &&
	       !memcmp(&repeat->event, head, sizeof(*head)) &&
	       !memcmp(&repeat->event + 1, strings, size - sizeof(*head));
}

/* Forgets the oldest, after putting what was counted of it. */
static void retire(struct repeats *repeats)
{
	struct repeat *repeat = repeats->oldest;
	struct repeat **link = &repeats->buckets[repeat->hash % BUCKETS];

	while (*link != repeat)
		link = &(*link)->another;
	*link = repeat->another;
	repeats->oldest = repeat->newer;
	if (!repeats->oldest)
		repeats->newest = NULL;
	repeats->count--;
	repeats->bytes -= repeat->size;
	if (repeat->count) {
		repeats->pending--;
		repeat->event.time = repeat->first;
		repeat->event.tid = repeat->tid;
		repeats->put(&repeat->event, repeat->size, repeat->count, repeat->last,
			repeats->data);
	}
	free(repeat);
}

void ambit_repeats_expire(struct repeats *repeats, uint64_t now)
{
	while (repeats->oldest && (now == UINT64_MAX || (now > repeats->oldest->since &&
					  now - repeats->oldest->since >= REPEATS_SPAN)))
		retire(repeats);
}

static void remember(struct repeats *repeats, const struct ambit_event *head, uint64_t hash,
	const struct ambit_event *event, size_t size)
{
	struct repeat *repeat = malloc(sizeof(*repeat) - sizeof(*head) + size);

	if (!repeat)
		return;
	*repeat = (struct repeat){.another = repeats->buckets[hash % BUCKETS],
		.hash = hash,
		.since = event->time,
		.size = (uint32_t)size,
		.event = *head};
	memcpy(&repeat->event + 1, event + 1, size - sizeof(*head));
	repeats->buckets[hash % BUCKETS] = repeat;
	if (repeats->newest)
		repeats->newest->newer = repeat;
	else
		repeats->oldest = repeat;
	repeats->newest = repeat;
	repeats->count++;
	repeats->bytes += size;
	while (repeats->count > REPEATS_MAX || repeats->bytes > REPEATS_BYTES)
		retire(repeats);
}

bool ambit_repeats_take(struct repeats *repeats, const struct ambit_event *event)
{
	size_t size = sizeof(*event) + event->path_len + event->exe_len;
	const char *strings = (const char *)(event + 1);
	struct ambit_event head = *event;
	struct repeat *repeat;
	uint64_t hash;

	head.time = 0;
	head.tid = 0;
	hash = hash_bytes(repeats->seed, (const char *)&head, sizeof(head));
	hash = hash_bytes(hash, strings, size - sizeof(head));
	ambit_repeats_expire(repeats, event->time);
	repeat = repeats->buckets[hash % BUCKETS];
	while (repeat && !alike(repeat, &head, hash, strings, size))
		repeat = repeat->another;
	if (!repeat) {
		remember(repeats, &head, hash, event, size);
		return false;
	}
	if (!repeat->count++) {
		repeats->pending++;
		repeat->first = event->time;
		repeat->tid = event->tid;
	}
	repeat->last = event->time;
	return true;
}

uint64_t ambit_repeats_due(const struct repeats *repeats)
{
	const struct repeat *repeat = repeats->pending ? repeats->oldest : NULL;

	while (repeat && !repeat->count)
		repeat = repeat->newer;
	return repeat ? repeat->since + REPEATS_SPAN : 0;
}

void ambit_repeats_free(struct repeats *repeats)
{
	struct repeat *repeat = repeats ? repeats->oldest : NULL;

	while (repeat) {
		struct repeat *newer = repeat->newer;

		free(repeat);
		repeat = newer;
	}
	free(repeats);
}
