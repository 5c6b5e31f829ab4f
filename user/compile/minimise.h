/* SPDX-License-Identifier: Apache-2.0 */
/* Makes an automaton as small as one that decides the same can be. */
#ifndef AMBIT_MINIMISE_H
#define AMBIT_MINIMISE_H

#include "compile/dfa.h"

/* Leaves one of the states that accept the same and lead to the same, for every continuation; the
 * start states follow. `set` and `decided` of the states mean nothing afterwards. -ENOMEM. */
int dfa_minimise(struct dfa *dfa);

#endif
