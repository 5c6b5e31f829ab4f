/* SPDX-License-Identifier: Apache-2.0 */
/* What a cell that is held may do changes: another policy; or, while its trail fails, nothing. */
#include <stdio.h>
#include <string.h>
#include "base/util.h"
#include "daemon/hold.h"

/* Whether nothing is allowed while the trail fails. */
static bool is_strict(const struct hold *hold)
{
	return hold->policies[0]->trail_denies && hold->mode == MODE_ENFORCE;
}

static int reload_refuse(struct hold *hold, const struct ready *ready, struct diag *diag)
{
	const struct policy *old = hold->policies[0], *new = ready->policy;

	if (new->mode == hold->mode && new->jit == old->jit && new->trail_denies == old->trail_denies)
		return 0;
	ambit_diag_set(diag, hold->state.file, 0, 0,
		"\"mode\", \"jit\" and \"onTrailFailure\" stay as they are while the cell lives");
	return -ENOTSUP;
}

/* What decides in the cell from an epoch on is kept aside, where it may be shut: then the kernel has it no more. By
 * the epoch, so that there is one for what is in force at any moment, whoever is killed. NULL: nothing is known, so
 * everything counts as allowed before. */
static void keep_aside(struct hold *hold, uint64_t epoch, const struct ready *ready)
{
	if (ready && is_strict(hold))
		ambit_state_keep_tables(ambit_cell_id(hold->cell), STATE_ASIDE, epoch, ready);
	else
		ambit_state_drop_tables(ambit_cell_id(hold->cell), STATE_ASIDE, epoch);
}

void hold_aside(struct hold *hold)
{
	_cleanup_(ambit_ready_clear) struct ready ready = {0};

	/* Of a daemon that was killed before it had another policy in force, or just after. */
	keep_aside(hold, hold->epochs[0] + 1, NULL);
	keep_aside(hold, hold->epochs[0] - 1, NULL);
	if (is_strict(hold) && ambit_cell_in_force(hold->cell, &ready.tables, &ready.links) == 0)
		keep_aside(hold, hold->epochs[0], &ready);
}

/* What the kernel found out since the trail was last told of losses, the new row of the cell knows nothing of. */
static void shut_again(struct hold *hold)
{
	struct ambit_counters now;
	int result;

	if (!is_strict(hold) || (ambit_cell_counters(hold->cell, &now) == 0 &&
					ambit_events_lost(&now) == ambit_events_lost(&hold->state.seen)))
		return;
	result = ambit_cell_shut(hold->cell);
	hold->shut = hold->recorder.denies = result == 0;
	ambit_hold_mark(hold, "shut", result < 0 ? strerror(-result) : "events were lost");
}

/* Puts into force what `ready` has, which is taken over, as another epoch. */
static int replace(struct hold *hold, struct ready *ready, uint64_t epoch, struct diag *diag)
{
	_cleanup_(ambit_ready_clear) struct ready before = {0};
	bool frozen;
	int result;

	/* What waits now is of the policy in force or of the one before, which goes. */
	ambit_hold_drain_waiting(hold);
	if (is_strict(hold) && hold->recorder.failing) {
		ambit_diag_set(diag, hold->state.file, 0, 0,
			"everything is denied until the trail can be written (onTrailFailure)");
		return -EIO;
	}
	/* Without it everything counts as allowed before. */
	hold_in_force(hold, &before);
	frozen = hold_freeze(hold, &before, ready, epoch);
	keep_aside(hold, epoch, ready); /* the kernel may shut the cell as soon as it has the new one */
	result = ambit_cell_swap(hold->cell, ready->tables, &ready->links, ready->policy, epoch, diag);
	if (result < 0) {
		keep_aside(hold, epoch, NULL);
		if (frozen)
			hold_thaw(hold);
		return result;
	}
	hold_explain(hold, hold->epochs[0]);
	if (hold->policies[1])
		ambit_state_drop_policy(ambit_cell_id(hold->cell), hold->epochs[1]);
	ambit_policy_free(hold->policies[1]);
	hold->policies[1] = hold->policies[0];
	hold->epochs[1] = hold->epochs[0];
	hold->policies[0] = TAKE_PTR(ready->policy);
	hold->epochs[0] = epoch;
	hold->source = 1; /* it explains by the same policy as before, which stands there now */
	hold->shut = hold->recorder.denies = false;
	keep_aside(hold, hold->epochs[1], NULL);
	shut_again(hold);
	if (frozen) {
		result = hold_tighten(hold, &before, ready);
		if (result < 0)
			ambit_hold_mark(hold, "unfrozen", strerror(-result));
		hold_thaw(hold);
	}
	return 0;
}

int ambit_hold_reload(struct hold *hold, struct diag *diag)
{
	_cleanup_(ambit_ready_clear) struct ready ready = {0};
	const uint32_t id = ambit_cell_id(hold->cell);
	const uint64_t epoch = hold->epochs[0] + 1;
	int result = ambit_state_keep(id, epoch, hold->state.file, diag);

	if (result == 0)
		result = hold_ready(hold, epoch, &ready, diag);
	if (result == 0)
		result = reload_refuse(hold, &ready, diag);
	if (result == 0)
		result = replace(hold, &ready, epoch, diag);
	if (result < 0) {
		ambit_state_drop_policy(id, epoch);
		ambit_hold_mark(hold, "reload-refused", diag->text);
		return result;
	}
	ambit_hold_mark(hold, "reload", NULL);
	return 0;
}

/* --- a trail that fails --- */

void hold_shut_check(struct hold *hold)
{
	int result;

	if (hold->shut || !is_strict(hold) || !hold->recorder.failing)
		return;
	result = ambit_cell_shut(hold->cell);
	if (result < 0) {
		hold->options->say("cell %s cannot be denied everything: %s; it is tried again",
			hold->state.name, strerror(-result));
		return;
	}
	hold->shut = hold->recorder.denies = true;
	hold->options->say("cell %s: everything is denied until its trail can be written (onTrailFailure)",
		hold->state.name);
}

/* Events that were lost are said to be, in the trail, before anything is allowed again. */
static void shut_learn(struct hold *hold)
{
	struct ambit_cell row;

	if (hold->shut || ambit_cell_row(hold->cell, &row) < 0 || !(row.flags & AMBIT_CELL_SHUT))
		return;
	hold->shut = hold->recorder.denies = true;
	hold->options->say("cell %s: everything is denied, since events were lost (onTrailFailure)",
		hold->state.name);
	ambit_hold_mark(hold, "shut", "events were lost");
}

/* The same text as before, of the place where it is kept: whatever its file says by now, nobody has asked
 * for that. */
static int open_again(struct hold *hold, struct diag *diag)
{
	_cleanup_(ambit_ready_clear) struct ready ready = {0};
	const uint32_t id = ambit_cell_id(hold->cell);
	const uint64_t epoch = hold->epochs[0] + 1;
	_cleanup_free_ char *kept = ambit_state_policy(id, hold->epochs[0]);
	int result = kept ? ambit_state_keep(id, epoch, kept, diag) : -ENOMEM;

	if (result == 0)
		result = hold_ready(hold, epoch, &ready, diag);
	if (result == 0)
		result = replace(hold, &ready, epoch, diag);
	if (result < 0)
		ambit_state_drop_policy(id, epoch);
	return result;
}

void hold_shut_look(struct hold *hold)
{
	struct diag diag = {0};
	int result;

	if (!is_strict(hold) && !hold->shut)
		return;
	shut_learn(hold);
	if (!hold->shut || hold->recorder.failing || ambit_cell_ring_used(hold->cell) >= 50)
		return;
	result = open_again(hold, &diag);
	if (result == 0 && hold->shut)
		return; /* events were lost meanwhile: once more in a second */
	if (result == 0)
		ambit_hold_mark(hold, "opened", NULL);
	hold->options->say("cell %s: %s%s", hold->state.name,
		result < 0 ? "everything stays denied: " : "its trail works, and the policy is in force",
		result < 0 ? diag.text ?: strerror(-result) : "");
	ambit_diag_clear(&diag);
}
