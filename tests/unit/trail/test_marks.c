/* SPDX-License-Identifier: Apache-2.0 */
/* Start, gaps and end of a trail; the file itself; lines that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include "event.h"
#include "base/util.h"

static void start(void **state)
{
	char *argv[] = {(char *)"sh", (char *)"", (char *)"a\nb\"\xff", NULL};
	struct trail_start about = {.cell = "coding-agent-7",
		.cell_id = 7,
		.policy = &test_policy,
		.mode = MODE_AUDIT,
		.epoch = 1,
		.uid = 1000,
		.weaker = "",
		.argv = argv};
	_cleanup_(entry_cleanup) struct trail_entry *entry = NULL;
	_cleanup_free_ char *line = ambit_start_json(&about);
	struct json_object *root = json_tokener_parse(line), *args;

	(void)state;
	assert_non_null(root);
	assert_true(test_as_json_c(line));
	args = json_object_object_get(json_object_object_get(root, "unmapped"), "argv");
	assert_int_equal(json_object_array_length(args), 3);
	assert_string_equal(json_object_get_string(json_object_array_get_idx(args, 1)), "");
	assert_string_equal(
		json_object_get_string(json_object_array_get_idx(args, 2)), "a\nb\"\xef\xbf\xbd");
	json_object_put(root);
	assert_int_equal(ambit_entry_parse(line, strlen(line), &entry), 0);
	assert_int_equal(entry->type, TRAIL_START);
	assert_true(entry->audit);
	assert_string_equal(entry->record.policy_name, "coding-agent");
	assert_null(entry->weaker);
}

static void end(void **state)
{
	static const struct ambit_counters counters = {.allowed = {[OP_READ] = 40, [OP_EXEC] = 2},
		.denied = {[OP_READ] = 3},
		.lost_full = 5,
		.lost_scratch = 1,
		.lost_tally = 2};
	static const struct trail_tally tallies[] = {
		{{.cell = 7, .rule = 3, .op = OP_READ, .reason = REASON_RULE}, 2},
		{{.cell = 7, .op = OP_READ, .reason = REASON_NO_RULE}, 1},
	};
	struct trail_end about = {.cell = "c",
		.cell_id = 7,
		.policy = &test_policy,
		.epoch = 1,
		.status = 143,
		.counters = &counters,
		.tallies = tallies,
		.tally_count = 2,
		.weaker = "not enforced: path_rename",
		.skipped = 9};
	_cleanup_(entry_cleanup) struct trail_entry *entry = NULL;
	_cleanup_free_ char *line = ambit_end_json(&about);

	(void)state;
	assert_non_null(strstr(line, "\"denied_by_rule\":[{\"count\":2,\"op\":\"read\",\"reason\":"
				     "\"rule\",\"rule\":3,\"line\":17,\"pattern\":\"**/.env*\"},"
				     "{\"count\":1,\"op\":\"read\",\"reason\":\"no-rule\"}]"));
	assert_int_equal(ambit_entry_parse(line, strlen(line), &entry), 0);
	assert_int_equal(entry->type, TRAIL_END);
	assert_int_equal(entry->allowed, 42);
	assert_int_equal(entry->denied, 3);
	assert_int_equal(entry->lost, 6);
	assert_int_equal(entry->status, 143);
	assert_int_equal(entry->skipped, 9);
	assert_string_equal(entry->weaker, "not enforced: path_rename");
}

static void skipped(void **state)
{
	_cleanup_(entry_cleanup) struct trail_entry *entry = NULL;
	_cleanup_free_ char *line = ambit_skipped_json("c", 7, 3);

	(void)state;
	assert_int_equal(ambit_entry_parse(line, strlen(line), &entry), 0);
	assert_int_equal(entry->type, TRAIL_SKIPPED);
	assert_int_equal(entry->skipped, 3);
	assert_string_equal(entry->record.cell, "c");
}

static void strayed(void **state)
{
	_cleanup_(entry_cleanup) struct trail_entry *entry = NULL;
	_cleanup_free_ char *line = ambit_strayed_json("c", 7, 2);

	(void)state;
	assert_int_equal(ambit_entry_parse(line, strlen(line), &entry), 0);
	assert_int_equal(entry->type, TRAIL_STRAYED);
	assert_int_equal(entry->strayed, 2);
}

static void lost(void **state)
{
	static const struct ambit_counters before = {.lost_full = 5, .lost_scratch = 1};
	static const struct ambit_counters now = {
		.lost_full = 9, .lost_scratch = 1, .lost_spared = 2};
	_cleanup_(entry_cleanup) struct trail_entry *entry = NULL;
	_cleanup_free_ char *line = ambit_lost_json("c", 7, &now, &before);

	(void)state;
	assert_int_equal(ambit_entry_parse(line, strlen(line), &entry), 0);
	assert_int_equal(entry->type, TRAIL_LOST);
	assert_int_equal(entry->lost, 6);
	assert_true(test_as_json_c(line));
}

/* Lines about the trail itself. */
static void of_its_own(void **state)
{
	const struct {
		enum trail_type type;
		char *line;
	} marks[] = {{TRAIL_MISSING, ambit_missing_json(12)},
		{TRAIL_CLOCK, ambit_clock_json(1767323045000000007)},
		{TRAIL_STOP, ambit_stop_json()}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		_cleanup_(entry_cleanup) struct trail_entry *entry = NULL;

		assert_true(test_as_json_c(marks[i].line));
		assert_int_equal(ambit_entry_parse(marks[i].line, strlen(marks[i].line), &entry), 0);
		assert_int_equal(entry->type, marks[i].type);
		assert_true(entry->record.wall > 0 && !entry->record.event);
		assert_int_equal(entry->missing, marks[i].type == TRAIL_MISSING ? 12 : 0);
		assert_int_equal(entry->was, marks[i].type == TRAIL_CLOCK ? 1767323045000000007 : 0);
		free(marks[i].line);
	}
}

static void lines_that_are_none(void **state)
{
	static const char *const lines[] = {"", "{", "{}", "[]", "null", "7", "\"x\"", "{\"unmapped\":{\"v\":2}}",
		"{\"v\":2,\"type\":\"end\"}", "{\"unmapped\":7}",
		"{\"unmapped\":{\"v\":2,\"type\":\"decision\"}}",
		"{\"unmapped\":{\"v\":1,\"type\":\"end\"}}",
		"{\"unmapped\":{\"v\":2,\"type\":\"nonsense\"}}", "{\"unmapped\":{\"v\":2,\"type\":7}}",
		"{\"unmapped\":{\"v\":2,\"type\":\"end\"}}x",
		"{\"unmapped\":{\"v\":2,\"type\":\"end\",\"x\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}}",
		"{\"unmapped\":{\"v\":2,\"type\":\"decision\",\"op\":\"read\",\"verdict\":\"deny\",\"reason\":"
		"\"rule\",\"path_hex\":\"zz\"}}",
		"{\"unmapped\":{\"v\":2,\"type\":\"end\",\"cell\":\"\xff\"}}"};
	struct trail_entry *entry = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		assert_int_equal(ambit_entry_parse(lines[i], strlen(lines[i]), &entry), -EBADMSG);
	assert_null(entry);
}

/* A line cut anywhere is refused; a line with any byte changed is refused or read, never more. */
static void mutated_lines(void **state)
{
	_cleanup_free_ char *line = NULL;
	union test_ring ring;
	struct record record;
	size_t size;

	(void)state;
	test_event(&ring, "/a\xff", 3);
	record = test_decode(&ring);
	line = ambit_record_json(&record);
	size = strlen(line);
	srand(2);
	for (size_t cut = 0; cut < size; cut++) {
		_cleanup_free_ char *part = malloc(size);
		_cleanup_(entry_cleanup) struct trail_entry *entry = NULL, *changed = NULL;

		memcpy(part, line, size);
		assert_int_equal(ambit_entry_parse(part, cut, &entry), -EBADMSG);
		part[cut] = (char)rand();
		if (!ambit_entry_parse(part, size, &changed) && changed->record.event)
			free(ambit_record_line(&changed->record));
	}
}

static void file(void **state)
{
	char dir[] = "/tmp/ambit-test.XXXXXX";
	_cleanup_free_ char *path = NULL, *link = NULL;
	struct trail *trail = NULL;
	struct diag diag = {0};
	uint64_t whole;
	char text[32] = "";
	struct stat st;
	FILE *in;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_true(asprintf(&path, "%s/trail", dir) > 0 && asprintf(&link, "%s/link", dir) > 0);
	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(ambit_trail_open(link, &trail, &diag), -ELOOP);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(ambit_trail_open(path, &trail, &diag), 0);
		assert_int_equal(ambit_trail_write(trail, "{}\n", 3, &whole), 0);
		assert_int_equal(whole, 1);
		assert_int_equal(ambit_trail_close(trail), 0);
	}
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	in = fopen(path, "r");
	assert_int_equal(fread(text, 1, sizeof(text) - 1, in), 6);
	fclose(in);
	assert_string_equal(text, "{}\n{}\n");
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(ambit_trail_open(path, &trail, &diag), -EPERM);
	assert_int_equal(ambit_trail_open(dir, &trail, &diag), -EISDIR);
	assert_int_equal(unlink(path) | unlink(link), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(ambit_trail_open(path, &trail, &diag), -EINVAL);
	assert_int_equal(unlink(path) | rmdir(dir), 0);
	assert_int_equal(ambit_trail_open("/dev/full", &trail, &diag), -EINVAL);
	ambit_diag_clear(&diag);
	assert_int_equal(ambit_trail_close(NULL), 0);
}

/* A disk that fills up in the middle of a line spoils that line and no other. */
static void torn_lines(void **state)
{
	static const char lines[] = "{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n";
	const struct rlimit full = {.rlim_cur = 10, .rlim_max = RLIM_INFINITY};
	const struct rlimit free_again = {RLIM_INFINITY, RLIM_INFINITY};
	char path[] = "/tmp/ambit-test.XXXXXX", text[64] = "";
	struct trail *trail = NULL;
	struct diag diag = {0};
	uint64_t whole;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(ambit_trail_open(path, &trail, &diag), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
	assert_int_equal(ambit_trail_write(trail, lines, strlen(lines), &whole), -ENOSPC);
	assert_int_equal(whole, 1);
	assert_int_equal(ambit_trail_write(trail, lines, strlen(lines), &whole), -EFBIG);
	assert_int_equal(whole, 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &free_again), 0);
	assert_int_equal(ambit_trail_write(trail, lines, strlen(lines), &whole), 0);
	assert_int_equal(whole, 3);
	assert_int_equal(ambit_trail_close(trail), 0);
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	assert_string_equal(text, "{\"a\":1}\n{\"\n{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n");
	close(fd);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(start),
		cmocka_unit_test(end),
		cmocka_unit_test(lost), cmocka_unit_test(skipped),
		cmocka_unit_test(strayed),
		cmocka_unit_test(of_its_own),
		cmocka_unit_test(lines_that_are_none),
		cmocka_unit_test(mutated_lines),
		cmocka_unit_test(file),
		cmocka_unit_test(torn_lines),
	};

	return cmocka_run_group_tests_name("trail/marks", tests, NULL, NULL);
}
