/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that somebody else chose, made fit to be shown. Names in a file system are any bytes but
 * NUL and '/'; a terminal obeys some of them and a reader is fooled by others.
 */
#ifndef AMBIT_TEXT_H
#define AMBIT_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Length of the well-formed UTF-8 sequence (RFC 3629: shortest form, no surrogates) at `bytes`, and
 * its code point; 0 if there is none. */
size_t ambit_utf8(const char *bytes, size_t size, uint32_t *ret_code);

/* Writes `bytes` so that they cannot be taken for anything but one word: as they are if they are
 * plain, else in double quotes with \" \\ \n \t, \xNN for a byte and \u{NNNN} for a character that
 * moves the cursor, has no width, reorders the text or looks like a space. */
void ambit_text_word(FILE *out, const char *bytes, size_t size);

#endif
