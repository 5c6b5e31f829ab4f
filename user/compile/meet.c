/* SPDX-License-Identifier: Apache-2.0 */
/* The product of two automata: a state is a pair of theirs, and every pair that some input leads to is
 * made. */
#include "base/array.h"
#include "base/util.h"
#include "compile/meet.h"

#define SLOTS 1024 /* to begin with; a power of two */

/* What the input of a state is. Of a name something else may be said than of an address. */
enum meet_kind {
	MEET_PATH,
	MEET_PEER, /* nothing of it was read */
	MEET_ADDRESS,
	MEET_NAME,
};

struct meet_pair {
	uint32_t a, b;
	enum meet_kind kind;
};

struct meet {
	const struct dfa *a, *b;
	const struct ids *a_ids, *b_ids;
	struct dfa *dfa;
	struct ids *ids;
	struct meet_pair *pairs; /* of each state */
	size_t pairs_room;
	uint32_t *slots; /* open addressing, of states; 0: free */
	size_t slot_count;
};

static void meet_cleanup(struct meet *meet)
{
	free(meet->pairs);
	free(meet->slots);
}

/* What first bytes have to be, when each says something of it (AMBIT_STREAM_*). False: nothing is both. */
static bool stream_meet(enum meet_kind kind, uint32_t a, uint32_t b, uint32_t *ret)
{
	if (a == b) {
		*ret = a;
		return true;
	}
	/* Without a word an address may be told anything, and a name has to be said. */
	if (a == AMBIT_STREAM_PROXY || b == AMBIT_STREAM_PROXY) {
		*ret = AMBIT_STREAM_PROXY;
		return kind == MEET_ADDRESS || (a && b);
	}
	*ret = 0;
	return true;
}

static uint32_t deny_meet(uint32_t a, uint32_t b)
{
	/* 0 is none; rules are smaller than other reasons, and say more. */
	return a - 1 < b - 1 ? a : b;
}

static struct ambit_accept accept_meet(
	enum meet_kind kind, const struct ambit_accept *a, const struct ambit_accept *b)
{
	const unsigned columns = kind == MEET_PATH ? AMBIT_COLUMNS : AMBIT_COLUMN_STREAM;
	struct ambit_accept accept = {};

	for (unsigned i = 0; i < columns; i++) {
		accept.deny[i] = deny_meet(a->deny[i], b->deny[i]);
		if (!accept.deny[i] && a->allow[i] && b->allow[i])
			accept.allow[i] = AMBIT_RULE_SOME;
	}
	if (kind != MEET_PATH && accept.allow[0] &&
		!stream_meet(kind, a->allow[AMBIT_COLUMN_STREAM], b->allow[AMBIT_COLUMN_STREAM],
			&accept.allow[AMBIT_COLUMN_STREAM]))
		accept.allow[0] = accept.allow[AMBIT_COLUMN_STREAM] = 0;
	return accept;
}

static uint32_t *slot_of(const struct meet *meet, const struct meet_pair *pair)
{
	size_t at = hash_mix((uint64_t)pair->a << 32 | pair->b) & (meet->slot_count - 1);

	for (; meet->slots[at]; at = (at + 1) & (meet->slot_count - 1)) {
		const struct meet_pair *is = &meet->pairs[meet->slots[at]];

		if (is->a == pair->a && is->b == pair->b && is->kind == pair->kind)
			break;
	}
	return &meet->slots[at];
}

/* Half of the slots are free, so that a search ends soon. */
static int slots_grow(struct meet *meet)
{
	uint32_t *slots;

	if (meet->dfa->state_count * 2UL < meet->slot_count)
		return 0;
	slots = calloc(meet->slot_count * 2, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	free(meet->slots);
	meet->slots = slots;
	meet->slot_count *= 2;
	for (uint32_t i = 1; i < meet->dfa->state_count; i++)
		*slot_of(meet, &meet->pairs[i]) = i;
	return 0;
}

/* The state of a pair, made if it is new. */
static int state_get(struct meet *meet, struct meet_pair pair, uint32_t *ret)
{
	struct dfa *dfa = meet->dfa;
	struct ambit_accept accept;
	struct dfa_state state = {};
	uint32_t *slot;
	int r;

	*ret = 0;
	if (!pair.a && !pair.b)
		return 0;
	r = slots_grow(meet);
	if (r < 0)
		return r;
	slot = slot_of(meet, &pair);
	*ret = *slot;
	if (*slot)
		return 0;
	if (dfa->state_count >= dfa->state_limit)
		return -E2BIG;
	accept = accept_meet(pair.kind, &meet->a_ids->items[meet->a->states[pair.a].accept],
		&meet->b_ids->items[meet->b->states[pair.b].accept]);
	r = ids_intern(meet->ids, &accept, &state.accept);
	if (r >= 0)
		r = ARRAY_GROW(dfa, states, dfa->state_count + 1UL);
	if (r >= 0)
		r = ARRAY_GROW(meet, pairs, dfa->state_count + 1UL);
	if (r < 0)
		return r;
	dfa->states[dfa->state_count] = state;
	meet->pairs[dfa->state_count] = pair;
	*ret = *slot = dfa->state_count++;
	return 0;
}

static void targets_fill(const struct dfa *dfa, uint32_t state, uint32_t targets[256], bool arcs[256])
{
	const struct dfa_state *from = &dfa->states[state];

	for (unsigned byte = 0; byte < 256; byte++)
		targets[byte] = from->other;
	for (uint32_t i = 0; i < from->arc_count; i++) {
		const struct dfa_arc *arc = &dfa->arcs[from->first_arc + i];

		targets[arc->byte] = arc->target;
		arcs[arc->byte] = true;
	}
}

static enum meet_kind kind_after(enum meet_kind kind, unsigned byte)
{
	if (kind != MEET_PEER)
		return kind;
	return byte == AMBIT_PEER_NAME ? MEET_NAME : MEET_ADDRESS;
}

static int state_expand(struct meet *meet, uint32_t index)
{
	const struct meet_pair pair = meet->pairs[index];
	struct dfa *dfa = meet->dfa;
	uint32_t a[256], b[256], target, other = 0;
	/* From the root of peers all bytes are arcs: it tells names from addresses. */
	bool arcs[256] = {}, all = pair.kind == MEET_PEER;
	int r;

	targets_fill(meet->a, pair.a, a, arcs);
	targets_fill(meet->b, pair.b, b, arcs);
	r = all ? 0
		: state_get(meet,
			  (struct meet_pair){meet->a->states[pair.a].other,
				  meet->b->states[pair.b].other, pair.kind},
			  &other);
	if (r < 0)
		return r;
	dfa->states[index].other = other;
	dfa->states[index].first_arc = dfa->arc_count;
	for (unsigned byte = 0; byte < 256; byte++) {
		if (!arcs[byte] && !all)
			continue;
		r = state_get(meet, (struct meet_pair){a[byte], b[byte], kind_after(pair.kind, byte)},
			&target);
		if (r >= 0 && target != other)
			r = ARRAY_GROW(dfa, arcs, dfa->arc_count + 1UL);
		if (r < 0)
			return r;
		if (target != other)
			dfa->arcs[dfa->arc_count++] = (struct dfa_arc){target, (uint8_t)byte};
	}
	dfa->states[index].arc_count = dfa->arc_count - dfa->states[index].first_arc;
	return 0;
}

int dfa_meet(const struct dfa *a, const struct ids *a_ids, const struct dfa *b,
	const struct ids *b_ids, struct dfa *ret, struct ids *ids)
{
	_cleanup_(meet_cleanup) struct meet meet = {
		.a = a,
		.a_ids = a_ids,
		.b = b,
		.b_ids = b_ids,
		.dfa = ret,
		.ids = ids,
		.slots = calloc(SLOTS, sizeof(*meet.slots)),
		.slot_count = SLOTS,
	};
	int r = meet.slots ? 0 : -ENOMEM;

	for (unsigned op = 0; r >= 0 && op < AMBIT_COLUMNS; op++)
		r = state_get(&meet,
			(struct meet_pair){a->path_start[op], b->path_start[op], MEET_PATH},
			&ret->path_start[op]);
	if (r >= 0)
		r = state_get(&meet, (struct meet_pair){a->peer_start, b->peer_start, MEET_PEER},
			&ret->peer_start);
	for (uint32_t i = 1; r >= 0 && i < ret->state_count; i++)
		r = state_expand(&meet, i);
	return r;
}
