/* SPDX-License-Identifier: Apache-2.0 */
/* Reading trails that may hold anything; folding what is said twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include "../trail/event.h"
#include "base/util.h"
#include "cli/log.h"
#include "cli/run.h"
#include "capture.h"

struct seen {
	char text[256];
	size_t count;
};

static void see(const char *line, size_t size, void *data)
{
	struct seen *seen = data;

	seen->count++;
	if (size < 64)
		snprintf(seen->text + strlen(seen->text), sizeof(seen->text) - strlen(seen->text),
			"<%.*s>", (int)size, line);
}

static void lines_in_pieces(void **state)
{
	static const char text[] = "one\n\ntwo\nthr";

	(void)state;
	for (size_t piece = 1; piece < sizeof(text); piece++) {
		struct seen seen = {0};
		struct lines lines = {.each = see, .data = &seen};

		for (size_t at = 0; at < sizeof(text) - 1; at += piece) {
			size_t rest = sizeof(text) - 1 - at;

			assert_int_equal(
				ambit_lines_feed(&lines, text + at, rest < piece ? rest : piece),
				0);
		}
		assert_string_equal(seen.text, "<one><><two>");
		assert_true(ambit_lines_reset(&lines));
		assert_false(ambit_lines_reset(&lines));
		ambit_lines_clear(&lines);
	}
}

static void lines_too_long(void **state)
{
	static char block[AMBIT_TRAIL_LINE_MAX];
	struct seen seen = {0};
	struct lines lines = {.each = see, .data = &seen};

	(void)state;
	memset(block, 'x', sizeof(block));
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(ambit_lines_feed(&lines, block, sizeof(block)), 0);
	assert_true(lines.capacity <= 2 * sizeof(block));
	assert_int_equal(ambit_lines_feed(&lines, "y\nnext\n", 7), 0);
	assert_string_equal(seen.text, "<next>");
	assert_int_equal(lines.too_long, 1);
	assert_int_equal(ambit_lines_feed(&lines, block, sizeof(block)), 0);
	assert_int_equal(ambit_lines_feed(&lines, "\n", 1), 0);
	assert_int_equal(seen.count, 2);
	ambit_lines_clear(&lines);
}

/* A trail in a file of its own; the caller frees and unlinks the path. */
static char *trail_new(void)
{
	_cleanup_free_ char *json = NULL;
	char *path = strdup("/tmp/ambit-test.XXXXXX");
	union test_ring ring;
	struct record record;
	FILE *out = fdopen(mkstemp(path), "w");

	assert_non_null(out);
	test_event(&ring, "/etc/passwd", 11);
	record = test_decode(&ring);
	json = ambit_record_json(&record);
	fprintf(out, "%s\n", json);
	ring.event.kind = EVENT_EXEC;
	ring.event.verdict = VERDICT_ALLOW;
	record = test_decode(&ring);
	free(json);
	json = ambit_record_json(&record);
	fprintf(out, "%s\ngarbage \x1b[31m\n%.*s", json, 20, json);
	fclose(out);
	return path;
}

/* Runs `ambit log` with its output in `text`, and returns its exit status. */
static int log_of(char *path, const char *option, char text[4096])
{
	char *argv[] = {(char *)"ambit log", path, (char *)option, NULL};

	return capture(ambit_verb_log, option ? 3 : 2, argv, text);
}

static void log_prints_what_is_sound(void **state)
{
	_cleanup_free_ char *path = trail_new();
	char text[4096];

	(void)state;
	assert_int_equal(log_of(path, NULL, text), EXIT_DENIED);
	assert_non_null(strstr(text, "denied  write /etc/passwd  by python3(412)  "
				     "policy coding-agent:14  not in files.allow.write\n"));
	assert_non_null(strstr(text, "started  write /etc/passwd"));
	assert_null(strchr(text, '\x1b'));
	assert_int_equal(log_of(path, "--denied", text), EXIT_DENIED);
	assert_null(strstr(text, "started"));
	assert_int_equal(log_of(path, "--json", text), EXIT_DENIED);
	assert_int_equal(text[0], '{');
	assert_null(strstr(text, "garbage"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(log_of(path, NULL, text), EXIT_DENIED);
	assert_string_equal(text, "");
}

static void log_shows_what_was_asked_for(void **state)
{
	static const struct {
		const char *option;
		bool shown;
	} cases[] = {{"--cell=coding-agent-7", true}, {"--cell=coding", false}, {"--cell=coding-agent-77", false},
		{"--since=36500d", true}, {"--since=2999-01-01", false}, {"--since=2020-01-01T00:00:00Z", true}};
	_cleanup_free_ char *path = trail_new();
	char text[4096];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		log_of(path, cases[i].option, text);
		assert_int_equal(strstr(text, "/etc/passwd") != NULL, cases[i].shown);
	}
	assert_int_equal(unlink(path), 0);
}

static void since(void **state)
{
	static const char *const wrong[] = {"", "5", "5x", "m", "-5m", "5m ", "99999999999d", "2026", "2026-13-01",
		"2026-01-01 25:00", "2026-01-01 12:00 pm"};
	const uint64_t now = 1000000 * 1000000000ULL;
	uint64_t when = 7;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(ambit_since_parse(wrong[i], now, &when), -EINVAL);
	assert_int_equal(when, 7);
	assert_int_equal(ambit_since_parse("10m", now, &when), 0);
	assert_int_equal(when, now - 600 * 1000000000ULL);
	assert_int_equal(ambit_since_parse("3650d", now, &when), 0);
	assert_int_equal(when, 0);
	assert_int_equal(ambit_since_parse("2026-01-02T03:04:05Z", now, &when), 0);
	assert_int_equal(when, 1767323045 * 1000000000ULL);
}

/* Reads from `fd` until `count` lines came in all. */
static void expect_lines(FILE *in, unsigned count)
{
	char line[4096];

	while (count--)
		assert_non_null(fgets(line, sizeof(line), in));
}

static void append_line(const char *path, const char *json)
{
	FILE *out = fopen(path, "a");

	assert_true(fprintf(out, "%s\n", json) > 0);
	fclose(out);
}

static void log_follows(void **state)
{
	_cleanup_free_ char *path = trail_new(), *moved = NULL, *json = NULL;
	static const struct ambit_counters now = {.lost_full = 1}, before = {0};
	int out[2];
	pid_t child;
	FILE *in;

	(void)state;
	json = ambit_lost_json("c", 1, &now, &before);
	assert_true(asprintf(&moved, "%s.1", path) > 0);
	assert_int_equal(pipe(out), 0);
	child = fork();
	if (!child) {
		char *argv[] = {(char *)"ambit log", (char *)"-f", path, NULL};

		dup2(out[1], STDOUT_FILENO);
		_exit(ambit_verb_log(3, argv));
	}
	close(out[1]);
	in = fdopen(out[0], "r");
	expect_lines(in, 2);
	append_line(path, "\nrest of the line that was cut");
	append_line(path, json);
	expect_lines(in, 1);
	assert_int_equal(truncate(path, 0), 0);
	append_line(path, json);
	expect_lines(in, 1);
	assert_int_equal(rename(path, moved), 0);
	append_line(moved, json);
	expect_lines(in, 1);
	append_line(path, json);
	expect_lines(in, 1);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	fclose(in);
	assert_int_equal(unlink(path) | unlink(moved), 0);
}

static void folding(void **state)
{
	struct fold *fold = ambit_fold_new();
	union test_ring ring;
	struct record record;

	(void)state;
	test_event(&ring, "/etc/passwd", 11);
	record = test_decode(&ring);
	assert_true(ambit_fold_is_new(fold, &record));
	ring.event.pid++;
	ring.event.comm[0] = 'x';
	assert_false(ambit_fold_is_new(fold, &record));
	ring.event.op = OP_READ;
	assert_true(ambit_fold_is_new(fold, &record));
	ring.event.rule = 3;
	assert_true(ambit_fold_is_new(fold, &record));
	ring.event.reason = REASON_REFER;
	assert_true(ambit_fold_is_new(fold, &record));
	assert_false(ambit_fold_is_new(fold, &record));
	for (unsigned i = 0; i < FOLD_MAX + 10; i++) {
		char path[32];
		int length = snprintf(path, sizeof(path), "/tmp/%u", i);

		test_event(&ring, path, (size_t)length);
		record = test_decode(&ring);
		assert_true(ambit_fold_is_new(fold, &record));
	}
	ambit_fold_free(fold);
	ambit_fold_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_in_pieces),
		cmocka_unit_test(lines_too_long),
		cmocka_unit_test(log_prints_what_is_sound),
		cmocka_unit_test(log_shows_what_was_asked_for),
		cmocka_unit_test(since),
		cmocka_unit_test(log_follows),
		cmocka_unit_test(folding),
	};

	return cmocka_run_group_tests_name("cli/log", tests, NULL, NULL);
}
