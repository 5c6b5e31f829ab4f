/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/util.h"
#include "trail/config.h"

#define HEAD "apiVersion: ambit/v1\n"

static int parse(const char *text, struct trail_config *ret, char *ret_message, size_t size)
{
	struct diags diags = {0};
	int error = ambit_trail_config_parse("trail.yaml", text, strlen(text), &diags, ret);

	if (ret_message)
		snprintf(ret_message, size, "%s", diags.count ? diags.items[0].text : "");
	ambit_diags_clear(&diags);
	return error;
}

static void all_keys(void **state)
{
	struct trail_config config;

	(void)state;
	assert_int_equal(parse(HEAD "file:\n  rotateSize: 64MiB\n  rotateAge: 24h\n  keepFiles: 10\n"
				    "  keepAge: 90d\n  syncLines: 5\n  syncAge: 2s\n",
				 &config, NULL, 0),
		0);
	assert_int_equal(config.keep.rotate_size, 64 << 20);
	assert_int_equal(config.keep.rotate_age, 86400ULL * 1000000000);
	assert_int_equal(config.keep.keep_files, 10);
	assert_int_equal(config.keep.keep_age, 90ULL * 86400 * 1000000000);
	assert_int_equal(config.keep.sync_lines, 5);
	assert_int_equal(config.keep.sync_ns, 2000000000ULL);
	ambit_trail_config_clear(&config);
}

static void what_is_left_out(void **state)
{
	struct trail_config config;
	struct diags diags = {0};

	(void)state;
	assert_int_equal(parse(HEAD, &config, NULL, 0), 0);
	assert_int_equal(config.keep.rotate_size, 0);
	assert_int_equal(config.keep.sync_lines, 1000);
	assert_int_equal(config.keep.sync_ns, 1000000000);
	ambit_trail_config_clear(&config);
	assert_int_equal(ambit_trail_config_load("/nowhere/trail.yaml", &diags, &config), 0);
	assert_int_equal(config.keep.sync_lines, 1000);
	ambit_trail_config_clear(&config);
	ambit_diags_clear(&diags);
}

static void mistakes(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"", "the file is empty"},
		{"file: {}\n", "\"apiVersion\" is missing"},
		{"apiVersion: ambit/v2\n", "\"apiVersion\" must be"},
		{HEAD "file: {rotateSzie: 1MiB}\n", "rotateSize"},
		{HEAD "file: {rotateSize: 1KiB}\n", "64KiB or more"},
		{HEAD "file: {rotateSize: 1MB}\n", "must be a size"},
		{HEAD "file: {rotateAge: 1}\n", "must be a time"},
		{HEAD "file: {rotateAge: 0d}\n", "must be a time"},
		{HEAD "file: {rotateAge: 36501d}\n", "must be a time"},
		{HEAD "file: {rotateAge: 99999999999999999999s}\n", "must be a time"},
		{HEAD "file: {keepFiles: 0}\n", "whole number"},
		{HEAD "file: {keepFiles: -1}\n", "whole number"},
		{HEAD "file: {keepFiles: [1]}\n", "whole number"},
		{HEAD "file: [1]\n", "file"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct trail_config config = {.keep.keep_files = 77};
		char message[512];

		assert_int_equal(parse(cases[i].text, &config, message, sizeof(message)), -EINVAL);
		if (!strstr(message, cases[i].message))
			fail_msg("case %zu: %s", i, message);
		assert_int_equal(config.keep.keep_files, 77);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_keys),
		cmocka_unit_test(what_is_left_out),
		cmocka_unit_test(mistakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
