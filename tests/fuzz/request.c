/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer: any bytes as the beginning of an HTTP/1 stream. A head that the reader takes is one also for
 * who splits it into lines, and its name is that of the only Host, or of the target.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "spelled.h"
#include "tests/unit/stream/feed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct http_head *request, const char *head, size_t size)
{
	const char *end = memmem(head, size, "\r\n\r\n", 4), *line, *next, *name = NULL;
	size_t hosts = 0, length = 0, first;

	/* The first empty line is the end. */
	if (!end || end + 4 != head + size)
		abort();
	first = (size_t)((const char *)memmem(head, size, "\r\n", 2) - head);
	for (line = head + first + 2; line < end; line = next + 2) {
		next = memmem(line, (size_t)(head + size - line), "\r\n", 2);
		/* Each is "name:", and none holds half of an end of line. */
		if (!memchr(line, ':', (size_t)(next - line)) || memchr(line, '\n', (size_t)(next - line)) ||
			memchr(line, '\r', (size_t)(next - line)) || *line == ' ' || *line == '\t')
			abort();
		if (strncasecmp(line, "host:", 5))
			continue;
		hosts++;
		name = line + 5;
		length = (size_t)(next - name);
	}
	if (hosts > 1 || (!hosts && head[first - 1] != '0'))
		abort();
	while (length && (*name == ' ' || *name == '\t'))
		name++, length--;
	while (length && (name[length - 1] == ' ' || name[length - 1] == '\t'))
		length--;
	if (!request->target &&
		(length != request->name.length || memcmp(name ?: "", request->name.bytes, length)))
		abort();
	/* A target that says a name says it in its line. */
	if (request->target && (!request->name.length ||
			!memmem(head, first, request->name.bytes, request->name.length)))
		abort();
	/* And Host says the same, port or not. */
	if (request->target && hosts) {
		size_t common = length < request->name.length ? length : request->name.length;

		if (!length || strncasecmp(name, request->name.bytes, common) ||
			(length > common && name[common] != ':') ||
			(request->name.length > common && request->name.bytes[common] != ':'))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_head request = {};
	size_t taken = request_feed(&request, data, size);

	if (request.result == STREAM_MORE && taken != size)
		abort();
	if (request.result == STREAM_DONE)
		check(&request, (const char *)data, taken);
	spelled_check(&request.name, true);
	return 0;
}
