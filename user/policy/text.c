/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "base/util.h"
#include "policy/text.h"

#define SHOW_MAX 100
#define WORD_MAX 48 /* longer words are nobody's misspelling */

/* Bytes of the UTF-8 character at `text`; 0 if it is none, or no printable one. */
static size_t utf8_length(const unsigned char *text, size_t length)
{
	static const struct {
		unsigned char mask, lead;
		unsigned low;
	} forms[] = {
		{0x80, 0x00, 0x20}, {0xe0, 0xc0, 0xa0}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};

	for (size_t i = 0; i < ARRAY_SIZE(forms) && i < length; i++) {
		unsigned code = text[0] & (unsigned char)~forms[i].mask;

		if ((text[0] & forms[i].mask) != forms[i].lead)
			continue;
		for (size_t k = 1; k <= i; k++) {
			if ((text[k] & 0xc0) != 0x80)
				return 0;
			code = code << 6 | (text[k] & 0x3f);
		}
		/* Line separators and text direction marks could rearrange a terminal. */
		if (code < forms[i].low || code == 0x7f || (code >= 0x2028 && code <= 0x202e) ||
			(code >= 0x2066 && code <= 0x2069) || (code >= 0xd800 && code <= 0xdfff))
			return 0;
		return i + 1;
	}
	return 0;
}

/* The first `max` bytes of `length`. */
static char *show(const char *text, size_t length, size_t max)
{
	size_t size = length < max ? length : max, at = 0, end = 0;
	char *shown = malloc(4 * size + sizeof("..."));

	if (!shown)
		return NULL;
	while (at < size) {
		size_t bytes = utf8_length((const unsigned char *)text + at, length - at);

		if (bytes && at + bytes <= size) {
			memcpy(shown + end, text + at, bytes);
			end += bytes;
			at += bytes;
		} else {
			end += (size_t)sprintf(shown + end, "\\x%02x", (unsigned char)text[at++]);
		}
	}
	strcpy(shown + end, at < length ? "..." : "");
	return shown;
}

char *text_show(const char *text, size_t length)
{
	return show(text, length, SHOW_MAX);
}

char *text_clean(const char *text)
{
	return show(text, strlen(text), SIZE_MAX);
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Insertions, deletions and changes from one word to the other; both at most WORD_MAX long. */
static size_t word_distance(const char *a, const char *b)
{
	size_t row[WORD_MAX + 1], length = strlen(b);

	for (size_t j = 0; j <= length; j++)
		row[j] = j;
	for (size_t i = 0; a[i]; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 1; j <= length; j++) {
			size_t change = diagonal + (a[i] != b[j - 1]);

			diagonal = row[j];
			row[j] = smaller(change, smaller(row[j], row[j - 1]) + 1);
		}
	}
	return row[length];
}

const char *text_nearest(const char *word, const void *words, size_t count, size_t stride)
{
	const char *nearest = NULL;
	size_t best = strlen(word) / 3 + 1;

	if (strlen(word) > WORD_MAX)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		const char *other = *(const char *const *)((const char *)words + i * stride);
		size_t distance = strlen(other) <= WORD_MAX ? word_distance(word, other) : best + 1;

		if (distance <= best && distance < strlen(other)) {
			nearest = other;
			best = distance - (distance > 0);
		}
	}
	return nearest;
}

char *text_format(const char *format, ...)
{
	char *text = NULL;
	va_list arguments;
	int r;

	va_start(arguments, format);
	r = vasprintf(&text, format, arguments);
	va_end(arguments);
	return r < 0 ? NULL : text;
}

int text_problem(char **ret, const char *format, ...)
{
	va_list arguments;
	int r;

	va_start(arguments, format);
	r = vasprintf(ret, format, arguments);
	va_end(arguments);
	if (r >= 0)
		return -EINVAL;
	*ret = NULL;
	return -ENOMEM;
}
