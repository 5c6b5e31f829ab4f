/* SPDX-License-Identifier: Apache-2.0 */
/* What a run writes is chained and signed, whatever becomes of its file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <sodium.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include "chained.h"
#include "trail/clock.h"

static const struct verify_options strict, lenient = {.unfinished = true};

/* What docs/trail.md says, by the bytes. */
static void seals(void **state)
{
	static const uint8_t nothing[SEAL_HASH];
	const char *path = test_file();
	uint8_t hash[SEAL_HASH], by[SEAL_KEY];
	struct test_lines lines;
	struct test_run run;
	struct seal seal;

	(void)state;
	run_open(&run, path);
	run_write(&run, 1);
	run_write(&run, 2);
	run_close(&run, true);
	lines_read(&lines, path);
	assert_int_equal(lines.count, 4);
	for (unsigned i = 0; i < lines.count; i++) {
		assert_int_equal(ambit_seal_parse(lines.lines[i], lines.sizes[i], &seal), 0);
		assert_int_equal(seal.seq, i);
		assert_int_equal(seal.opens, i == 0);
		assert_int_equal(seal.is_signed, i != 1);
		assert_int_equal(seal.goes_on, i == 0 || i == 2);
		assert_int_equal(seal.torn, 0);
		assert_memory_equal(seal.prev, i ? hash : nothing, SEAL_HASH);
		if (!i)
			memcpy(by, seal.key, SEAL_KEY);
		if (seal.is_signed)
			assert_true(ambit_seal_is_by(&seal, lines.lines[i], by));
		if (seal.goes_on)
			memcpy(by, seal.next, SEAL_KEY);
		crypto_hash_sha256(hash, (const uint8_t *)lines.lines[i], lines.sizes[i]);
	}
	free(lines.text);
}

static bool page_has(const struct chain *chain, const uint8_t *secret)
{
	return memmem(chain->keys, (size_t)sysconf(_SC_PAGESIZE), secret, crypto_sign_SEEDBYTES);
}

/* The key that signed is nowhere any more, and a child has none at all. */
static void keys_are_erased(void **state)
{
	uint8_t secret[crypto_sign_SEEDBYTES];
	const char *path = test_file();
	struct test_run run;
	int status;
	pid_t child;

	(void)state;
	run_open(&run, path);
	for (unsigned i = 0; i < 3; i++) {
		memcpy(secret, run.recorder.chain.keys, sizeof(secret));
		assert_false(sodium_is_zero(secret, sizeof(secret)));
		run_write(&run, 2);
		assert_false(page_has(&run.recorder.chain, secret));
	}
	child = fork();
	if (!child)
		_exit(!sodium_is_zero((const uint8_t *)run.recorder.chain.keys,
			(size_t)sysconf(_SC_PAGESIZE)));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	memcpy(secret, run.recorder.chain.keys, sizeof(secret));
	ambit_recorder_mark(&run.recorder, "{\"unmapped\":{}}");
	ambit_recorder_end(&run.recorder);
	assert_false(page_has(&run.recorder.chain, secret));
	assert_true(sodium_is_zero((const uint8_t *)run.recorder.chain.keys, 2 * crypto_sign_SECRETKEYBYTES));
	run_close(&run, false);
	unlink(path);
}

static void file_limit(rlim_t size)
{
	assert_int_equal(setrlimit(RLIMIT_FSIZE,
				 &(struct rlimit){.rlim_cur = size, .rlim_max = RLIM_INFINITY}),
		0);
}

static uint64_t count_type(const struct test_lines *lines, enum trail_type type, uint64_t *ret_missing)
{
	uint64_t count = 0;

	for (unsigned i = 0; i < lines->count; i++) {
		_cleanup_(entry_cleanup) struct trail_entry *entry = NULL;

		if (ambit_entry_parse(lines->lines[i], lines->sizes[i], &entry) || entry->type != type)
			continue;
		count++;
		*ret_missing += entry->missing;
	}
	return count;
}

/* A disk that is full for a while, at any byte of a batch: what is in the file is whole, what is not is
 * counted in it. */
static void full_disk(void **state)
{
	signal(SIGXFSZ, SIG_IGN);
	(void)state;
	for (unsigned more = 0; more < 3000; more += 3) {
		const char *path = test_file();
		struct verify_result result;
		struct test_lines lines;
		uint64_t missing = 0, told;
		struct test_run run;
		struct stat st;

		run_open(&run, path);
		run_write(&run, 1);
		assert_int_equal(stat(path, &st), 0);
		file_limit((rlim_t)st.st_size + more);
		run_write(&run, 2);
		run_write(&run, 2);
		file_limit(RLIM_INFINITY);
		run_write(&run, 1);
		run_close(&run, true);
		lines_read(&lines, path);
		result = verify_one(lines.text, lines.size, &strict);
		assert_int_equal(result.found.fault, FAULT_NONE);
		assert_true(result.accounted <= 1);
		told = count_type(&lines, TRAIL_MISSING, &missing);
		assert_int_equal(told, missing > 0);
		assert_int_equal(missing, run.recorder.missing);
		assert_int_equal(count_type(&lines, TRAIL_DECISION, &missing) + run.recorder.missing, 6);
		if (more == 700)
			assert_int_equal(result.accounted, 1);
		free(lines.text);
	}
}

/* Power fails at any byte of a batch, and the next run goes on behind it. */
static void power_cut(void **state)
{
	unsigned cuts = 0, pieces = 0;

	(void)state;
	for (unsigned cut = 1; cut < 2000; cut += cut < 4 ? 1 : 7, cuts++) {
		const char *path = test_file();
		struct verify_result result;
		struct test_lines lines;
		struct test_run run;
		struct stat st;

		run_open(&run, path);
		run_write(&run, 1);
		run_write(&run, 2);
		run_close(&run, false);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(truncate(path, st.st_size - cut), 0);
		run_open(&run, path);
		run_write(&run, 1);
		run_close(&run, true);
		lines_read(&lines, path);
		result = verify_one(lines.text, lines.size, &lenient);
		assert_int_equal(result.found.fault, FAULT_NONE);
		assert_int_equal(result.lines + result.accounted, lines.count);
		pieces += result.accounted;
		result = verify_one(lines.text, lines.size, &strict);
		/* Of a run that has not one line nothing can be missed. */
		assert_int_equal(result.found.fault,
			result.chain_count == 2 ? FAULT_MISSING_TAIL : FAULT_NONE);
		free(lines.text);
	}
	assert_true(pieces > cuts - 5);
}

/* Two runs write to one file at a time, whose lines come in turns; a third comes when they are gone. */
static void beside(void **state)
{
	const char *path = test_file();
	struct test_run first, second;
	struct verify_result result;
	struct test_lines lines;
	unsigned joined = 0;

	(void)state;
	run_open(&first, path);
	run_write(&first, 2);
	run_open(&second, path);
	assert_true(ambit_trail_before(second.trail)->beside);
	run_write(&first, 2);
	run_write(&second, 2);
	run_write(&first, 2);
	run_close(&first, true);
	run_write(&second, 2);
	run_close(&second, true);
	run_open(&first, path);
	assert_false(ambit_trail_before(first.trail)->beside);
	run_write(&first, 1);
	run_close(&first, true);
	lines_read(&lines, path);
	result = verify_one(lines.text, lines.size, &strict);
	assert_int_equal(result.found.fault, FAULT_NONE);
	assert_int_equal(result.chain_count, 3);
	assert_int_equal(result.lines, 14);
	for (unsigned i = 0; i < lines.count; i++) {
		struct seal seal;

		assert_int_equal(ambit_seal_parse(lines.lines[i], lines.sizes[i], &seal), 0);
		joined += seal.beside;
	}
	assert_int_equal(joined, 1);
	free(lines.text);
}

/* A file of an ambit that chained nothing is appended to: what was in it is not vouched for. */
static void old_trail(void **state)
{
	static const char old[] = "{\"v\":1,\"type\":\"start\"}\n{\"v\":1,\"type\":\"end\"}\n{\"v\":";
	const char *path = test_file();
	struct verify_result result;
	struct test_lines lines;
	struct test_run run;

	(void)state;
	for (unsigned torn = 0; torn < 2; torn++) {
		FILE *file = fopen(path, "w");

		fwrite(old, 1, sizeof(old) - 1 - (torn ? 0 : 5), file);
		fclose(file);
		run_open(&run, path);
		run_write(&run, 2);
		run_close(&run, true);
		lines_read(&lines, path);
		result = verify_one(lines.text, lines.size, &strict);
		assert_int_equal(result.found.fault, FAULT_NONE);
		assert_int_equal(result.unchained, 2);
		assert_int_equal(result.accounted, torn);
		assert_int_equal(result.lines, 3);
		/* Another old line, or none, would not be the one that the chain was begun behind. */
		result = verify_one(lines.lines[1], lines.size - lines.sizes[0] - 1, &strict);
		assert_int_equal(result.found.fault, FAULT_NONE);
		lines.text[lines.lines[1] - lines.text + 6] ^= 1;
		result = verify_one(lines.text, lines.size, &strict);
		assert_int_equal(result.found.fault, FAULT_DELETION);
		free(lines.text);
	}
}

static void no_trail(void **state)
{
	const char *path = test_file();
	struct trail *trail = NULL;
	struct diag diag = {0};

	(void)state;
	assert_int_equal(truncate(path, 4 * AMBIT_TRAIL_LINE_MAX), 0);
	assert_int_equal(ambit_trail_open(path, &trail, &diag), -EFBIG);
	assert_non_null(diag.text);
	ambit_diag_clear(&diag);
	unlink(path);
}

/* As if the wall clock had been set back by a minute since the last batch. */
static void clock_steps(void **state)
{
	_cleanup_(entry_cleanup) struct trail_entry *entry = NULL;
	const char *path = test_file();
	struct test_lines lines;
	struct test_run run;
	int64_t gap;

	(void)state;
	run_open(&run, path);
	run.recorder.clock_at = clock_ns(CLOCK_BOOTTIME);
	ambit_recorder_clock(&run.recorder);
	run.recorder.clock += 60000000000;
	run.recorder.clock_at = clock_ns(CLOCK_BOOTTIME);
	while (run.recorder.clock_at && !run.recorder.batch.lines)
		ambit_recorder_clock(&run.recorder);
	ambit_recorder_clock(&run.recorder);
	run_close(&run, true);
	lines_read(&lines, path);
	assert_int_equal(lines.count, 2);
	assert_int_equal(ambit_entry_parse(lines.lines[0], lines.sizes[0], &entry), 0);
	assert_int_equal(entry->type, TRAIL_CLOCK);
	gap = (int64_t)(entry->was - entry->record.wall);
	assert_true(gap > 59000000000 && gap < 61000000000);
	free(lines.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seals),
		cmocka_unit_test(keys_are_erased),
		cmocka_unit_test(full_disk),
		cmocka_unit_test(power_cut),
		cmocka_unit_test(beside),
		cmocka_unit_test(old_trail),
		cmocka_unit_test(no_trail),
		cmocka_unit_test(clock_steps),
	};

	if (sodium_init() < 0)
		return EXIT_FAILURE;
	return cmocka_run_group_tests_name("trail/chain", tests, NULL, NULL);
}
