/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Subset construction. A state is a set of nodes and the ids that were decided on the way: once a
 * pattern matched a directory, it covers all beneath, so its node is gone from the set and only its
 * id is kept. Nodes of patterns that cannot change what is decided are dropped: below a denied
 * directory nothing is tracked.
 */
#include <string.h>
#include "base/array.h"
#include "base/util.h"
#include "compile/dfa.h"
#include "compile/sets.h"

#define STATES_SLOTS 256 /* to begin with; a power of two */

struct slot {
	uint64_t key; /* set << 32 | decided; 0: free */
	uint32_t state;
};

struct subset {
	struct dfa *dfa;
	const struct nfa *nfa;
	enum ids_order order;
	struct sets sets;
	struct slot *slots; /* also holds sets before they are pruned: a short cut */
	size_t slot_count, slots_used;
};

int dfa_init(struct dfa *dfa, uint32_t state_limit)
{
	*dfa = (struct dfa){.state_count = 1, .state_limit = state_limit};
	if (ARRAY_GROW(dfa, states, 1) < 0 || ARRAY_GROW(dfa, arcs, 1) < 0)
		return -ENOMEM;
	dfa->states[0] = (struct dfa_state){};
	return 0;
}

void dfa_free(struct dfa *dfa)
{
	free(dfa->states);
	free(dfa->arcs);
	*dfa = (struct dfa){};
}

static struct slot *slot_find(struct slot *slots, size_t slot_count, uint64_t key)
{
	size_t at = hash_mix(key) & (slot_count - 1);

	while (slots[at].key && slots[at].key != key)
		at = (at + 1) & (slot_count - 1);
	return &slots[at];
}

static int slots_put(struct subset *subset, uint64_t key, uint32_t state)
{
	if (subset->slots_used * 2 >= subset->slot_count) {
		size_t slot_count = subset->slot_count * 2;
		struct slot *slots = calloc(slot_count, sizeof(*slots));

		if (!slots)
			return -ENOMEM;
		for (size_t i = 0; i < subset->slot_count; i++)
			if (subset->slots[i].key)
				*slot_find(slots, slot_count, subset->slots[i].key) =
					subset->slots[i];
		free(subset->slots);
		subset->slots = slots;
		subset->slot_count = slot_count;
	}
	*slot_find(subset->slots, subset->slot_count, key) = (struct slot){key, state};
	subset->slots_used++;
	return 0;
}

static int state_new(struct subset *subset, uint32_t set, uint32_t decided, uint32_t *ret)
{
	struct dfa *dfa = subset->dfa;
	struct dfa_state state = {.set = set, .decided = decided};
	int r;

	if (dfa->state_count >= dfa->state_limit)
		return -E2BIG;
	r = ARRAY_GROW(dfa, states, dfa->state_count + 1UL);
	if (r < 0)
		return r;
	r = ids_decide(subset->nfa->ids, decided, subset->sets.items[set].accept, subset->order,
		&state.accept);
	if (r < 0)
		return r;
	dfa->states[dfa->state_count] = state;
	*ret = dfa->state_count++;
	return 0;
}

/*
 * A set keeps the first of its states beside itself, and mostly that is the only one; the others are in
 * the table. True if there is a state for the set and `decided`.
 */
static bool state_known(
	const struct subset *subset, uint32_t set, uint32_t decided, uint32_t *ret)
{
	const struct node_set *item = &subset->sets.items[set];
	const struct slot *slot;

	if (!set && !decided) {
		*ret = 0;
		return true;
	}
	if (!item->state)
		return false;
	if (item->decided == decided) {
		*ret = item->state;
		return true;
	}
	slot = slot_find(subset->slots, subset->slot_count, (uint64_t)set << 32 | decided);
	*ret = slot->state;
	return slot->key;
}

static int state_keep(struct subset *subset, uint32_t set, uint32_t decided, uint32_t state)
{
	struct node_set *item = &subset->sets.items[set];

	if (item->state)
		return slots_put(subset, (uint64_t)set << 32 | decided, state);
	item->decided = decided;
	item->state = state;
	return 0;
}

/* The state for a set that was pruned by `decided`. */
static int state_intern(struct subset *subset, uint32_t set, uint32_t decided, uint32_t *ret)
{
	int r;

	if (state_known(subset, set, decided, ret))
		return 0;
	r = state_new(subset, set, decided, ret);
	return r < 0 ? r : state_keep(subset, set, decided, *ret);
}

/* The state for a set that was reached with `decided`. */
static int state_get(struct subset *subset, uint32_t set, uint32_t decided, uint32_t *ret)
{
	uint32_t before = decided, pruned = set;
	int r;

	if (state_known(subset, set, decided, ret))
		return 0;
	/* A path is decided at the end of a name only: others may match the same name. */
	if (subset->nfa->is_peer && subset->sets.items[set].at_once) {
		r = ids_decide(subset->nfa->ids, decided, subset->sets.items[set].at_once,
			subset->order, &decided);
		if (r < 0)
			return r;
	}
	r = decided ? sets_prune(&subset->sets, set, decided, &pruned) : 0;
	if (r < 0)
		return r;
	r = state_intern(subset, pruned, decided, ret);
	if (r < 0)
		return r;
	return pruned == set && decided == before ? 0 : state_keep(subset, set, before, *ret);
}

static int arc_add(struct dfa *dfa, uint32_t target, uint8_t byte)
{
	int r = ARRAY_GROW(dfa, arcs, dfa->arc_count + 1UL);

	if (r < 0)
		return r;
	dfa->arcs[dfa->arc_count++] = (struct dfa_arc){target, byte};
	return 0;
}

/* Where every byte is spelt out the default serves nobody: make it the most frequent target. */
static uint32_t arcs_majority(const struct dfa_arc *arcs, size_t count)
{
	uint32_t majority = 0;
	size_t lead = 0;

	for (size_t i = 0; i < count; i++) {
		if (!lead)
			majority = arcs[i].target;
		lead += arcs[i].target == majority ? 1 : (size_t)-1;
	}
	return majority;
}

static void arcs_thin(struct dfa *dfa, struct dfa_state *state)
{
	struct dfa_arc *arcs = dfa->arcs + state->first_arc;
	uint32_t count = dfa->arc_count - state->first_arc, kept = 0;

	if (count == 256)
		state->other = arcs_majority(arcs, count);
	for (uint32_t i = 0; i < count; i++)
		if (arcs[i].target != state->other)
			arcs[kept++] = arcs[i];
	state->arc_count = kept;
	dfa->arc_count = state->first_arc + kept;
}

static int state_expand(struct subset *subset, uint32_t index)
{
	struct dfa *dfa = subset->dfa;
	struct dfa_state state = dfa->states[index];
	struct node_set set;
	uint32_t beneath = state.decided;
	int r;

	r = sets_step(&subset->sets, state.set);
	if (r < 0)
		return r;
	set = subset->sets.items[state.set];
	if (!subset->nfa->is_peer)
		beneath = state.accept;
	r = state_get(subset, set.other, state.decided, &state.other);
	if (r < 0)
		return r;
	state.first_arc = dfa->arc_count;
	for (uint32_t i = 0; i < set.step_count; i++) {
		struct step step = subset->sets.steps[set.first_step + i];
		uint32_t target;

		r = state_get(
			subset, step.set, step.byte == '/' ? beneath : state.decided, &target);
		if (r < 0)
			return r;
		r = arc_add(dfa, target, step.byte);
		if (r < 0)
			return r;
	}
	arcs_thin(dfa, &state);
	dfa->states[index] = state;
	return 0;
}

/* The rule whose nodes are in the most states from `first` on. */
static uint32_t subset_culprit(const struct subset *subset, uint32_t first)
{
	const struct nfa *nfa = subset->nfa;
	_cleanup_free_ uint64_t *counts = calloc(AMBIT_RULES_MAX + 1, sizeof(*counts));
	uint32_t culprit = 0;

	if (!counts)
		return 0;
	for (uint32_t i = first; i < subset->dfa->state_count; i++) {
		const struct node_set *set = &subset->sets.items[subset->dfa->states[i].set];

		for (uint32_t n = 0; n < set->count; n++) {
			uint32_t node = subset->sets.nodes[set->first + n];
			uint32_t id = nfa->nodes[node].rule;

			if (id && id <= AMBIT_RULES_MAX && ++counts[id] > counts[culprit])
				culprit = id;
		}
	}
	return culprit;
}

int dfa_build(struct dfa *dfa, const struct nfa *nfa, uint32_t *ret_start, uint32_t *ret_culprit)
{
	struct subset subset = {
		.dfa = dfa,
		.nfa = nfa,
		.order = nfa->is_peer ? IDS_SMALLEST : IDS_FIRST,
		.slot_count = STATES_SLOTS,
	};
	uint32_t set = 0, start = 0, first = dfa->state_count;
	int r;

	r = sets_init(&subset.sets, nfa);
	if (r < 0)
		return r;
	subset.slots = calloc(subset.slot_count, sizeof(*subset.slots));
	r = subset.slots ? sets_start(&subset.sets, &set) : -ENOMEM;
	if (r >= 0)
		r = state_get(&subset, set, 0, &start);
	for (uint32_t i = first; r >= 0 && i < dfa->state_count; i++)
		r = state_expand(&subset, i);
	if (r == -E2BIG)
		*ret_culprit = subset_culprit(&subset, first);
	sets_free(&subset.sets);
	free(subset.slots);
	if (r >= 0)
		*ret_start = start;
	return r;
}
