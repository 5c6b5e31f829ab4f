/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of nodes, each distinct one kept once, and for each where its bytes lead. A state of the
 * automaton is such a set and what was decided on the way (subset.c): the steps do not depend on
 * what was decided, so they are worked out once for thousands of states.
 */
#ifndef AMBIT_SETS_H
#define AMBIT_SETS_H

#include "compile/nfa.h"

struct step {
	uint32_t set;
	uint8_t byte;
};

struct node_set {
	uint32_t first, count; /* in `nodes`, ascending */
	uint32_t accept;       /* ids that match when the input ends, or goes on beneath */
	uint32_t at_once;      /* those of them that match whatever follows */
	uint32_t first_step, step_count; /* in `steps` */
	uint32_t other;			 /* set after every byte without a step */
	bool stepped;			 /* the line above is filled */
	uint32_t decided, state; /* the caller's: the first state of this set */
};

struct set_slot {
	uint32_t hash;
	uint32_t set; /* 0: free */
};

/* A target that is reached by all bytes of a set. */
struct wide {
	uint32_t target;
	const struct byte_set *bytes;
};

struct sets {
	const struct nfa *nfa;
	struct node_set *items; /* 0 is the empty set */
	size_t items_room;
	uint32_t count;
	uint32_t *nodes;
	size_t nodes_room;
	uint32_t node_count;
	struct step *steps;
	size_t steps_room;
	uint32_t step_count;
	struct set_slot *slots; /* open addressing */
	size_t slot_count;
	/* Scratch: the set being made, and which nodes are in it. */
	uint32_t *work;
	size_t work_room;
	uint32_t work_count;
	uint32_t *stamps;
	uint32_t stamp;
	/* Scratch: where the bytes of one set lead, singly and by class. */
	uint32_t heads[256]; /* all 0 between two */
	struct chain {
		uint32_t next, target;
	} * chains; /* 0 is not used */
	size_t chains_room;
	struct wide *wides;
	size_t wides_room;
};

int sets_init(struct sets *sets, const struct nfa *nfa);
void sets_free(struct sets *sets);

/* The set of the root. */
int sets_start(struct sets *sets, uint32_t *ret);

/* Fills the steps of a set. Pointers into `items` are invalid afterwards. */
int sets_step(struct sets *sets, uint32_t set);

/* The set without the nodes that cannot change what `decided` says. */
int sets_prune(struct sets *sets, uint32_t set, uint32_t decided, uint32_t *ret);

#endif
