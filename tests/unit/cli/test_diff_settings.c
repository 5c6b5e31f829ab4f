/* SPDX-License-Identifier: Apache-2.0 */
/* What `ambit diff` says beside the tables: a policy that differs in anything is not "alike". */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/util.h"
#include "cli/cli.h"
#include "capture.h"

#define HEAD "apiVersion: ambit/v1\nname: a\n"

static char dir[] = "/tmp/ambit-test.XXXXXX";

static int set_up(void **state)
{
	_cleanup_free_ char *sets = realpath("policies/sets", NULL);

	(void)state;
	return !sets || setenv("AMBIT_SETS", sets, 1) || !mkdtemp(dir) || chdir(dir);
}

static int tear_down(void **state)
{
	(void)state;
	return unlink("a.yaml") | unlink("b.yaml") | chdir("/") | rmdir(dir);
}

static void put(const char *path, const char *text)
{
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	assert_true(fprintf(out, HEAD "%s", text) > 0);
	assert_int_equal(fclose(out), 0);
}

/* What is printed about two policies. */
static int diff(const char *before, const char *after, char text[4096])
{
	char *argv[] = {(char *)"ambit diff", (char *)"a.yaml", (char *)"b.yaml", NULL};

	put("a.yaml", before);
	put("b.yaml", after);
	return capture(ambit_verb_diff, 3, argv, text);
}

static void settings(void **state)
{
	static const struct {
		const char *before, *after, *says; /* NULL: nothing */
	} rows[] = {
		{"mode: enforce\n", "mode: enforce\n", NULL},
		{"mode: enforce\n", "mode: audit\n", "now wider  mode\n"},
		{"mode: enforce\njit: allow\n", "mode: enforce\n", "now narrower  jit\n"},
		{"mode: enforce\nlimits: {fileSize: 1MiB}\n", "mode: enforce\n",
			"now wider  limits.fileSize\n"},
		{"mode: enforce\nlimits: {egressPerDay: 1MiB}\n",
			"mode: enforce\nlimits: {egressPerDay: 1KiB}\n",
			"now narrower  limits.egressPerDay\n"},
		{"mode: enforce\nonTrailFailure: deny\n", "mode: enforce\n",
			"now wider  onTrailFailure\n"},
	};
	char text[4096];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(diff(rows[i].before, rows[i].after, text), rows[i].says ? 1 : 0);
		assert_string_equal(text, rows[i].says ?: "");
	}
}

/* One path stands for what both new rules allow; and a rule is no way to the reader's terminal. */
static void rules(void **state)
{
	char text[4096];

	(void)state;
	assert_int_equal(
		diff("mode: enforce\nfiles: {allow: {read: [/usr]}}\n",
			"mode: enforce\nfiles: {allow: {read: [/usr, /b, \"/etc/\\ec\"]}}\n", text),
		1);
	assert_non_null(strstr(text, "now allowed  read /b "));
	assert_non_null(strstr(text, "new rule  b.yaml:4 files.allow.read /b\n"));
	assert_non_null(strstr(text, "new rule  b.yaml:4 files.allow.read /etc/\\x1bc\n"));
	assert_null(strchr(text, 0x1b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(settings), cmocka_unit_test(rules)};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
