/* SPDX-License-Identifier: Apache-2.0 */
/* Trails that are rotated, whose files go, and whose disk is full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <cmocka.h>
#include "chained.h"
#include "cli/log.h"
#include "trail/pieces.h"
#include "trail/squeeze.h"

/* A directory of its own, and the trail in it. */
static char directory[] = "/tmp/ambit-turn.XXXXXX", trail_path[64], pieces_path[64];

static int make_directory(void **state)
{
	(void)state;
	memcpy(directory + sizeof(directory) - 7, "XXXXXX", 6);
	assert_non_null(mkdtemp(directory));
	snprintf(trail_path, sizeof(trail_path), "%s/t.jsonl", directory);
	snprintf(pieces_path, sizeof(pieces_path), "%s/t.jsonl.old", directory);
	return 0;
}

static int remove_directory(void **state)
{
	char command[96];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command);
}

/* Rotates after each batch: `batches` of `lines`, so as many pieces as batches, and one. */
static void write_rotated(unsigned batches, unsigned lines, const struct trail_keep *keep)
{
	struct test_run run;

	run_open(&run, trail_path);
	ambit_trail_keep(run.trail, keep);
	for (unsigned i = 0; i < batches; i++) {
		run_write(&run, lines);
		ambit_recorder_flush(&run.recorder); /* the file is looked at before lines are written */
	}
	run_close(&run, true);
}

static int take(const char *bytes, size_t size, void *data)
{
	return ambit_lines_feed(data, bytes, size);
}

static void each(const char *line, size_t size, void *data)
{
	assert_int_equal(ambit_verify_line(data, line, size), 0);
}

static void verify_file(struct verify *verify, const char *path)
{
	struct lines lines = {.each = each, .data = verify};
	struct diag diag = {0};

	ambit_verify_file(verify);
	assert_int_equal(ambit_follow(path, false, &lines, &diag), 0);
	if (ambit_lines_reset(&lines))
		ambit_verify_torn(verify);
	ambit_lines_clear(&lines);
}

/* All files but those of the bit set `without` (the newest is the last of them). */
static struct verify_result verify_set(unsigned without, const struct verify_options *options)
{
	_cleanup_(verify_cleanup) struct verify *verify = ambit_verify_new(options);
	struct pieces pieces = {0};
	struct verify_result result;

	assert_int_equal(ambit_pieces_list(trail_path, &pieces), 0);
	for (size_t i = 0; i < pieces.count; i++)
		if (!(without & 1U << i))
			verify_file(verify, pieces.items[i].path);
	if (!(without & 1U << pieces.count))
		verify_file(verify, trail_path);
	ambit_pieces_clear(&pieces);
	ambit_verify_end(verify, &result);
	result.chains = NULL;
	return result;
}

static size_t piece_count(void)
{
	struct pieces pieces = {0};
	size_t count;

	assert_int_equal(ambit_pieces_list(trail_path, &pieces), 0);
	count = pieces.count;
	ambit_pieces_clear(&pieces);
	return count;
}

static const struct trail_keep every_batch = {.rotate_size = 1};
static const struct verify_options strict = {0};

static void a_chain_goes_over_the_files(void **state)
{
	struct verify_result result;

	(void)state;
	write_rotated(3, 4, &every_batch);
	/* Each time but the first, when there is no line yet. */
	assert_int_equal(piece_count(), 5);
	result = verify_set(0, &strict);
	assert_int_equal(result.found.fault, FAULT_NONE);
	assert_int_equal(result.chain_count, 1);
	assert_int_equal(result.lines, 3 * 4 + 1 + 2 * 5);
}

static void pieces_are_compressed(void **state)
{
	struct pieces pieces = {0};

	(void)state;
	write_rotated(2, 5, &every_batch);
	assert_int_equal(ambit_pieces_list(trail_path, &pieces), 0);
	assert_true(pieces.count > 1);
	for (size_t i = 0; i < pieces.count; i++)
		assert_true(pieces.items[i].squeezed);
	ambit_pieces_clear(&pieces);
}

static void a_file_that_is_gone_is_missed(void **state)
{
	unsigned count;

	(void)state;
	write_rotated(2, 3, &every_batch);
	count = (unsigned)piece_count() + 1;
	for (unsigned i = 0; i < count; i++) {
		struct verify_result result = verify_set(1U << i, &strict);

		assert_int_equal(result.found.fault, FAULT_MISSING_FILE);
		assert_int_equal(result.found.place.line, i + 1 < count ? 1 : result.found.place.line);
		/* The first line behind it, or the last one before. */
		assert_int_equal(result.found.place.file, i + 1 < count ? i : i - 1);
	}
}

static void one_file_is_a_part(void **state)
{
	const struct verify_options part = {.part = true};

	(void)state;
	write_rotated(2, 3, &every_batch);
	for (unsigned i = 0; i <= piece_count(); i++) {
		assert_int_equal(verify_set(~(1U << i), &part).found.fault, FAULT_NONE);
		assert_int_equal(verify_set(~(1U << i), &strict).found.fault, FAULT_MISSING_FILE);
	}
}

/* A part is signed by a key that its first line names: with another one nothing in it can be changed. */
static void a_part_is_known_by_its_key(void **state)
{
	const uint8_t other[1][SEAL_KEY] = {{1}};
	const struct verify_options options = {.part = true, .keys = other, .key_count = 1};

	(void)state;
	write_rotated(1, 3, &every_batch);
	assert_int_equal(verify_set(~2U, &options).found.fault, FAULT_FOREIGN_KEY);
}

static void files_out_of_order_are_seen(void **state)
{
	_cleanup_(verify_cleanup) struct verify *verify = ambit_verify_new(&strict);
	struct pieces pieces = {0};
	struct verify_result result;

	(void)state;
	write_rotated(3, 3, &every_batch);
	assert_int_equal(ambit_pieces_list(trail_path, &pieces), 0);
	assert_true(pieces.count > 3);
	verify_file(verify, pieces.items[0].path);
	verify_file(verify, pieces.items[2].path);
	verify_file(verify, pieces.items[1].path);
	ambit_verify_end(verify, &result);
	assert_int_equal(result.found.fault, FAULT_REORDERING);
	assert_int_equal(result.found.place.file, 1);
	ambit_pieces_clear(&pieces);
}

static void the_cut_end_of_a_piece_is_a_truncation_or_deletion(void **state)
{
	_cleanup_(verify_cleanup) struct verify *verify = ambit_verify_new(&strict);
	struct test_lines first, second;
	struct verify_result result;
	struct test_run run;
	char *piece;

	(void)state;
	/* By hand, so that no piece is compressed. */
	run_open(&run, trail_path);
	run_write(&run, 3);
	assert_int_equal(mkdir(pieces_path, 0700), 0);
	piece = ambit_piece_path(trail_path, 1);
	assert_int_equal(ambit_trail_turn(run.trail, piece), 0);
	run_write(&run, 2);
	run_close(&run, true);
	lines_read(&first, piece);
	lines_read(&second, trail_path);
	verify_text(verify, first.text, (size_t)(first.lines[2] - first.text));
	verify_text(verify, second.text, second.size);
	ambit_verify_end(verify, &result);
	assert_int_equal(result.found.fault, FAULT_TRUNCATION);
	assert_int_equal(result.found.place.file, 1);
	free(piece);
	free(first.text);
	free(second.text);
}

static void what_is_kept_no_longer_is_said(void **state)
{
	const struct trail_keep keep = {.rotate_size = 1, .keep_files = 2};
	struct verify_result result;

	(void)state;
	write_rotated(4, 3, &keep);
	assert_int_equal(piece_count(), 2);
	result = verify_set(0, &strict);
	assert_int_equal(result.found.fault, FAULT_NONE);
	/* One more than was said. */
	assert_int_equal(verify_set(1, &strict).found.fault, FAULT_MISSING_FILE);
}

/* All files have to go that are older than nothing: but only when others are made. */
static void age_retires(void **state)
{
	const struct trail_keep keep = {.rotate_size = 1, .keep_age = 1};

	(void)state;
	write_rotated(3, 3, &keep);
	assert_int_equal(piece_count(), 0);
	assert_int_equal(verify_set(0, &strict).found.fault, FAULT_NONE);
}

static void age_rotates(void **state)
{
	const struct trail_keep keep = {.rotate_age = 1};

	(void)state;
	write_rotated(1, 3, &keep);
	assert_true(piece_count() > 0);
	assert_int_equal(verify_set(0, &strict).found.fault, FAULT_NONE);
}

static void who_shares_a_file_does_not_rotate_it(void **state)
{
	struct test_run first, second;

	(void)state;
	run_open(&first, trail_path);
	ambit_trail_keep(first.trail, &every_batch);
	run_write(&first, 1);
	run_open(&second, trail_path);
	run_write(&first, 2);
	assert_int_equal(piece_count(), 0);
	run_write(&second, 2);
	run_close(&second, true);
	ambit_recorder_flush(&first.recorder);
	assert_int_equal(piece_count(), 1);
	run_close(&first, true);
	assert_int_equal(verify_set(0, &strict).found.fault, FAULT_NONE);
}

/* A run that comes later goes on in the newest file. */
static void runs_follow_each_other_over_files(void **state)
{
	(void)state;
	write_rotated(2, 2, &every_batch);
	write_rotated(2, 2, &every_batch);
	assert_int_equal(verify_set(0, &strict).found.fault, FAULT_NONE);
	assert_int_equal(verify_set(0, &strict).chain_count, 2);
}

static void a_file_that_was_removed_is_written_anew(void **state)
{
	struct test_run run;
	struct test_lines lines;

	(void)state;
	run_open(&run, trail_path);
	run_write(&run, 3);
	assert_int_equal(remove_directory(NULL), 0);
	run_write(&run, 2);
	assert_int_equal(run.recorder.error, -ENOENT);
	assert_int_equal(run.recorder.failing, 0);
	run_close(&run, true);
	assert_int_equal(verify_set(0, &strict).found.fault, FAULT_NONE);
	lines_read(&lines, trail_path);
	/* With a line that says so. */
	assert_int_equal(lines.count, 3 + 2 + 1 + 1);
	assert_non_null(strstr(lines.lines[5], "\"type\":\"failure\""));
	free(lines.text);
}

/* Somebody puts a file of his own where ours was: it is not taken, and nothing is said to be well. */
static void a_file_in_its_place_is_not_taken(void **state)
{
	struct test_run run;
	int fd;

	(void)state;
	run_open(&run, trail_path);
	run_write(&run, 3);
	assert_int_equal(unlink(trail_path), 0);
	fd = open(trail_path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	run_write(&run, 2);
	run_write(&run, 2);
	assert_int_equal(run.recorder.failing, -EEXIST);
	assert_true(ambit_recorder_due(&run.recorder) > 0);
	assert_int_equal(unlink(trail_path), 0);
	run_write(&run, 2);
	assert_int_equal(run.recorder.failing, 0);
	run_close(&run, true);
	assert_int_equal(verify_set(0, &strict).found.fault, FAULT_NONE);
	close(fd);
}

/* The disk is full (a limit on the size of files stands for it), and is not any more. */
static void a_full_disk_is_told_and_gone_on_behind(void **state)
{
	struct rlimit before, limit;
	struct test_lines lines;
	struct test_run run;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	run_open(&run, trail_path);
	run_write(&run, 2);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = (struct rlimit){.rlim_cur = 1, .rlim_max = before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	run_write(&run, 2);
	assert_int_equal(run.recorder.failing, -EFBIG);
	assert_int_equal(run.recorder.untold, 2);
	assert_true(ambit_recorder_due(&run.recorder) > 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	ambit_recorder_flush(&run.recorder); /* as the timer does, though nothing came */
	assert_int_equal(run.recorder.failing, 0);
	assert_int_equal(run.recorder.untold, 0);
	run_close(&run, true);
	assert_int_equal(verify_set(0, &strict).found.fault, FAULT_NONE);
	lines_read(&lines, trail_path);
	assert_int_equal(lines.count, 2 + 1 + 1 + 1);
	assert_non_null(strstr(lines.lines[2], "\"missing\":2"));
	assert_non_null(strstr(lines.lines[3], "\"error\":\"File too large\",\"denied_all\":false"));
	free(lines.text);
}

/* Rotation fails: the trail stays as it is, and is whole. */
static void without_room_for_pieces_the_file_stays(void **state)
{
	struct test_run run;
	int fd;

	(void)state;
	fd = open(pieces_path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	run_open(&run, trail_path);
	ambit_trail_keep(run.trail, &every_batch);
	run_write(&run, 2);
	run_write(&run, 2);
	assert_int_equal(run.recorder.missing, 0);
	assert_int_not_equal(run.recorder.error, 0);
	run_close(&run, true);
	assert_int_equal(unlink(pieces_path), 0);
	assert_int_equal(verify_set(0, &strict).found.fault, FAULT_NONE);
}

static void what_was_written_is_due_to_be_synced(void **state)
{
	const struct trail_keep keep = {.sync_lines = 3, .sync_ns = 1000000000};
	struct test_run run;
	uint64_t due;

	(void)state;
	run_open(&run, trail_path);
	ambit_trail_keep(run.trail, &keep);
	assert_int_equal(ambit_recorder_due(&run.recorder), 0);
	run_write(&run, 1);
	due = ambit_recorder_due(&run.recorder);
	assert_true(due);
	run_write(&run, 1);
	assert_int_equal(ambit_recorder_due(&run.recorder), due); /* of the first */
	run_write(&run, 1);
	assert_int_equal(ambit_recorder_due(&run.recorder), 0); /* three lines */
	run_write(&run, 1);
	assert_int_equal(ambit_trail_sync(run.trail, UINT64_MAX), 0);
	assert_int_equal(ambit_recorder_due(&run.recorder), 0);
	run_close(&run, true);
}

/* What was cut short, or damaged, is an error and not the end of the file. */
static void damaged_pieces_are_errors(void **state)
{
	struct lines lines = {0};
	struct pieces pieces = {0};
	int fd;

	(void)state;
	write_rotated(1, 3, &every_batch);
	assert_int_equal(ambit_pieces_list(trail_path, &pieces), 0);
	assert_int_equal(truncate(pieces.items[0].path, 30), 0);
	fd = open(pieces.items[0].path, O_RDONLY);
	lines.each = each;
	assert_int_equal(ambit_unsqueeze(fd, take, &lines), -EBADMSG);
	ambit_lines_clear(&lines);
	close(fd);
	ambit_pieces_clear(&pieces);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_directory, remove_directory)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_chain_goes_over_the_files),
		TEST(pieces_are_compressed),
		TEST(a_file_that_is_gone_is_missed),
		TEST(one_file_is_a_part),
		TEST(a_part_is_known_by_its_key),
		TEST(files_out_of_order_are_seen),
		TEST(the_cut_end_of_a_piece_is_a_truncation_or_deletion),
		TEST(what_is_kept_no_longer_is_said),
		TEST(age_retires),
		TEST(age_rotates),
		TEST(who_shares_a_file_does_not_rotate_it),
		TEST(runs_follow_each_other_over_files),
		TEST(a_file_that_was_removed_is_written_anew),
		TEST(a_file_in_its_place_is_not_taken),
		TEST(a_full_disk_is_told_and_gone_on_behind),
		TEST(without_room_for_pieces_the_file_stays),
		TEST(what_was_written_is_due_to_be_synced),
		TEST(damaged_pieces_are_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
