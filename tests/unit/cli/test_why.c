/* SPDX-License-Identifier: Apache-2.0 */
/* ambit why and the loading of policies, from the file to the exit status. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/util.h"
#include "cli/cli.h"
#include "capture.h"

static const char policy_text[] =
	"apiVersion: ambit/v1\n"
	"name: test\n"
	"files:\n"
	"  allow:\n"
	"    read: [/usr, .]\n"
	"    write: [.]\n"
	"  deny:\n"
	"    read: ['**/.env*']\n"
	"network:\n"
	"  dns: {resolvers: [10.9.9.9]}\n"
	"  allow:\n"
	"    connect: ['10.1.0.0/16:5432/tcp', '[2001:db8::/32]:443', 'localhost:80', 'a.test:443',\n"
	"      {to: 'db.test:5432', tls: none}, {to: '10.3.0.1:3128', tls: proxy},\n"
	"      {to: 'cdn.test:443', quic: allow}, {to: '*.lim.test:443', connectsPerMinute: 3,\n"
	"      egressPerDay: 1KiB}, {to: '10.4.0.0/16:80-90', egressPerHour: 7}]\n"
	"    unix: ['abstract:in*', 'cell:builder']\n";

static char dir[] = "/tmp/ambit-test.XXXXXX";

/* A directory with a policy; the sets are those that ship. */
static int set_up(void **state)
{
	_cleanup_free_ char *sets = realpath("policies/sets", NULL);
	FILE *out;

	(void)state;
	if (!sets || setenv("AMBIT_SETS", sets, 1) || !mkdtemp(dir) || chdir(dir) ||
		mkdir("inside", 0700) || symlink("/etc", "inside/link"))
		return -1;
	out = fopen("p.yaml", "w");
	return !out || fputs(policy_text, out) == EOF || fclose(out);
}

static int tear_down(void **state)
{
	(void)state;
	return unlink("p.yaml") | unlink("inside/link") | rmdir("inside") | chdir("/") | rmdir(dir);
}

/* Asks, with what is printed in `text`. */
static int why(const char *question, const char *object, char text[4096])
{
	char *argv[] = {(char *)"ambit why", (char *)"-p", (char *)"p.yaml", (char *)question,
		(char *)object, NULL};

	return capture(ambit_verb_why, 5, argv, text);
}

static void answers(void **state)
{
	static const struct {
		const char *question, *object;
		int status;
	} cases[] = {
		{"--read", "/usr/bin/env", 0},
		{"--read", "/usr", 0},
		{"--read", "/usrx", 1},
		{"--read", ".", 0},
		{"--read", "inside/../new", 0},
		{"--read", "inside/link/passwd", 1},
		{"--read", "inside/.env", 1},
		{"--read", "/", 1},
		{"--write", "inside/new/deep", 0},
		{"--write", "inside/", 0},
		{"--write", "../x", 1},
		{"--write", "p.yaml", 1},
		{"--read", "p.yaml", 0},
		{"--write", "new/..", 2},
		{"--read", "", 2},
		{"--exec", "/usr/bin/env", 1},
		{"--unix", "/run/x", 1},
		{"--unix", "abstract:inner", 0},
		{"--unix", "abstract:outer", 1},
		{"--unix", "./abstract:inner", 1},
		{"--unix", "cell:builder", 0},
		{"--unix", "cell:build", 1},
		{"--connect", "10.1.2.3:5432", 0},
		{"--connect", "10.1.2.3:5432/udp", 1},
		{"--connect", "[::ffff:10.1.2.3]:5432", 0},
		{"--connect", "10.2.0.1:5432", 1},
		{"--connect", "[2001:db8::1]:443/udp", 0},
		{"--connect", "localhost:80", 0},
		{"--connect", "localhost:81", 1},
		{"--connect", "169.254.169.254:80", 1},
		{"--connect", "10.1.0.0/16:5432", 2},
		{"--connect", "10.1.2.3:1-9", 2},
		{"--connect", "example.com:443", 1},
		{"--connect", "a.test:443", 0},
		{"--connect", "a.test:443/udp", 1},
		{"--connect", "cdn.test:443/udp", 0},
		{"--connect", "example.com", 2},
		{"--connect", "*.example.com:443", 2},
		{"--connect", "nonsense", 2},
		{"--listen", "0.0.0.0:80", 1},
	};
	char text[4096];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int status = why(cases[i].question, cases[i].object, text);

		if (status != cases[i].status)
			print_error("%s %s: %s", cases[i].question, cases[i].object, text);
		assert_int_equal(status, cases[i].status);
		assert_int_equal(!*text, status == EXIT_USAGE);
	}
}

static void names_the_line(void **state)
{
	char text[4096];

	(void)state;
	assert_int_equal(why("--read", ".env", text), 1);
	assert_non_null(strstr(text, "denied  read /tmp/ambit-test."));
	assert_non_null(strstr(text, "  policy test:8  files.deny.read **/.env*\n"));
	assert_int_equal(why("--write", "/etc/passwd", text), 1);
	assert_string_equal(text, "denied  write /etc/passwd  policy test:6  "
				  "not in files.allow.write\n");
	assert_int_equal(why("--exec", "/usr/bin/env", text), 1);
	assert_non_null(strstr(text, "  policy test  not in files.allow.exec\n"));
}

/* What a connection has to begin with. */
static void first_bytes(void **state)
{
	static const struct {
		const char *object, *said;
	} cases[] = {
		{"a.test:443", "; first bytes: TLS or HTTP/1 with this name, or another that led to its address\n"},
		{"cdn.test:443", "; first bytes: TLS or HTTP/1 with"},
		{"db.test:5432", "; first bytes: anything\n"},
		{"10.3.0.1:3128", "; first bytes: CONNECT to a name that the policy allows\n"},
		{"10.1.2.3:5432", NULL},
		{"cdn.test:443/udp", NULL},
		{"a.test:80", NULL},
	};
	char text[4096];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		why("--connect", cases[i].object, text);
		if (cases[i].said ? !strstr(text, cases[i].said) : strstr(text, "first bytes") != NULL)
			fail_msg("%s: %s", cases[i].object, text);
	}
	assert_int_equal(why("--connect", "a.test:443/udp", text), 1);
	assert_non_null(strstr(text, "the name in QUIC cannot be read"));
}

/* Which limits a connect counts for. */
static void limits(void **state)
{
	static const struct {
		const char *object, *said;
	} cases[] = {
		{"a.lim.test:443", "; counts for line 14 (connectsPerMinute 3, egressPerDay 1024)\n"},
		{"a.b.lim.test:443", "; counts for line 14"},
		{"a.lim.test:80", NULL},
		{"10.4.1.2:80", "; counts for line 15 (egressPerHour 7)\n"},
		{"10.4.1.2:80/udp", "; counts for line 15"},
		{"10.4.1.2:79", NULL},
		{"10.1.2.3:5432", NULL},
		{"a.test:443", NULL},
	};
	char text[4096];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		why("--connect", cases[i].object, text);
		if (cases[i].said ? !strstr(text, cases[i].said) : strstr(text, "counts for") != NULL)
			fail_msg("%s: %s", cases[i].object, text);
	}
}

/* What is wrong with the text and with what it means, like `ambit check`. */
static void all_errors_are_told(void **state)
{
	char *argv[] = {(char *)"ambit why", (char *)"-p", (char *)"bad.yaml", (char *)"--read",
		(char *)"/x", NULL};
	int saved = dup(STDERR_FILENO), out = open("/tmp", O_TMPFILE | O_RDWR, 0600), status;
	FILE *bad = fopen("bad.yaml", "w");
	char text[4096] = "";

	(void)state;
	assert_non_null(bad);
	fputs("apiVersion: ambit/v1\nname: x\nbogus: 1\n"
	      "files: {allow: {read: ['@nosuch', '/${NO_SUCH}/a', 'relative']}}\n",
		bad);
	assert_int_equal(fclose(bad), 0);
	assert_int_equal(dup2(out, STDERR_FILENO), STDERR_FILENO);
	status = ambit_verb_why(5, argv);
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	assert_true(pread(out, text, sizeof(text) - 1, 0) > 0);
	close(saved);
	close(out);
	unlink("bad.yaml");
	assert_int_equal(status, EXIT_USAGE);
	assert_non_null(strstr(text, "bad.yaml:3:1: unknown key \"bogus\""));
	assert_non_null(strstr(text, "bad.yaml:4:24: there is no set \"@nosuch\""));
	assert_non_null(strstr(text, "\"NO_SUCH\", which is not set"));
	assert_non_null(strstr(text, "is relative; write \"./relative\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(names_the_line),
		cmocka_unit_test(first_bytes),
		cmocka_unit_test(limits),
		cmocka_unit_test(all_errors_are_told),
	};

	return cmocka_run_group_tests_name("cli/why", tests, set_up, tear_down);
}
