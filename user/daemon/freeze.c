/* SPDX-License-Identifier: Apache-2.0 */
/* The tasks of a cell stand still while a policy that may be narrower comes into force. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/util.h"
#include "daemon/hold.h"
#include "policy/text.h"

static bool links_alike(const struct identities *in_force, const struct identities *now)
{
	if (in_force->count != now->count)
		return false;
	for (size_t i = 0; i < now->count; i++) {
		const struct identity *item = &now->items[i], *found = bsearch(item, in_force->items,
			in_force->count, sizeof(*item), identity_compare);

		if (!found || memcmp(&found->value, &item->value, sizeof(item->value)) != 0)
			return false;
	}
	return true;
}

static bool tables_alike(const struct ready *in_force, const struct ready *now)
{
	return in_force->tables && in_force->tables->segment_count == now->tables->segment_count &&
	       memcmp(in_force->tables->segments, now->tables->segments,
		       now->tables->segment_count * sizeof(*now->tables->segments)) == 0 &&
	       links_alike(&in_force->links, &now->links);
}

int hold_in_force(struct hold *hold, struct ready *ret)
{
	int result = ambit_cell_in_force(hold->cell, &ret->tables, &ret->links);

	return result == -ENODATA ? ambit_state_tables(ambit_cell_id(hold->cell), STATE_ASIDE, hold->epochs[0], ret) : result;
}

static int freezes(const char *path, void *data)
{
	struct hold *hold = data;

	/* Another cell's, which a glob matches as well; or by somebody else; or by us, and noted. */
	return !ambit_cell_binds(hold->cell, path) || ambit_cgroup_is_frozen(path)
		       ? 0
		       : ambit_state_freezes(&hold->state, path);
}

/* Before anything is frozen the next daemon is told that it has to go on: what it cannot be told of is not frozen, as
 * nobody would thaw it. One that we could not thaw is frozen by us still, and noted. */
static int freeze(struct hold *hold)
{
	const size_t noted = hold->state.frozen_count;
	const struct ambit_place place = hold_place(&hold->state);
	int result = ambit_place_each(&place, freezes, hold);
	const int written = ambit_state_write(ambit_cell_id(hold->cell), &hold->state);

	/* Nor is it ours by a later look. */
	while (written < 0 && hold->state.frozen_count > noted)
		free(hold->state.frozen[--hold->state.frozen_count]);
	if (written < 0)
		return written;
	for (size_t i = 0; i < hold->state.frozen_count; i++) {
		int frozen;

		notify("WATCHDOG=1"); /* this one waits */
		frozen = ambit_cgroup_freeze(hold->state.frozen[i], true);
		/* Of a glob one may have gone meanwhile. */
		if (result == 0 && frozen != -ENOENT && frozen != -ENODEV)
			result = frozen;
	}
	return result;
}

static int is_there(const char *path, void *data)
{
	const struct hold *hold = data;

	return ambit_cell_binds(hold->cell, path);
}

bool hold_freeze(struct hold *hold, const struct ready *before, const struct ready *now, uint64_t epoch)
{
	const struct ambit_place place = hold_place(&hold->state);
	int result;

	if (hold->mode != MODE_ENFORCE || !hold->state.cgroup[0] || tables_alike(before, now) ||
		ambit_place_each(&place, is_there, hold) == 0)
		return false;
	hold->state.tightens = epoch;
	/* Where they cannot be kept, the one that goes on for us takes all that is open for allowed before. */
	ambit_state_keep_tables(ambit_cell_id(hold->cell), STATE_BEFORE, epoch, before);
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
	const int result = ambit_state_thaw(&hold->state);

	/* Said once: `tightens` is 0 when it is tried again. */
	if (result < 0 && hold->state.tightens)
		ambit_hold_mark(hold, "unthawed", strerror(-result));
	ambit_state_drop_tables(ambit_cell_id(hold->cell), STATE_BEFORE, hold->state.tightens);
	hold->state.tightens = 0;
	ambit_state_write(ambit_cell_id(hold->cell), &hold->state);
}

void hold_tighten_again(struct hold *hold)
{
	_cleanup_(ambit_ready_clear) struct ready before = {0}, now = {0};
	int result = 0;

	if (!hold->state.tightens)
		return;
	/* Thawed meanwhile, where it could not be taken over at first. */
	freeze(hold);
	/* One that was killed before the policy was replaced has narrowed nothing. */
	if (hold->state.tightens == hold->epochs[0]) {
		ambit_state_tables(ambit_cell_id(hold->cell), STATE_BEFORE, hold->state.tightens, &before);
		result = hold_in_force(hold, &now);
		if (result == 0)
			result = hold_tighten(hold, &before, &now);
	}
	if (result < 0)
		ambit_hold_mark(hold, "unfrozen", strerror(-result));
	hold_thaw(hold);
}
