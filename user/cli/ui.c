/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <string.h>
#include "base/util.h"
#include "cli/cli.h"

void ambit_ui_say(const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list args;
	int length;

	va_start(args, format);
	length = vasprintf(&text, format, args);
	va_end(args);
	if (length < 0)
		text = NULL;
	/* stderr is shared with the command: one call is one write. */
	fprintf(stderr, "ambit: %s\n", text ?: "out of memory");
}

void ambit_ui_diag(const struct diag *diag)
{
	if (!diag->file)
		ambit_ui_say("%s", diag->text ?: "out of memory");
	else if (!diag->line)
		fprintf(stderr, "%s: %s\n", diag->file, diag->text ?: "out of memory");
	else if (!diag->column)
		fprintf(stderr, "%s:%u: %s\n", diag->file, diag->line,
			diag->text ?: "out of memory");
	else
		fprintf(stderr, "%s:%u:%u: %s\n", diag->file, diag->line, diag->column,
			diag->text ?: "out of memory");
}

void ambit_ui_diags(const struct diags *diags)
{
	for (size_t i = 0; i < diags->count; i++)
		ambit_ui_diag(&diags->items[i]);
	if (diags->dropped)
		ambit_ui_say("%zu more errors", diags->dropped);
}

bool ambit_ui_colour(int fd)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	return !(no_color && *no_color) && term && strcmp(term, "dumb") && isatty(fd);
}

void ambit_ui_line(FILE *out, const char *line, bool colour)
{
	static const struct {
		const char *verb, *on;
	} colours[] = {{"denied  ", "\033[31m"}, {"would deny  ", "\033[33m"},
		{"held  ", "\033[33m"}, {"allowed  ", "\033[32m"}};

	for (size_t i = 0; colour && i < ARRAY_SIZE(colours); i++) {
		size_t length = strlen(colours[i].verb);

		if (strncmp(line, colours[i].verb, length))
			continue;
		fprintf(out, "%s%s\033[0m%s\n", colours[i].on, colours[i].verb, line + length);
		return;
	}
	fprintf(out, "%s\n", line);
}

bool ambit_ui_root(const char *usage)
{
	if (!geteuid())
		return true;
	ambit_ui_say("only root can do this: sudo %s", usage);
	return false;
}
