/* SPDX-License-Identifier: Apache-2.0 */
#include "trail/text.h"

#include <stdbool.h>
#include "base/util.h"

size_t ambit_utf8(const char *bytes, size_t size, uint32_t *ret_code)
{
	static const struct {
		uint8_t mask, lead;
		uint32_t least;
	} forms[] = {
		{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
	const uint8_t *byte = (const uint8_t *)bytes;

	for (size_t extra = 0; extra < ARRAY_SIZE(forms) && extra < size; extra++) {
		uint32_t code;

		if ((byte[0] & forms[extra].mask) != forms[extra].lead)
			continue;
		code = byte[0] & (uint8_t)~forms[extra].mask;
		for (size_t i = 1; i <= extra; i++) {
			if ((byte[i] & 0xc0) != 0x80)
				return 0;
			code = code << 6 | (byte[i] & 0x3f);
		}
		if (code < forms[extra].least || code > 0x10ffff || code >> 11 == 0x1b)
			return 0;
		*ret_code = code;
		return extra + 1;
	}
	return 0;
}

/* Characters that do something else than print a glyph, or print one that looks like a space. */
static bool code_is_deceptive(uint32_t code)
{
	static const struct {
		uint32_t low, high;
	} ranges[] = {{0x0, 0x1f}, {0x7f, 0xa0}, {0xad, 0xad}, {0x61c, 0x61c}, {0x115f, 0x1160},
		{0x1680, 0x1680}, {0x180e, 0x180e}, {0x2000, 0x200f}, {0x2028, 0x202f},
		{0x205f, 0x206f}, {0x2800, 0x2800}, {0x3000, 0x3000}, {0x3164, 0x3164},
		{0xfe00, 0xfe0f}, {0xfeff, 0xfeff}, {0xffa0, 0xffa0}, {0xfff0, 0xfffb},
		{0xe0000, 0xe0fff}};

	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
		if (code >= ranges[i].low && code <= ranges[i].high)
			return true;
	return false;
}

static bool bytes_are_plain(const char *bytes, size_t size)
{
	for (size_t at = 0; at < size;) {
		uint32_t code;
		size_t length = ambit_utf8(bytes + at, size - at, &code);

		if (!length || code == ' ' || code == '"' || code == '\\' ||
			code_is_deceptive(code))
			return false;
		at += length;
	}
	return size > 0;
}

static void put_code(FILE *out, uint32_t code, const char *bytes, size_t length)
{
	switch (code) {
	case '"':
	case '\\':
		fprintf(out, "\\%c", (int)code);
		break;
	case '\n':
		fputs("\\n", out);
		break;
	case '\t':
		fputs("\\t", out);
		break;
	default:
		if (!code_is_deceptive(code))
			fwrite(bytes, 1, length, out);
		else if (code < 0x80)
			fprintf(out, "\\x%02x", code);
		else
			fprintf(out, "\\u{%x}", code);
	}
}

void ambit_text_word(FILE *out, const char *bytes, size_t size)
{
	if (bytes_are_plain(bytes, size)) {
		fwrite(bytes, 1, size, out);
		return;
	}
	fputc('"', out);
	for (size_t at = 0; at < size;) {
		uint32_t code;
		size_t length = ambit_utf8(bytes + at, size - at, &code);

		if (length) {
			put_code(out, code, bytes + at, length);
			at += length;
		} else {
			fprintf(out, "\\x%02x", (uint8_t)bytes[at++]);
		}
	}
	fputc('"', out);
}
