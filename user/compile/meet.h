/* SPDX-License-Identifier: Apache-2.0 */
/* The automaton of what two others allow both. */
#ifndef AMBIT_MEET_H
#define AMBIT_MEET_H

#include "compile/dfa.h"

/*
 * Fills `ret` (empty, with its limit of states) and `ids`, of which the accepts of it are. What one of
 * them denies by a rule, or for another reason, is denied so; what neither denies is allowed where both allow
 * it. -E2BIG when the limit of states is passed.
 */
int dfa_meet(const struct dfa *a, const struct ids *a_ids, const struct dfa *b,
	const struct ids *b_ids, struct dfa *ret, struct ids *ids);

#endif
