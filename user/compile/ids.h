/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of rule ids: the smallest allowing and denying id of each column, each distinct set kept
 * once and named by its index. Index 0 is the empty set.
 */
#ifndef AMBIT_IDS_H
#define AMBIT_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "bpf/abi.h"

struct ids {
	struct ambit_accept *items;
	size_t items_room;
	uint32_t count;
	uint32_t *slots; /* open addressing; index of an item, 0: free */
	size_t slot_count;
};

int ids_init(struct ids *ids);
void ids_free(struct ids *ids);

/* Index of an equal set, added if it is new. */
int ids_intern(struct ids *ids, const struct ambit_accept *accept, uint32_t *ret);

/* Takes the smaller id of each column from `other` into `accept`. */
void accept_merge(struct ambit_accept *accept, const struct ambit_accept *other);
/* Index of the smallest ids of both. */
int ids_union(struct ids *ids, uint32_t a, uint32_t b, uint32_t *ret);

/*
 * Which of two rules is named when both match and say the same. Of paths it is the one that covers
 * more, that is the one that matched higher up: below, nothing has to be kept in mind then. Of
 * peers it is the one with the smaller id.
 */
enum ids_order {
	IDS_FIRST,
	IDS_SMALLEST,
};

/* Index of what `a`, decided before, and `b`, which matched now, decide together. Deny beats allow,
 * so an allowing id beside a denying one says nothing and is dropped. */
int ids_decide(struct ids *ids, uint32_t a, uint32_t b, enum ids_order order, uint32_t *ret);

/* True if a rule of `reach` that still may match can change what `decided` says. */
bool ids_matters(const struct ids *ids, uint32_t reach, uint32_t decided, enum ids_order order);

static inline uint64_t hash_mix(uint64_t value)
{
	value ^= value >> 32;
	value *= 0x9e3779b97f4a7c15ULL;
	value ^= value >> 29;
	value *= 0xbf58476d1ce4e5b9ULL;
	return value ^ value >> 32;
}

#endif
