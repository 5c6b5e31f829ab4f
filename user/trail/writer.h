/* SPDX-License-Identifier: Apache-2.0 */
/* Builds one line of a trail key by key. A failure is remembered and makes the line NULL. */
#ifndef AMBIT_WRITER_H
#define AMBIT_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_object;

struct writer {
	struct json_object *root;
	bool failed;
};

/* Keys are literals: they are not copied. */
void ambit_writer_begin(struct writer *writer, const char *type);
void ambit_writer_number(struct writer *writer, const char *key, uint64_t value);
void ambit_writer_bool(struct writer *writer, const char *key, bool value);
/* NULL writes nothing. Not UTF-8: as ambit_writer_bytes() has it, but without the hex. */
void ambit_writer_string(struct writer *writer, const char *key, const char *value);
/* Bytes that somebody else chose. Those that are not UTF-8 become U+FFFD one by one, and
 * `hex_key` then holds all of them in hexadecimal. Empty ones write nothing. */
void ambit_writer_bytes(struct writer *writer, const char *key, const char *hex_key,
	const char *bytes, size_t size);
/* RFC 3339 in UTC with nanoseconds. */
void ambit_writer_time(struct writer *writer, const char *key, uint64_t ns);
/* Takes `value`, which may be NULL after a failure. */
void ambit_writer_object(struct writer *writer, const char *key, struct json_object *value);
/* The line, malloc()ed; NULL if anything failed. Ends the writer. */
char *ambit_writer_end(struct writer *writer);

#endif
