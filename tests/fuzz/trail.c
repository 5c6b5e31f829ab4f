/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer: any bytes as a trail that somebody reads (ambit log), in pieces as a file that grows
 * comes. What is read back is put into words and folded; no line may carry a control character to a
 * terminal. The first byte says how long the pieces are.
 */
#include <stdlib.h>
#include <string.h>
#include "base/util.h"
#include "cli/log.h"
#include "cli/run.h"
#include "trail/trail.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(char *text)
{
	if (!text || strpbrk(text, "\n\r\x1b"))
		abort();
	free(text);
}

static void each(const char *line, size_t size, void *data)
{
	_cleanup_(entry_cleanup) struct trail_entry *entry = NULL;

	if (ambit_entry_parse(line, size, &entry) || !entry->record.event)
		return;
	check_text(ambit_record_line(&entry->record));
	check_text(ambit_record_object(&entry->record));
	check_text(ambit_record_json(&entry->record));
	ambit_fold_is_new(data, &entry->record);
	/* Now it is known. */
	if (ambit_fold_is_new(data, &entry->record))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fold *fold = ambit_fold_new();
	struct lines lines = {.each = each, .data = fold};
	size_t piece = size ? 1 + data[0] : 1;

	for (size_t at = 1; fold && at < size; at += piece) {
		size_t length = size - at < piece ? size - at : piece;

		if (ambit_lines_feed(&lines, (const char *)data + at, length))
			abort();
	}
	ambit_lines_clear(&lines);
	ambit_fold_free(fold);
	return 0;
}
