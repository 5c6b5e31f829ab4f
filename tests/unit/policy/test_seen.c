/* SPDX-License-Identifier: Apache-2.0 */
/* What is remembered of names that are no links. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "policy/seen.h"

static char directory[] = "/tmp/ambit-seen.XXXXXX", place[64];
static struct seen *seen;

static int setup(void **state)
{
	(void)state;
	memcpy(directory + sizeof(directory) - 7, "XXXXXX", 6);
	assert_non_null(mkdtemp(directory));
	snprintf(place, sizeof(place), "%s/name", directory);
	seen = seen_new();
	return seen ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	seen_free(seen);
	unlink(place);
	return rmdir(directory);
}

/* 0, or what readlink(2) failed with. */
static int asked(struct seen *by, const char *path)
{
	char target[64];

	errno = 0;
	return seen_readlink(by, path, target, sizeof(target)) < 0 ? errno : 0;
}

static void no_link_is_remembered(void **state)
{
	(void)state;
	assert_int_equal(asked(seen, directory), EINVAL);
	assert_int_equal(asked(seen, place), ENOENT);
	assert_int_equal(symlink("/elsewhere", place), 0);
	/* As it was when the policy was first looked at; who remembers nothing sees it. */
	assert_int_equal(asked(seen, place), ENOENT);
	assert_int_equal(asked(seen, directory), EINVAL);
	assert_int_equal(asked(NULL, place), 0);
}

static void a_link_is_read_each_time(void **state)
{
	char target[64];

	(void)state;
	assert_int_equal(symlink("/one", place), 0);
	assert_int_equal(seen_readlink(seen, place, target, sizeof(target)), 4);
	assert_int_equal(unlink(place), 0);
	assert_int_equal(symlink("/other", place), 0);
	assert_int_equal(seen_readlink(seen, place, target, sizeof(target)), 6);
	assert_memory_equal(target, "/other", 6);
}

/* What failed for another reason may be otherwise for who asks with other rights. */
static void other_failures_are_asked_again(void **state)
{
	char beneath[80];
	int fd;

	(void)state;
	snprintf(beneath, sizeof(beneath), "%s/x", place);
	fd = open(place, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(asked(seen, beneath), ENOTDIR);
	assert_int_equal(unlink(place), 0);
	assert_int_equal(asked(seen, beneath), ENOENT);
}

static void many_names_are_kept_apart(void **state)
{
	char path[80];

	(void)state;
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 2000; i++) {
			snprintf(path, sizeof(path), "%s/%d", directory, i);
			assert_int_equal(asked(seen, path), ENOENT);
		}
		assert_int_equal(asked(seen, directory), EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_link_is_remembered, setup, teardown),
		cmocka_unit_test_setup_teardown(a_link_is_read_each_time, setup, teardown),
		cmocka_unit_test_setup_teardown(other_failures_are_asked_again, setup, teardown),
		cmocka_unit_test_setup_teardown(many_names_are_kept_apart, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
