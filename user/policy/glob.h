/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pattern language for paths, one token at a time. It works on bytes:
 *
 *   *        any bytes of one component         **      any components, also none (stands alone)
 *   ?        one byte                           \x      the byte x itself
 *   [a-z]    one byte of a set                  [!a-z]  one byte that is not in the set
 *
 * Nothing but a literal '/' and ** matches a '/'.
 */
#ifndef AMBIT_GLOB_H
#define AMBIT_GLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct byte_set {
	uint64_t bits[4];
};

static inline bool byte_set_has(const struct byte_set *set, uint8_t byte)
{
	return set->bits[byte >> 6] >> (byte & 63) & 1;
}

static inline void byte_set_add(struct byte_set *set, uint8_t byte)
{
	set->bits[byte >> 6] |= 1ULL << (byte & 63);
}

enum glob_kind {
	GLOB_END,
	GLOB_BYTE,  /* `byte`; the separator between components is the byte '/' */
	GLOB_SET,   /* one byte of `set`, which never holds '/' or NUL */
	GLOB_NAME,  /* * */
	GLOB_DEPTH, /* ** */
};

struct glob_token {
	enum glob_kind kind;
	uint8_t byte;
	struct byte_set set;
};

/* Where a scan of a pattern stands. */
struct glob {
	const char *start;
	const char *at;
};

/* Reads the next token. -EINVAL with a sentence in `ret_problem` (static) that says what is wrong
 * and how to write it. */
int glob_next(struct glob *glob, struct glob_token *ret, const char **ret_problem);

/* True if the pattern is plain text up to `length` bytes, apart from escapes. */
bool glob_is_literal(const char *text, size_t length);

/* `text` with every character that means something in a pattern escaped. malloc()ed or NULL. */
char *glob_escape(const char *text);

/* Takes the escapes out of the first `length` bytes of a literal pattern. malloc()ed or NULL. */
char *glob_unescape(const char *text, size_t length);

#endif
