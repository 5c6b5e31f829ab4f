/* SPDX-License-Identifier: Apache-2.0 */
/* What of a command line a trail shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include "event.h"
#include "base/util.h"
#include "trail/secrets.h"

#define KEY20 "abcdefghij0123456789"

/* One argument after the other: two that belong together are set apart by a newline. */
static const struct {
	const char *given, *shown;
} lines[] = {
	/* by name */
	{"--password=hunter2", "--password=***"},
	{"--password\nhunter2\nrest", "--password\n***\nrest"},
	{"--token\n-x", "--token\n***"},
	{"--token\n--verbose", "--token\n--verbose"},
	{"--api-key=a b", "--api-key=***"},
	{"--db.password=x", "--db.password=***"},
	{"-pw\nx", "-pw\n***"},
	{"AWS_SECRET_ACCESS_KEY=a/b+c", "AWS_SECRET_ACCESS_KEY=***"},
	{"OPENAI_API_KEY=x\nagent", "OPENAI_API_KEY=***\nagent"},
	{"cd /x && GITHUB_TOKEN=abc git push", "cd /x && GITHUB_TOKEN=*** git push"},
	{"export PASSWORD='a b'; run", "export PASSWORD=***; run"},
	{"run --password hunter2 now", "run --password *** now"},
	{"{\"client_secret\": \"s\", \"id\": 1}", "{\"client_secret\": ***, \"id\": 1}"},
	{"https://x.example/?q=1&access_token=abc&r=2", "https://x.example/?q=1&access_token=***&r=2"},
	{"https://x.example/?q=1&token=abc&r=2", "https://x.example/?q=1&token=***&r=2"},
	{"PGPASSWORD=x\npsql", "PGPASSWORD=***\npsql"},
	{"SSHPASS=x", "SSHPASS=***"},
	{"--refreshToken\nx", "--refreshToken\n***"},
	{"{\"password\": \"ab\\\"cd\", \"id\": 1}", "{\"password\": ***, \"id\": 1}"},
	{"--" KEY20 KEY20 KEY20 KEY20 KEY20 "-token=x", "--" KEY20 KEY20 KEY20 KEY20 KEY20 "-token=***"},
	{"docker\nlogin\n--password-stdin\nhost", "docker\nlogin\n--password-stdin\nhost"},
	{"psql\n--no-password\ndb", "psql\n--no-password\ndb"},
	{"curl\n--cookie-jar\nfile", "curl\n--cookie-jar\nfile"},
	{"sh -c 'login --password-stdin host'", "sh -c 'login --password-stdin host'"},
	{"tests/test_token.py::test_x", "tests/test_token.py::test_x"},
	/* by scheme */
	{"Authorization: Negotiate YII=", "Authorization: ***"},
	{"Authorization: Digest a=\"b\", c=d", "Authorization: ***"},
	{"Cookie: a=1; session=x", "Cookie: ***"},
	{"curl -H 'Cookie: a=1; b=2' url", "curl -H 'Cookie: ***' url"},
	{"Authorization: Bearer abc.def", "Authorization: Bearer ***"},
	{"Authorization: Basic dTpw", "Authorization: Basic ***"},
	{"-H\nauthorization: token x\nurl", "-H\nauthorization: token ***\nurl"},
	{"curl -H 'Authorization: Bearer abc' url", "curl -H 'Authorization: Bearer ***' url"},
	{"X-Thing: bearer abc", "X-Thing: bearer ***"},
	{"X-Api-Key: abc", "X-Api-Key: ***"},
	/* by place */
	{"https://me:secret@example.org/x", "https://***@example.org/x"},
	{"https://" KEY20 "@example.org", "https://***@example.org"},
	{"git clone https://a:b@c/d e", "git clone https://***@c/d e"},
	{"postgres://u:p@h/db?x=y@z", "postgres://***@h/db?x=y@z"},
	/* by shape */
	{"AKIAABCDEFGHIJKLMNOP", "***"},
	{"x=ASIAABCDEFGHIJKLMNOP,", "x=***,"},
	{"ghp_" KEY20, "***"},
	{"github_pat_" KEY20 "_x", "***"},
	{"sk-" KEY20, "***"},
	{"'sk-proj-" KEY20 "-_'", "'***'"},
	{"sk-ant-api03-" KEY20, "***"},
	{"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sig", "***"},
	/* and what is none */
	{"", ""},
	{"python3\nagent.py\n--max-tokens\n100", "python3\nagent.py\n--max-tokens\n100"},
	{"--tokenizer=x", "--tokenizer=x"},
	{"--passive", "--passive"},
	{"--key=file", "--key=file"},
	{"task-sk-" KEY20, "task-***"},
	{"desk-" KEY20, "desk-" KEY20},
	{"sk-short", "sk-short"},
	{"user@example.org:/path", "user@example.org:/path"},
	{"https://example.org/a@b", "https://example.org/a@b"},
	{"compass=north", "compass=north"},
	{"\xff\xfe=\x01", "\xff\xfe=\x01"},
};

static void table(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		_cleanup_free_ char *copy = strdup(lines[i].given), *shown = calloc(1, 512);
		struct secrets secrets = {0};
		char *rest = copy, *argument;

		while ((argument = strsep(&rest, "\n"))) {
			_cleanup_free_ char *hidden = ambit_secrets_hide(&secrets, argument);

			assert_non_null(hidden);
			strcat(shown, hidden);
			if (rest)
				strcat(shown, "\n");
		}
		assert_string_equal(shown, lines[i].shown);
	}
}

/* What a trail begins with has none of it. */
static void in_a_start(void **state)
{
	char *argv[] = {(char *)"curl", (char *)"--token", (char *)"hunter2", (char *)"https://u:hunter2@h/", NULL};
	const struct trail_start about = {.cell = "c", .policy = &test_policy, .weaker = "", .argv = argv};
	_cleanup_free_ char *line = ambit_start_json(&about);

	(void)state;
	assert_non_null(strstr(line, "\"argv\":[\"curl\",\"--token\",\"***\",\"https://***@h/\"]"));
	assert_null(strstr(line, "hunter2"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),
		cmocka_unit_test(in_a_start),
	};

	return cmocka_run_group_tests_name("trail/secrets", tests, NULL, NULL);
}
