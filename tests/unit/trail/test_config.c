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
				    "  keepAge: 90d\n  syncLines: 5\n  syncAge: 2s\n  userRoom: 64MiB\n",
				 &config, NULL, 0),
		0);
	assert_int_equal(config.keep.rotate_size, 64 << 20);
	assert_int_equal(config.keep.rotate_age, 86400ULL * 1000000000);
	assert_int_equal(config.keep.keep_files, 10);
	assert_int_equal(config.keep.keep_age, 90ULL * 86400 * 1000000000);
	assert_int_equal(config.keep.sync_lines, 5);
	assert_int_equal(config.keep.sync_ns, 2000000000ULL);
	assert_int_equal(config.user_room, 64 << 20);
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
	assert_int_equal(config.user_room, 1 << 30);
	ambit_trail_config_clear(&config);
	assert_int_equal(ambit_trail_config_load("/nowhere/trail.yaml", &diags, &config), 0);
	assert_int_equal(config.keep.sync_lines, 1000);
	ambit_trail_config_clear(&config);
	ambit_diags_clear(&diags);
}

static void sinks(void **state)
{
	struct trail_config config;

	(void)state;
	assert_int_equal(parse(HEAD "sinks:\n  - stdout\n  - {kind: syslog, to: \"udp:10.0.0.1:514\", lines: denied}\n"
				    "  - {kind: program, command: [/bin/cat, -u], queue: 1MiB}\n"
				    "  - {kind: otlp, to: \"http://127.0.0.1:4318/v1/logs\", lines: checkpoints}\n",
				 &config, NULL, 0),
		0);
	assert_int_equal(config.sink_count, 4);
	assert_int_equal(config.sinks[0].kind, SINK_STDOUT);
	assert_int_equal(config.sinks[0].lines, SINK_ALL);
	assert_int_equal(config.sinks[0].queue, SINK_QUEUE);
	assert_string_equal(config.sinks[1].to, "udp:10.0.0.1:514");
	assert_int_equal(config.sinks[1].lines, SINK_DENIED);
	assert_string_equal(config.sinks[2].argv[0], "/bin/cat");
	assert_null(config.sinks[2].argv[2]);
	assert_int_equal(config.sinks[2].queue, 1 << 20);
	assert_int_equal(config.sinks[3].lines, SINK_CHECKPOINTS);
	ambit_trail_config_clear(&config);
	assert_int_equal(parse(HEAD "sinks: []\n", &config, NULL, 0), 0);
	assert_int_equal(config.sink_count, 0);
	ambit_trail_config_clear(&config);
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
		{HEAD "sinks: journal\n", "must be a list"},
		{HEAD "sinks: [jurnal]\n", "\"kind\" of a sink"},
		{HEAD "sinks: [otlp]\n", "\"to\" must be a URL"},
		{HEAD "sinks: [{to: /dev/log}]\n", "\"kind\" is missing"},
		{HEAD "sinks: [{kind: journal, to: /x}]\n", "has no \"to\""},
		{HEAD "sinks: [{kind: otlp, to: \"file:///etc/passwd\"}]\n", "\"to\" must be a URL"},
		{HEAD "sinks: [{kind: syslog, to: example.org}]\n", "the path of a socket"},
		{HEAD "sinks: [{kind: program}]\n", "\"command\" is missing"},
		{HEAD "sinks: [{kind: program, command: [cat]}]\n", "absolute path"},
		{HEAD "sinks: [{kind: stdout, command: [/bin/cat]}]\n", "has no \"command\""},
		{HEAD "sinks: [{kind: stdout, lines: some}]\n", "\"lines\" must be"},
		{HEAD "sinks: [{kind: stdout, queue: 1KiB}]\n", "128KiB"},
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
		cmocka_unit_test(sinks),
		cmocka_unit_test(mistakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
