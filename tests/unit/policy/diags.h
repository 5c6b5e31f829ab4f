/* SPDX-License-Identifier: Apache-2.0 */
/* Expecting errors: one line "LINE:COLUMN: TEXT" for each, where TEXT may be the beginning only. */
#ifndef AMBIT_TEST_DIAGS_H
#define AMBIT_TEST_DIAGS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/util.h"
#include "policy/policy.h"

static inline void diags_expect(const struct diags *diags, const char *expected)
{
	_cleanup_free_ char *lines = strdup(expected);
	size_t count = 0;

	for (char *line = strtok(lines, "\n"); line; line = strtok(NULL, "\n")) {
		char found[1024];

		if (count == diags->count)
			fail_msg("missing: %s", line);
		snprintf(found, sizeof(found), "%u:%u: %s", diags->items[count].line,
			diags->items[count].column, diags->items[count].text);
		if (strncmp(found, line, strlen(line)))
			fail_msg("expected: %s\nfound:    %s", line, found);
		count++;
	}
	if (count < diags->count)
		fail_msg("too many: %u:%u: %s", diags->items[count].line,
			diags->items[count].column, diags->items[count].text);
}

#endif
