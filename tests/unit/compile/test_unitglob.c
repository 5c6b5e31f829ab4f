/* SPDX-License-Identifier: Apache-2.0 */
/* Globs of units, against fnmatch(3). */
#include "compile/unitglob.h"

#include <fnmatch.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static bool matches(const char *glob, const char *name)
{
	struct ambit_glob row;

	assert_null(ambit_glob_compile(glob, &row));
	return ambit_glob_matches(&row, name);
}

static void known(void **state)
{
	(void)state;
	assert_true(matches("nginx-*.service", "nginx-a.service"));
	assert_true(matches("nginx-*.service", "nginx-.service"));
	assert_false(matches("nginx-*.service", "nginx-a.slice"));
	assert_false(matches("nginx-*.service", "nginx.service"));
	assert_true(matches("foo@a\\x2d*.service", "foo@a\\x2db.service"));
	assert_false(matches("foo@a\\x2d*.service", "foo@a-b.service"));
	assert_true(matches("web[0-9].service", "web7.service"));
	assert_false(matches("web[!0-9].service", "web7.service"));
	assert_true(matches("*", ""));
	assert_false(matches("?*", ""));
}

/* Letters that mean something, and few others, so that much of it matches. */
static void fill(char *text, const char *letters, unsigned most)
{
	const unsigned length = (unsigned)rand() % (most + 1);

	for (unsigned i = 0; i < length; i++)
		text[i] = letters[(unsigned)rand() % strlen(letters)];
	text[length] = '\0';
}

static void as_fnmatch(void **state)
{
	unsigned compared = 0, matched = 0;

	(void)state;
	srand(1);
	for (unsigned i = 0; i < 200000; i++) {
		struct ambit_glob row;
		char glob[16], name[16];

		fill(glob, "ab-\\*?[]!^", 10);
		fill(name, "ab-\\]!^", 8);
		if (ambit_glob_compile(glob, &row))
			continue; /* such as an open bracket, which fnmatch(3) takes for a letter */
		compared++;
		matched += ambit_glob_matches(&row, name);
		if (ambit_glob_matches(&row, name) != (fnmatch(glob, name, FNM_NOESCAPE) == 0))
			fail_msg("\"%s\" and \"%s\"", glob, name);
	}
	assert_true(compared > 50000 && matched > 1000);
}

static void wrong(void **state)
{
	char text[128];
	struct ambit_glob row;

	(void)state;
	assert_non_null(ambit_glob_compile("a[b", &row));
	assert_non_null(ambit_glob_compile("a[]", &row));
	assert_non_null(ambit_glob_compile("a**", &row));
	assert_non_null(ambit_glob_compile("a/*", &row));
	assert_non_null(ambit_glob_compile("[[:alpha:]]", &row));
	assert_non_null(ambit_glob_compile("[b-a]", &row));
	memset(text, 'a', sizeof(text));
	text[63] = '*';
	text[64] = '\0';
	assert_null(ambit_glob_compile(text, &row));
	text[63] = 'a';
	assert_false(ambit_glob_matches(&row, text + 2));
	assert_true(ambit_glob_matches(&row, text));
	text[63] = '?';
	assert_non_null(ambit_glob_compile(text, &row));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known),
		cmocka_unit_test(as_fnmatch),
		cmocka_unit_test(wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
