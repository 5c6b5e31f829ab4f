/* SPDX-License-Identifier: Apache-2.0 */
/* Ring records and a policy for the tests of the trail. */
#ifndef AMBIT_TEST_EVENT_H
#define AMBIT_TEST_EVENT_H

#include <stdlib.h>
#include <string.h>
#include <json-c/json.h>
#include "trail/source.h"
#include "trail/trail.h"

static struct rule test_rules[] = {
	{.id = 1, .op = OP_READ, .verdict = VERDICT_ALLOW, .text = (char *)"/usr", .line = 12},
	{.id = 2, .op = OP_WRITE, .verdict = VERDICT_ALLOW, .text = (char *)".", .line = 14},
	{.id = 3, .op = OP_READ, .verdict = VERDICT_DENY, .text = (char *)"**/.env*", .line = 17},
	{.id = 4,
		.op = OP_CONNECT,
		.verdict = VERDICT_DENY,
		.text = (char *)"10.0.0.0/8:*",
		.line = 20},
};

static const struct policy test_policy __attribute__((unused)) = {
	.file = (char *)"agent.yaml",
	.name = (char *)"coding-agent",
	.rules = test_rules,
	.rule_count = 4,
};

union test_ring {
	struct ambit_event event;
	char bytes[sizeof(struct ambit_event) + 2 * AMBIT_PATH_SIZE];
};

/* A denied write by python3(412), enforced; the caller changes what it is about. */
static inline void test_event(union test_ring *ring, const char *path, size_t path_length)
{
	static const char exe[] = "/usr/bin/python3";

	*ring = (union test_ring){.event = {
					  .time = 5000000000,
					  .start_time = 4000000000,
					  .parent_start_time = 3000000000,
					  .epoch = 1,
					  .abi = AMBIT_ABI,
					  .cell = 7,
					  .pid = 412,
					  .tid = 413,
					  .ppid = 400,
					  .uid = 1000,
					  .gid = 1000,
					  .path_len = (__u16)path_length,
					  .exe_len = sizeof(exe) - 1,
					  .op = OP_WRITE,
					  .verdict = VERDICT_DENY,
					  .reason = REASON_NO_RULE,
					  .flags = AMBIT_EVENT_ENFORCED,
					  .hook = 1,
					  .comm = "python3",
					  .parent_comm = "bash",
				  }};
	memcpy(&ring->event + 1, path, path_length);
	memcpy((char *)(&ring->event + 1) + path_length, exe, sizeof(exe) - 1);
}

static inline struct trail_source *test_source(void)
{
	static struct trail_source source;

	if (!source.texts && ambit_source_open(&source, &test_policy, "coding-agent-7"))
		abort();
	return &source;
}

static inline struct record test_decode(const union test_ring *ring)
{
	struct record record = {0};

	if (ambit_record_decode(ring, sizeof(*ring), test_source(), &record))
		abort();
	return record;
}

/* Whether json-c reads the line and writes the same bytes. */
static inline bool test_as_json_c(const char *line)
{
	struct json_object *root = json_tokener_parse(line);
	bool same = root && !strcmp(line, json_object_to_json_string_ext(root,
						  JSON_C_TO_STRING_PLAIN |
							  JSON_C_TO_STRING_NOSLASHESCAPE));

	json_object_put(root);
	return same;
}

#endif
