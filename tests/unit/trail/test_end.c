/* SPDX-License-Identifier: Apache-2.0 */
/* How a trail ends: what is signed together, and what is gone on from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "chained.h"

/* A directory of its own, and the trail in it. */
static char directory[] = "/tmp/ambit-end.XXXXXX", trail_path[64];

static int make_directory(void **state)
{
	(void)state;
	memcpy(directory + sizeof(directory) - 7, "XXXXXX", 6);
	assert_non_null(mkdtemp(directory));
	snprintf(trail_path, sizeof(trail_path), "%s/t.jsonl", directory);
	return 0;
}

static int remove_directory(void **state)
{
	char command[96];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command);
}

static enum trail_fault fault_of(void)
{
	static const struct verify_options strict = {0};
	size_t size;
	_cleanup_free_ char *text = read_text(trail_path, &size);

	return verify_one(text, size, &strict).found.fault;
}

static unsigned signed_lines(const struct test_lines *lines)
{
	unsigned count = 0;

	for (unsigned i = 0; i < lines->count; i++)
		count += memmem(lines->lines[i], lines->sizes[i], "\"sig\":", 6) != NULL;
	return count;
}

/* What was read last is signed with the last line; unless something else has to be said before it. */
static void what_comes_at_the_end_is_signed_once(void **state)
{
	struct test_lines lines;
	struct test_run run;

	(void)state;
	run_open(&run, trail_path);
	run_write(&run, 1);
	run_take(&run, 2);
	assert_false(ambit_recorder_has_news(&run.recorder));
	run_close(&run, true);
	assert_int_equal(fault_of(), FAULT_NONE);
	lines_read(&lines, trail_path);
	assert_int_equal(lines.count, 4);
	assert_int_equal(signed_lines(&lines), 2);
	free(lines.text);
}

static void a_file_that_is_gone_is_news_at_the_end(void **state)
{
	struct test_lines lines;
	struct test_run run;

	(void)state;
	run_open(&run, trail_path);
	run_write(&run, 3);
	run_take(&run, 2);
	assert_int_equal(remove_directory(NULL), 0);
	assert_true(ambit_recorder_has_news(&run.recorder));
	ambit_recorder_flush(&run.recorder);
	assert_false(ambit_recorder_has_news(&run.recorder));
	run_close(&run, true);
	assert_int_equal(fault_of(), FAULT_NONE);
	lines_read(&lines, trail_path);
	assert_int_equal(lines.count, 3 + 2 + 1 + 1);
	assert_non_null(strstr(lines.lines[5], "\"type\":\"failure\""));
	free(lines.text);
}

/* The end of a file is read in two steps, of which the first is enough for most lines. */
static void a_last_line_of_any_length_is_gone_on_from(void **state)
{
	static const size_t lengths[] = {10, 3000, 4000, 4095, 4096, 5000, 100000};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		_cleanup_free_ char *json = malloc(lengths[i] + 64);
		struct test_run run;

		sprintf(json, "{\"x\":\"%0*d\",\"unmapped\":{\"v\":2,\"type\":\"stop\"}}", (int)lengths[i], 0);
		run_open(&run, trail_path);
		run_write(&run, 5);
		ambit_recorder_mark(&run.recorder, json);
		ambit_recorder_end(&run.recorder);
		run_close(&run, false);
	}
	assert_int_equal(fault_of(), FAULT_NONE);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_directory, remove_directory)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_comes_at_the_end_is_signed_once),
		TEST(a_file_that_is_gone_is_news_at_the_end),
		TEST(a_last_line_of_any_length_is_gone_on_from),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
