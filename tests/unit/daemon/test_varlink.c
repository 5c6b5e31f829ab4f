/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/varlink.h"

#include <errno.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static int parse(const char *text, struct varlink_call *ret)
{
	return varlink_parse(text, strlen(text), ret);
}

static void test_call(void **state)
{
	struct varlink_call call = {0};

	(void)state;
	assert_int_equal(parse("{\"method\":\"io.ambit.Cells.Attach\",\"parameters\":"
			       "{\"cgroup\":\"/x\",\"n\":1}}", &call), 0);
	assert_string_equal(call.method, "io.ambit.Cells.Attach");
	assert_string_equal(varlink_string(&call, "cgroup"), "/x");
	assert_null(varlink_string(&call, "n"));
	assert_null(varlink_string(&call, "policy"));
	assert_false(call.oneway);
	varlink_clear(&call);
	assert_int_equal(parse("{\"method\":\"a.B\",\"oneway\":true}", &call), 0);
	assert_true(call.oneway);
	assert_null(varlink_string(&call, "cgroup"));
	varlink_clear(&call);
}

static void test_no_call(void **state)
{
	static const char *const texts[] = {"", "{", "[]", "1", "{}", "{\"method\":1}",
		"{\"method\":\"a\",\"parameters\":[]}", "{\"method\":\"a\"} x", "{'method':'a'}",
		"{\"method\":\"a\",\"parameters\":{\"a\":[[[[[[[[[[1]]]]]]]]]]}}", "{\"method\":\"\xff\"}"};
	struct varlink_call call = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_int_equal(parse(texts[i], &call), -EBADMSG);
	assert_int_equal(varlink_parse("{\"method\":\"a\"}\0", 15, &call), -EBADMSG);
}

static void test_reply(void **state)
{
	struct json_object *parameters = json_object_new_object();
	size_t size = 0;
	char *reply;

	(void)state;
	json_object_object_add(parameters, "reason", json_object_new_string("a\nb"));
	reply = varlink_reply("io.ambit.Cells.Refused", parameters, &size);
	assert_non_null(reply);
	assert_int_equal(size, strlen(reply) + 1);
	assert_string_equal(
		reply, "{\"error\":\"io.ambit.Cells.Refused\",\"parameters\":{\"reason\":\"a\\nb\"}}");
	free(reply);
}

static void test_part(void **state)
{
	size_t size = 0;
	char *reply = varlink_part(NULL, &size);

	(void)state;
	assert_string_equal(reply, "{\"continues\":true,\"parameters\":{}}");
	assert_int_equal(size, strlen(reply) + 1);
	free(reply);
}

/* What `varlinkctl introspect` is shown is what is published. */
static void test_description(void **state)
{
	(void)state;
	assert_non_null(strstr(varlink_description, "\ninterface " VARLINK_INTERFACE "\n"));
	assert_non_null(strstr(varlink_description, "\nmethod Run("));
	assert_string_equal(
		varlink_description + strlen(varlink_description) - 2, ")\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_call),
		cmocka_unit_test(test_no_call),
		cmocka_unit_test(test_reply),
		cmocka_unit_test(test_part),
		cmocka_unit_test(test_description),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
