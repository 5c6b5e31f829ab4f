/* SPDX-License-Identifier: Apache-2.0 */
/* What the two parts of diff.h share: pairs of states, and what was found. */
#ifndef AMBIT_PAIRS_H
#define AMBIT_PAIRS_H

#include <stdbool.h>
#include <stddef.h>
#include "compile/diff.h"

/* A pair of states, and where in the grammar of its input it stands. */
struct pair {
	uint32_t states[2];
	uint32_t place;
	uint32_t before; /* index of the pair that it was first reached from */
	uint8_t byte;	 /* and by what */
};

struct diff {
	const struct tables *tables[2];
	enum ambit_op op;
	struct pair *pairs; /* in the order in which they were reached: shortest first */
	size_t count, room;
	uint32_t *slots; /* a hash of them: index + 1; 0 is free */
	size_t slot_count;
	size_t emitted;
	struct difference *ranges; /* of peers, in the order of their first addresses */
	size_t range_count, range_room;
	void *told; /* a tree of what one example was given of */
	int (*each)(const struct difference *difference, void *data);
	void *data;
};

/* One step of both. */
void pair_step(const struct diff *diff, const uint32_t from[2], uint8_t byte, uint32_t ret[2]);
/* Whether a pair is known. */
bool pair_known(const struct diff *diff, const struct pair *pair);
/* Adds a pair unless it is there, or nothing can differ behind it. */
int pair_add(struct diff *diff, struct pair pair);
void pairs_forget(struct diff *diff);
/* The part of two verdicts that counts as a difference. */
bool verdicts_differ(const struct decision *before, const struct decision *after);
/* In the order of all that a person tells two differences apart by, but for text and addresses. */
int told_compare(const void *a, const void *b);

/* What differs of the addresses of an operation. */
int peers_diff(struct diff *diff);
/* The runs of ports that differ behind an address or a name, each handed to `each`. */
int ports_diff(struct diff *diff, const uint32_t from[2], struct difference *found,
	int (*each)(struct diff *diff, const struct difference *found));

#endif
