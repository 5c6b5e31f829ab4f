/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Partition refinement. States that accept the same begin in one block. A block is split where its
 * states do not lead to the same blocks, byte for byte (that is a state's signature), and then the
 * states that lead into the parts are looked at again: they are "dirty". The largest part keeps the
 * number of the block, so that a state changes its number a logarithmic number of times (Hopcroft).
 * Signatures are compared, not only their hashes: two states that differ are never one.
 */
#include <string.h>
#include "base/array.h"
#include "base/util.h"
#include "compile/refine.h"

#define NO_DEFAULT 0xffffffffU

struct block {
	uint32_t first, count; /* in `members` */
	uint32_t dirty;	       /* the first so many of them */
};

/* States of a block that have the same signature. */
struct group {
	size_t signature, size; /* in `words` */
	uint64_t hash;
	uint32_t count, first;
};

struct slot {
	uint32_t stamp, group;
};

struct refine {
	const struct dfa *dfa;
	uint32_t *block_of;  /* of each state */
	uint32_t *members;   /* states, those of a block side by side */
	uint32_t *positions; /* of each state in `members` */
	uint32_t *sources, *source_first; /* the states that lead to each state */
	uint32_t *group_of;  /* scratch: of the members of a block, in their order */
	uint32_t *sorted;    /* scratch */
	uint32_t *waiting;   /* blocks with dirty states, a ring: the oldest first, which takes */
	uint32_t waiting_first, waiting_count; /* a quarter less work than the newest first */
	struct block *blocks;
	uint32_t block_count;
	struct group *groups;
	size_t groups_room;
	uint32_t group_count;
	uint64_t *words; /* the signatures of `groups` */
	size_t words_room, word_count;
	struct slot *slots; /* open addressing, of groups; valid if it has the current stamp */
	uint32_t slot_mask, stamp;
};

static void refine_cleanup(struct refine *refine)
{
	free(refine->block_of);
	free(refine->members);
	free(refine->positions);
	free(refine->sources);
	free(refine->source_first);
	free(refine->group_of);
	free(refine->sorted);
	free(refine->waiting);
	free(refine->blocks);
	free(refine->groups);
	free(refine->words);
	free(refine->slots);
}

static int refine_init(struct refine *refine, const struct dfa *dfa)
{
	size_t count = dfa->state_count, slot_count = 64;

	while (slot_count < count * 2)
		slot_count *= 2;
	refine->dfa = dfa;
	refine->slot_mask = (uint32_t)slot_count - 1;
	refine->block_of = calloc(count, sizeof(uint32_t));
	refine->members = calloc(count, sizeof(uint32_t));
	refine->positions = calloc(count, sizeof(uint32_t));
	refine->sources = calloc(count + dfa->arc_count, sizeof(uint32_t));
	refine->source_first = calloc(count + 2, sizeof(uint32_t));
	refine->group_of = calloc(count, sizeof(uint32_t));
	refine->sorted = calloc(count, sizeof(uint32_t));
	refine->waiting = calloc(count, sizeof(uint32_t));
	refine->blocks = calloc(count, sizeof(struct block));
	refine->slots = calloc(slot_count, sizeof(struct slot));
	if (!refine->block_of || !refine->members || !refine->positions || !refine->sources ||
		!refine->source_first || !refine->group_of || !refine->sorted || !refine->waiting ||
		!refine->blocks || !refine->slots)
		return -ENOMEM;
	return 0;
}

/* --- which states lead to a state --- */

static void sources_fill(struct refine *refine)
{
	const struct dfa *dfa = refine->dfa;
	uint32_t *next = refine->source_first + 1; /* counts, then where to write */

	for (uint32_t i = 0; i < dfa->state_count; i++)
		next[dfa->states[i].other + 1]++;
	for (uint32_t i = 0; i < dfa->arc_count; i++)
		next[dfa->arcs[i].target + 1]++;
	for (uint32_t i = 1; i <= dfa->state_count; i++)
		next[i] += next[i - 1];
	for (uint32_t i = 0; i < dfa->state_count; i++) {
		const struct dfa_state *state = &dfa->states[i];

		refine->sources[next[state->other]++] = i;
		for (uint32_t a = 0; a < state->arc_count; a++)
			refine->sources[next[dfa->arcs[state->first_arc + a].target]++] = i;
	}
}

static void waiting_add(struct refine *refine, uint32_t index)
{
	uint32_t at = refine->waiting_first + refine->waiting_count++;

	refine->waiting[at < refine->dfa->state_count ? at : at - refine->dfa->state_count] = index;
}

static uint32_t waiting_take(struct refine *refine)
{
	uint32_t index = refine->waiting[refine->waiting_first];

	refine->waiting_count--;
	if (++refine->waiting_first == refine->dfa->state_count)
		refine->waiting_first = 0;
	return index;
}

static void dirty_mark(struct refine *refine, uint32_t state)
{
	uint32_t index = refine->block_of[state], from = refine->positions[state];
	struct block *block = &refine->blocks[index];
	uint32_t to = block->first + block->dirty, other = refine->members[to];

	if (from < to)
		return;
	refine->members[to] = state;
	refine->members[from] = other;
	refine->positions[state] = to;
	refine->positions[other] = from;
	if (!block->dirty++)
		waiting_add(refine, index);
}

static void sources_mark(struct refine *refine, uint32_t state)
{
	for (uint32_t i = refine->source_first[state]; i < refine->source_first[state + 1]; i++)
		dirty_mark(refine, refine->sources[i]);
}

/* --- signatures --- */

/* The block that more than half of all bytes lead to: the same for two states that lead to the same,
 * whatever is spelt out in their arcs. */
static uint32_t default_find(const uint32_t blocks[256])
{
	uint32_t candidate = 0, lead = 0, count = 0;

	for (size_t i = 0; i < 256; i++) {
		if (!lead)
			candidate = blocks[i];
		lead += blocks[i] == candidate ? 1 : (uint32_t)-1;
	}
	for (size_t i = 0; i < 256; i++)
		count += blocks[i] == candidate;
	return count > 128 ? candidate : NO_DEFAULT;
}

/* Of a state with so many arcs that its default may not be that block. */
static size_t signature_wide(
	const struct refine *refine, const struct dfa_state *state, uint64_t *ret)
{
	uint32_t blocks[256], usual;
	size_t size = 1;

	for (size_t i = 0; i < 256; i++)
		blocks[i] = refine->block_of[state->other];
	for (uint32_t i = 0; i < state->arc_count; i++) {
		const struct dfa_arc *arc = &refine->dfa->arcs[state->first_arc + i];

		blocks[arc->byte] = refine->block_of[arc->target];
	}
	ret[0] = usual = default_find(blocks);
	for (size_t i = 0; i < 256; i++)
		if (blocks[i] != usual)
			ret[size++] = (uint64_t)i << 32 | blocks[i];
	return size;
}

/* Writes where the bytes of a state lead, and returns how many words that takes (257 at most). */
static size_t signature_write(const struct refine *refine, uint32_t index, uint64_t *ret)
{
	const struct dfa_state *state = &refine->dfa->states[index];
	const struct dfa_arc *arcs = refine->dfa->arcs + state->first_arc;
	uint32_t usual = refine->block_of[state->other];
	size_t size = 1;

	if (state->arc_count > 127)
		return signature_wide(refine, state, ret);
	ret[0] = usual;
	for (uint32_t i = 0; i < state->arc_count; i++) {
		uint32_t block = refine->block_of[arcs[i].target];

		if (block != usual)
			ret[size++] = (uint64_t)arcs[i].byte << 32 | block;
	}
	return size;
}

/* The group of a state by its signature; a new one, if none has it. */
static int group_get(struct refine *refine, uint32_t state, uint32_t *ret)
{
	size_t size, at;
	uint64_t hash = 0;
	int r = ARRAY_GROW(refine, words, refine->word_count + 257);

	if (r >= 0)
		r = ARRAY_GROW(refine, groups, refine->group_count + 1UL);
	if (r < 0)
		return r;
	size = signature_write(refine, state, refine->words + refine->word_count);
	for (size_t i = 0; i < size; i++)
		hash = hash_mix(hash ^ refine->words[refine->word_count + i]);
	at = hash & refine->slot_mask;
	for (; refine->slots[at].stamp == refine->stamp; at = (at + 1) & refine->slot_mask) {
		struct group *group = &refine->groups[refine->slots[at].group];

		if (group->hash == hash && group->size == size &&
			!memcmp(refine->words + group->signature,
				refine->words + refine->word_count, size * sizeof(uint64_t))) {
			*ret = refine->slots[at].group;
			return 0;
		}
	}
	refine->slots[at] = (struct slot){refine->stamp, refine->group_count};
	refine->groups[refine->group_count] =
		(struct group){.signature = refine->word_count, .size = size, .hash = hash};
	refine->word_count += size;
	*ret = refine->group_count++;
	return 0;
}

/* --- splitting --- */

/* Puts the dirty members of a block into groups. The clean ones have a signature in common: they are
 * group 0, if there are any. */
static int groups_fill(struct refine *refine, const struct block *block, uint32_t dirty)
{
	const uint32_t *members = refine->members + block->first;
	uint32_t group;
	int r = 0;

	refine->stamp++;
	refine->group_count = 0;
	refine->word_count = 0;
	if (dirty < block->count) {
		r = group_get(refine, members[dirty], &group);
		if (r >= 0)
			refine->groups[0].count = block->count - dirty;
	}
	for (uint32_t i = 0; r >= 0 && i < dirty; i++) {
		r = group_get(refine, members[i], &group);
		if (r < 0)
			return r;
		refine->group_of[i] = group;
		refine->groups[group].count++;
	}
	return r;
}

/* Sorts the members of a block by their groups; the clean ones, at the end, stay where they are. */
static void members_sort(struct refine *refine, const struct block *block, uint32_t dirty)
{
	uint32_t *members = refine->members + block->first, clean = block->count - dirty;
	uint32_t first_count = refine->groups[0].count, at = 0;

	/* Group 0 last, so that its clean members lie beside the dirty ones. */
	refine->groups[0].count -= clean;
	for (uint32_t g = refine->group_count; g > 0; g--) {
		struct group *group = &refine->groups[g - 1];

		group->first = at;
		at += group->count;
	}
	for (uint32_t i = 0; i < dirty; i++)
		refine->sorted[refine->groups[refine->group_of[i]].first++] = members[i];
	for (uint32_t i = 0; i < dirty; i++) {
		members[i] = refine->sorted[i];
		refine->positions[members[i]] = block->first + i;
	}
	for (uint32_t g = 0; g < refine->group_count; g++)
		refine->groups[g].first -= refine->groups[g].count;
	refine->groups[0].count = first_count;
}

static uint32_t group_largest(const struct refine *refine)
{
	uint32_t largest = 0;

	for (uint32_t g = 1; g < refine->group_count; g++)
		if (refine->groups[g].count > refine->groups[largest].count)
			largest = g;
	return largest;
}

/* Makes a block of each group but the largest, which keeps the number of the old one. */
static void groups_part(struct refine *refine, uint32_t index, uint32_t first)
{
	uint32_t largest = group_largest(refine), moved = 0;

	for (uint32_t g = 0; g < refine->group_count; g++) {
		const struct group *group = &refine->groups[g];
		uint32_t number = g == largest ? index : refine->block_count++;

		refine->blocks[number] = (struct block){first + group->first, group->count, 0};
		if (g == largest)
			continue;
		for (uint32_t i = 0; i < group->count; i++) {
			uint32_t state = refine->members[first + group->first + i];

			refine->block_of[state] = number;
			refine->sorted[moved++] = state;
		}
	}
	/* All have to have their numbers before the first source is marked, and marking changes the
	 * order of members. */
	for (uint32_t i = 0; i < moved; i++)
		sources_mark(refine, refine->sorted[i]);
}

static int block_split(struct refine *refine, uint32_t index)
{
	struct block *block = &refine->blocks[index];
	uint32_t dirty = block->dirty;
	int r;

	block->dirty = 0;
	if (block->count == 1)
		return 0;
	r = groups_fill(refine, block, dirty);
	if (r < 0 || refine->group_count == 1)
		return r;
	members_sort(refine, block, dirty);
	groups_part(refine, index, block->first);
	return 0;
}

/* One block for all states that accept the same, all of them dirty. */
static int blocks_begin(struct refine *refine)
{
	const struct dfa *dfa = refine->dfa;
	uint32_t most = 0, at = 0;
	_cleanup_free_ uint32_t *counts = NULL;

	for (uint32_t i = 0; i < dfa->state_count; i++)
		most = dfa->states[i].accept > most ? dfa->states[i].accept : most;
	counts = calloc(most + 1UL, sizeof(*counts));
	if (!counts)
		return -ENOMEM;
	for (uint32_t i = 0; i < dfa->state_count; i++)
		counts[dfa->states[i].accept]++;
	for (uint32_t accept = 0; accept <= most; accept++) {
		uint32_t count = counts[accept];

		/* From now on the number of its block. */
		counts[accept] = refine->block_count;
		if (!count)
			continue;
		waiting_add(refine, refine->block_count);
		refine->blocks[refine->block_count++] = (struct block){at, 0, count};
		at += count;
	}
	for (uint32_t i = 0; i < dfa->state_count; i++) {
		uint32_t index = counts[dfa->states[i].accept];
		struct block *block = &refine->blocks[index];

		refine->block_of[i] = index;
		refine->positions[i] = block->first + block->count++;
		refine->members[refine->positions[i]] = i;
	}
	return 0;
}

int dfa_refine(const struct dfa *dfa, uint32_t **ret)
{
	_cleanup_(refine_cleanup) struct refine refine = {};
	int r = refine_init(&refine, dfa);

	if (r < 0)
		return r;
	sources_fill(&refine);
	r = blocks_begin(&refine);
	while (r >= 0 && refine.waiting_count)
		r = block_split(&refine, waiting_take(&refine));
	if (r >= 0)
		*ret = TAKE_PTR(refine.block_of);
	return r;
}
