/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "base/array.h"
#include "base/util.h"
#include "compile/ids.h"

#define IDS_SLOTS 64 /* to begin with; a power of two */

int ids_init(struct ids *ids)
{
	*ids = (struct ids){.count = 1, .slot_count = IDS_SLOTS};
	ids->slots = calloc(ids->slot_count, sizeof(*ids->slots));
	if (!ids->slots || ARRAY_GROW(ids, items, 1) < 0) {
		ids_free(ids);
		return -ENOMEM;
	}
	ids->items[0] = (struct ambit_accept){};
	return 0;
}

void ids_free(struct ids *ids)
{
	free(ids->items);
	free(ids->slots);
	*ids = (struct ids){};
}

static uint64_t accept_hash(const struct ambit_accept *accept)
{
	uint64_t words[AMBIT_ACCEPT_WORDS], hash = 0;

	memcpy(words, accept, sizeof(words));
	for (size_t i = 0; i < AMBIT_ACCEPT_WORDS; i++)
		hash = hash_mix(hash ^ words[i]);
	return hash;
}

static int ids_rehash(struct ids *ids)
{
	size_t slot_count = ids->slot_count * 2;
	uint32_t *slots = calloc(slot_count, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (uint32_t i = 1; i < ids->count; i++) {
		size_t at = accept_hash(&ids->items[i]) & (slot_count - 1);

		while (slots[at])
			at = (at + 1) & (slot_count - 1);
		slots[at] = i;
	}
	free(ids->slots);
	ids->slots = slots;
	ids->slot_count = slot_count;
	return 0;
}

int ids_intern(struct ids *ids, const struct ambit_accept *accept, uint32_t *ret)
{
	size_t at;
	int r;

	if (!memcmp(accept, &ids->items[0], sizeof(*accept))) {
		*ret = 0;
		return 0;
	}
	if (ids->count * 2UL > ids->slot_count) {
		r = ids_rehash(ids);
		if (r < 0)
			return r;
	}
	at = accept_hash(accept) & (ids->slot_count - 1);
	for (; ids->slots[at]; at = (at + 1) & (ids->slot_count - 1)) {
		if (!memcmp(&ids->items[ids->slots[at]], accept, sizeof(*accept))) {
			*ret = ids->slots[at];
			return 0;
		}
	}
	r = ARRAY_GROW(ids, items, ids->count + 1UL);
	if (r < 0)
		return r;
	ids->items[ids->count] = *accept;
	ids->slots[at] = ids->count;
	*ret = ids->count++;
	return 0;
}

static uint32_t id_smaller(uint32_t a, uint32_t b)
{
	/* 0 is no rule: one less makes it the largest. */
	return a - 1 < b - 1 ? a : b;
}

void accept_merge(struct ambit_accept *accept, const struct ambit_accept *other)
{
	for (size_t i = 0; i < AMBIT_COLUMNS; i++) {
		accept->allow[i] = id_smaller(accept->allow[i], other->allow[i]);
		accept->deny[i] = id_smaller(accept->deny[i], other->deny[i]);
	}
}

int ids_union(struct ids *ids, uint32_t a, uint32_t b, uint32_t *ret)
{
	struct ambit_accept accept = ids->items[a];

	if (a == b || !a || !b) {
		*ret = a | b;
		return 0;
	}
	accept_merge(&accept, &ids->items[b]);
	return ids_intern(ids, &accept, ret);
}

int ids_decide(struct ids *ids, uint32_t a, uint32_t b, enum ids_order order, uint32_t *ret)
{
	struct ambit_accept accept = ids->items[a], other = ids->items[b];

	for (size_t i = 0; i < AMBIT_COLUMNS; i++) {
		if (order == IDS_FIRST && accept.allow[i])
			other.allow[i] = 0;
		if (order == IDS_FIRST && accept.deny[i])
			other.deny[i] = 0;
	}
	accept_merge(&accept, &other);
	for (size_t i = 0; i < AMBIT_COLUMNS; i++)
		if (accept.deny[i])
			accept.allow[i] = 0;
	return ids_intern(ids, &accept, ret);
}

/* True if `may` could take the place of `is`. */
static bool id_matters(uint32_t may, uint32_t is, enum ids_order order)
{
	return may && (!is || (order == IDS_SMALLEST && may < is));
}

bool ids_matters(const struct ids *ids, uint32_t reach, uint32_t decided, enum ids_order order)
{
	const struct ambit_accept *may = &ids->items[reach], *is = &ids->items[decided];

	for (size_t i = 0; i < AMBIT_COLUMNS; i++) {
		if (id_matters(may->deny[i], is->deny[i], order))
			return true;
		if (!is->deny[i] && id_matters(may->allow[i], is->allow[i], order))
			return true;
	}
	return false;
}
