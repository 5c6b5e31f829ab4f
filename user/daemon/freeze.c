/* SPDX-License-Identifier: Apache-2.0 */
/* The tasks of a cell stand still while a policy that may be narrower comes into force. */
#include <string.h>
#include <unistd.h>
#include "base/util.h"
#include "daemon/hold.h"
#include "policy/text.h"

static bool tables_alike(const struct ready *a, const struct ready *b)
{
	if (!a->tables || a->tables->segment_count != b->tables->segment_count ||
		memcmp(a->tables->segments, b->tables->segments,
			a->tables->segment_count * sizeof(*a->tables->segments)) != 0)
		return false;
	return a->links.count == b->links.count &&
	       (!a->links.count ||
		       memcmp(a->links.items, b->links.items, a->links.count * sizeof(*a->links.items)) == 0);
}

/* Before anything is frozen the next daemon is told that it has to go on. One that we could not thaw is frozen by
 * us still. */
static int freeze(struct hold *hold)
{
	int result;

	hold->state.thaws = hold->state.thaws || !ambit_cgroup_is_frozen(hold->state.cgroup);
	result = ambit_state_write(ambit_cell_id(hold->cell), &hold->state);
	notify("WATCHDOG=1"); /* this one waits */
	return result < 0 ? result : ambit_cgroup_freeze(hold->state.cgroup, true);
}

bool hold_freeze(struct hold *hold, const struct ready *before, const struct ready *now, uint64_t epoch)
{
	int result;

	if (hold->mode != MODE_ENFORCE || !hold->state.cgroup[0] || tables_alike(before, now) ||
		access(hold->state.cgroup, F_OK) < 0)
		return false;
	hold->state.tightens = epoch;
	result = freeze(hold);
	if (result < 0) {
		_cleanup_free_ char *detail = text_format(
			"not frozen, so what was being opened meanwhile may be held: %s", strerror(-result));

		ambit_hold_mark(hold, "unfrozen", detail);
	}
	return true;
}

void hold_thaw(struct hold *hold)
{
	const int result = hold->state.thaws ? ambit_cgroup_freeze(hold->state.cgroup, false) : 0;
	/* A cgroup that is gone has no tasks. */
	const bool stays = result < 0 && result != -ENOENT && result != -ENODEV;

	/* Said once: `tightens` is 0 when it is tried again. */
	if (stays && hold->state.tightens)
		ambit_hold_mark(hold, "unthawed", strerror(-result));
	hold->state.tightens = 0;
	hold->state.thaws = stays;
	ambit_state_write(ambit_cell_id(hold->cell), &hold->state);
}

void hold_tighten_again(struct hold *hold)
{
	_cleanup_(ambit_ready_clear) struct ready before = {0}, now = {0};
	struct diag ignored = {0};
	int result = 0;

	if (!hold->state.tightens)
		return;
	/* Thawed meanwhile, where it could not be taken over at first. */
	if (!ambit_cgroup_is_frozen(hold->state.cgroup))
		freeze(hold);
	/* One that was killed before the policy was replaced has narrowed nothing. */
	if (hold->state.tightens == hold->epochs[0]) {
		hold_ready(hold, hold->epochs[0] - 1, &before, &ignored);
		ambit_diag_clear(&ignored);
		result = hold_ready(hold, hold->epochs[0], &now, &ignored);
		ambit_diag_clear(&ignored);
		if (result == 0)
			result = hold_tighten(hold, &before, &now);
	}
	if (result < 0)
		ambit_hold_mark(hold, "unfrozen", strerror(-result));
	hold_thaw(hold);
}
