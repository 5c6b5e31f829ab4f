/* SPDX-License-Identifier: Apache-2.0 */
/* Chained trails for tests: written by a recorder, read back as lines that can be tampered with. */
#ifndef AMBIT_TEST_CHAINED_H
#define AMBIT_TEST_CHAINED_H

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include "event.h"
#include "base/util.h"
#include "trail/recorder.h"
#include "trail/verify.h"

/* A run that writes. */
struct test_run {
	struct trail *trail;
	struct recorder recorder;
	unsigned events;
};

#define TEST_LINES 64

struct test_lines {
	char *text;
	size_t size;
	unsigned count;
	const char *lines[TEST_LINES];
	size_t sizes[TEST_LINES]; /* without newlines */
};

static inline char *test_file(void)
{
	static char path[] = "/tmp/ambit-test.XXXXXX";

	memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
	close(mkstemp(path));
	return path;
}

static inline void run_open(struct test_run *run, const char *path)
{
	struct diag diag = {0};

	*run = (struct test_run){0};
	assert_int_equal(ambit_trail_open(path, &run->trail, &diag), 0);
	assert_int_equal(ambit_recorder_open(&run->recorder, run->trail, &test_policy, "c"), 0);
}

/* `count` lines that are all different, which wait to be written. */
static inline void run_take(struct test_run *run, unsigned count)
{
	union test_ring ring;
	struct record record;
	char path[16];

	while (count--) {
		snprintf(path, sizeof(path), "/%u", run->events++);
		test_event(&ring, path, strlen(path));
		assert_true(ambit_recorder_take(&run->recorder, &ring, sizeof(ring), &record));
	}
}

/* The same, in one batch. */
static inline void run_write(struct test_run *run, unsigned count)
{
	run_take(run, count);
	ambit_recorder_flush(&run->recorder);
}

/* `last`: with a last line; else as if it was killed. */
static inline void run_close(struct test_run *run, bool last)
{
	if (last) {
		ambit_recorder_mark(&run->recorder, "{\"unmapped\":{\"v\":2,\"type\":\"end\"}}");
		ambit_recorder_end(&run->recorder);
		assert_true(run->recorder.chain.closed);
	}
	ambit_recorder_close(&run->recorder);
	assert_int_equal(ambit_trail_close(run->trail), 0);
}

static inline void lines_of(struct test_lines *lines, char *text, size_t size)
{
	*lines = (struct test_lines){.text = text, .size = size};
	for (size_t at = 0; at < size; at += lines->sizes[lines->count++] + 1) {
		const char *end = memchr(text + at, '\n', size - at);

		assert_true(lines->count < TEST_LINES && end);
		lines->lines[lines->count] = text + at;
		lines->sizes[lines->count] = (size_t)(end - text) - at;
	}
}

static inline char *read_text(const char *path, size_t *ret_size)
{
	_cleanup_close_ int fd = open(path, O_RDONLY);
	struct stat st;
	char *text;

	assert_true(fd >= 0 && !fstat(fd, &st));
	text = malloc((size_t)st.st_size + 1);
	assert_int_equal(read(fd, text, (size_t)st.st_size), st.st_size);
	*ret_size = (size_t)st.st_size;
	return text;
}

/* Reads and removes a trail. */
static inline void lines_read(struct test_lines *lines, const char *path)
{
	size_t size;
	char *text = read_text(path, &size);

	lines_of(lines, text, size);
	unlink(path);
}

/* Feeds bytes as the next file. */
static inline void verify_text(struct verify *verify, const char *text, size_t size)
{
	ambit_verify_file(verify);
	for (size_t at = 0; at < size;) {
		const char *end = memchr(text + at, '\n', size - at);
		size_t length = end ? (size_t)(end - text) - at : size - at;

		if (!end)
			ambit_verify_torn(verify);
		else if (ambit_verify_line(verify, text + at, length))
			abort();
		at += length + 1;
	}
}

static inline struct verify_result verify_one(
	const char *text, size_t size, const struct verify_options *options)
{
	_cleanup_(verify_cleanup) struct verify *verify = ambit_verify_new(options);
	struct verify_result result;

	assert_non_null(verify);
	verify_text(verify, text, size);
	ambit_verify_end(verify, &result);
	result.chains = NULL; /* goes with `verify` */
	return result;
}

#endif
