/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "base/array.h"
#include "base/util.h"
#include "compile/sets.h"

#define SETS_SLOTS 256	      /* to begin with; a power of two */
#define SETS_NODES (1U << 26) /* members of all sets together: 256 MiB */

static const struct byte_set set_all = {{~0ULL, ~0ULL, ~0ULL, ~0ULL}};
static const struct byte_set set_name = {{~(1ULL << '/'), ~0ULL, ~0ULL, ~0ULL}};

int sets_init(struct sets *sets, const struct nfa *nfa)
{
	*sets = (struct sets){.nfa = nfa, .count = 1, .slot_count = SETS_SLOTS};
	sets->slots = calloc(sets->slot_count, sizeof(*sets->slots));
	sets->stamps = calloc(nfa->node_count, sizeof(*sets->stamps));
	if (!sets->slots || !sets->stamps || ARRAY_GROW(sets, items, 1) < 0) {
		sets_free(sets);
		return -ENOMEM;
	}
	sets->items[0] = (struct node_set){};
	return 0;
}

void sets_free(struct sets *sets)
{
	free(sets->items);
	free(sets->nodes);
	free(sets->steps);
	free(sets->slots);
	free(sets->work);
	free(sets->stamps);
	free(sets->chains);
	free(sets->wides);
	*sets = (struct sets){};
}

static uint32_t nodes_hash(const uint32_t *nodes, size_t count)
{
	uint64_t hash = count;

	for (size_t i = 0; i < count; i++)
		hash = (hash ^ nodes[i]) * 0x9e3779b97f4a7c15ULL;
	return (uint32_t)hash_mix(hash);
}

static int sets_rehash(struct sets *sets)
{
	size_t slot_count = sets->slot_count * 2;
	struct set_slot *slots = calloc(slot_count, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < sets->slot_count; i++) {
		size_t at = sets->slots[i].hash & (slot_count - 1);

		while (sets->slots[i].set && slots[at].set)
			at = (at + 1) & (slot_count - 1);
		if (sets->slots[i].set)
			slots[at] = sets->slots[i];
	}
	free(sets->slots);
	sets->slots = slots;
	sets->slot_count = slot_count;
	return 0;
}

static int set_new(struct sets *sets, uint32_t *ret)
{
	const struct nfa *nfa = sets->nfa;
	struct node_set set = {.first = sets->node_count, .count = sets->work_count};
	int r;

	if (sets->work_count > SETS_NODES - sets->node_count)
		return -E2BIG;
	r = ARRAY_GROW(sets, nodes, sets->node_count + (size_t)sets->work_count);
	if (r < 0)
		return r;
	r = ARRAY_GROW(sets, items, sets->count + 1UL);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < sets->work_count; i++) {
		const struct nfa_node *node = &nfa->nodes[sets->work[i]];

		r = ids_union(nfa->ids, set.accept, node->accept, &set.accept);
		if (r >= 0 && node->at_once)
			r = ids_union(nfa->ids, set.at_once, node->accept, &set.at_once);
		if (r < 0)
			return r;
	}
	memcpy(sets->nodes + set.first, sets->work, set.count * sizeof(*sets->work));
	sets->node_count += set.count;
	sets->items[sets->count] = set;
	*ret = sets->count++;
	return 0;
}

/* The set that holds what is in `work`. */
static int sets_intern(struct sets *sets, uint32_t *ret)
{
	size_t size = sets->work_count * sizeof(*sets->work), at;
	uint32_t hash;
	int r;

	if (!sets->work_count) {
		*ret = 0;
		return 0;
	}
	if (sets->count * 2UL > sets->slot_count) {
		r = sets_rehash(sets);
		if (r < 0)
			return r;
	}
	hash = nodes_hash(sets->work, sets->work_count);
	at = hash & (sets->slot_count - 1);
	for (; sets->slots[at].set; at = (at + 1) & (sets->slot_count - 1)) {
		const struct node_set *set = &sets->items[sets->slots[at].set];

		if (sets->slots[at].hash == hash && set->count == sets->work_count &&
			!memcmp(sets->nodes + set->first, sets->work, size)) {
			*ret = sets->slots[at].set;
			return 0;
		}
	}
	r = set_new(sets, ret);
	if (r < 0)
		return r;
	sets->slots[at] = (struct set_slot){hash, *ret};
	return 0;
}

static void work_begin(struct sets *sets)
{
	sets->work_count = 0;
	if (++sets->stamp == 0) {
		memset(sets->stamps, 0, sets->nfa->node_count * sizeof(*sets->stamps));
		sets->stamp = 1;
	}
}

/* Adds a node and all that is entered from it without a byte. */
static int work_add(struct sets *sets, uint32_t index)
{
	const struct nfa_node *node = &sets->nfa->nodes[index];
	int r;

	/* A star has no star and a double star no double star behind it: three rounds at most. */
	for (; index && sets->stamps[index] != sets->stamp; index = node->star) {
		node = &sets->nfa->nodes[index];
		sets->stamps[index] = sets->stamp;
		if (node->first_edge || node->loop || node->accept) {
			r = ARRAY_GROW(sets, work, sets->work_count + 1UL);
			if (r < 0)
				return r;
			sets->work[sets->work_count++] = index;
		}
		if (node->depth) {
			r = work_add(sets, node->depth);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int node_compare(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return (left > right) - (left < right);
}

/* True if `node` is one of those that make `at_once` what it is. */
static bool node_decides(const struct ids *ids, const struct nfa_node *node, uint32_t at_once)
{
	const struct ambit_accept *own = &ids->items[node->accept], *all = &ids->items[at_once];

	for (size_t i = 0; i < AMBIT_COLUMNS; i++)
		if ((own->allow[i] && own->allow[i] == all->allow[i]) ||
			(own->deny[i] && own->deny[i] == all->deny[i]))
			return true;
	return false;
}

/*
 * A star at the end of a pattern matches the rest of the name and all beneath: nodes of which only
 * larger ids can come need not be kept beside it. Without this, patterns such as *a*, *b*, *c*
 * would have a state for every combination of those that were seen.
 */
static int work_reduce(struct sets *sets)
{
	const struct nfa *nfa = sets->nfa;
	uint32_t at_once = 0, kept = 0;
	int r;

	for (uint32_t i = 0; !nfa->is_peer && i < sets->work_count; i++) {
		const struct nfa_node *node = &nfa->nodes[sets->work[i]];

		if (!node->at_once)
			continue;
		r = ids_union(nfa->ids, at_once, node->accept, &at_once);
		if (r < 0)
			return r;
	}
	if (!at_once)
		return 0;
	for (uint32_t i = 0; i < sets->work_count; i++) {
		const struct nfa_node *node = &nfa->nodes[sets->work[i]];

		if (ids_matters(nfa->ids, node->reach, at_once, IDS_SMALLEST) ||
			(node->at_once && node_decides(nfa->ids, node, at_once)))
			sets->work[kept++] = sets->work[i];
	}
	sets->work_count = kept;
	return 0;
}

static int work_end(struct sets *sets, uint32_t *ret)
{
	uint32_t *work = sets->work;
	int r;

	r = work_reduce(sets);
	if (r < 0)
		return r;
	if (sets->work_count > 32) {
		qsort(work, sets->work_count, sizeof(*work), node_compare);
		return sets_intern(sets, ret);
	}
	for (uint32_t i = 1; i < sets->work_count; i++) {
		uint32_t value = work[i], at = i;

		for (; at && work[at - 1] > value; at--)
			work[at] = work[at - 1];
		work[at] = value;
	}
	return sets_intern(sets, ret);
}

int sets_start(struct sets *sets, uint32_t *ret)
{
	int r;

	work_begin(sets);
	r = work_add(sets, NFA_ROOT);
	if (r < 0)
		return r;
	return work_end(sets, ret);
}

/* What sets_step() gathers: single bytes in `heads`, classes in `wides`, the bytes for which the
 * two have to be put together in `bytes`. */
struct gather {
	struct sets *sets;
	struct byte_set bytes;
	size_t chain_count, wide_count;
};

static int gather_byte(struct gather *gather, uint8_t byte, uint32_t target)
{
	struct sets *sets = gather->sets;
	int r = ARRAY_GROW(sets, chains, gather->chain_count + 1);

	if (r < 0)
		return r;
	sets->chains[gather->chain_count] = (struct chain){sets->heads[byte], target};
	sets->heads[byte] = (uint32_t)gather->chain_count++;
	byte_set_add(&gather->bytes, byte);
	return 0;
}

static int gather_wide(struct gather *gather, const struct byte_set *bytes, uint32_t target)
{
	struct sets *sets = gather->sets;
	int r = ARRAY_GROW(sets, wides, gather->wide_count + 1);

	if (r < 0)
		return r;
	sets->wides[gather->wide_count++] = (struct wide){target, bytes};
	for (size_t i = 0; i < ARRAY_SIZE(bytes->bits); i++)
		gather->bytes.bits[i] |= ~bytes->bits[i];
	return 0;
}

static int gather_edge(struct gather *gather, const struct nfa_edge *edge)
{
	const struct nfa_set *set = &gather->sets->nfa->sets[edge->set];
	int r;

	if (!edge->set)
		return gather_byte(gather, edge->byte, edge->target);
	if (set->count > 128)
		return gather_wide(gather, &set->bytes, edge->target);
	for (unsigned byte = 0; byte < 256; byte++) {
		if (!byte_set_has(&set->bytes, (uint8_t)byte))
			continue;
		r = gather_byte(gather, (uint8_t)byte, edge->target);
		if (r < 0)
			return r;
	}
	return 0;
}

static int gather_set(struct gather *gather, const struct node_set *set)
{
	const struct nfa *nfa = gather->sets->nfa;
	int r;

	for (uint32_t i = 0; i < set->count; i++) {
		uint32_t index = gather->sets->nodes[set->first + i];
		const struct nfa_node *node = &nfa->nodes[index];

		if (node->loop) {
			r = gather_wide(
				gather, node->loop == LOOP_ALL ? &set_all : &set_name, index);
			if (r < 0)
				return r;
		}
		for (uint32_t e = node->first_edge; e; e = nfa->edges[e].next) {
			r = gather_edge(gather, &nfa->edges[e]);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* The set after `byte`; without a byte (-1) the one after every byte that was not gathered. */
static int gather_target(struct gather *gather, int byte, uint32_t *ret)
{
	struct sets *sets = gather->sets;
	int r;

	work_begin(sets);
	for (uint32_t at = byte < 0 ? 0 : sets->heads[byte]; at; at = sets->chains[at].next) {
		r = work_add(sets, sets->chains[at].target);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < gather->wide_count; i++) {
		if (byte >= 0 && !byte_set_has(sets->wides[i].bytes, (uint8_t)byte))
			continue;
		r = work_add(sets, sets->wides[i].target);
		if (r < 0)
			return r;
	}
	return work_end(sets, ret);
}

/* The first byte of the set from `from` on; -1 without one. */
static int byte_set_next(const struct byte_set *set, int from)
{
	for (int word = from / 64; word < 4; word++, from = 64 * word) {
		uint64_t rest = set->bits[word] >> from % 64;

		if (rest)
			return from + __builtin_ctzll(rest);
	}
	return -1;
}

static int gather_steps(struct gather *gather, uint32_t set)
{
	struct sets *sets = gather->sets;
	uint32_t first = sets->step_count, other = 0, target = 0;
	int r;

	r = gather_target(gather, -1, &other);
	if (r < 0)
		return r;
	for (int byte = byte_set_next(&gather->bytes, 0); byte >= 0;
		byte = byte_set_next(&gather->bytes, byte + 1)) {
		r = gather_target(gather, byte, &target);
		sets->heads[byte] = 0;
		if (r < 0)
			return r;
		/* At '/' what matched so far is decided too, so it never goes without saying. */
		if (target == other && (byte != '/' || sets->nfa->is_peer))
			continue;
		r = ARRAY_GROW(sets, steps, sets->step_count + 1UL);
		if (r < 0)
			return r;
		sets->steps[sets->step_count++] = (struct step){target, (uint8_t)byte};
	}
	sets->items[set].first_step = first;
	sets->items[set].step_count = sets->step_count - first;
	sets->items[set].other = other;
	sets->items[set].stepped = true;
	return 0;
}

int sets_step(struct sets *sets, uint32_t set)
{
	struct gather gather = {.sets = sets, .chain_count = 1};
	int r;

	if (sets->items[set].stepped)
		return 0;
	if (!sets->nfa->is_peer)
		byte_set_add(&gather.bytes, '/');
	r = gather_set(&gather, &sets->items[set]);
	if (r < 0)
		return r;
	return gather_steps(&gather, set);
}

int sets_prune(struct sets *sets, uint32_t set, uint32_t decided, uint32_t *ret)
{
	const struct node_set *from = &sets->items[set];
	const struct nfa *nfa = sets->nfa;
	int r;

	sets->work_count = 0;
	for (uint32_t i = 0; i < from->count; i++) {
		uint32_t node = sets->nodes[from->first + i];

		if (!ids_matters(nfa->ids, nfa->nodes[node].reach, decided,
			    nfa->is_peer ? IDS_SMALLEST : IDS_FIRST))
			continue;
		r = ARRAY_GROW(sets, work, sets->work_count + 1UL);
		if (r < 0)
			return r;
		sets->work[sets->work_count++] = node;
	}
	if (sets->work_count == from->count) {
		*ret = set;
		return 0;
	}
	return sets_intern(sets, ret);
}
