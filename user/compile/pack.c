/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of the automaton are sparse (a default and a few bytes that differ), so they are laid over
 * each other like combs: each goes to the first place of an open segment where all its words are
 * free. A bit map of free words makes that a handful of instructions for 64 places at a time.
 */
#include <string.h>
#include "base/array.h"
#include "base/util.h"
#include "compile/ids.h"
#include "compile/pack.h"

#define MAP_WORDS (AMBIT_SEGMENT_WORDS / 64)
#define MAP_SLACK (AMBIT_ROW_WORDS / 64 + 2) /* so that a shifted load never leaves the map */
#define BASE_MAX  (AMBIT_SEGMENT_WORDS - AMBIT_ROW_WORDS)
#define OPEN_MAX  4 /* segments that still take rows */
#define SETS_MAX  256 /* of bytes that are remembered; a power of two */

/* Where a row of these bytes was found last: words are only ever taken, so the next row of the same bytes
 * fits nowhere before. */
struct last_place {
	uint64_t set; /* a hash of the bytes; two sets with the same would only waste room */
	uint32_t word; /* of the map */
};

struct open_segment {
	uint64_t free[MAP_WORDS + MAP_SLACK]; /* a bit a word */
	uint32_t index;
	uint32_t low; /* no free bit in the words of the map before this one */
	struct last_place last[SETS_MAX];
};

struct pack {
	struct tables *tables;
	const struct dfa *dfa;
	const struct ids *ids;
	size_t segments_room;
	struct open_segment *open; /* OPEN_MAX, the oldest first */
	size_t open_count;
	uint32_t *places;  /* of each state */
	uint32_t *order;   /* states as they are laid out */
	uint32_t *numbers; /* of each set of ids, as an accept; 0: none yet */
};

static int segment_add(struct pack *pack)
{
	struct tables *tables = pack->tables;
	int r;

	if (tables->segment_count == AMBIT_SEGMENTS_MAX)
		return -E2BIG;
	r = array_grow((void **)&tables->segments, &pack->segments_room,
		tables->segment_count + 1UL, sizeof(*tables->segments));
	if (r < 0)
		return r;
	memset(&tables->segments[tables->segment_count++], 0, sizeof(*tables->segments));
	return 0;
}

/* Opens the segment `index` for rows, its first `used` words taken. */
static void segment_open(struct pack *pack, uint32_t index, uint32_t used)
{
	struct open_segment *open;

	if (pack->open_count == OPEN_MAX) {
		memmove(pack->open, pack->open + 1, (OPEN_MAX - 1) * sizeof(*pack->open));
		pack->open_count--;
	}
	open = &pack->open[pack->open_count++];
	*open = (struct open_segment){.index = index};
	memset(open->free, 0xff, MAP_WORDS * sizeof(*open->free));
	for (uint32_t i = 0; i < used; i++)
		open->free[i / 64] &= ~(1ULL << (i % 64));
}

/* 64 bits of the map from bit `at` on. */
static uint64_t free_load(const struct open_segment *open, uint32_t at)
{
	uint32_t word = at / 64, shift = at % 64;

	if (!shift)
		return open->free[word];
	return open->free[word] >> shift | open->free[word + 1] << (64 - shift);
}

/* The hash of a row's bytes, never 0. */
static uint64_t set_hash(const struct dfa_arc *arcs, uint32_t count)
{
	uint64_t hash = 0;

	for (uint32_t i = 0; i < count; i++)
		hash = hash_mix(hash ^ (arcs[i].byte + 1U));
	return hash | 1;
}

/* The first base where the row fits; -ENOSPC if there is none. */
static int row_find(struct open_segment *open, const struct dfa_arc *arcs, uint32_t count)
{
	const uint64_t set = set_hash(arcs, count);
	struct last_place *last = &open->last[set / 2 & (SETS_MAX - 1)];
	uint32_t word;

	while (open->low < MAP_WORDS && !open->free[open->low])
		open->low++;
	word = last->set == set && last->word > open->low ? last->word : open->low;
	*last = (struct last_place){.set = set, .word = MAP_WORDS};
	for (; word * 64 <= BASE_MAX; word++) {
		uint64_t fits = open->free[word];

		for (uint32_t i = 0; fits && i < count; i++)
			fits &= free_load(open, word * 64 + 1 + arcs[i].byte);
		if (fits) {
			uint32_t base = word * 64 + (uint32_t)__builtin_ctzll(fits);

			last->word = word;
			return base <= BASE_MAX ? (int)base : -ENOSPC;
		}
	}
	return -ENOSPC;
}

static void row_take(
	struct open_segment *open, uint32_t base, const struct dfa_arc *arcs, uint32_t count)
{
	open->free[base / 64] &= ~(1ULL << (base % 64));
	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = base + 1 + arcs[i].byte;

		open->free[at / 64] &= ~(1ULL << (at % 64));
	}
}

/* Finds a place for the row of a state; the newest segment first, so that states which follow each
 * other lie together. */
static int row_place(struct pack *pack, uint32_t index)
{
	const struct dfa_state *state = &pack->dfa->states[index];
	const struct dfa_arc *arcs = pack->dfa->arcs + state->first_arc;
	struct open_segment *open = NULL;
	int base = -ENOSPC, r;

	for (size_t i = pack->open_count; base < 0 && i > 0; i--) {
		open = &pack->open[i - 1];
		base = row_find(open, arcs, state->arc_count);
	}
	if (base < 0) {
		r = segment_add(pack);
		if (r < 0)
			return r;
		segment_open(pack, pack->tables->segment_count - 1, 0);
		open = &pack->open[pack->open_count - 1];
		base = row_find(open, arcs, state->arc_count);
	}
	row_take(open, (uint32_t)base, arcs, state->arc_count);
	pack->places[index] = open->index << AMBIT_SEGMENT_BITS | (uint32_t)base;
	return 0;
}

/* Numbers the accepts in the order in which states use them. */
static int accepts_number(struct pack *pack)
{
	uint32_t count = 0;

	for (uint32_t i = 1; i < pack->dfa->state_count; i++) {
		uint32_t *number = &pack->numbers[pack->dfa->states[i].accept];

		if (!pack->dfa->states[i].accept || *number)
			continue;
		if (count == AMBIT_ACCEPTS_MAX)
			return -E2BIG;
		*number = ++count;
	}
	pack->tables->accept_count = count;
	return 0;
}

/* Makes the segments that hold the head and the accepts, and opens the last of them for rows. */
static int accepts_write(struct pack *pack)
{
	uint32_t words = AMBIT_HEAD_WORDS + pack->tables->accept_count * AMBIT_ACCEPT_WORDS;
	int r;

	do {
		r = segment_add(pack);
		if (r < 0)
			return r;
	} while (pack->tables->segment_count * (uint64_t)AMBIT_SEGMENT_WORDS < words);
	segment_open(pack, pack->tables->segment_count - 1,
		words - (pack->tables->segment_count - 1) * AMBIT_SEGMENT_WORDS);
	for (uint32_t i = 1; i < pack->ids->count; i++) {
		uint32_t at = AMBIT_HEAD_WORDS + (pack->numbers[i] - 1) * AMBIT_ACCEPT_WORDS;

		if (pack->numbers[i])
			memcpy(&pack->tables->segments[at / AMBIT_SEGMENT_WORDS]
					.words[at % AMBIT_SEGMENT_WORDS],
				&pack->ids->items[i], sizeof(pack->ids->items[i]));
	}
	return 0;
}

/* States depth first, so that the states of one path lie in few segments. */
static uint32_t order_fill(struct pack *pack, uint32_t *stack, uint32_t start, uint32_t count)
{
	const struct dfa *dfa = pack->dfa;
	uint32_t height = 0;

	/* A place of 1 marks a state that waits already; places are filled in later. */
	if (start && !pack->places[start]) {
		pack->places[start] = 1;
		stack[height++] = start;
	}
	while (height) {
		const struct dfa_state *state = &dfa->states[stack[--height]];
		uint32_t next = state->other;

		pack->order[count++] = (uint32_t)(state - dfa->states);
		for (uint32_t i = 0; i <= state->arc_count; i++) {
			if (next && !pack->places[next]) {
				pack->places[next] = 1;
				stack[height++] = next;
			}
			if (i < state->arc_count)
				next = dfa->arcs[state->first_arc + i].target;
		}
	}
	return count;
}

static int rows_place(struct pack *pack)
{
	const struct dfa *dfa = pack->dfa;
	_cleanup_free_ uint32_t *stack = calloc(dfa->state_count, sizeof(*stack));
	uint32_t count = 0;
	int r;

	if (!stack)
		return -ENOMEM;
	for (size_t i = 0; i < AMBIT_COLUMNS; i++)
		count = order_fill(pack, stack, dfa->path_start[i], count);
	count = order_fill(pack, stack, dfa->peer_start, count);
	pack->tables->state_count = count;
	for (uint32_t i = 0; i < count; i++) {
		r = row_place(pack, pack->order[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

static void row_write(struct pack *pack, uint32_t index)
{
	const struct dfa_state *state = &pack->dfa->states[index];
	const struct dfa_arc *arcs = pack->dfa->arcs + state->first_arc;
	uint32_t place = pack->places[index], base = place & (AMBIT_SEGMENT_WORDS - 1);
	__u64 *row = pack->tables->segments[place >> AMBIT_SEGMENT_BITS].words + base;
	uint64_t check = (uint64_t)(base + 1) << 32;

	row[0] = (uint64_t)pack->numbers[state->accept] << 48 | check | pack->places[state->other];
	for (uint32_t i = 0; i < state->arc_count; i++)
		row[1 + arcs[i].byte] = check | pack->places[arcs[i].target];
}

static bool accept_denies(const struct ambit_accept *accept)
{
	for (size_t i = 0; i < AMBIT_COLUMNS; i++)
		if (accept->deny[i] && accept->deny[i] != AMBIT_RULE_RESERVED)
			return true;
	return false;
}

static bool state_may_deny(const struct pack *pack, const uint8_t *may, uint32_t index)
{
	const struct dfa_state *state = &pack->dfa->states[index];
	bool denies = may[state->other] || accept_denies(&pack->ids->items[state->accept]);

	for (uint32_t i = 0; !denies && i < state->arc_count; i++)
		denies = may[pack->dfa->arcs[state->first_arc + i].target];
	return denies;
}

/* Which states lead to a denial: begins with those that deny, and goes back until nothing is new. A
 * state is mostly made after the one that leads to it, so a few rounds from the end do. */
static int may_deny_fill(struct pack *pack)
{
	const struct dfa *dfa = pack->dfa;
	struct tables *tables = pack->tables;
	_cleanup_free_ uint8_t *may = calloc(dfa->state_count, 1);
	bool changed = true;

	tables->may_deny = calloc(
		tables->segment_count * (AMBIT_SEGMENT_WORDS / 64UL), sizeof(*tables->may_deny));
	if (!may || !tables->may_deny)
		return -ENOMEM;
	while (changed) {
		changed = false;
		for (uint32_t i = dfa->state_count - 1; i > 0; i--) {
			if (may[i] || !state_may_deny(pack, may, i))
				continue;
			may[i] = 1;
			changed = true;
		}
	}
	for (uint32_t i = 1; i < dfa->state_count; i++)
		if (may[i] && pack->places[i])
			tables->may_deny[pack->places[i] / 64] |= 1ULL << (pack->places[i] % 64);
	return 0;
}

static int pack_all(struct pack *pack)
{
	const struct dfa *dfa = pack->dfa;
	struct ambit_head head = {.abi = AMBIT_ABI};
	int r;

	r = accepts_number(pack);
	if (r < 0)
		return r;
	r = accepts_write(pack);
	if (r < 0)
		return r;
	r = rows_place(pack);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < pack->tables->state_count; i++)
		row_write(pack, pack->order[i]);
	head.segments = pack->tables->segment_count;
	head.accepts = pack->tables->accept_count;
	for (size_t i = 0; i < AMBIT_COLUMNS; i++)
		head.path_start[i] = pack->places[dfa->path_start[i]];
	head.peer_start = pack->places[dfa->peer_start];
	memcpy(pack->tables->segments[0].words, &head, sizeof(head));
	return may_deny_fill(pack);
}

int tables_pack(struct tables *tables, const struct dfa *dfa, const struct ids *ids)
{
	_cleanup_free_ uint32_t *places = calloc(dfa->state_count, sizeof(*places));
	_cleanup_free_ uint32_t *order = calloc(dfa->state_count, sizeof(*order));
	_cleanup_free_ uint32_t *numbers = calloc(ids->count, sizeof(*numbers));
	_cleanup_free_ struct open_segment *open = calloc(OPEN_MAX, sizeof(*open));
	struct pack pack = {
		.tables = tables,
		.dfa = dfa,
		.ids = ids,
		.open = open,
		.places = places,
		.order = order,
		.numbers = numbers,
	};

	if (!places || !order || !numbers || !open)
		return -ENOMEM;
	return pack_all(&pack);
}
