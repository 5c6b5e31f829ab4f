/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The deterministic automaton between its construction (subset.c) and its layout (pack.c). State 0
 * is dead: nothing matches any more.
 */
#ifndef AMBIT_COMPILE_DFA_H
#define AMBIT_COMPILE_DFA_H

#include "compile/nfa.h"

struct dfa_arc {
	uint32_t target;
	uint8_t byte;
};

struct dfa_state {
	uint32_t set;	  /* nodes that the state stands for, index in its subset */
	uint32_t decided; /* ids that match whatever follows */
	uint32_t accept;  /* ids that match if the input ends here */
	uint32_t other;	  /* next state for every byte without an arc */
	uint32_t first_arc, arc_count;
};

struct dfa {
	struct dfa_state *states;
	size_t states_room;
	uint32_t state_count;
	struct dfa_arc *arcs;
	size_t arcs_room;
	uint32_t arc_count;
	uint32_t path_start[AMBIT_COLUMNS], peer_start;
	uint32_t state_limit;
};

int dfa_init(struct dfa *dfa, uint32_t state_limit);
void dfa_free(struct dfa *dfa);

/*
 * Adds the states of `nfa` and returns the one before the first byte. -E2BIG when the limit is
 * passed; `ret_culprit` is then the id of the rule that most of the states exist for.
 */
int dfa_build(struct dfa *dfa, const struct nfa *nfa, uint32_t *ret_start, uint32_t *ret_culprit);

#endif
