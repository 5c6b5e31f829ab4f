/* SPDX-License-Identifier: Apache-2.0 */
/* From the ring of a cell that is held to its trail. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "base/util.h"
#include "compile/store.h"
#include "daemon/hold.h"
#include "policy/text.h"
#include "trail/clock.h"

#define TRAIL_DIR "/var/log/ambit"
/* Events a turn: a few milliseconds of work, so that no cell keeps the others waiting. */
#define TURN_EVENTS 8192

static void check_trail(struct hold *hold)
{
	hold_shut_check(hold);
	if (!hold->recorder.error || hold->told)
		return;
	hold->told = true;
	hold->options->say("cannot write the trail of cell %s: %s; %s, and it is tried again",
		hold->state.name, strerror(-hold->recorder.error),
		hold->shut ? "everything is denied" : "the policy stays in force");
}

void ambit_hold_write(struct hold *hold, const char *json)
{
	ambit_recorder_mark(&hold->recorder, json);
	ambit_recorder_flush(&hold->recorder);
	check_trail(hold);
}

static void write_line(struct hold *hold, char *json)
{
	_cleanup_free_ char *line = json;

	ambit_hold_write(hold, line);
}

void ambit_hold_mark(struct hold *hold, const char *what, const char *detail)
{
	write_line(hold, ambit_service_json(hold->state.name, ambit_cell_id(hold->cell), what,
				 hold->epochs[0], detail));
}

/* Without it what a daemon before wrote and did not give up is told again. */
static void told_open(struct hold *hold)
{
	_cleanup_free_ char *path = ambit_state_told(ambit_cell_id(hold->cell));
	struct told_whose whose = {.ring = ambit_cell_ring(hold->cell), .abi = AMBIT_ABI};

	store_build(whose.build);
	if (!path || !whose.ring || ambit_told_open(&hold->turn, path, &whose) < 0)
		return;
	ambit_told_take(&hold->turn, ambit_cell_position(hold->cell), hold->trail, hold->options->sinks);
	hold->recorder.told = &hold->turn;
}

int hold_trail_open(struct hold *hold, struct diag *diag)
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
		ambit_trail_keep(hold->trail, &hold->options->trail->keep);
		result = ambit_recorder_open(
			&hold->recorder, hold->trail, hold->policies[0], hold->state.name);
	}
	if (result == 0) {
		told_open(hold);
		hold->recorder.sinks = hold->options->sinks;
		hold->recorder.denies = hold->shut;
	}
	if (result < 0)
		hold->recorder.trail = NULL; /* nothing to be closed */
	return result;
}

/* Events of two policies may wait side by side while one takes the other's place. */
void hold_explain(struct hold *hold, uint64_t epoch)
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
		hold_explain(hold, event->epoch);
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

void hold_start(struct hold *hold)
{
	char *argv[] = {"attach", hold->state.cgroup, NULL};
	const struct trail_start start = {
		.cell = hold->state.name,
		.cell_id = ambit_cell_id(hold->cell),
		.policy = hold->policies[0],
		.mode = hold->mode,
		.epoch = hold->epochs[0],
		.argv = argv,
		.weaker = loads_weaker(),
	};

	write_line(hold, ambit_start_json(&start));
}

bool ambit_hold_drain(struct hold *hold)
{
	const uint64_t most = hold->recorder.told
				      ? ambit_told_begin(&hold->turn, ambit_cell_position(hold->cell), TURN_EVENTS)
				      : TURN_EVENTS;
	int result;

	hold->budget = most;
	ambit_recorder_clock(&hold->recorder);
	result = ambit_cell_drain(hold->cell, handle, hold);
	/* All of it, so that nothing is counted in memory alone when the ring gives it up. */
	ambit_recorder_expire(&hold->recorder, UINT64_MAX);
	ambit_told_end(&hold->turn, most - hold->budget);
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
	const struct ambit_place place = hold_place(&hold->state);
	const uint64_t due = ambit_recorder_due(&hold->recorder);
	int result;

	if (due && due <= clock_ns(CLOCK_MONOTONIC)) {
		ambit_recorder_flush(&hold->recorder);
		check_trail(hold);
	}
	hold_shut_look(hold);
	if (hold->state.frozen_count)
		hold_thaw(hold);
	result = hold->state.cgroup[0] ? ambit_cell_rebind(hold->cell, &place) : 0;
	if (result) {
		ambit_hold_mark(hold, "rebound", result < 0 ? strerror(-result) : NULL);
		hold->options->say(
			"the cgroup above \"%s\" was made anew: bound again, after up to a second",
			hold->state.cgroup);
	}
}

