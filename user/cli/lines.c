/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "base/util.h"
#include "cli/log.h"
#include "trail/trail.h"

static int append(struct lines *lines, const char *bytes, size_t size)
{
	char *buffer;

	if (lines->skipping)
		return 0;
	if (lines->size + size > AMBIT_TRAIL_LINE_MAX) {
		lines->skipping = true;
		lines->too_long++;
		return 0;
	}
	if (lines->size + size > lines->capacity) {
		buffer = realloc(lines->buffer, 2 * (lines->size + size));
		if (!buffer)
			return -ENOMEM;
		lines->buffer = buffer;
		lines->capacity = 2 * (lines->size + size);
	}
	if (size)
		memcpy(lines->buffer + lines->size, bytes, size);
	lines->size += size;
	return 0;
}

int ambit_lines_feed(struct lines *lines, const char *bytes, size_t size)
{
	while (size) {
		const char *newline = memchr(bytes, '\n', size);
		size_t length = newline ? (size_t)(newline - bytes) : size;
		int error = append(lines, bytes, length);

		if (error)
			return error;
		if (!newline)
			return 0;
		if (!lines->skipping)
			lines->each(lines->buffer ?: "", lines->size, lines->data);
		lines->size = 0;
		lines->skipping = false;
		bytes += length + 1;
		size -= length + 1;
	}
	return 0;
}

bool ambit_lines_reset(struct lines *lines)
{
	bool begun = lines->size || lines->skipping;

	lines->size = 0;
	lines->skipping = false;
	return begun;
}

void ambit_lines_clear(struct lines *lines)
{
	free(lines->buffer);
	lines->buffer = NULL;
	lines->size = lines->capacity = 0;
}
