/* SPDX-License-Identifier: Apache-2.0 */
/* Every kind of line is an event as the published schema has it (tests/ocsf/ocsf.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <json-c/json.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "event.h"
#include "base/util.h"
#include "tests/ocsf/ocsf.h"

enum {
#define HOOK(area, hook, op, need, when) HOOK_##hook,
#include "bpf/hooks.def"
#undef HOOK
};

static void check(const char *line, bool valid)
{
	struct json_object *root = json_tokener_parse(line);
	char why[128] = "";
	bool is_event;

	assert_non_null(root);
	is_event = ocsf_is_event(root, why);
	json_object_put(root);
	if (is_event != valid)
		fail_msg("%s: %s", why, line);
}

static int64_t class_of(const char *line)
{
	struct json_object *root = json_tokener_parse(line);
	int64_t class = ocsf_number(root, "class_uid");

	json_object_put(root);
	return class;
}

/* Of each operation: with a path or name, without; with an address, without; of a process, of nobody. */
static void events(void **state)
{
	static const int64_t classes[OP_MAX] = {1001, 1001, 1007, 4001, 4001, 4001, 2004, 2004, 2004};
	union test_ring ring;
	unsigned lines = 0;

	(void)state;
	for (unsigned way = 0; way < OP_MAX * REASON_MAX * 32; way++) {
		static const char *const paths[] = {"", "/", "/a/b", "\xff"};
		const char *path = paths[way / (OP_MAX * REASON_MAX * 4) % 4];
		_cleanup_free_ char *line = NULL;
		struct record record;

		test_event(&ring, path, strlen(path));
		ring.event.op = way % OP_MAX;
		ring.event.reason = way / OP_MAX % REASON_MAX;
		ring.event.verdict = way % VERDICT_MAX;
		ring.event.kind = way % EVENT_KIND_MAX;
		ring.event.flags = way % 5 ? AMBIT_EVENT_ENFORCED : 0;
		ring.event.hook = way % 80;
		ring.event.family = way % 4 ? way % 2 ? AMBIT_FAMILY_V4 : AMBIT_FAMILY_V6 : 0;
		ring.event.port = way % 7 ? 53 : 443;
		if (way % 3 == 0)
			ring.event.pid = ring.event.ppid = 0, ring.event.start_time = 0,
			ring.event.parent_start_time = 0, ring.event.comm[0] = ring.event.parent_comm[0] = '\0';
		record = test_decode(&ring);
		record.count = way % 2;
		line = ambit_record_json(&record);
		check(line, true);
		if (ring.event.op == OP_CONNECT && record.path_length && ring.event.port == 53 &&
			ring.event.hook == HOOK_socket_sendmsg && ring.event.reason != REASON_RESOLVER)
			assert_int_equal(class_of(line), 4003);
		else
			assert_int_equal(class_of(line), classes[ring.event.op]);
		lines++;
	}
	assert_true(lines > 10000);
}

/* In a namespace of its own, for which one has to be root. */
static void renamed(void **state)
{
	static const char *const names[] = {"before", "after"};
	union test_ring ring;

	(void)state;
	if (unshare(CLONE_NEWUTS) < 0)
		skip();
	test_event(&ring, "/a", 2);
	for (uint64_t i = 0; i < 2; i++) {
		struct record record = test_decode(&ring);
		_cleanup_free_ char *line = NULL;
		char key[32];

		record.wall = (i + 1) * 1000000000;
		assert_int_equal(sethostname(names[i], strlen(names[i])), 0);
		line = ambit_record_json(&record);
		snprintf(key, sizeof(key), "\"hostname\":\"%s\"", names[i]);
		assert_non_null(strstr(line, key));
	}
}

static void marks(void **state)
{
	static const struct ambit_counters none, some = {.lost_full = 3, .denied = {[OP_READ] = 1}};
	static const uint8_t hash[32];
	char *argv[] = {(char *)"sh", NULL};
	const struct trail_start start = {.cell = "c", .policy = &test_policy, .weaker = "", .argv = argv};
	const struct trail_end end = {.cell = "c", .policy = &test_policy, .counters = &some, .weaker = ""};
	const struct trail_sink sink = {.kind = "otlp", .to = "x", .failing = true, .error = "no"};
	const struct {
		int64_t class;
		char *line;
	} lines[] = {
		{5019, ambit_start_json(&start)}, {5019, ambit_end_json(&end)}, {5019, ambit_stop_json()},
		{5019, ambit_service_json("c", 7, "reload", 2, NULL)}, {5019, ambit_clock_json(1)},
		{5019, ambit_rotate_json("1")}, {5019, ambit_continue_json("1")},
		{5019, ambit_retired_json(1, "1", hash)}, {2004, ambit_lost_json("c", 7, &some, &none)},
		{2004, ambit_skipped_json("c", 7, 1)}, {2004, ambit_strayed_json("c", 7, 1)},
		{2004, ambit_missing_json(1)}, {2004, ambit_failure_json(1, -5, true)},
		{2004, ambit_sink_json(&sink)},
	};

	(void)state;
	/* All types but decision and exec. */
	assert_int_equal(ARRAY_SIZE(lines), TRAIL_TYPE_MAX - 2);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		_cleanup_(entry_cleanup) struct trail_entry *entry = NULL;

		check(lines[i].line, true);
		assert_int_equal(class_of(lines[i].line), lines[i].class);
		assert_int_equal(ambit_entry_parse(lines[i].line, strlen(lines[i].line), &entry), 0);
		free(lines[i].line);
	}
}

/* The checker itself sees what is wrong. */
static void what_is_no_event(void **state)
{
	static const struct {
		const char *from, *to;
	} changes[] = {
		{"\"severity_id\":3", "\"severity_id\":7"}, {"\"type_uid\":100102", "\"type_uid\":100103"},
		{"\"category_uid\":1", "\"category_uid\":4"}, {"\"file\":{\"name\"", "\"file\":{\"nome\""},
		{"\"type_id\":0,\"hostname\"", "\"hostname\""}, {"\"pid\":412", "\"pid\":\"412\""},
		{"\"datetime\",", ""}, {"\"action_id\":2", "\"action_id\":5"}, {"{\"class_uid\"", "{\"x\":1,\"class_uid\""},
		{"\"time\":", "\"tome\":"}, {"000Z\"", "000\""}, {"\"version\":\"1.5.0\",", ""},
		{"\"class_uid\":1001", "\"class_uid\":1002"},
	};
	union test_ring ring;
	struct record record;
	_cleanup_free_ char *line = NULL;

	(void)state;
	test_event(&ring, "/etc/passwd", 11);
	ring.event.op = OP_READ;
	record = test_decode(&ring);
	record.wall = 1767323045000000000;
	line = ambit_record_json(&record);
	check(line, true);
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		const char *at = strstr(line, changes[i].from);
		_cleanup_free_ char *changed = NULL;

		assert_non_null(at);
		assert_true(asprintf(&changed, "%.*s%s%s", (int)(at - line), line, changes[i].to,
				    at + strlen(changes[i].from)) > 0);
		check(changed, false);
	}
}

/* The same process has the same name in every line, and another with its pid has another. */
static void processes_have_names(void **state)
{
	static const char *const uids[] = {"-4000000000-412\",", "-3000000000-400\",", "-4000000001-412\","};
	union test_ring ring;
	struct record record;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		_cleanup_free_ char *line = NULL;

		test_event(&ring, "/x", 2);
		ring.event.start_time += i / 2;
		record = test_decode(&ring);
		line = ambit_record_json(&record);
		assert_non_null(strstr(line, uids[i / 2 * 2]));
		assert_non_null(strstr(line, uids[1]));
		assert_null(strstr(line, uids[i / 2 ? 0 : 2]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events), cmocka_unit_test(renamed),
		cmocka_unit_test(marks),
		cmocka_unit_test(what_is_no_event),
		cmocka_unit_test(processes_have_names),
	};

	return cmocka_run_group_tests_name("trail/ocsf", tests, NULL, NULL);
}
