/* SPDX-License-Identifier: Apache-2.0 */
/* JSON as json-c writes it (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE): a unit test
 * compares every byte. An own writer, because events come by the hundred thousand a second. */
#include "trail/writer.h"

#include <string.h>
#include "base/util.h"
#include "trail/text.h"

/* Room for `size` bytes more; NULL, and a failed line, without memory. */
static char *room(struct writer *writer, size_t size)
{
	size_t capacity = 2 * (writer->size + size) + 1024;
	char *bytes;

	if (writer->failed)
		return NULL;
	if (writer->capacity - writer->size >= size)
		return writer->bytes + writer->size;
	bytes = realloc(writer->bytes, capacity);
	if (!bytes) {
		writer->failed = true;
		return NULL;
	}
	writer->bytes = bytes;
	writer->capacity = capacity;
	return bytes + writer->size;
}

static void put(struct writer *writer, const char *bytes, size_t size)
{
	char *to = room(writer, size);

	if (!to)
		return;
	memcpy(to, bytes, size);
	writer->size += size;
}

/* A comma where something is in front, and the key. */
static void put_key(struct writer *writer, const char *key)
{
	size_t size = key ? strlen(key) : 0;
	char *to = room(writer, size + 4);
	char before;

	if (!to)
		return;
	before = to[-1]; /* a line begins with a bracket */
	if (before != '{' && before != '[')
		*to++ = ',';
	if (key) {
		*to++ = '"';
		to = mempcpy(to, key, size);
		*to++ = '"';
		*to++ = ':';
	}
	writer->size = (size_t)(to - writer->bytes);
}

/* 0: as it is; 'u': by its number; 'm': the beginning of more than one byte, or of nothing; else the
 * letter behind the backslash. */
static const char escapes[256] = {
	[0 ... 7] = 'u', ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', [0x0b] = 'u', ['\f'] = 'f',
	['\r'] = 'r', [0x0e ... 0x1f] = 'u', ['"'] = '"', ['\\'] = '\\', [0x80 ... 0xff] = 'm',
};

/* A line is an object whose last value is an object: so what is ambit's own, and the chain's, comes last. */
#define LINE_END "}}\n"

static const char digits[] = "0123456789abcdef";

/* One byte that cannot stand as it is. */
static char *put_escape(char *to, uint8_t byte)
{
	*to++ = '\\';
	*to++ = escapes[byte];
	if (escapes[byte] != 'u')
		return to;
	to = mempcpy(to, "00", 2);
	*to++ = digits[byte >> 4];
	*to++ = digits[byte & 15];
	return to;
}

/* In quotes; false if not all of it was UTF-8. A byte takes six at most. */
static bool put_text(struct writer *writer, const char *bytes, size_t size)
{
	char *to = room(writer, 6 * size + 2);
	bool valid = true;

	if (!to)
		return true;
	*to++ = '"';
	for (size_t at = 0; at < size;) {
		uint8_t byte = (uint8_t)bytes[at];
		uint32_t code;
		size_t step = 1;

		if (!escapes[byte]) {
			while (at + step < size && !escapes[(uint8_t)bytes[at + step]])
				step++;
			to = mempcpy(to, bytes + at, step);
		} else if (escapes[byte] != 'm') {
			to = put_escape(to, byte);
		} else if ((step = ambit_utf8(bytes + at, size - at, &code))) {
			to = mempcpy(to, bytes + at, step);
		} else {
			to = mempcpy(to, "\xef\xbf\xbd", 3);
			valid = false;
			step = 1;
		}
		at += step;
	}
	*to++ = '"';
	writer->size = (size_t)(to - writer->bytes);
	return valid;
}

static void put_hex(struct writer *writer, const uint8_t *bytes, size_t size)
{
	char *to = room(writer, 2 * size + 2);

	if (!to)
		return;
	*to++ = '"';
	for (size_t i = 0; i < size; i++) {
		*to++ = digits[bytes[i] >> 4];
		*to++ = digits[bytes[i] & 15];
	}
	*to++ = '"';
	writer->size = (size_t)(to - writer->bytes);
}

char *ambit_writer_digits(char *end, uint64_t value)
{
	do
		*--end = (char)('0' + value % 10);
	while (value /= 10);
	return end;
}

void ambit_writer_begin(struct writer *writer)
{
	writer->line = writer->size;
	writer->failed = false;
	put(writer, "{", 1);
}

void ambit_writer_number(struct writer *writer, const char *key, uint64_t value)
{
	char text[20], *from = ambit_writer_digits(text + sizeof(text), value);

	put_key(writer, key);
	put(writer, from, (size_t)(text + sizeof(text) - from));
}

void ambit_writer_bool(struct writer *writer, const char *key, bool value)
{
	put_key(writer, key);
	put(writer, value ? "true" : "false", value ? 4 : 5);
}

bool ambit_writer_bytes(struct writer *writer, const char *key, const char *bytes, size_t size)
{
	if (!size)
		return true;
	put_key(writer, key);
	return put_text(writer, bytes, size);
}

void ambit_writer_hex(struct writer *writer, const char *key, const uint8_t *bytes, size_t size)
{
	put_key(writer, key);
	put_hex(writer, bytes, size);
}

void ambit_writer_string(struct writer *writer, const char *key, const char *value)
{
	if (value)
		ambit_writer_bytes(writer, key, value, strlen(value));
}

void ambit_writer_item(struct writer *writer, const char *value)
{
	put_key(writer, NULL);
	put_text(writer, value, strlen(value));
}

void ambit_writer_time(struct writer *writer, const char *key, uint64_t ns)
{
	time_t second = (time_t)(ns / 1000000000U);
	/* With a digit in front that is not shown, so that zeroes are. */
	char text[20], *fraction = ambit_writer_digits(text + sizeof(text), 1000000000U + ns % 1000000000U);
	struct tm tm;

	/* Many events have the same second. */
	if (!writer->date[0] || second != writer->second) {
		gmtime_r(&second, &tm);
		strftime(writer->date, sizeof(writer->date), "\"%Y-%m-%dT%H:%M:%S.", &tm);
		writer->second = second;
	}
	put_key(writer, key);
	put(writer, writer->date, strlen(writer->date));
	put(writer, fraction + 1, 9);
	put(writer, "Z\"", 2);
}

void ambit_writer_open(struct writer *writer, const char *key, char bracket)
{
	put_key(writer, key);
	put(writer, &bracket, 1);
}

void ambit_writer_close(struct writer *writer, char bracket)
{
	put(writer, &bracket, 1);
}

void ambit_writer_again(struct writer *writer, const char *bytes, size_t size)
{
	put(writer, bytes, size);
}

bool ambit_writer_line(struct writer *writer)
{
	put(writer, LINE_END, strlen(LINE_END));
	if (writer->failed)
		writer->size = writer->line;
	else
		writer->lines++;
	return !writer->failed;
}

void ambit_writer_copy(struct writer *writer, const char *object)
{
	writer->line = writer->size;
	writer->failed = false;
	put(writer, object, strlen(object) + 1 - strlen(LINE_END));
}

bool ambit_writer_reopen(struct writer *writer, size_t size)
{
	writer->failed = false; /* was another line's, which was taken away */
	if (!room(writer, size))
		return false;
	writer->size -= strlen(LINE_END);
	writer->lines--;
	return true;
}

char *ambit_writer_end(struct writer *writer)
{
	char *line = NULL;

	put(writer, "", 1);
	if (!writer->failed)
		line = TAKE_PTR(writer->bytes);
	ambit_writer_clear(writer);
	return line;
}

void ambit_writer_clear(struct writer *writer)
{
	free(writer->bytes);
	*writer = (struct writer){0};
}
