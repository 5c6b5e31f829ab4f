/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "base/util.h"
#include "compile/minimise.h"
#include "compile/refine.h"

/* Lets a state lead to what stands for its targets, and leaves out what its default says too. */
static void state_rewrite(struct dfa *dfa, struct dfa_state *state, const uint32_t *numbers)
{
	struct dfa_arc *arcs = dfa->arcs + state->first_arc;
	uint32_t kept = 0;

	state->other = numbers[state->other];
	for (uint32_t i = 0; i < state->arc_count; i++) {
		uint32_t target = numbers[arcs[i].target];

		if (target != state->other)
			arcs[kept++] = (struct dfa_arc){target, arcs[i].byte};
	}
	state->arc_count = kept;
}

/*
 * Keeps the first state of each class, and the order of those; `classes` are numbers below the number
 * of states. State 0 stays the dead one. Arcs lie in the order of states, so none is overwritten before
 * it is read.
 */
static int dfa_keep(struct dfa *dfa, const uint32_t *classes)
{
	_cleanup_free_ uint32_t *by_class = calloc(dfa->state_count, sizeof(*by_class));
	_cleanup_free_ uint32_t *numbers = calloc(dfa->state_count, sizeof(*numbers));
	uint32_t count = 0, arc_count = 0;

	if (!by_class || !numbers)
		return -ENOMEM;
	for (uint32_t i = 0; i < dfa->state_count; i++) {
		/* One more than the number: 0 is a class that was not seen yet. */
		if (!by_class[classes[i]]) {
			by_class[classes[i]] = count + 1;
			dfa->states[count++] = dfa->states[i];
		}
		numbers[i] = by_class[classes[i]] - 1;
	}
	for (uint32_t i = 0; i < count; i++) {
		struct dfa_state *state = &dfa->states[i];

		state_rewrite(dfa, state, numbers);
		memmove(dfa->arcs + arc_count, dfa->arcs + state->first_arc,
			state->arc_count * sizeof(*dfa->arcs));
		state->first_arc = arc_count;
		arc_count += state->arc_count;
	}
	for (size_t i = 0; i < AMBIT_COLUMNS; i++)
		dfa->path_start[i] = numbers[dfa->path_start[i]];
	dfa->peer_start = numbers[dfa->peer_start];
	dfa->state_count = count;
	dfa->arc_count = arc_count;
	return 0;
}

int dfa_minimise(struct dfa *dfa)
{
	_cleanup_free_ uint32_t *classes = NULL;
	int r = dfa_refine(dfa, &classes);

	return r < 0 ? r : dfa_keep(dfa, classes);
}
