/* SPDX-License-Identifier: Apache-2.0 */
/* The line for machines: always one JSON object on one line, and nothing of an event is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <json-c/json.h>
#include <stdlib.h>
#include "event.h"
#include "base/util.h"
#include "trail/writer.h"

static struct json_object *parse(const char *line)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *root;

	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	root = json_tokener_parse_ex(tokener, line, (int)strlen(line) + 1);
	assert_non_null(root);
	assert_null(strpbrk(line, "\n\r"));
	json_tokener_free(tokener);
	return root;
}

static struct json_object *value_at(struct json_object *root, const char *path)
{
	char copy[64], *rest = copy, *key;

	strcpy(copy, path);
	while (root && (key = strsep(&rest, ".")))
		root = json_object_object_get(root, key);
	return root;
}

static const char *text_at(struct json_object *root, const char *key)
{
	return json_object_get_string(value_at(root, key));
}

static uint64_t number_at(struct json_object *root, const char *key)
{
	return json_object_get_uint64(value_at(root, key));
}

static void decision(void **state)
{
	_cleanup_free_ char *line = NULL;
	struct json_object *root;
	union test_ring ring;
	struct record record;

	(void)state;
	test_event(&ring, "/etc/passwd", 11);
	record = test_decode(&ring);
	record.wall = 1767323045000000042;
	line = ambit_record_json(&record);
	root = parse(line);
	assert_string_equal(text_at(root, "unmapped.type"), "decision");
	assert_string_equal(text_at(root, "time_dt"), "2026-01-02T03:04:05.000000042Z");
	assert_int_equal(number_at(root, "unmapped.mono_ns"), 5000000000);
	assert_string_equal(text_at(root, "unmapped.cell"), "coding-agent-7");
	assert_string_equal(text_at(root, "unmapped.op"), "write");
	assert_string_equal(text_at(root, "unmapped.verdict"), "deny");
	assert_true(json_object_get_boolean(value_at(root, "unmapped.enforced")));
	assert_string_equal(text_at(root, "unmapped.reason"), "no-rule");
	assert_string_equal(text_at(root, "unmapped.hook"), "file_open");
	assert_string_equal(text_at(root, "file.path"), "/etc/passwd");
	assert_null(value_at(root, "unmapped.path_hex"));
	assert_string_equal(text_at(root, "policy.name"), "coding-agent");
	assert_string_equal(text_at(root, "unmapped.file"), "agent.yaml");
	assert_int_equal(number_at(root, "unmapped.line"), 14);
	assert_null(value_at(root, "unmapped.rule"));
	assert_string_equal(text_at(root, "unmapped.section"), "files.allow.write");
	assert_int_equal(number_at(root, "actor.process.pid"), 412);
	assert_int_equal(number_at(root, "actor.process.tid"), 413);
	assert_int_equal(number_at(root, "actor.process.parent_process.pid"), 400);
	assert_int_equal(number_at(root, "actor.process.user.uid"), 1000);
	assert_string_equal(text_at(root, "actor.process.name"), "python3");
	assert_string_equal(text_at(root, "actor.process.parent_process.name"), "bash");
	assert_string_equal(text_at(root, "actor.process.file.path"), "/usr/bin/python3");
	json_object_put(root);
}

static void bytes_that_are_not_utf8(void **state)
{
	_cleanup_free_ char *line = NULL;
	struct json_object *root;
	union test_ring ring;
	struct record record;

	(void)state;
	test_event(&ring, "/a\"\n\xff\x01", 6);
	record = test_decode(&ring);
	line = ambit_record_json(&record);
	root = parse(line);
	assert_string_equal(text_at(root, "file.path"), "/a\"\n\xef\xbf\xbd\x01");
	assert_string_equal(text_at(root, "unmapped.path_hex"), "2f61220aff01");
	json_object_put(root);
}

/* What the trail says reads back as the same line for people. */
static void expect_round_trip(const struct record *record)
{
	_cleanup_free_ char *json = ambit_record_json(record), *line = ambit_record_line(record);
	_cleanup_(entry_cleanup) struct trail_entry *entry = NULL;
	_cleanup_free_ char *again = NULL;
	struct json_object *root = parse(json);

	json_object_put(root);
	assert_true(test_as_json_c(json));
	assert_true(strlen(json) < AMBIT_TRAIL_LINE_MAX);
	assert_int_equal(ambit_entry_parse(json, strlen(json), &entry), 0);
	again = ambit_record_line(&entry->record);
	assert_string_equal(again, line);
	assert_int_equal(entry->record.count, record->count > 1 ? record->count : 0);
	assert_int_equal(entry->record.last, record->count > 1 ? record->last : 0);
	assert_int_equal(entry->record.path_length, record->path_length);
	assert_memory_equal(entry->record.path, record->path, record->path_length);
	assert_int_equal(entry->record.said_length, record->said_length);
	if (record->said_length)
		assert_memory_equal(entry->record.said, record->said, record->said_length);
}

static void random_events(void **state)
{
	union test_ring ring;
	unsigned decoded = 0;

	(void)state;
	srand(1);
	for (unsigned round = 0; round < 3000; round++) {
		size_t size = sizeof(ring) - (unsigned)rand() % 4096;
		struct record record;

		for (size_t i = 0; i < sizeof(ring); i++)
			ring.bytes[i] = (char)rand();
		ring.event.abi = AMBIT_ABI;
		ring.event.kind %= EVENT_KIND_MAX;
		ring.event.op %= OP_MAX + (round % 8 == 0);
		ring.event.verdict %= VERDICT_MAX;
		ring.event.reason %= REASON_MAX;
		ring.event.rule %= 6;
		ring.event.path_len %= AMBIT_PATH_SIZE;
		ring.event.exe_len %= AMBIT_PATH_SIZE;
		ring.event.hook %= 16;
		ring.event.time %= 1ULL << 50;
		if (ambit_record_decode(&ring, size, test_source(), &record))
			continue;
		decoded++;
		record.count = (unsigned)rand() % 3;
		record.last = record.wall + 1;
		/* The reader knows rules and peers by what the line shows of them. */
		if (record.rule && ring.event.reason == REASON_RULE &&
			(record.rule->op != ring.event.op ||
				record.rule->verdict != ring.event.verdict))
			continue;
		expect_round_trip(&record);
	}
	assert_true(decoded > 1000);
}

static void longest_line(void **state)
{
	static char path[AMBIT_PATH_SIZE - 1];
	union test_ring ring;
	struct record record;

	(void)state;
	memset(path, 1, sizeof(path));
	path[0] = (char)0xff;
	test_event(&ring, path, sizeof(path));
	ring.event.exe_len = sizeof(path);
	memcpy(ring.bytes + sizeof(ring.event) + sizeof(path), path, sizeof(path));
	record = test_decode(&ring);
	expect_round_trip(&record);
}

static void hostile_rings(void **state)
{
	union test_ring ring;
	struct record record = {.cell = "untouched"};

	(void)state;
	test_event(&ring, "/x", 2);
	for (size_t size = 0; size < sizeof(ring.event) + 2 + 16; size++)
		assert_int_equal(
			ambit_record_decode(&ring, size, test_source(), &record), -EBADMSG);
	assert_int_equal(
		ambit_record_decode(&ring, sizeof(ring.event) + 18, test_source(), &record), 0);
	for (unsigned field = 0; field < 6; field++) {
		test_event(&ring, "/x", 2);
		switch (field) {
		case 0:
			ring.event.abi++;
			break;
		case 1:
			ring.event.kind = EVENT_KIND_MAX;
			break;
		case 2:
			ring.event.op = OP_MAX;
			break;
		case 3:
			ring.event.verdict = VERDICT_MAX;
			break;
		case 4:
			ring.event.reason = REASON_MAX;
			break;
		default:
			ring.event.path_len = AMBIT_PATH_SIZE;
		}
		assert_int_equal(
			ambit_record_decode(&ring, sizeof(ring), test_source(), &record),
			-EBADMSG);
	}
	assert_int_equal(
		ambit_record_decode(ring.bytes + 1, sizeof(ring) - 1, test_source(), &record),
		-EBADMSG);
}

/* The same record, when its rule was met before and when not; many lines in one buffer. */
static void lines_behind_each_other(void **state)
{
	struct writer writer = {0};
	union test_ring ring;
	struct record record;
	char *expected = NULL;
	size_t size;
	FILE *out = open_memstream(&expected, &size);

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		static const unsigned reasons[] = {
			REASON_RULE, REASON_NO_RULE, REASON_SPECIAL, REASON_JIT, REASON_GUARD};
		_cleanup_free_ char *line = NULL;
		struct record other;

		test_event(&ring, "/etc/\\passwd", 12);
		ring.event.rule = i % 5;
		ring.event.op = i % 3;
		ring.event.reason = (__u8)reasons[i % ARRAY_SIZE(reasons)];
		record = other = test_decode(&ring);
		record.wall = other.wall = 1767323045000000042 + i * 300000000ULL;
		other.source = NULL;
		line = ambit_record_json(&other);
		assert_true(test_as_json_c(line));
		fprintf(out, "%s\n", line);
		ambit_record_put(&writer, &record);
		assert_true(ambit_writer_line(&writer));
	}
	fclose(out);
	assert_int_equal(writer.lines, 100);
	assert_int_equal(writer.size, size);
	assert_memory_equal(writer.bytes, expected, size);
	ambit_writer_clear(&writer);
	free(expected);
}

static void every_byte(void **state)
{
	(void)state;
	for (unsigned byte = 1; byte < 256; byte++) {
		char text[] = {'a', (char)byte, 'b', '\0'};
		struct writer writer = {0};
		_cleanup_free_ char *line = NULL;

		ambit_writer_begin(&writer);
		ambit_writer_string(&writer, "text", text);
		ambit_writer_number(&writer, "max", UINT64_MAX);
		ambit_writer_bool(&writer, "no", false);
		ambit_writer_open(&writer, "array", '[');
		ambit_writer_item(&writer, "");
		ambit_writer_item(&writer, text);
		ambit_writer_close(&writer, ']');
		ambit_writer_close(&writer, '}');
		line = ambit_writer_end(&writer);
		assert_true(test_as_json_c(line));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decision),
		cmocka_unit_test(bytes_that_are_not_utf8),
		cmocka_unit_test(random_events),
		cmocka_unit_test(longest_line),
		cmocka_unit_test(hostile_rings),
		cmocka_unit_test(lines_behind_each_other),
		cmocka_unit_test(every_byte),
	};

	return cmocka_run_group_tests_name("trail/json", tests, NULL, NULL);
}
