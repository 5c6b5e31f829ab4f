/* SPDX-License-Identifier: Apache-2.0 */
/* Trails to which every kind of crime is done, at every place where it can be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sodium.h>
#include "chained.h"

static const struct verify_options strict, lenient = {.unfinished = true};

/* One run, its lines in batches of 1, 4, 3 and the last. */
static void one_run(struct test_lines *lines)
{
	const char *path = test_file();
	struct test_run run;

	run_open(&run, path);
	run_write(&run, 1);
	run_write(&run, 4);
	run_write(&run, 3);
	run_close(&run, true);
	lines_read(lines, path);
	assert_int_equal(lines->count, 9);
}

/* The first run was killed, the second appended to its file. */
#define KILLED_LINES 5U
static void two_runs(struct test_lines *lines)
{
	const char *path = test_file();
	struct test_run run;

	run_open(&run, path);
	run_write(&run, 2);
	run_write(&run, 3);
	run_close(&run, false);
	run_open(&run, path);
	run_write(&run, 2);
	run_write(&run, 2);
	run_close(&run, true);
	lines_read(lines, path);
	assert_int_equal(lines->count, KILLED_LINES + 5);
}

static void expect_found(const char *text, size_t size, const struct verify_options *options,
	enum trail_fault fault, uint64_t line)
{
	struct verify_result result = verify_one(text, size, options);

	if (result.found.fault != fault || (fault && result.found.place.line != line))
		fail_msg("%s at line %llu (%s), expected %s at line %llu",
			ambit_fault_text(result.found.fault),
			(unsigned long long)result.found.place.line, result.found.why ?: "",
			ambit_fault_text(fault), (unsigned long long)line);
}

static void whole(void **state)
{
	struct test_lines lines;
	struct verify_result result;

	(void)state;
	one_run(&lines);
	result = verify_one(lines.text, lines.size, &strict);
	assert_int_equal(result.found.fault, FAULT_NONE);
	assert_int_equal(result.lines, 9);
	assert_int_equal(result.chain_count, 1);
	assert_int_equal(result.unchained, 0);
	free(lines.text);
	two_runs(&lines);
	expect_found(lines.text, lines.size, &lenient, FAULT_NONE, 0);
	expect_found(lines.text, lines.size, &strict, FAULT_MISSING_TAIL, KILLED_LINES);
	free(lines.text);
}

/* Every byte becomes each of some others; the newline at the very end leaves a torn line. */
static void edit_each_byte(const struct test_lines *lines, const struct verify_options *options)
{
	static const char others[] = {1, 0x40};
	_cleanup_free_ char *text = malloc(lines->size);
	unsigned line = 0; /* from 0 */

	memcpy(text, lines->text, lines->size);
	for (size_t at = 0; at < lines->size; at++) {
		bool last = at + 1 == lines->size;

		for (unsigned i = 0; i < ARRAY_SIZE(others); i++) {
			text[at] = (char)(lines->text[at] ^ others[i]);
			expect_found(text, lines->size, last ? &strict : options,
				last ? FAULT_TORN_LINE : FAULT_EDIT, line + 1);
		}
		text[at] = '\n';
		if (lines->text[at] != '\n')
			expect_found(text, lines->size, options, FAULT_EDIT, line + 1);
		text[at] = lines->text[at];
		line += text[at] == '\n';
	}
}

static void edits(void **state)
{
	struct test_lines lines;

	(void)state;
	one_run(&lines);
	edit_each_byte(&lines, &strict);
	free(lines.text);
	two_runs(&lines);
	edit_each_byte(&lines, &lenient);
	free(lines.text);
}

/* The lines of `order`, count of them, as a text; `ret` has room for all. */
static size_t arrange(const struct test_lines *lines, const unsigned *order, unsigned count, char *ret)
{
	char *to = ret;

	for (unsigned i = 0; i < count; i++)
		to = mempcpy(to, lines->lines[order[i]], lines->sizes[order[i]] + 1);
	return (size_t)(to - ret);
}

/* `killed`: the last line of a run that was killed, and that another followed; 0: there is none. */
static void delete_each(const struct test_lines *lines, const struct verify_options *options,
	unsigned killed)
{
	_cleanup_free_ char *text = malloc(lines->size);
	unsigned order[TEST_LINES];

	for (unsigned gone = 0; gone < lines->count; gone++) {
		bool last = gone + 1 == lines->count, cut = gone + 1 == killed;
		unsigned count = 0;

		for (unsigned i = 0; i < lines->count; i++)
			if (i != gone)
				order[count++] = i;
		expect_found(text, arrange(lines, order, count, text), last ? &strict : options,
			last  ? FAULT_MISSING_TAIL
			: cut ? FAULT_TRUNCATION
			      : FAULT_DELETION,
			!last  ? gone + 1
			: killed ? killed
				 : gone);
	}
}

static void deletions(void **state)
{
	struct test_lines lines;

	(void)state;
	one_run(&lines);
	delete_each(&lines, &strict, 0);
	free(lines.text);
	two_runs(&lines);
	delete_each(&lines, &lenient, KILLED_LINES);
	free(lines.text);
}

static void swap_each(const struct test_lines *lines, const struct verify_options *options)
{
	_cleanup_free_ char *text = malloc(lines->size);
	unsigned order[TEST_LINES];

	for (unsigned a = 0; a < lines->count; a++)
		for (unsigned b = a + 1; b < lines->count; b++) {
			for (unsigned i = 0; i < lines->count; i++)
				order[i] = i == a ? b : i == b ? a : i;
			expect_found(text, arrange(lines, order, lines->count, text), options,
				FAULT_REORDERING, a + 1);
		}
}

static void reorderings(void **state)
{
	struct test_lines lines;

	(void)state;
	one_run(&lines);
	swap_each(&lines, &strict);
	free(lines.text);
	two_runs(&lines);
	swap_each(&lines, &lenient);
	free(lines.text);
}

/* A line that stands a second time, anywhere behind itself. */
static void repetitions(void **state)
{
	_cleanup_free_ char *text = NULL;
	struct test_lines lines;
	unsigned order[TEST_LINES];

	(void)state;
	one_run(&lines);
	text = malloc(2 * lines.size);
	for (unsigned a = 0; a < lines.count; a++)
		for (unsigned b = a + 1; b <= lines.count; b++) {
			struct verify_result result;
			unsigned count = 0;

			for (unsigned i = 0; i < lines.count; i++) {
				if (i == b)
					order[count++] = a;
				order[count++] = i;
			}
			if (b == lines.count)
				order[count++] = a;
			result = verify_one(text, arrange(&lines, order, count, text), &strict);
			assert_true(result.found.fault);
			assert_int_equal(result.found.place.line, b + 1);
		}
	free(lines.text);
}

/* A line that fits to the last one, where that said that it is the last. */
static void behind_the_end(void **state)
{
	char line[256], hash[2 * SEAL_HASH + 1];
	_cleanup_free_ char *text = NULL;
	uint8_t last[SEAL_HASH];
	struct test_lines lines;
	struct seal seal;

	(void)state;
	one_run(&lines);
	assert_int_equal(ambit_seal_parse(lines.lines[8], lines.sizes[8], &seal), 0);
	ambit_seal_hash(lines.lines[8], lines.sizes[8], last);
	ambit_seal_hex(last, SEAL_HASH, hash);
	snprintf(line, sizeof(line), "{\"unmapped\":{\"chain\":\"%s\",\"seq\":9,\"prev\":\"%s\"}}\n", seal.chain,
		hash);
	assert_true(asprintf(&text, "%.*s%s", (int)lines.size, lines.text, line) > 0);
	expect_found(text, strlen(text), &strict, FAULT_EDIT, 10);
	free(lines.text);
}

static void truncations(void **state)
{
	struct test_lines lines;
	unsigned line = 0;

	(void)state;
	one_run(&lines);
	for (size_t size = 1; size < lines.size; size++) {
		bool ends = lines.text[size - 1] == '\n';

		line += ends;
		expect_found(lines.text, size, &strict, ends ? FAULT_MISSING_TAIL : FAULT_TORN_LINE,
			ends ? line : line + 1);
		expect_found(lines.text, size, &lenient, FAULT_NONE, 0);
	}
	assert_int_equal(verify_one(lines.text, 0, &strict).lines, 0);
	free(lines.text);
}

/* A trail in two pieces is whole in their order; what is missing between them was cut off the first. */
static void sets(void **state)
{
	struct test_lines lines;

	(void)state;
	one_run(&lines);
	for (unsigned cut = 1; cut < lines.count; cut++) {
		size_t at = (size_t)(lines.lines[cut] - lines.text);
		size_t shorter = (size_t)(lines.lines[cut - 1] - lines.text);
		const struct {
			size_t size, from, to;
			enum trail_fault fault;
			unsigned file;
		} cases[] = {
			{at, at, lines.size, FAULT_NONE, 0},
			{shorter, at, lines.size,
				cut > 1 ? FAULT_TRUNCATION : FAULT_DELETION, 1},
			{lines.size - at, 0, at, FAULT_REORDERING, 0},
		};

		for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
			_cleanup_(verify_cleanup) struct verify *verify = ambit_verify_new(&strict);
			struct verify_result result;

			verify_text(verify, i == 2 ? lines.text + at : lines.text, cases[i].size);
			verify_text(verify, lines.text + cases[i].from, cases[i].to - cases[i].from);
			ambit_verify_end(verify, &result);
			assert_int_equal(result.found.fault, cases[i].fault);
			if (cases[i].fault) {
				assert_int_equal(result.found.place.file, cases[i].file);
				assert_int_equal(result.found.place.line, 1);
			}
		}
	}
	free(lines.text);
}

/* Who has changed a line can make all that follows fit to it again, but for the signatures. */
static size_t forge(const struct test_lines *lines, unsigned from, char *text)
{
	uint8_t public[SEAL_KEY], secret[crypto_sign_SECRETKEYBYTES], prev[SEAL_HASH];
	size_t size = lines->size;
	struct test_lines forged;
	char hex[2 * SEAL_SIG + 1];

	memcpy(text, lines->text, size);
	lines_of(&forged, text, size);
	crypto_sign_keypair(public, secret);
	for (unsigned i = from; i < forged.count; i++) {
		char *line = text + (forged.lines[i] - text);
		struct seal seal;

		if (i == from)
			line[2] = 'k'; /* of "class_uid" */
		else
			memcpy(strstr(line, "\"prev\":\"") + 8,
				(ambit_seal_hex(prev, SEAL_HASH, hex), hex), 2 * SEAL_HASH);
		assert_int_equal(ambit_seal_parse(line, forged.sizes[i], &seal), 0);
		if (seal.is_signed) {
			uint8_t sig[SEAL_SIG];

			if (seal.goes_on) {
				ambit_seal_hex(public, SEAL_KEY, hex);
				memcpy(strstr(line, "\"next\":\"") + 8, hex, 2 * SEAL_KEY);
			}
			crypto_sign_detached(sig, NULL, (uint8_t *)line, seal.signed_size, secret);
			ambit_seal_hex(sig, SEAL_SIG, hex);
			memcpy(line + seal.signed_size + 8, hex, 2 * SEAL_SIG);
		}
		ambit_seal_hash(line, forged.sizes[i], prev);
	}
	return size;
}

static void foreign_keys(void **state)
{
	/* The first line that is signed from each on; the last has none behind it that fits. */
	static const unsigned signed_at[] = {1, 5, 5, 5, 5, 8, 8, 8, 9};
	_cleanup_free_ char *text = NULL;
	struct test_lines lines;

	(void)state;
	one_run(&lines);
	text = malloc(lines.size);
	for (unsigned from = 0; from < lines.count; from++)
		expect_found(text, forge(&lines, from, text), &strict,
			from + 1 < lines.count ? FAULT_FOREIGN_KEY : FAULT_EDIT, signed_at[from]);
	free(lines.text);
}

/* A trail that somebody wrote anew, with keys of his own, is whole for who knows no key. */
static void known_keys(void **state)
{
	uint8_t keys[2][SEAL_KEY];
	struct verify_options keyed = {.keys = (const uint8_t(*)[SEAL_KEY])keys, .key_count = 1};
	struct test_lines lines, others;
	struct seal seal;

	(void)state;
	one_run(&lines);
	one_run(&others);
	assert_int_equal(ambit_seal_parse(others.lines[0], others.sizes[0], &seal), 0);
	memcpy(keys[1], seal.key, SEAL_KEY);
	assert_int_equal(ambit_seal_parse(lines.lines[0], lines.sizes[0], &seal), 0);
	memcpy(keys[0], seal.key, SEAL_KEY);
	expect_found(lines.text, lines.size, &keyed, FAULT_NONE, 0);
	expect_found(others.text, others.size, &strict, FAULT_NONE, 0);
	expect_found(others.text, others.size, &keyed, FAULT_FOREIGN_KEY, 1);
	/* A chain of which the key is known is missed where it is gone. */
	keyed.key_count = 2;
	expect_found(lines.text, lines.size, &keyed, FAULT_DELETION, lines.count);
	expect_found(lines.text, 0, &keyed, FAULT_DELETION, 0);
	free(lines.text);
	free(others.text);
}

/* Lines that nobody chained: before the first chain they are of an old trail, elsewhere they were put
 * there. */
static void strange_lines(void **state)
{
	static const char *const strange[] = {"", "{}", "{\"v\":1,\"type\":\"end\"}", "x",
		"{\"unmapped\":{\"chain\":\"00000000\",\"seq\":0}}"};
	_cleanup_free_ char *text = NULL;
	struct test_lines lines;

	(void)state;
	one_run(&lines);
	text = malloc(lines.size + 64);
	for (unsigned kind = 0; kind < ARRAY_SIZE(strange); kind++)
		for (unsigned before = 0; before <= lines.count; before++) {
			char *to = text;

			for (unsigned i = 0; i <= lines.count; i++) {
				if (i == before) {
					to = stpcpy(to, strange[kind]);
					*to++ = '\n';
				}
				if (i < lines.count)
					to = mempcpy(to, lines.lines[i], lines.sizes[i] + 1);
			}
			if (before)
				expect_found(text, (size_t)(to - text), &strict, FAULT_EDIT, before + 1);
			else /* the first line says that the file was empty */
				expect_found(text, (size_t)(to - text), &strict, FAULT_DELETION, 2);
		}
	free(lines.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole),
		cmocka_unit_test(edits),
		cmocka_unit_test(deletions),
		cmocka_unit_test(reorderings),
		cmocka_unit_test(repetitions),
		cmocka_unit_test(behind_the_end),
		cmocka_unit_test(truncations),
		cmocka_unit_test(sets),
		cmocka_unit_test(foreign_keys),
		cmocka_unit_test(known_keys),
		cmocka_unit_test(strange_lines),
	};

	return cmocka_run_group_tests_name("trail/verify", tests, NULL, NULL);
}
