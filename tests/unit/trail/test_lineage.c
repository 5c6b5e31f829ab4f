/* SPDX-License-Identifier: Apache-2.0 */
/* Who made whom: from events, from /proc, and where neither says it. */
#include "trail/lineage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define NS(ticks) ((ticks) * 10000000ULL)

static char place[] = "/tmp/lineage-XXXXXX";

static void process(unsigned pid, const char *name, unsigned parent, unsigned long long start)
{
	char path[128];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%u", place, pid);
	mkdir(path, 0700);
	strcat(path, "/stat");
	out = fopen(path, "w");
	assert_non_null(out);
	fprintf(out, "%u (%s) S %u 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 %llu 1000 10\n", pid, name, parent, start);
	fclose(out);
}

static void gone(unsigned pid)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%u/stat", place, pid);
	assert_int_equal(unlink(path), 0);
}

static struct ambit_event event(
	uint32_t pid, uint64_t start, const char *name, uint32_t ppid, uint64_t parent, const char *parent_name)
{
	struct ambit_event event = {.pid = pid, .start_time = start, .ppid = ppid, .parent_start_time = parent};

	strncpy(event.comm, name, sizeof(event.comm) - 1);
	strncpy(event.parent_comm, parent_name, sizeof(event.parent_comm) - 1);
	return event;
}

static int begin(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(place));
	ambit_lineage_proc(place);
	process(1, "init", 0, 2);
	process(50, "sh) (a b", 1, 400);
	process(60, "agent", 50, 500);
	return 0;
}

static int end(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", place);
	return system(command);
}

static void from_proc(void **state)
{
	struct ambit_event act = event(70, NS(600) + 5, "cat", 60, NS(500) + 7, "agent");
	struct ancestor found[LINEAGE_MOST];

	(void)state;
	assert_int_equal(ambit_lineage_find(&act, found), 3);
	assert_int_equal(found[0].pid, 60);
	assert_int_equal(found[0].start, NS(500) + 7);
	assert_int_equal(found[1].pid, 50);
	assert_int_equal(found[1].start, 0);
	assert_memory_equal(found[1].name, "sh) (a b", 9);
	assert_int_equal(found[2].pid, 1);
}

/* Of one that is gone the event that it caused before tells, with its start as events have it. */
static void from_events(void **state)
{
	struct ambit_event first = event(61, NS(510) + 1, "make", 60, NS(500) + 7, "agent");
	struct ambit_event act = event(71, NS(610), "cc", 61, NS(510) + 1, "make");
	struct ancestor found[LINEAGE_MOST];

	(void)state;
	assert_int_equal(ambit_lineage_find(&act, found), 1); /* nobody knows */
	ambit_lineage_learn(&first);
	assert_int_equal(ambit_lineage_find(&act, found), 4);
	assert_int_equal(found[0].pid, 61);
	assert_int_equal(found[1].pid, 60);
	ambit_lineage_learn(&act);
	act = event(72, NS(620), "as", 71, NS(610), "cc");
	assert_int_equal(ambit_lineage_find(&act, found), 5);
	assert_int_equal(found[1].start, NS(510) + 1);
	assert_memory_equal(found[1].name, "make", 5);
}

/* A number that is another's by now, and a parent that is younger than its child. */
static void not_another(void **state)
{
	struct ambit_event act = event(80, NS(700), "cat", 60, NS(499), "old");
	struct ancestor found[LINEAGE_MOST];

	(void)state;
	assert_int_equal(ambit_lineage_find(&act, found), 1);
	process(81, "young", 82, 800);
	process(82, "younger", 1, 900);
	act = event(83, NS(850), "cat", 81, NS(800), "young");
	assert_int_equal(ambit_lineage_find(&act, found), 1);
}

/* What was read once is not read again: /proc is gone, and all three are still there. */
static void read_once(void **state)
{
	struct ambit_event act = event(90, NS(600), "cat", 62, NS(505), "agent");
	struct ancestor found[LINEAGE_MOST];

	(void)state;
	process(52, "sh", 2, 400);
	process(2, "systemd", 0, 3);
	process(62, "agent", 52, 505);
	assert_int_equal(ambit_lineage_find(&act, found), 3);
	gone(62);
	gone(52);
	gone(2);
	assert_int_equal(ambit_lineage_find(&act, found), 3);
	assert_int_equal(found[1].pid, 52);
	assert_memory_equal(found[2].name, "systemd", 8);
}

/* Each has another parent, which says nothing itself: of so many a second it is read who made them. */
static void reads_are_bounded(void **state)
{
	struct ancestor found[LINEAGE_MOST];
	unsigned whole = 0;

	(void)state;
	ambit_lineage_proc(place);
	for (unsigned i = 0; i < LINEAGE_READS + 50; i++) {
		struct ambit_event act = event(5000, NS(700), "cat", 1000 + i, NS(600), "sh");

		act.time = 7 * 1000000000ULL + i;
		process(1000 + i, "sh", 999, 600); /* which is not there */
		whole += ambit_lineage_find(&act, found) == 2;
		assert_int_equal(found[0].pid, 1000 + i);
	}
	assert_int_equal(whole, 0);
	process(999, "make", 0, 500);
	for (unsigned i = 0; i < 2; i++) {
		struct ambit_event act = event(5000, NS(700), "cat", 1000 + LINEAGE_READS + 20, NS(600), "sh");

		act.time = (7 + i) * 1000000000ULL;
		assert_int_equal(ambit_lineage_find(&act, found), i ? 2 : 1);
	}
}

static void bounded(void **state)
{
	struct ambit_event act = event(120, NS(2001), "last", 119, NS(2000) - NS(1), "x");
	struct ancestor found[LINEAGE_MOST];

	(void)state;
	for (unsigned i = 100; i < 120; i++) {
		struct ambit_event one = event(i, NS(1880 + i), "x", i - 1, NS(1879 + i), "x");

		ambit_lineage_learn(&one);
	}
	assert_int_equal(ambit_lineage_find(&act, found), LINEAGE_MOST);
	assert_int_equal(found[LINEAGE_MOST - 1].pid, 120 - LINEAGE_MOST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(from_proc),
		cmocka_unit_test(from_events),
		cmocka_unit_test(not_another),
		cmocka_unit_test(read_once),
		cmocka_unit_test(reads_are_bounded),
		cmocka_unit_test(bounded),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
