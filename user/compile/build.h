/* SPDX-License-Identifier: Apache-2.0 */
/* The compiler with all its switches, for this room and its tests. */
#ifndef AMBIT_COMPILE_BUILD_H
#define AMBIT_COMPILE_BUILD_H

#include "compile/tables.h"

struct build_options {
	uint32_t state_limit;
	bool names; /* the allowing rules alone, told apart: see ambit_tables_name() */
	bool plain; /* as large as the automaton was made */
};

/* -E2BIG with a diag that names the rule that made it too large. */
int tables_build(const struct policy *policy, const struct build_options *options,
	struct diag *diag, struct tables **ret);

#endif
