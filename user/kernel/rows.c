/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include "base/util.h"
#include "kernel/rows.h"

const struct mediation_row mediation_rows[] = {
#include "mediation.inc"
};
const size_t mediation_row_count = ARRAY_SIZE(mediation_rows);

#define HOOK_NAME_SIZE 64

/* The next word in backquotes that can be the name of a hook, from `at` on; where to go on, or NULL. */
static const char *hook_next(const char *at, char ret[HOOK_NAME_SIZE])
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz_";

	while ((at = strchr(at, '`'))) {
		size_t length = strspn(++at, letters);
		const char *end = strchr(at, '`');

		if (!end)
			return NULL;
		if (end == at + length && length && length < HOOK_NAME_SIZE) {
			snprintf(ret, HOOK_NAME_SIZE, "%.*s", (int)length, at);
			return end + 1;
		}
		at = end + 1;
	}
	return NULL;
}

bool mediation_names(const struct mediation_row *row, const char *hook)
{
	char name[HOOK_NAME_SIZE];

	for (const char *at = row->by; (at = hook_next(at, name));) {
		if (strcmp(name, hook) == 0)
			return true;
	}
	return false;
}

/* Copies a text without its backquotes. */
static void copy_plain(const char *text, char *ret, size_t size)
{
	size_t length = 0;

	for (; *text && length + 1 < size; text++) {
		if (*text != '`')
			ret[length++] = *text;
	}
	ret[length] = '\0';
}

/* What is open whatever the kernel begins so in the table. */
static bool is_undecided(const struct mediation_row *row)
{
	return strncmp(row->by, "not ", 4) == 0;
}

enum mediation_state mediation_state(const struct mediation_row *row, const bool present[HOOK_ROWS],
	char *detail, size_t size)
{
	char name[HOOK_NAME_SIZE];

	copy_plain(row->by, detail, size);
	if (is_undecided(row))
		return MEDIATION_OPEN;
	for (const char *at = row->by; (at = hook_next(at, name));) {
		int hook = hook_row_of_hook(name);

		if (hook >= 0 && (present[hook] || !hook_rows[hook].must))
			continue;
		snprintf(detail, size,
			hook < 0 ? "ambit has no program for the hook \"%s\""
				 : "the LSM hook \"%s\" is missing here",
			name);
		return MEDIATION_OPEN;
	}
	return strstr(row->by, " open: ") ? MEDIATION_PART : MEDIATION_CLOSED;
}
