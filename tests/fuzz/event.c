/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer: any bytes as a ring record, and as a line of a trail. What decodes has to come out as
 * a line that reads back; nothing may crash, leak or read out of bounds.
 */
#include <stdlib.h>
#include <string.h>
#include "base/util.h"
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
	_cleanup_free_ char *line = NULL, *json = NULL;
	struct record record;

	if (ambit_record_decode(bytes, size, &policy, "fuzz", &record))
		return;
	line = ambit_record_line(&record);
	json = ambit_record_json(&record);
	if (!line || !json || strpbrk(line, "\n\r\x1b") || strpbrk(json, "\n\r\x1b"))
		abort();
	as_line(json, strlen(json));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	as_event(data, size);
	as_line((const char *)data, size);
	return 0;
}
