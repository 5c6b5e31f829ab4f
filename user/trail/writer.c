/* SPDX-License-Identifier: Apache-2.0 */
#include "trail/writer.h"

#include <json-c/json.h>
#include <string.h>
#include <time.h>
#include "base/util.h"
#include "trail/text.h"
#include "trail/trail.h"

#define ADD_FLAGS  (JSON_C_OBJECT_ADD_KEY_IS_NEW | JSON_C_OBJECT_ADD_CONSTANT_KEY)
#define TEXT_FLAGS (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)

void ambit_writer_begin(struct writer *writer, const char *type)
{
	*writer = (struct writer){.root = json_object_new_object()};
	ambit_writer_number(writer, "v", AMBIT_TRAIL_SCHEMA);
	ambit_writer_string(writer, "type", type);
}

void ambit_writer_object(struct writer *writer, const char *key, struct json_object *value)
{
	if (writer->root && value &&
		!json_object_object_add_ex(writer->root, key, value, ADD_FLAGS))
		return;
	json_object_put(value);
	writer->failed = true;
}

void ambit_writer_number(struct writer *writer, const char *key, uint64_t value)
{
	ambit_writer_object(writer, key, json_object_new_uint64(value));
}

void ambit_writer_bool(struct writer *writer, const char *key, bool value)
{
	ambit_writer_object(writer, key, json_object_new_boolean(value));
}

/* U+FFFD takes three bytes, so `out` has room for three times `size`. */
static size_t replace_invalid(const char *bytes, size_t size, char *out, bool *ret_valid)
{
	size_t length = 0;

	*ret_valid = true;
	for (size_t at = 0; at < size;) {
		uint32_t code;
		size_t step = ambit_utf8(bytes + at, size - at, &code);

		if (step) {
			memcpy(out + length, bytes + at, step);
			length += step;
			at += step;
			continue;
		}
		memcpy(out + length, "\xef\xbf\xbd", 3);
		length += 3;
		at++;
		*ret_valid = false;
	}
	return length;
}

static struct json_object *hex_of(const char *bytes, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	_cleanup_free_ char *hex = malloc(2 * size + 1);

	if (!hex)
		return NULL;
	for (size_t i = 0; i < size; i++) {
		hex[2 * i] = digits[(uint8_t)bytes[i] >> 4];
		hex[2 * i + 1] = digits[bytes[i] & 15];
	}
	return json_object_new_string_len(hex, (int)(2 * size));
}

void ambit_writer_bytes(
	struct writer *writer, const char *key, const char *hex_key, const char *bytes, size_t size)
{
	_cleanup_free_ char *text = NULL;
	size_t length;
	bool valid;

	if (!size)
		return;
	text = malloc(3 * size);
	if (!text) {
		writer->failed = true;
		return;
	}
	length = replace_invalid(bytes, size, text, &valid);
	ambit_writer_object(writer, key, json_object_new_string_len(text, (int)length));
	if (!valid && hex_key)
		ambit_writer_object(writer, hex_key, hex_of(bytes, size));
}

void ambit_writer_string(struct writer *writer, const char *key, const char *value)
{
	if (value)
		ambit_writer_bytes(writer, key, NULL, value, strlen(value));
}

void ambit_writer_time(struct writer *writer, const char *key, uint64_t ns)
{
	time_t seconds = (time_t)(ns / 1000000000U);
	char date[32], text[64];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text, sizeof(text), "%s.%09uZ", date, (unsigned)(ns % 1000000000U));
	ambit_writer_string(writer, key, text);
}

char *ambit_writer_end(struct writer *writer)
{
	const char *text = NULL;
	char *line = NULL;

	if (!writer->failed)
		text = json_object_to_json_string_ext(writer->root, TEXT_FLAGS);
	if (text)
		line = strdup(text);
	json_object_put(writer->root);
	writer->root = NULL;
	return line;
}
