/* SPDX-License-Identifier: Apache-2.0 */
/* Events that are alike: none is lost and none is counted to another, whatever comes in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <stdlib.h>
#include "event.h"
#include "base/util.h"
#include "trail/recorder.h"

#define SECOND 1000000000ULL

/* What was put: all of it, and the last one. */
static struct {
	uint64_t lines, events, count, first, last;
	uint32_t tid;
	char path[AMBIT_PATH_SIZE];
} seen;

static void put(
	const struct ambit_event *event, size_t size, uint64_t count, uint64_t last, void *data)
{
	(void)data;
	assert_int_equal(size, sizeof(*event) + event->path_len + event->exe_len);
	seen.lines++;
	seen.events += count;
	seen.count = count;
	seen.first = event->time;
	seen.last = last;
	seen.tid = event->tid;
	memcpy(seen.path, event + 1, event->path_len);
	seen.path[event->path_len] = '\0';
}

static struct repeats *fresh(void)
{
	memset(&seen, 0, sizeof(seen));
	return ambit_repeats_new(put, NULL);
}

static void one_line_for_many(void **state)
{
	struct repeats *repeats = fresh();
	union test_ring ring;

	(void)state;
	test_event(&ring, "/etc/passwd", 11);
	for (unsigned i = 0; i < 5; i++) {
		ring.event.time = 5 * SECOND + i * 100;
		ring.event.tid = 500 + i;
		assert_int_equal(ambit_repeats_take(repeats, &ring.event), i > 0);
	}
	assert_int_equal(ambit_repeats_due(repeats), 6 * SECOND);
	ambit_repeats_expire(repeats, 6 * SECOND - 1);
	assert_int_equal(seen.lines, 0);
	ambit_repeats_expire(repeats, 6 * SECOND);
	assert_int_equal(seen.lines, 1);
	assert_int_equal(seen.count, 4);
	assert_int_equal(seen.first, 5 * SECOND + 100);
	assert_int_equal(seen.last, 5 * SECOND + 400);
	assert_int_equal(seen.tid, 501);
	assert_string_equal(seen.path, "/etc/passwd");
	assert_int_equal(ambit_repeats_due(repeats), 0);
	/* A second of its own begins. */
	ring.event.time = 6 * SECOND + 1;
	assert_false(ambit_repeats_take(repeats, &ring.event));
	ring.event.time = 7 * SECOND + 1;
	assert_false(ambit_repeats_take(repeats, &ring.event));
	assert_int_equal(seen.lines, 1);
	ambit_repeats_free(repeats);
}

/* Whatever differs but time and thread makes another event. */
static void every_byte_counts(void **state)
{
	struct repeats *repeats = fresh();
	union test_ring ring;
	size_t size;

	(void)state;
	test_event(&ring, "/etc/passwd", 11);
	size = sizeof(ring.event) + ring.event.path_len + ring.event.exe_len;
	assert_false(ambit_repeats_take(repeats, &ring.event));
	for (size_t at = 0; at < size; at++) {
		if (at < sizeof(ring.event.time) ||
			(at >= offsetof(struct ambit_event, tid) &&
				at < offsetof(struct ambit_event, ppid)) ||
			(at >= offsetof(struct ambit_event, path_len) &&
				at < offsetof(struct ambit_event, kind)))
			continue;
		ring.bytes[at] ^= 1;
		assert_false(ambit_repeats_take(repeats, &ring.event));
		ring.bytes[at] ^= 1;
	}
	/* The same bytes, cut elsewhere. */
	ring.event.path_len++;
	ring.event.exe_len--;
	assert_false(ambit_repeats_take(repeats, &ring.event));
	ambit_repeats_expire(repeats, UINT64_MAX);
	assert_int_equal(seen.lines, 0);
	ambit_repeats_free(repeats);
}

#define KINDS (3 * REPEATS_MAX)
#define PATHS 64

/* How many of each kind are still to be seen. */
static int owed[KINDS];

static void settle(
	const struct ambit_event *event, size_t size, uint64_t count, uint64_t last, void *data)
{
	unsigned path = (unsigned)atoi((const char *)(event + 1) + 5);

	put(event, size, count, last, data);
	owed[event->pid * PATHS + path] -= (int)count;
}

/* Random events in random order over many seconds, also more different ones than are remembered: as
 * many of each kind come out as went in, whoever they share a bucket with. */
static void nothing_is_lost(void **state)
{
	struct repeats *repeats = ambit_repeats_new(settle, NULL);
	uint64_t written = 0, time = SECOND;
	union test_ring ring;

	(void)state;
	memset(&seen, 0, sizeof(seen));
	srand(3);
	for (unsigned i = 0; i < 200000; i++) {
		unsigned kind = (unsigned)rand() % (i < 100000 ? 20 : KINDS);
		char path[32];
		int length = snprintf(path, sizeof(path), "/tmp/%02u/", kind % PATHS);

		test_event(&ring, path, (size_t)length);
		time += (unsigned)rand() % 100000;
		ring.event.time = time;
		ring.event.pid = kind / PATHS;
		owed[kind]++;
		if (!ambit_repeats_take(repeats, &ring.event)) {
			owed[kind]--;
			written++;
		}
		/* Of 20 different ones in some five seconds. */
		if (i == 99999)
			assert_true(written < 150 && seen.lines < 150);
	}
	ambit_repeats_expire(repeats, UINT64_MAX);
	assert_int_equal(ambit_repeats_due(repeats), 0);
	assert_int_equal(written + seen.events, 200000);
	assert_true(written > 10000 && seen.events > 90000);
	for (unsigned kind = 0; kind < KINDS; kind++)
		assert_int_equal(owed[kind], 0);
	ambit_repeats_free(repeats);
}

/* The sum of all counts that a trail has. */
static void sums_of_a_file(void **state)
{
	char path[] = "/tmp/ambit-test.XXXXXX";
	_cleanup_close_ int fd = mkstemp(path);
	_cleanup_free_ char *text = NULL;
	struct recorder recorder;
	struct trail *trail = NULL;
	struct diag diag = {0};
	uint64_t events = 0, lines = 0;
	union test_ring ring;
	struct record record;
	size_t room = 0;
	FILE *in;

	(void)state;
	assert_int_equal(ambit_trail_open(path, &trail, &diag), 0);
	assert_int_equal(ambit_recorder_open(&recorder, trail, &test_policy, "c"), 0);
	for (unsigned i = 0; i < 30000; i++) {
		test_event(&ring, i % 3 ? "/a" : "/b\xff", i % 3 ? 2 : 3);
		ring.event.time = SECOND + i * 1000000ULL;
		ambit_recorder_take(&recorder, &ring, sizeof(ring), &record);
	}
	ambit_recorder_take(&recorder, &ring, 7, &record);
	ambit_recorder_mark(&recorder, "{\"unmapped\":{}}");
	ambit_recorder_mark(&recorder, NULL);
	ambit_recorder_expire(&recorder, UINT64_MAX);
	ambit_recorder_flush(&recorder);
	assert_int_equal(recorder.unreadable, 1);
	assert_int_equal(recorder.missing, 1);
	assert_int_equal(recorder.error, 0);
	ambit_recorder_close(&recorder);
	assert_int_equal(ambit_trail_close(trail), 0);
	in = fdopen(TAKE_FD(fd), "r");
	for (ssize_t size; (size = getline(&text, &room, in)) > 0;) {
		_cleanup_(entry_cleanup) struct trail_entry *entry = NULL;

		text[size - 1] = '\0';
		assert_true(test_as_json_c(text));
		/* Not the mark, nor the line for the one that is missing. */
		if (ambit_entry_parse(text, (size_t)size - 1, &entry) || !entry->record.event)
			continue;
		lines++;
		events += entry->record.count ?: 1;
		assert_true(entry->record.count < 2 || entry->record.last > entry->record.wall);
	}
	fclose(in);
	unlink(path);
	assert_int_equal(events, 30000);
	assert_true(lines > 60 && lines < 130);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_line_for_many),
		cmocka_unit_test(every_byte_counts),
		cmocka_unit_test(nothing_is_lost),
		cmocka_unit_test(sums_of_a_file),
	};

	return cmocka_run_group_tests_name("trail/repeats", tests, NULL, NULL);
}
