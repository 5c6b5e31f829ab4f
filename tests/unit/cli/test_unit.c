/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "cli/service.h"

static char root[] = "/tmp/ambit-unit-XXXXXX";

static void make(const char *path)
{
	char full[256];

	snprintf(full, sizeof(full), "%s/%s", root, path);
	assert_int_equal(mkdir(full, 0700), 0);
}

static int setup(void **state)
{
	static const char *const paths[] = {"system.slice", "system.slice/one.service", "user.slice",
		"user.slice/twice.service", "system.slice/twice.service", "web.slice",
		"web.slice/deep.service", "web.slice/deep.service/inner.service",
		"web.slice/web-one.slice", "web.slice/web-one.slice/one@x.service"};

	(void)state;
	if (!mkdtemp(root))
		return -1;
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		make(paths[i]);
	return 0;
}

static int teardown(void **state)
{
	static const char *const paths[] = {"/web.slice/web-one.slice/one@x.service",
		"/web.slice/web-one.slice", "/web.slice/deep.service/inner.service",
		"/web.slice/deep.service", "/web.slice",
		"/system.slice/twice.service", "/system.slice/one.service", "/system.slice",
		"/user.slice/twice.service", "/user.slice", ""};

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		char full[256];

		snprintf(full, sizeof(full), "%s%s", root, paths[i]);
		rmdir(full);
	}
	return 0;
}

static void check(const char *unit, const char *wanted)
{
	struct diag diag = {0};
	char full[256], *found = ambit_unit_cgroup(root, unit, &diag);

	if (wanted) {
		snprintf(full, sizeof(full), "%s/%s", root, wanted);
		assert_non_null(found);
		assert_string_equal(found, full);
	} else {
		assert_null(found);
		assert_non_null(diag.text);
	}
	free(found);
	ambit_diag_clear(&diag);
}

static void test_units(void **state)
{
	(void)state;
	check("one.service", "system.slice/one.service");
	check("deep.service", "web.slice/deep.service");
	check("web.slice", "web.slice");
	check("one@x.service", "web.slice/web-one.slice/one@x.service");
	/* A name that somebody gave to a cgroup of his own: not there yet. */
	check("inner.service", "system.slice/inner.service");
	/* It will be in a slice of its template. */
	check("one@y.service", NULL);
	/* Not there yet: where it will be. */
	check("later.service", "system.slice/later.service");
	check("later.slice", NULL);
	check("twice.service", NULL);
	check("one", NULL);
	check("one.timer", NULL);
	check("../one.service", NULL);
	check(".service", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_units)};

	return cmocka_run_group_tests(tests, setup, teardown);
}
