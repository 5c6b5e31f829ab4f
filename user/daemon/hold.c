/* SPDX-License-Identifier: Apache-2.0 */
/* One cell that is held: from its ring to its trail. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "base/util.h"
#include "compile/limits.h"
#include "daemon/hold.h"
#include "policy/text.h"
#include "trail/clock.h"

#define TRAIL_DIR "/var/log/ambit"
/* Events a turn: a few milliseconds of work, so that no cell keeps the others waiting. */
#define TURN_EVENTS 8192

void ambit_ready_clear(struct ready *ready)
{
	ambit_policy_free(ready->policy);
	ambit_tables_free(ready->tables);
	ambit_identities_clear(&ready->links);
	*ready = (struct ready){0};
}

/* What has to be counted or read at the cgroup itself, which may go and come back as another. */
static int refuse(const struct policy *policy, struct diag *diag)
{
	const char *what = policy->names ? "names in network rules"
			   : ambit_limits_flags(policy) || policy->file_size.value ? "limits"
			   : policy->trail_denies ? "\"onTrailFailure: deny\""
						  : NULL;

	if (!what)
		return 0;
	ambit_diag_set(diag, policy->file, 0, 0,
		"%s: not enforced for a cgroup that `ambit attach` binds; use `ambit run`", what);
	return -ENOTSUP;
}

/* The kept text of an epoch, ready to be bound. */
static int ready_load(struct hold *hold, uint64_t epoch, struct ready *ret, struct diag *diag)
{
	_cleanup_free_ char *path = ambit_state_policy(ambit_cell_id(hold->cell), epoch);
	struct diags diags = {0};
	int result = path ? hold->options->load(path, hold->state.file, &diags, ret) : -ENOMEM;

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

/* --- the trail --- */

static void check_trail(struct hold *hold)
{
	if (!hold->recorder.error || hold->told)
		return;
	hold->told = true;
	hold->options->say("cannot write the trail of cell %s: %s; the policy stays in force",
		hold->state.name, strerror(-hold->recorder.error));
}

static void write_line(struct hold *hold, char *json)
{
	_cleanup_free_ char *line = json;

	ambit_recorder_mark(&hold->recorder, line);
	ambit_recorder_flush(&hold->recorder);
	check_trail(hold);
}

void ambit_hold_mark(struct hold *hold, const char *what, const char *detail)
{
	write_line(hold, ambit_service_json(hold->state.name, ambit_cell_id(hold->cell), what,
				 hold->epochs[0], detail));
}

static int trail_open(struct hold *hold, struct diag *diag)
{
	_cleanup_free_ char *path = text_format(TRAIL_DIR "/%s.jsonl", hold->state.name);
	int result;

	if (!path)
		return -ENOMEM;
	if (mkdir(TRAIL_DIR, 0700) < 0 && errno != EEXIST) {
		result = -errno;
		ambit_diag_set(
			diag, NULL, 0, 0, "cannot make \"" TRAIL_DIR "\": %s", strerror(-result));
		return result;
	}
	result = ambit_trail_open(path, &hold->trail, diag);
	if (result == 0) {
		if (hold->options->keep)
			ambit_trail_keep(hold->trail, hold->options->keep);
		result = ambit_recorder_open(
			&hold->recorder, hold->trail, hold->policies[0], hold->state.name);
	}
	if (result < 0)
		hold->recorder.trail = NULL; /* nothing to be closed */
	return result;
}

/* Events of two policies may wait side by side while one takes the other's place. */
static void explain_by(struct hold *hold, uint64_t epoch)
{
	const unsigned which = hold->policies[1] && epoch == hold->epochs[1];

	if (which == hold->source)
		return;
	ambit_recorder_expire(&hold->recorder, UINT64_MAX);
	ambit_source_close(&hold->recorder.source);
	/* Without memory events are not explained, and counted as such. */
	if (ambit_source_open(&hold->recorder.source, hold->policies[which], hold->state.name) == 0)
		hold->source = which;
}

static int handle(const struct ambit_event *event, size_t size, void *data)
{
	struct hold *hold = data;
	struct record record;

	if (size >= sizeof(*event))
		explain_by(hold, event->epoch);
	ambit_recorder_take(&hold->recorder, event, size, &record);
	return --hold->budget ? 0 : -EAGAIN;
}

static void note_losses(struct hold *hold)
{
	struct ambit_counters now, *seen = &hold->state.seen;

	if (ambit_cell_counters(hold->cell, &now) ||
		(ambit_events_lost(&now) == ambit_events_lost(seen) &&
			now.lost_tally == seen->lost_tally))
		return;
	write_line(hold, ambit_lost_json(hold->state.name, ambit_cell_id(hold->cell), &now, seen));
	*seen = now;
	ambit_state_write(ambit_cell_id(hold->cell), &hold->state);
}

bool ambit_hold_drain(struct hold *hold)
{
	int result;

	hold->budget = TURN_EVENTS;
	ambit_recorder_clock(&hold->recorder);
	result = ambit_cell_drain(hold->cell, handle, hold);
	/* All of it, so that nothing is counted in memory alone when the ring gives it up. */
	ambit_recorder_expire(&hold->recorder, UINT64_MAX);
	ambit_recorder_flush(&hold->recorder);
	ambit_cell_drained(hold->cell);
	note_losses(hold);
	check_trail(hold);
	return result == -EAGAIN;
}

/* As many turns as a full ring has events of, none of which is smaller: a cell that makes more all
 * the time keeps nobody waiting. */
void ambit_hold_drain_waiting(struct hold *hold)
{
	const unsigned turns = AMBIT_RING_SIZE / (TURN_EVENTS * sizeof(struct ambit_event)) + 2;

	for (unsigned i = 0; i < turns && ambit_hold_drain(hold); i++)
		;
}

void ambit_hold_look(struct hold *hold)
{
	const uint64_t due = ambit_recorder_due(&hold->recorder);
	int result;

	if (due && due <= clock_ns(CLOCK_MONOTONIC)) {
		ambit_recorder_flush(&hold->recorder);
		check_trail(hold);
	}
	result = hold->state.cgroup[0] ? ambit_cell_rebind(hold->cell, hold->state.cgroup) : 0;
	if (result) {
		ambit_hold_mark(hold, "rebound", result < 0 ? strerror(-result) : NULL);
		hold->options->say(
			"the cgroup above \"%s\" was made anew: bound again, after up to a second",
			hold->state.cgroup);
	}
}

/* --- beginning and end --- */

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
	return hold;
}

static void hold_close(struct hold *hold)
{
	struct diag ignored = {0};

	if (hold->recorder.trail)
		ambit_recorder_close(&hold->recorder);
	ambit_trail_close(hold->trail);
	ambit_cell_free(hold->cell, &ignored);
	ambit_diag_clear(&ignored);
	ambit_policy_free(hold->policies[0]);
	ambit_policy_free(hold->policies[1]);
	ambit_state_clear(&hold->state);
	free(hold);
}

static void write_start(struct hold *hold)
{
	const struct arm_options as_it_is = {.as_it_is = true};
	char *argv[] = {"attach", hold->state.cgroup, NULL};
	struct kernel_state state = {0};
	const struct trail_start start = {
		.cell = hold->state.name,
		.cell_id = ambit_cell_id(hold->cell),
		.policy = hold->policies[0],
		.mode = hold->mode,
		.epoch = hold->epochs[0],
		.argv = argv,
		.weaker = ambit_kernel_state(&as_it_is, &state) == 0 ? state.weaker : "",
	};

	write_line(hold, ambit_start_json(&start));
}

/* The cell with the policy that it has for now; no task is in it. */
static int cell_make(struct hold *hold, const struct ready *ready, struct diag *diag)
{
	const struct cell_options options = {
		.tables = ready->tables,
		.identities = &ready->links,
		.mode = ready->policy->mode,
		.flags = AMBIT_CELL_BOUND | (ready->policy->jit ? AMBIT_CELL_JIT : 0),
		.epoch = 1,
		.ring_size = AMBIT_RING_SIZE,
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
			path ? hold->options->load(path, hold->state.file, &diags, ready) : -ENOMEM;
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

int ambit_hold_new(const struct daemon_options *options, struct kernel *kernel, const char *cgroup,
	const char *file, struct hold **ret, unsigned *ret_tasks, struct diag *diag)
{
	_cleanup_(ambit_ready_clear) struct ready ready = {0};
	struct hold *hold = hold_alloc(options, kernel);
	struct ambit_bound_key key;
	int result = hold ? ambit_bound_key(cgroup, &key, diag) : -ENOMEM;

	if (!hold)
		return result;
	hold->state.cgroup = strdup(cgroup);
	hold->state.file = strdup(file);
	if (result == 0 && (!hold->state.cgroup || !hold->state.file))
		result = -ENOMEM;
	if (result == 0)
		result = policy_load(hold, &ready, diag);
	if (result == 0)
		result = cell_make(hold, &ready, diag);
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
		result = trail_open(hold, diag);
	if (result == 0) {
		write_start(hold);
		result = hold->recorder.error;
	}
	if (result == 0)
		result = ambit_cell_bind(hold->cell, cgroup, ret_tasks, diag);
	if (result < 0) {
		if (hold->cell) {
			ambit_state_drop(ambit_cell_id(hold->cell));
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
	int result = ready_load(hold, epoch, &ready, &diag);

	hold->epochs[which] = epoch;
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
	result = take_policy(hold, row.epoch, 0);
	if (result == 0 && row.epoch > 1)
		result = take_policy(hold, row.epoch - 1, 1);
	return result;
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
		result = trail_open(hold, diag);
	if (result < 0) {
		hold_close(hold);
		return result;
	}
	ambit_hold_mark(hold, "takeover", NULL);
	/* Whoever bound it may have been killed before all tasks had been looked at. */
	if (ambit_cell_bind_again(hold->cell) < 0)
		options->say("cell %s: not all tasks there have a label", hold->state.name);
	*ret = hold;
	return 0;
}

/* --- another policy --- */

static int reload_refuse(struct hold *hold, const struct ready *ready, struct diag *diag)
{
	if (ready->policy->mode == hold->mode && ready->policy->jit == hold->policies[0]->jit)
		return 0;
	ambit_diag_set(diag, hold->state.file, 0, 0,
		"\"mode\" and \"jit\" stay as they are while the cell lives");
	return -ENOTSUP;
}

int ambit_hold_reload(struct hold *hold, struct diag *diag)
{
	_cleanup_(ambit_ready_clear) struct ready ready = {0};
	const uint32_t id = ambit_cell_id(hold->cell);
	const uint64_t epoch = hold->epochs[0] + 1;
	int result = ambit_state_keep(id, epoch, hold->state.file, diag);

	if (result == 0)
		result = ready_load(hold, epoch, &ready, diag);
	if (result == 0)
		result = reload_refuse(hold, &ready, diag);
	/* What waits now is of the policy in force or of the one before, which goes. */
	if (result == 0)
		ambit_hold_drain_waiting(hold);
	if (result == 0)
		result = ambit_cell_swap(hold->cell, ready.tables, &ready.links, epoch, diag);
	if (result < 0) {
		ambit_state_drop_policy(id, epoch);
		ambit_hold_mark(hold, "reload-refused", diag->text);
		return result;
	}
	explain_by(hold, hold->epochs[0]);
	if (hold->policies[1])
		ambit_state_drop_policy(id, hold->epochs[1]);
	ambit_policy_free(hold->policies[1]);
	hold->policies[1] = hold->policies[0];
	hold->epochs[1] = hold->epochs[0];
	hold->policies[0] = TAKE_PTR(ready.policy);
	hold->epochs[0] = epoch;
	hold->source = 1; /* it explains by the same policy as before, which stands there now */
	ambit_hold_mark(hold, "reload", NULL);
	return 0;
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
