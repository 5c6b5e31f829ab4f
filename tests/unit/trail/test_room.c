/* SPDX-License-Identifier: Apache-2.0 */
/* What a user's trails take, and how much one of them may. */
#include "trail/room.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char place[] = "/tmp/room-XXXXXX";

static void file(const char *name, off_t size)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", place, name);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	close(fd);
}

static void used(void **state)
{
	char path[256], command[64];
	uint64_t bytes = 7;

	(void)state;
	assert_non_null(mkdtemp(place));
	assert_int_equal(ambit_room_used(place, 1000, &bytes), 0);
	assert_int_equal(bytes, 0);
	file("20260102T030405Z-u1000-users-00000001.jsonl", 1000);
	file("20260102T030405Z-u10001-users-00000002.jsonl", 4000); /* another's */
	file("20260102T030405Z-users-00000003.jsonl", 8000);	    /* root's */
	file("nginx-u1000-.jsonl", 16000);
	snprintf(path, sizeof(path), "%s/20260102T030405Z-u1000-users-00000001.jsonl.old", place);
	assert_int_equal(mkdir(path, 0700), 0);
	file("20260102T030405Z-u1000-users-00000001.jsonl.old/000001.zst", 200);
	assert_int_equal(ambit_room_used(place, 1000, &bytes), 0);
	assert_int_equal(bytes, 1200);
	snprintf(command, sizeof(command), "rm -r %s", place);
	assert_int_equal(system(command), 0);
	assert_int_equal(ambit_room_used(place, 1000, &bytes), 0);
	assert_int_equal(bytes, 0);
}

static void keep(void **state)
{
	struct trail_keep keep = {0};

	(void)state;
	ambit_room_keep(&keep, 32 << 20);
	assert_int_equal(keep.rotate_size, 8 << 20);
	assert_int_equal(keep.keep_files, 2);
	keep = (struct trail_keep){.rotate_size = 1 << 20, .keep_files = 1};
	ambit_room_keep(&keep, 32 << 20);
	assert_int_equal(keep.rotate_size, 1 << 20);
	assert_int_equal(keep.keep_files, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(used), cmocka_unit_test(keep)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
