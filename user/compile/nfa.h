/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All patterns of a policy as one tree of tokens: patterns that begin alike share nodes, whatever
 * rule they belong to. The deterministic automaton (subset.h) is made from it.
 */
#ifndef AMBIT_NFA_H
#define AMBIT_NFA_H

#include "compile/ids.h"
#include "policy/glob.h"

enum nfa_loop {
	LOOP_NONE,
	LOOP_NAME, /* stays at any byte but '/': a star */
	LOOP_ALL,  /* stays at any byte: a double star, once a component began */
};

struct nfa_node {
	uint32_t parent;
	uint32_t first_edge; /* 0: none */
	uint32_t star;	     /* node of a "*" that follows, entered without a byte; 0: none */
	uint32_t depth;	     /* the same for "**" */
	uint32_t accept;     /* ids that match when the input ends here, or goes on beneath */
	uint32_t reach;	     /* all ids that can still match from here */
	uint32_t rule;	     /* the last of the rules that can; 0: none */
	uint8_t loop;
	bool at_once; /* whatever bytes follow, `accept` matches */
};

struct nfa_edge {
	uint32_t next; /* edge of the same node; 0: none */
	uint32_t target;
	uint32_t set; /* index in `sets`; 0: the one byte `byte` */
	uint8_t byte;
};

struct nfa_set {
	struct byte_set bytes;
	unsigned count;
};

struct nfa {
	struct nfa_node *nodes; /* 0 is not used, 1 is the root */
	size_t nodes_room;
	uint32_t node_count;
	struct nfa_edge *edges; /* 0 is not used */
	size_t edges_room;
	uint32_t edge_count;
	struct nfa_set *sets; /* 0 is not used */
	size_t sets_room;
	uint32_t set_count;
	struct ids *ids; /* borrowed */
	bool is_peer;	 /* the input has a fixed length: a match needs no '/' to cover the rest */
	uint32_t rule;	 /* whose patterns are being added; 0: nobody's */
	bool names;	 /* of allowing rules alone, told apart: see ambit_tables_name() */
	bool outer;	 /* of the rules of the policy that another one is narrowed by */
};
#define NFA_ROOT 1

int nfa_init(struct nfa *nfa, struct ids *ids, bool is_peer, bool names);
void nfa_free(struct nfa *nfa);

/* The node after `from` and a byte, a byte of a set, "*" or "**"; made if it is new. */
int nfa_byte(struct nfa *nfa, uint32_t from, uint8_t byte, uint32_t *ret);
int nfa_set(struct nfa *nfa, uint32_t from, const struct byte_set *set, uint32_t *ret);
int nfa_star(struct nfa *nfa, uint32_t from, uint32_t *ret);
int nfa_depth(struct nfa *nfa, uint32_t from, uint32_t *ret);

/* Says that `accept` matches at `node`. */
int nfa_accept(struct nfa *nfa, uint32_t node, const struct ambit_accept *accept);

/* Fills `reach`, `rule` and `at_once` of every node, when the tree is complete. */
int nfa_finish(struct nfa *nfa);

#endif
