/* SPDX-License-Identifier: Apache-2.0 */
/* The chain of a recorder goes on in another file, and what became of the ones before. */
#include <string.h>
#include "base/util.h"
#include "trail/clock.h"
#include "trail/recorder.h"

/* How long is waited after the first failure before it is tried again without a cause; each time twice as
 * long, up to the last. */
#define AGAIN_FIRST_NS 100000000U
#define AGAIN_LAST_NS  10000000000U

/* A line of its own, signed, in the file at once. False: it is not there. */
static bool write_mark(struct recorder *recorder, char *json)
{
	_cleanup_free_ char *line = json;
	uint64_t missing = recorder->missing;

	ambit_recorder_mark(recorder, line);
	recorder_write(recorder);
	return recorder->missing == missing;
}

/* What is kept no longer is said to go before it goes: else it would be missing. */
static void retire(struct recorder *recorder)
{
	struct trail_surplus surplus = {0};
	char *newest;

	if (ambit_trail_surplus(recorder->trail, &surplus)) {
		ambit_trail_surplus_clear(&surplus);
		return;
	}
	newest = surplus.count ? strrchr(surplus.paths[surplus.count - 1], '/') + 1 : NULL;
	if (!newest || write_mark(recorder, ambit_retired_json(surplus.count, newest, surplus.until)))
		ambit_trail_retire(recorder->trail, &surplus);
	ambit_trail_surplus_clear(&surplus);
}

static void succeed_full(struct recorder *recorder)
{
	_cleanup_free_ char *piece = NULL;
	int error = ambit_trail_next(recorder->trail, &piece);
	const char *name = piece ? strrchr(piece, '/') + 1 : NULL;

	recorder_failed(recorder, error);
	if (error || !write_mark(recorder, ambit_rotate_json(name))) {
		ambit_trail_stay(recorder->trail);
		return;
	}
	error = ambit_trail_turn(recorder->trail, piece);
	recorder_failed(recorder, error);
	if (error)
		return;
	recorder->chain.announces = true;
	write_mark(recorder, ambit_continue_json(name));
	retire(recorder);
}

/* Before the lines of a batch are written; those of the end stay in the file of the others. */
void ambit_recorder_succeed(struct recorder *recorder)
{
	int error = 0;

	switch (ambit_trail_state(recorder->trail)) {
	case TRAIL_FULL:
		if (recorder->ending)
			ambit_trail_stay(recorder->trail);
		else
			succeed_full(recorder);
		break;
	case TRAIL_GONE:
		error = ambit_trail_again(recorder->trail);
		/* Nothing is missing, but it has to be told. */
		recorder_failed(recorder, error ?: -ENOENT);
		break;
	case TRAIL_STANDS:
		break;
	}
	recorder->gone = error;
}

void recorder_failed(struct recorder *recorder, int error)
{
	if (!error)
		return;
	if (!recorder->error)
		recorder->error = error;
	if (!recorder->failing) {
		recorder->failing = error;
		recorder->failing_since = clock_ns(CLOCK_REALTIME);
		recorder->again_after = AGAIN_FIRST_NS;
	} else if (recorder->again_after < AGAIN_LAST_NS) {
		recorder->again_after *= 2;
	}
	recorder->again = clock_ns(CLOCK_MONOTONIC) + recorder->again_after;
}

/* A write came through: says that those before did not, in a line of its own, with which it is over. */
void recorder_recovered(struct recorder *recorder)
{
	uint64_t since = recorder->failing_since;
	int error = recorder->failing;
	bool denied = recorder->denies;

	if (!error || recorder->telling || recorder->ending || recorder->gone)
		return;
	recorder->telling = true;
	recorder->failing = 0;
	if (!write_mark(recorder, ambit_failure_json(since, error, denied))) {
		/* It is not over, and this line is said again: it is none that is missing. */
		recorder->missing--;
		recorder->untold--;
		recorder->failing = error;
		recorder->failing_since = since;
	}
	recorder->telling = false;
}

uint64_t ambit_recorder_due(const struct recorder *recorder)
{
	const uint64_t dues[] = {ambit_repeats_due(recorder->repeats), ambit_trail_due(recorder->trail),
		recorder->failing ? recorder->again : 0};
	uint64_t first = 0;

	for (size_t i = 0; i < ARRAY_SIZE(dues); i++)
		if (dues[i] && (!first || dues[i] < first))
			first = dues[i];
	return first;
}
