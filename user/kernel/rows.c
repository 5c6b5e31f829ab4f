/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "base/util.h"
#include "kernel/rows.h"

const struct mediation_row mediation_rows[] = {
#include "mediation.inc"
};
const size_t mediation_row_count = ARRAY_SIZE(mediation_rows);

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

bool mediation_names(const struct mediation_row *row, const char *hook)
{
	size_t length = strlen(hook);

	for (const char *at = row->by; (at = strstr(at, hook)); at += length) {
		if ((at == row->by || !is_word(at[-1])) && !is_word(at[length]))
			return true;
	}
	return false;
}

/* What is open whatever the kernel begins so in the table. */
static bool is_undecided(const struct mediation_row *row)
{
	return strncmp(row->by, "not ", 4) == 0;
}

enum mediation_state mediation_state(const struct mediation_row *row, const bool present[HOOK_ROWS],
	char *detail, size_t size)
{
	snprintf(detail, size, "%s", row->by);
	if (is_undecided(row))
		return MEDIATION_OPEN;
	for (int i = 0; i < HOOK_ROWS; i++) {
		if (present[i] || !hook_rows[i].must || !mediation_names(row, hook_rows[i].hook))
			continue;
		snprintf(detail, size, "this kernel has no LSM hook \"%s\"", hook_rows[i].hook);
		return MEDIATION_OPEN;
	}
	return strstr(row->by, " open: ") ? MEDIATION_PART : MEDIATION_CLOSED;
}
