/* SPDX-License-Identifier: Apache-2.0 */
/* Words for messages. */
#ifndef AMBIT_POLICY_TEXT_H
#define AMBIT_POLICY_TEXT_H

#include <stddef.h>

/* `length` bytes as they may stand in a message: control characters and bytes that are no UTF-8 as
 * \xNN, cut after 100 bytes. malloc()ed or NULL. */
char *text_show(const char *text, size_t length);
/* The same for all of a text. */
char *text_clean(const char *text);

/* The word of `words` (`count` of them, `stride` bytes apart, each a const char *) that `word` is
 * most likely a misspelling of; NULL if none is near. */
const char *text_nearest(const char *word, const void *words, size_t count, size_t stride);

/* Says what is wrong: an owned sentence in `*ret`, and -EINVAL; -ENOMEM and NULL without memory. */
int text_problem(char **ret, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* asprintf() that returns the text, or NULL. */
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
