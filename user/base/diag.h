/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What went wrong, where, and the way out. Library rooms fill a diag or a list of them and return a
 * negative errno; only cli/ prints.
 */
#ifndef AMBIT_DIAG_H
#define AMBIT_DIAG_H

#include <stdbool.h>
#include <stddef.h>

struct diag {
	char *file;	 /* owned; NULL when no file is concerned */
	unsigned line;	 /* from 1; 0: the file as a whole */
	unsigned column; /* from 1, in bytes; 0: the line as a whole */
	char *text;	 /* owned; names the object in quotes and the fix */
};

/* Many of them, in the order found. Zero-initialise, free with ambit_diags_clear(). */
struct diags {
	struct diag *items;
	size_t count;
	size_t dropped; /* past DIAGS_MAX: counted, not kept */
};
#define DIAGS_MAX 100

/* Replaces what `diag` held. `file` may be NULL. Never fails: without memory the text is NULL. */
void ambit_diag_set(struct diag *diag, const char *file, unsigned line, unsigned column,
	const char *format, ...) __attribute__((format(printf, 5, 6)));
void ambit_diag_clear(struct diag *diag);

/* Appends to the list. */
void ambit_diags_add(struct diags *diags, const char *file, unsigned line, unsigned column,
	const char *format, ...) __attribute__((format(printf, 5, 6)));
void ambit_diags_clear(struct diags *diags);

#endif
