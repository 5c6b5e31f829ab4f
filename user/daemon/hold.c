/* SPDX-License-Identifier: Apache-2.0 */
/* One cell that is held: made, or taken over, and let go. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "base/util.h"
#include "daemon/hold.h"
#include "policy/text.h"

void ambit_ready_clear(struct ready *ready)
{
	ambit_policy_free(ready->policy);
	ambit_tables_free(ready->tables);
	ambit_identities_clear(&ready->links);
	*ready = (struct ready){0};
}

/* How much a write adds to a file is what the kernel's own limit knows alone, which a launcher sets. */
static int refuse(const struct policy *policy, struct diag *diag)
{
	if (!policy->file_size.value)
		return 0;
	ambit_diag_set(diag, policy->file, 0, 0,
		"\"fileSize\" is not enforced for a cgroup that `ambit attach` binds; put LimitFSIZE= into the unit, or "
		"use `ambit run`");
	return -ENOTSUP;
}

int hold_ready(struct hold *hold, uint64_t epoch, struct ready *ret, struct diag *diag)
{
	_cleanup_free_ char *path = ambit_state_policy(ambit_cell_id(hold->cell), epoch);
	struct diags diags = {0};
	int result;

	notify("WATCHDOG=1");
	result = path ? loads_get(hold->options, path, hold->state.file, &diags, ret) : -ENOMEM;
	if (result == 0) {
		result = refuse(ret->policy, diag);
		if (result < 0)
			ambit_ready_clear(ret);
	} else if (diags.count) {
		ambit_diag_set(diag, hold->state.file, diags.items[0].line, diags.items[0].column,
			"%s", diags.items[0].text);
	}
	ambit_diags_clear(&diags);
	return result;
}

static char *name_of(const struct policy *policy, uint32_t id)
{
	char *name = text_format("%.64s-%08x", policy->name ?: "policy", id);

	for (char *at = name; at && *at; at++)
		if (!isalnum((unsigned char)*at) && *at != '-' && *at != '_')
			*at = '_';
	return name;
}

static struct hold *hold_alloc(const struct daemon_options *options, struct kernel *kernel)
{
	struct hold *hold = calloc(1, sizeof(*hold));

	if (!hold)
		return NULL;
	hold->options = options;
	hold->kernel = kernel;
	hold->turn.fd = -1;
	return hold;
}

static void hold_close(struct hold *hold)
{
	struct diag ignored = {0};

	if (hold->recorder.trail)
		ambit_recorder_close(&hold->recorder);
	ambit_told_close(&hold->turn);
	ambit_trail_close(hold->trail);
	ambit_cell_free(hold->cell, &ignored);
	ambit_diag_clear(&ignored);
	ambit_policy_free(hold->policies[0]);
	ambit_policy_free(hold->policies[1]);
	ambit_state_clear(&hold->state);
	free(hold);
}

/* The cell with the policy that it has for now; no task is in it. */
static int cell_make(struct hold *hold, const struct ready *ready, struct diag *diag)
{
	const bool strict = ready->policy->trail_denies && ready->policy->mode == MODE_ENFORCE;
	const struct cell_options options = {
		.tables = ready->tables,
		.identities = &ready->links,
		.mode = ready->policy->mode,
		.flags = AMBIT_CELL_BOUND | (ready->policy->jit ? AMBIT_CELL_JIT : 0) |
			 (strict ? AMBIT_CELL_STRICT : 0),
		.dns = ready->policy->names ? &ready->policy->dns : NULL,
		.limits = ready->policy,
		.epoch = 1,
		/* Where an event that is lost ends everything, it should take many. */
		.ring_size = strict ? AMBIT_RING_SIZE : ambit_bound_ring_size(hold->kernel),
	};

	hold->mode = ready->policy->mode;
	return ambit_cell_new(hold->kernel, &options, &hold->cell, diag);
}

/* Loads the policy before there is a cell: under the number 0, which no cell has. */
static int policy_load(struct hold *hold, struct ready *ready, struct diag *diag)
{
	int result = ambit_state_keep(0, 0, hold->state.file, diag);
	_cleanup_free_ char *path = ambit_state_policy(0, 0);
	struct diags diags = {0};

	if (result == 0)
		result =
			path ? loads_get(hold->options, path, hold->state.file, &diags, ready) : -ENOMEM;
	if (result < 0 && diags.count)
		ambit_diag_set(diag, hold->state.file, diags.items[0].line, diags.items[0].column,
			"%s", diags.items[0].text);
	ambit_diags_clear(&diags);
	return result < 0 ? result : refuse(ready->policy, diag);
}

static int policy_keep(struct hold *hold)
{
	_cleanup_free_ char *from = ambit_state_policy(0, 0);
	_cleanup_free_ char *to = ambit_state_policy(ambit_cell_id(hold->cell), 1);

	if (!from || !to)
		return -ENOMEM;
	return rename(from, to) < 0 ? -errno : 0;
}

int ambit_hold_new(const struct daemon_options *options, struct kernel *kernel, const struct ambit_place *place,
	const char *file, struct hold **ret, unsigned *ret_tasks, struct diag *diag)
{
	_cleanup_(ambit_ready_clear) struct ready ready = {0};
	struct hold *hold = hold_alloc(options, kernel);
	struct ambit_bound_key key;
	int result = hold ? ambit_bound_key(place->path, &key, diag) : -ENOMEM;

	if (!hold)
		return result;
	hold->state.cgroup = strdup(place->path);
	hold->state.glob = place->glob;
	hold->state.file = strdup(file);
	if (result == 0 && (!hold->state.cgroup || !hold->state.file))
		result = -ENOMEM;
	if (result == 0)
		result = policy_load(hold, &ready, diag);
	if (result == 0)
		result = cell_make(hold, &ready, diag);
	/* Numbers come again once ambit was disarmed and armed: nothing that was kept is of this cell. */
	if (result == 0)
		ambit_state_drop(ambit_cell_id(hold->cell));
	if (result == 0)
		result = policy_keep(hold);
	if (result == 0) {
		hold->policies[0] = TAKE_PTR(ready.policy);
		hold->epochs[0] = 1;
		hold->state.name = name_of(hold->policies[0], ambit_cell_id(hold->cell));
		result = hold->state.name
				 ? ambit_state_write(ambit_cell_id(hold->cell), &hold->state)
				 : -ENOMEM;
	}
	if (result == 0)
		result = ambit_cell_note(hold->cell, hold->state.name);
	if (result == 0)
		result = hold_trail_open(hold, diag);
	if (result == 0) {
		hold_aside(hold);
		hold_start(hold);
		result = hold->recorder.error;
	}
	if (result == 0)
		result = ambit_cell_bind(hold->cell, place, ret_tasks, diag);
	if (result < 0) {
		if (hold->cell) {
			ambit_state_drop(ambit_cell_id(hold->cell));
			ambit_state_drop_tables(ambit_cell_id(hold->cell), STATE_ASIDE, 1);
			ambit_state_drop_policy(ambit_cell_id(hold->cell), 1);
		}
		ambit_hold_free(hold, "refused");
		return result;
	}
	*ret = hold;
	return 0;
}

/* Where the text is gone, too, events are recorded without the words of their rules. */
static int take_policy(struct hold *hold, uint64_t epoch, unsigned which)
{
	_cleanup_(ambit_ready_clear) struct ready ready = {0};
	struct diag diag = {0};
	int result = hold_ready(hold, epoch, &ready, &diag);

	hold->epochs[which] = epoch;
	if (result == 0 && which == 0 && ambit_cell_mend(hold->cell, ready.policy, &diag) < 0)
		hold->options->say("cell %s: %s", hold->state.name, diag.text ?: "its limits could not be mended");
	if (result == 0)
		hold->policies[which] = TAKE_PTR(ready.policy);
	else
		hold->options->say("policy %lu of cell %s cannot be read any more: %s",
			(unsigned long)epoch, hold->state.name, diag.text ?: strerror(-result));
	ambit_diag_clear(&diag);
	return result == 0 ? 0 : ambit_policy_empty("unknown", hold->mode, &hold->policies[which]);
}

/* The one in force, and the one before it, whose events may wait. */
static int take_policies(struct hold *hold)
{
	struct ambit_cell row;
	int result = ambit_cell_row(hold->cell, &row);

	if (result < 0)
		return result;
	hold->mode = row.mode;
	hold->shut = row.flags & AMBIT_CELL_SHUT;
	result = take_policy(hold, row.epoch, 0);
	if (result == 0 && row.epoch > 1)
		result = take_policy(hold, row.epoch - 1, 1);
	return result;
}

/* A kernel that has become one where no cgroup could be bound: it cannot be mended from here, but is said. */
static void weaker_mark(struct hold *hold)
{
	struct diag diag = {0};

	if (ambit_bound_labels(hold->kernel, &diag) < 0) {
		ambit_hold_mark(hold, "weaker", diag.text);
		hold->options->say("cell %s: %s", hold->state.name, diag.text ?: "");
	}
	ambit_diag_clear(&diag);
}

int ambit_hold_take(const struct daemon_options *options, struct kernel *kernel, uint32_t id,
	struct hold **ret, struct diag *diag)
{
	struct hold *hold = hold_alloc(options, kernel);
	int result = hold ? ambit_cell_adopt(kernel, id, &hold->cell, diag) : -ENOMEM;

	if (!hold)
		return result;
	if (result == 0 && ambit_state_read(id, &hold->state) < 0) {
		hold->state.name = text_format("cell-%08x", id);
		hold->state.cgroup = strdup("");
		hold->state.file = strdup("");
		if (!hold->state.name || !hold->state.cgroup || !hold->state.file)
			result = -ENOMEM;
	}
	if (result == 0)
		result = take_policies(hold);
	if (result == 0)
		result = ambit_cell_note(hold->cell, hold->state.name);
	if (result == 0)
		result = hold_trail_open(hold, diag);
	if (result < 0) {
		hold_close(hold);
		return result;
	}
	hold_aside(hold);
	ambit_hold_mark(hold, "takeover", NULL);
	if (hold->shut)
		ambit_hold_mark(hold, "shut", "before the daemon was there");
	weaker_mark(hold);
	*ret = hold;
	return 0;
}

int hold_spread(struct hold *hold)
{
	const struct ambit_place place = hold_place(&hold->state);

	return place.glob ? ambit_cell_spread(hold->cell, &place) : 0;
}

void ambit_hold_free(struct hold *hold, const char *what)
{
	if (hold->recorder.trail && !hold->recorder.chain.closed) {
		_cleanup_free_ char *line = ambit_service_json(
			hold->state.name, ambit_cell_id(hold->cell), what, hold->epochs[0], NULL);

		ambit_recorder_mark(&hold->recorder, line);
		ambit_recorder_end(&hold->recorder);
	}
	hold_close(hold);
}
