/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/diag.h"
#include "base/util.h"

static void diag_fill(struct diag *diag, const char *file, unsigned line, unsigned column,
	const char *format, va_list arguments) __attribute__((format(printf, 5, 0)));

static void diag_fill(struct diag *diag, const char *file, unsigned line, unsigned column,
	const char *format, va_list arguments)
{
	char *text = NULL;

	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	diag->file = file ? strdup(file) : NULL;
	diag->line = line;
	diag->column = column;
	diag->text = text;
}

void ambit_diag_set(struct diag *diag, const char *file, unsigned line, unsigned column,
	const char *format, ...)
{
	struct diag old = *diag; /* the arguments may point into it */
	va_list arguments;

	va_start(arguments, format);
	diag_fill(diag, file, line, column, format, arguments);
	va_end(arguments);
	ambit_diag_clear(&old);
}

void ambit_diag_clear(struct diag *diag)
{
	free(diag->file);
	free(diag->text);
	*diag = (struct diag){};
}

void ambit_diags_add(struct diags *diags, const char *file, unsigned line, unsigned column,
	const char *format, ...)
{
	va_list arguments;

	if (!diags->items)
		diags->items = calloc(DIAGS_MAX, sizeof(*diags->items));
	if (!diags->items || diags->count == DIAGS_MAX) {
		diags->dropped++;
		return;
	}
	va_start(arguments, format);
	diag_fill(&diags->items[diags->count++], file, line, column, format, arguments);
	va_end(arguments);
}

void ambit_diags_clear(struct diags *diags)
{
	for (size_t i = 0; i < diags->count; i++)
		ambit_diag_clear(&diags->items[i]);
	free(diags->items);
	*diags = (struct diags){};
}
