/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer: any bytes as the beginning of a TLS stream. The first one says how large the pieces are: in
 * pieces, with what may be skipped left out, the reader comes to the same as byte by byte; and a hello that
 * it takes is one for a reader that has all of it in memory too, with the same name. The same of what
 * follows a hello, or of all if there is none.
 */
#include <stdlib.h>
#include <string.h>
#include "spelled.h"
#include "tests/unit/stream/feed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct part {
	const uint8_t *at;
	size_t size;
};

/* The next `size` bytes of a part, or none. */
static bool take(struct part *from, size_t size, struct part *ret)
{
	if (from->size < size)
		return false;
	*ret = (struct part){from->at, size};
	from->at += size;
	from->size -= size;
	return true;
}

static bool number(struct part *from, size_t size, size_t *ret)
{
	struct part part;

	if (!take(from, size, &part))
		return false;
	for (*ret = 0; part.size; part.at++, part.size--)
		*ret = *ret << 8 | *part.at;
	return true;
}

/* What stands behind a number of this size, which says how much it is. */
static bool vector(struct part *from, size_t size, struct part *ret)
{
	size_t length;

	return number(from, size, &length) && take(from, length, ret);
}

/* The message out of its records, which end with it. */
static bool message(struct part stream, uint8_t *buffer, struct part *ret)
{
	size_t have = 0, kind, version, length = 0;
	struct part part, head;

	while (have < 4 || have < length + 4) {
		if (!number(&stream, 1, &kind) || !number(&stream, 2, &version) || kind != 22 ||
			version >> 8 != 3 || !vector(&stream, 2, &part) || !part.size || part.size > 16384 ||
			have + part.size > HELLO_MAX + 4)
			return false;
		memcpy(buffer + have, part.at, part.size);
		have += part.size;
		head = (struct part){buffer + 1, 3};
		if (have >= 4)
			number(&head, 3, &length);
	}
	*ret = (struct part){buffer + 4, length};
	return buffer[0] == 1 && have == length + 4;
}

static bool names(struct part body, struct part *ret)
{
	struct part list;
	size_t kind;

	return vector(&body, 2, &list) && !body.size && number(&list, 1, &kind) && kind == 0 &&
	       vector(&list, 2, ret) && !list.size && ret->size && ret->size <= STREAM_NAME_MAX;
}

static bool whole(struct part stream, struct part *ret)
{
	static uint8_t buffer[HELLO_MAX + 4];
	struct part text, skipped, block, body;
	bool named = false;
	size_t kind;

	*ret = (struct part){};
	if (!message(stream, buffer, &text) || !take(&text, 34, &skipped) ||
		!vector(&text, 1, &skipped) || skipped.size > 32 || !vector(&text, 2, &skipped) ||
		!skipped.size || skipped.size % 2 || !vector(&text, 1, &skipped) || !skipped.size)
		return false;
	if (!text.size)
		return true;
	if (!vector(&text, 2, &block) || text.size)
		return false;
	while (block.size) {
		if (!number(&block, 2, &kind) || !vector(&block, 2, &body))
			return false;
		if (kind == 0 && (named || !names(body, ret)))
			return false;
		named |= kind == 0;
	}
	return true;
}

/* What follows a hello, by whole records; how many bytes are read until it is known. */
static enum stream_result follows(struct part stream, bool early, size_t *ret_taken)
{
	bool changed = false, finished = false;
	size_t kind, version, length, all = stream.size;
	struct part skipped;

	for (;;) {
		if (!number(&stream, 1, &kind) || !number(&stream, 1, &version))
			break;
		*ret_taken = all - stream.size;
		if (version != 3)
			return STREAM_MALFORMED;
		if (!number(&stream, 1, &version) || !number(&stream, 2, &length))
			break;
		*ret_taken = all - stream.size;
		if (!length || length > FLIGHT_RECORD_MAX || kind < 20 || kind > 23 || (kind == 22 && finished))
			return STREAM_MALFORMED;
		if (kind == 23 && !early)
			return STREAM_DONE;
		if (kind == 22 && !(changed && length <= FLIGHT_FINISHED_MAX)) {
			if (!number(&stream, 1, &kind))
				break;
			++*ret_taken;
			return kind != 1 ? STREAM_DONE : length > HELLO_RECORD_MAX ? STREAM_MALFORMED : STREAM_OTHER;
		}
		finished |= kind == 22;
		changed |= kind == 20;
		if (!take(&stream, length, &skipped))
			break;
	}
	*ret_taken = all;
	return STREAM_MORE;
}

static void check_flight(struct part stream, bool early, size_t piece)
{
	struct flight bytes = {.early = early}, pieces = {.early = early};
	size_t taken = 0, expected;

	for (size_t i = 0; i < stream.size; i++)
		flight_byte(&bytes, stream.at[i]);
	for (size_t at = 0; at < stream.size; at += piece)
		taken += flight_feed(&pieces, stream.at + at, stream.size - at < piece ? stream.size - at : piece);
	if (memcmp(&bytes, &pieces, sizeof(bytes)) || follows(stream, early, &expected) != bytes.result ||
		taken != expected)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hello bytes = {}, pieces = {};
	size_t piece, taken = 0;
	struct part name;

	if (!size)
		return 0;
	piece = *data++ + 1U;
	size--;
	for (size_t i = 0; i < size && bytes.result == STREAM_MORE; i++, taken++)
		hello_byte(&bytes, data[i]);
	for (size_t at = 0; at < size; at += piece)
		hello_feed(&pieces, data + at, size - at < piece ? size - at : piece);
	if (memcmp(&bytes, &pieces, sizeof(bytes)))
		abort();
	if (whole((struct part){data, taken}, &name) != (bytes.result == STREAM_DONE))
		abort();
	if (bytes.result == STREAM_DONE &&
		(name.size != bytes.name.length ||
			(name.size && memcmp(name.at, bytes.name.bytes, name.size))))
		abort();
	spelled_check(&bytes.name, false);
	if (bytes.result != STREAM_DONE)
		taken = 0;
	check_flight((struct part){data + taken, size - taken}, bytes.early, piece);
	return 0;
}
