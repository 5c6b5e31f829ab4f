/* SPDX-License-Identifier: Apache-2.0 */
/* Readers of a ring that are killed between writing and giving up: what they wrote is not told again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "chained.h"

/* Their ring: RING events of KINDS paths, so that most of a turn are counted to others. At the most TURN a turn, and
 * more than RECORDER_BYTES of lines in one. */
#define RING  2000
#define KINDS 700
#define TURN  1500

struct reader {
	struct test_run run;
	struct told told;
	uint64_t at, took;
};

static struct told_whose whose;
static struct sinks *sinks;
static char *trail_path, rotated_path[64], told_path[] = "/tmp/ambit-told.XXXXXX";

static int make_files(void **state)
{
	(void)state;
	trail_path = test_file();
	snprintf(rotated_path, sizeof(rotated_path), "%s.old", trail_path);
	memcpy(told_path + sizeof(told_path) - 7, "XXXXXX", 6);
	close(mkstemp(told_path));
	whose = (struct told_whose){.ring = 1, .abi = 1, .build = {1}};
	return 0;
}

static int remove_files(void **state)
{
	(void)state;
	unlink(trail_path);
	unlink(rotated_path);
	unlink(told_path);
	return 0;
}

static unsigned kind_of(uint64_t event)
{
	return (unsigned)(event * 7 % 11 ? event % KINDS : 0);
}

static void reader_open(struct reader *reader, uint64_t at)
{
	*reader = (struct reader){.at = at};
	run_open(&reader->run, trail_path);
	assert_int_equal(ambit_told_open(&reader->told, told_path, &whose), 0);
	ambit_told_take(&reader->told, at, reader->run.trail, sinks);
	reader->run.recorder.told = &reader->told;
	ambit_recorder_mark(&reader->run.recorder, "{\"unmapped\":{\"v\":2,\"type\":\"stop\"}}");
	ambit_recorder_flush(&reader->run.recorder);
}

/* As if it was killed: what is in memory alone goes. */
static void reader_kill(struct reader *reader)
{
	ambit_told_close(&reader->told);
	run_close(&reader->run, false);
}

/* Of `there` events that are in the ring takes a turn's, without its end. */
static void reader_take(struct reader *reader, uint64_t there)
{
	uint64_t most = ambit_told_begin(&reader->told, reader->at, TURN);
	struct record record;
	union test_ring ring;
	char path[1024];

	for (reader->took = 0; reader->took < most && reader->at + reader->took < there; reader->took++) {
		const uint64_t event = reader->at + reader->took;

		snprintf(path, sizeof(path), "/%0*u", kind_of(event) % 5 ? 8 : 900, kind_of(event));
		test_event(&ring, path, strlen(path));
		ring.event.time += event * 1000000;
		ambit_recorder_take(&reader->run.recorder, &ring, sizeof(ring), &record);
	}
}

/* The end, but that it is given up. */
static void reader_write(struct reader *reader)
{
	ambit_recorder_expire(&reader->run.recorder, UINT64_MAX);
	ambit_told_end(&reader->told, reader->took);
	ambit_recorder_flush(&reader->run.recorder);
}

static void reader_turn(struct reader *reader, uint64_t there)
{
	reader_take(reader, there);
	reader_write(reader);
	reader->at += reader->took;
}

static void count_line(const char *line, size_t size, uint64_t counts[KINDS])
{
	_cleanup_(entry_cleanup) struct trail_entry *entry = NULL;

	if (ambit_entry_parse(line, size, &entry) || entry->type != TRAIL_DECISION)
		return;
	counts[strtoul(entry->record.path + 1, NULL, 10)] += entry->record.count ?: 1;
}

static void count_lines(const char *path, uint64_t counts[KINDS])
{
	size_t size;
	_cleanup_free_ char *text = access(path, F_OK) ? NULL : read_text(path, &size);

	for (const char *line = text, *end; line && (end = memchr(line, '\n', size - (size_t)(line - text)));
		line = end + 1)
		count_line(line, (size_t)(end - line), counts);
}

/* Takes what is left of `count` events, and asks whether each is in the trail once. */
static void each_once(uint64_t at, uint64_t count)
{
	uint64_t told[KINDS] = {0}, there[KINDS] = {0};
	struct reader reader;

	reader_open(&reader, at);
	while (reader.at < count)
		reader_turn(&reader, count);
	reader_kill(&reader);
	count_lines(rotated_path, told);
	count_lines(trail_path, told);
	for (uint64_t event = 0; event < count; event++)
		there[kind_of(event)]++;
	assert_memory_equal(told, there, sizeof(there));
}

static off_t file_size(void)
{
	struct stat st;

	assert_int_equal(stat(trail_path, &st), 0);
	return st.st_size;
}

static void what_was_written_is_not_told_again(void **state)
{
	struct reader reader;

	(void)state;
	reader_open(&reader, 0);
	reader_take(&reader, RING);
	reader_write(&reader);
	reader_kill(&reader);
	each_once(0, RING);
}

static void what_was_given_up_is_no_turn(void **state)
{
	struct reader reader;

	(void)state;
	reader_open(&reader, 0);
	reader_turn(&reader, TURN);
	reader_kill(&reader);
	each_once(TURN, RING);
}

/* The turn of before saw 1,000 events, and the lines of the first were written as it went on. */
static void a_turn_that_did_not_end(void **state)
{
	struct reader reader;
	off_t before;

	(void)state;
	reader_open(&reader, 0);
	before = file_size();
	reader_take(&reader, 1000);
	assert_true(file_size() > before);
	reader_kill(&reader);
	each_once(0, RING);
}

/* A write of which only so much came through, wherever it was cut. */
static void a_write_that_was_cut(void **state)
{
	struct reader reader;
	off_t before, after;

	for (unsigned i = 0; i <= 12; i++) {
		make_files(state);
		reader_open(&reader, 0);
		reader_take(&reader, RING);
		before = file_size();
		reader_write(&reader);
		after = file_size();
		reader_kill(&reader);
		assert_int_equal(truncate(trail_path, before + (after - before) * i / 12 - (i % 3 == 2)), 0);
		each_once(0, RING);
		remove_files(state);
	}
	make_files(state);
}

/* One after the other, each somewhere else. */
static void killed_again_and_again(void **state)
{
	struct reader reader;

	(void)state;
	reader_open(&reader, 0);
	reader_take(&reader, 900);
	reader_kill(&reader);
	reader_open(&reader, 0);
	reader_kill(&reader);
	reader_open(&reader, 0);
	reader_take(&reader, 1200);
	reader_kill(&reader);
	reader_open(&reader, 0);
	reader_take(&reader, 1400);
	reader_write(&reader);
	reader_kill(&reader);
	reader_open(&reader, 0);
	reader_take(&reader, RING);
	assert_int_equal(reader.took, 1400); /* more would be counted to what was not */
	reader_write(&reader);
	reader_kill(&reader);
	each_once(0, RING);
}

/* The file is left for another in between. */
static void another_file(void **state)
{
	struct reader reader;

	(void)state;
	reader_open(&reader, 0);
	reader_take(&reader, 1000);
	reader_kill(&reader);
	reader_open(&reader, 0);
	reader_kill(&reader);
	assert_int_equal(rename(trail_path, rotated_path), 0);
	each_once(0, RING);
}

/* Who was killed may not have sent them: the next one has the file's own lines go to the sinks. */
static void sinks_get_what_is_left_out(void **state)
{
	char sent[] = "/tmp/ambit-sent.XXXXXX", command[64];
	char *argv[] = {(char *)"/bin/sh", (char *)"-c", command, NULL};
	struct sink_config config = {.kind = SINK_PROGRAM, .argv = argv, .argc = 3, .queue = SINK_QUEUE};
	uint64_t told[KINDS] = {0}, got[KINDS] = {0};
	struct reader reader;

	(void)state;
	close(mkstemp(sent));
	snprintf(command, sizeof(command), "cat >%s", sent);
	/* One turn is given up, and is not sent again. */
	reader_open(&reader, 0);
	reader_turn(&reader, 500);
	reader_take(&reader, RING);
	reader_write(&reader);
	reader_kill(&reader);
	assert_int_equal(ambit_sinks_new(&config, 1, &sinks), 0);
	reader_open(&reader, 500);
	assert_int_equal(ambit_sinks_free(sinks, 60000), 0);
	sinks = NULL;
	reader_kill(&reader);
	count_lines(sent, got);
	for (uint64_t event = 500; event < RING; event++)
		told[kind_of(event)]++;
	unlink(sent);
	assert_memory_equal(got, told, sizeof(told));
}

/* A row that was left by another ring, or by a program that may fold otherwise: nothing is swallowed. */
static void of_another(void **state)
{
	static const struct told_whose others[] = {
		{.ring = 2, .abi = 1, .build = {1}},
		{.ring = 1, .abi = 2, .build = {1}},
		{.ring = 1, .abi = 1, .build = {2}},
	};
	struct reader reader;

	for (size_t i = 0; i <= ARRAY_SIZE(others); i++) {
		reader_open(&reader, 0);
		reader_take(&reader, 900);
		reader_write(&reader);
		reader_kill(&reader);
		if (i < ARRAY_SIZE(others))
			whose = others[i];
		reader_open(&reader, 0);
		assert_int_equal(reader.told.again, i == ARRAY_SIZE(others));
		reader_kill(&reader);
		remove_files(state);
		make_files(state);
	}
}

/* Where lines of it are missing nobody can say which: rather twice than not at all. */
static void a_full_disk(void **state)
{
	struct reader reader;
	struct told_row row;
	int fd;

	(void)state;
	reader_open(&reader, 0);
	reader_take(&reader, 900);
	told_written(&reader.told, 0, false);
	reader_write(&reader);
	reader_kill(&reader);
	fd = open(told_path, O_RDONLY);
	assert_int_equal(read(fd, &row, sizeof(row)), sizeof(row));
	assert_int_equal(row.from, UINT64_MAX);
	close(fd);
	reader_open(&reader, 0);
	reader_take(&reader, 900);
	assert_int_equal(reader.told.skip, 0);
	reader_kill(&reader);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_files, remove_files)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_written_is_not_told_again),
		TEST(what_was_given_up_is_no_turn),
		TEST(a_turn_that_did_not_end),
		TEST(a_write_that_was_cut),
		TEST(killed_again_and_again),
		TEST(another_file),
		TEST(sinks_get_what_is_left_out),
		TEST(of_another),
		TEST(a_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
