/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer: any bytes as a ring record, and as a line of a trail. What decodes has to come out as
 * a line that reads back, byte by byte as json-c writes it; nothing may crash, leak or read out of bounds.
 */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include "base/util.h"
#include "trail/source.h"
#include "trail/trail.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void as_line(const char *bytes, size_t size)
{
	_cleanup_(entry_cleanup) struct trail_entry *entry = NULL;
	_cleanup_free_ char *line = NULL;

	if (!ambit_entry_parse(bytes, size, &entry) && entry->record.event)
		line = ambit_record_line(&entry->record);
}

static void as_event(const void *bytes, size_t size)
{
	static struct rule rule = {.id = 1, .op = OP_READ, .text = (char *)"/x", .line = 3};
	static const struct policy policy = {.name = (char *)"fuzz",
		.file = (char *)"fuzz.yaml",
		.rules = &rule,
		.rule_count = 1};
	static struct trail_source source;
	_cleanup_free_ char *line = NULL, *json = NULL;
	struct json_object *root;
	struct record record;

	if (!source.texts && ambit_source_open(&source, &policy, "fuzz"))
		abort();
	if (ambit_record_decode(bytes, size, &source, &record))
		return;
	record.count = size % 3;
	record.last = record.wall;
	line = ambit_record_line(&record);
	json = ambit_record_json(&record);
	if (!line || !json || strpbrk(line, "\n\r\x1b") || strpbrk(json, "\n\r\x1b"))
		abort();
	root = json_tokener_parse(json);
	if (!root || strcmp(json, json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN |
						  JSON_C_TO_STRING_NOSLASHESCAPE)))
		abort();
	json_object_put(root);
	as_line(json, strlen(json));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	as_event(data, size);
	as_line((const char *)data, size);
	return 0;
}
