/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every known way round a policy, and whether this kernel closes it: the rows of tests/e2e/mediation,
 * which docs/mediation.md is made from too. The hooks that a row names decide.
 */
#ifndef AMBIT_ROWS_H
#define AMBIT_ROWS_H

#include "kernel/promise.h"

struct mediation_row {
	const char *part; /* "Files", "Programs and tasks", … */
	const char *key;
	const char *way; /* the way round */
	const char *by;	 /* what closes it; words in backquotes are hooks */
};
extern const struct mediation_row mediation_rows[];
extern const size_t mediation_row_count;

/* True if the row names the hook. */
bool mediation_names(const struct mediation_row *row, const char *hook);

/*
 * Whether the hooks that are `present` close the row. What does, or why it is open, is put into
 * `detail`. Hooks that may be missing, because another one does their work there, are passed over.
 * In the table, "not …" begins what nothing closes, and " open: …" what a row leaves open.
 */
enum mediation_state { MEDIATION_OPEN, MEDIATION_PART, MEDIATION_CLOSED };
enum mediation_state mediation_state(const struct mediation_row *row, const bool present[HOOK_ROWS],
	char *detail, size_t size);

#endif
