/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds lines of a trail key by key, one behind the other in a buffer that grows. A failure (there
 * is no memory) is remembered and takes away the line that it happens in.
 */
#ifndef AMBIT_WRITER_H
#define AMBIT_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* Zero-initialise; free with ambit_writer_clear(). */
struct writer {
	char *bytes;
	size_t size, capacity;
	size_t line; /* where the line that is being written begins */
	uint64_t lines; /* whole ones */
	bool failed; /* in this line */
	time_t second; /* whose `date` is known */
	char date[32];
};

/* Begins an object that is a line. Keys are literals of plain characters: they are not escaped. */
void ambit_writer_begin(struct writer *writer);
void ambit_writer_number(struct writer *writer, const char *key, uint64_t value);
void ambit_writer_bool(struct writer *writer, const char *key, bool value);
/* NULL writes nothing. Not UTF-8: as ambit_writer_bytes() has it. */
void ambit_writer_string(struct writer *writer, const char *key, const char *value);
/* Bytes that somebody else chose. Those that are not UTF-8 become U+FFFD one by one, and the answer is
 * false: the text is not what was given. Empty ones write nothing. */
bool ambit_writer_bytes(struct writer *writer, const char *key, const char *bytes, size_t size);
/* RFC 3339 in UTC with nanoseconds. */
void ambit_writer_time(struct writer *writer, const char *key, uint64_t ns);
/* Writes a number in front of `end`, which has room for twenty digits there; where it begins. */
char *ambit_writer_digits(char *end, uint64_t value);
/* What follows is in an object ('{') or array ('[') at `key`, until it is closed; `key` is NULL for
 * one in an array. */
void ambit_writer_open(struct writer *writer, const char *key, char bracket);
void ambit_writer_close(struct writer *writer, char bracket);
/* A string in an array, also an empty one. */
void ambit_writer_item(struct writer *writer, const char *value);
/* Keys and values that a writer made before, with the comma in front. */
void ambit_writer_again(struct writer *writer, const char *bytes, size_t size);
/* Bytes in hexadecimal. */
void ambit_writer_hex(struct writer *writer, const char *key, const uint8_t *bytes, size_t size);
/* Ends the line, whose last value is an object that is open still, and puts a newline behind it; false if it
 * failed and was taken away. */
bool ambit_writer_line(struct writer *writer);
/* Begins a line with one that is whole already (no newline), so that keys can follow in its last object. */
void ambit_writer_copy(struct writer *writer, const char *object);
/* Takes the end off the line that was ended last, so that `size` bytes more can follow it, which then
 * cannot fail; false, and all as it was, without memory. */
bool ambit_writer_reopen(struct writer *writer, size_t size);
/* What a writer holds, malloc()ed, whose brackets are all closed; NULL if anything failed. Ends the writer. */
char *ambit_writer_end(struct writer *writer);
void ambit_writer_clear(struct writer *writer);

#endif
