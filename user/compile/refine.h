/* SPDX-License-Identifier: Apache-2.0 */
/* Which states of an automaton cannot be told apart. */
#ifndef AMBIT_REFINE_H
#define AMBIT_REFINE_H

#include "compile/dfa.h"

/* A number for each state, the same for two that accept the same and lead to the same, for every
 * continuation. The array is the caller's (free()). -ENOMEM. */
int dfa_refine(const struct dfa *dfa, uint32_t **ret);

#endif
