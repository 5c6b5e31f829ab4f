/* SPDX-License-Identifier: Apache-2.0 */
/* Where to search for files that are denied, and by which patterns. */
#ifndef AMBIT_PLACES_H
#define AMBIT_PLACES_H

#include "compile/links.h"

/* Why a place is searched, in this order, with a limit for each. */
enum kind {
	KIND_NAMED,   /* a pattern names it */
	KIND_CWD,     /* for patterns that name none: the working directory */
	KIND_WRITTEN, /* and what the policy lets be written */
	KIND_MAX,
};

/* A place to search. */
struct place {
	char *path; /* plain; owned */
	enum kind kind;
	uint32_t rule;
};

struct places {
	struct place *items;
	size_t items_room, count;
};

/* Sorted by kind, and a directory before what lies in it. */
int places_find(
	const struct policy *policy, const struct policy_env *env, enum search_part part, struct places *ret);
void places_clear(struct places *places);

/* True if a place lies in another one of its kind, or is it. */
bool place_within(const struct place *place, const struct place *other);

/* The automata of the denying patterns that name a place, and of ambit's own places; from `store`
 * (store.h), or NULL. -E2BIG as the compiler. */
int places_compile(const struct policy *policy, const char *store, struct tables **ret);

#endif
