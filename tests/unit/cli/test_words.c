/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: options, suggestions, exit statuses, users. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <argp.h>
#include <signal.h>
#include <string.h>
#include "base/util.h"
#include "cli/run.h"

static int parse(struct run_options *ret, bool audit, ...)
{
	static char *argv[16];
	int argc = 1;
	va_list args;

	argv[0] = (char *)"ambit run";
	va_start(args, audit);
	while ((argv[argc] = va_arg(args, char *)))
		argc++;
	va_end(args);
	return ambit_run_options(argc, argv, audit, ARGP_SILENT, ret);
}

static void options(void **state)
{
	struct run_options run = {0};

	(void)state;
	assert_int_equal(parse(&run, false, "-p", "p.yaml", "ls", "-l", "--json", NULL), 0);
	assert_string_equal(run.policy, "p.yaml");
	assert_string_equal(run.argv[0], "ls");
	assert_string_equal(run.argv[1], "-l");
	assert_string_equal(run.argv[2], "--json");
	assert_null(run.argv[3]);
	assert_false(run.json || run.quiet || run.audit);

	assert_int_equal(parse(&run, false, "--json", "--quiet", "--policy=p", "--user", "joe",
				 "--trail", "t", "--", "--odd", NULL),
		0);
	assert_true(run.json && run.quiet);
	assert_string_equal(run.user, "joe");
	assert_string_equal(run.trail, "t");
	assert_string_equal(run.argv[0], "--odd");
	assert_int_equal(run.ring, 4 << 20);
	assert_int_equal(parse(&run, false, "-p", "p", "--ring", "4K", "ls", NULL), 0);
	assert_int_equal(run.ring, 4096);
	assert_int_equal(parse(&run, false, "-p", "p", "-r", "64M", "ls", NULL), 0);
	assert_int_equal(run.ring, 64 << 20);
	assert_int_equal(parse(&run, false, "-p", "p", "-r", "8192", "ls", NULL), 0);
	assert_int_equal(run.ring, 8192);

	assert_int_equal(parse(&run, true, "ls", NULL), 0);
	assert_true(run.audit);
	assert_null(run.policy);
}

static void options_that_are_wrong(void **state)
{
	static const char *const rings[] = {"", "K", "0", "2K", "5K", "128M", "4G", "4KB", "-4K", " 4K",
		"18446744073709555712", "17592186044416M"};
	struct run_options run = {.user = "untouched"};

	(void)state;
	assert_true(parse(&run, false, NULL) < 0);
	assert_true(parse(&run, false, "-p", "p.yaml", NULL) < 0);
	assert_true(parse(&run, false, "-p", "p.yaml", "--", NULL) < 0);
	assert_true(parse(&run, false, "ls", NULL) < 0);
	assert_true(parse(&run, false, "-p", NULL) < 0);
	assert_true(parse(&run, false, "-p", "p", "--nonsense", "ls", NULL) < 0);
	assert_true(parse(&run, true, NULL) < 0);
	/* Rings are powers of two, neither tiny nor huge, and negative ones wrap around nowhere. */
	for (size_t i = 0; i < ARRAY_SIZE(rings); i++)
		assert_true(parse(&run, false, "-p", "p", "--ring", rings[i], "ls", NULL) < 0);
	assert_string_equal(run.user, "untouched");
}

static void suggestions(void **state)
{
	static const char *const names[] = {"run", "audit", "doctor", "disarm", "arm", NULL};
	static const char far[200] = {[0 ... 198] = 'a'};

	(void)state;
	assert_string_equal(ambit_suggest("rnu", names), "run");
	assert_string_equal(ambit_suggest("ru", names), "run");
	assert_string_equal(ambit_suggest("docotr", names), "doctor");
	assert_string_equal(ambit_suggest("disram", names), "disarm");
	assert_string_equal(ambit_suggest("audti", names), "audit");
	assert_null(ambit_suggest("exec", names));
	assert_null(ambit_suggest("", names));
	assert_null(ambit_suggest(far, names));
}

static void statuses(void **state)
{
	(void)state;
	assert_int_equal(ambit_status_of_child(CLD_EXITED, 0), 0);
	assert_int_equal(ambit_status_of_child(CLD_EXITED, 255), 255);
	assert_int_equal(ambit_status_of_child(CLD_KILLED, SIGTERM), 143);
	assert_int_equal(ambit_status_of_child(CLD_DUMPED, SIGSEGV), 139);
	assert_int_equal(ambit_status_of_exec(ENOENT), 127);
	assert_int_equal(ambit_status_of_exec(EACCES), 126);
	assert_int_equal(ambit_status_of_exec(E2BIG), 126);
}

static void targets(void **state)
{
	struct target target = {0};
	struct diag diag = {0};

	(void)state;
	unsetenv("SUDO_UID");
	assert_int_equal(ambit_target_find("root", &target, &diag), 0);
	assert_int_equal(target.uid, 0);
	assert_string_equal(target.name, "root");
	assert_true(target.switched);
	ambit_target_clear(&target);
	assert_int_equal(ambit_target_find("0", &target, &diag), 0);
	assert_string_equal(target.name, "root");
	ambit_target_clear(&target);
	assert_int_equal(ambit_target_find("no such user", &target, &diag), -ENOENT);
	assert_non_null(strstr(diag.text, "\"no such user\""));
	assert_int_equal(setenv("HOME", "/somewhere", 1), 0);
	assert_int_equal(ambit_target_find(NULL, &target, &diag), 0);
	assert_int_equal(target.uid, getuid());
	assert_string_equal(target.home, "/somewhere");
	assert_false(target.switched);
	ambit_target_clear(&target);
	ambit_diag_clear(&diag);
}

/* Only root listens to what sudo says: anybody can set a variable. */
static void targets_under_sudo(void **state)
{
	static const char *const wrong[] = {"", "-1", "x", "1x", "4294967295", "99999999999"};
	struct target target = {0};
	struct diag diag = {0};

	(void)state;
	if (geteuid())
		skip();
	assert_int_equal(setenv("SUDO_GID", "54322", 1) | setenv("SUDO_UID", "54321", 1), 0);
	assert_int_equal(ambit_target_find(NULL, &target, &diag), 0);
	assert_int_equal(target.uid, 54321);
	assert_int_equal(target.gid, 54322);
	assert_null(target.name);
	assert_string_equal(target.home, "/");
	assert_true(target.switched);
	ambit_target_clear(&target);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_int_equal(setenv("SUDO_UID", wrong[i], 1), 0);
		assert_int_equal(ambit_target_find(NULL, &target, &diag), -EINVAL);
	}
	assert_int_equal(setenv("SUDO_UID", "54321", 1) | unsetenv("SUDO_GID"), 0);
	assert_int_equal(ambit_target_find(NULL, &target, &diag), -EINVAL);
	ambit_diag_clear(&diag);
	unsetenv("SUDO_UID");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options),
		cmocka_unit_test(options_that_are_wrong),
		cmocka_unit_test(suggestions),
		cmocka_unit_test(statuses),
		cmocka_unit_test(targets),
		cmocka_unit_test(targets_under_sudo),
	};

	return cmocka_run_group_tests_name("cli/words", tests, NULL, NULL);
}
