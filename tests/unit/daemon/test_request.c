/* SPDX-License-Identifier: Apache-2.0 */
/* What a user may send with Run. */
#include "daemon/request.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define GOOD "\"policy\":\"p\",\"file\":\"f.yaml\",\"directory\":\"/d\",\"pid\":7,\"command\":[\"a\",\"b\"]"

static int read_request(const char *parameters, struct varlink_call *call, struct run_request *ret,
	const char **ret_wrong)
{
	char text[1024];

	snprintf(text, sizeof(text), "{\"method\":\"x.Run\",\"more\":true,\"parameters\":{%s}}", parameters);
	assert_int_equal(varlink_parse(text, strlen(text), call), 0);
	assert_true(call->more);
	return run_request_read(call, ret, ret_wrong);
}

static void good(void **state)
{
	struct varlink_call call = {0};
	struct run_request request = {0};
	const char *wrong = NULL;

	(void)state;
	assert_int_equal(read_request(GOOD ",\"audit\":true,\"quiet\":null,\"variables\":{\"A\":\"1\"}", &call,
				 &request, &wrong), 0);
	assert_string_equal(request.policy, "p");
	assert_string_equal(request.file, "f.yaml");
	assert_string_equal(request.directory, "/d");
	assert_int_equal(request.pid, 7);
	assert_string_equal(request.command[1], "b");
	assert_null(request.command[2]);
	assert_true(request.audit);
	assert_false(request.quiet);
	assert_string_equal(run_request_variable(&request, "A"), "1");
	assert_null(run_request_variable(&request, "B"));
	run_request_clear(&request);
	varlink_clear(&call);
}

static void wrong(void **state)
{
	static const struct {
		const char *parameters, *wrong;
	} cases[] = {
		{"\"directory\":\"/\",\"pid\":7,\"command\":[\"a\"]", "policy"},
		/* A text with a NUL in it would be another text. */
		{"\"policy\":\"files: {}\\u0000files:\",\"directory\":\"/\",\"pid\":7,\"command\":[\"a\"]", "policy"},
		{"\"policy\":\"p\",\"directory\":\"d\",\"pid\":7,\"command\":[\"a\"]", "directory"},
		{"\"policy\":\"p\",\"pid\":7,\"command\":[\"a\"]", "directory"},
		{"\"policy\":\"p\",\"directory\":\"/\",\"pid\":1,\"command\":[\"a\"]", "pid"},
		{"\"policy\":\"p\",\"directory\":\"/\",\"pid\":4294967303,\"command\":[\"a\"]", "pid"},
		{"\"policy\":\"p\",\"directory\":\"/\",\"pid\":\"7\",\"command\":[\"a\"]", "pid"},
		{"\"policy\":\"p\",\"directory\":\"/\",\"pid\":7,\"command\":[]", "command"},
		{"\"policy\":\"p\",\"directory\":\"/\",\"pid\":7,\"command\":[\"a\",1]", "command"},
		{"\"policy\":\"p\",\"directory\":\"/\",\"pid\":7", "command"},
		{GOOD ",\"variables\":[]", "variables"},
		{GOOD ",\"variables\":{\"A\":\"\\u0000\"}", "variables"},
		{GOOD ",\"audit\":1", "audit"},
		{GOOD ",\"json\":\"yes\"", "json"},
		{GOOD ",\"file\":1", "file"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct varlink_call call = {0};
		struct run_request request = {0};
		const char *name = NULL;

		assert_int_equal(read_request(cases[i].parameters, &call, &request, &name), -EINVAL);
		assert_string_equal(name, cases[i].wrong);
		varlink_clear(&call);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
