/* SPDX-License-Identifier: Apache-2.0 */
#include "trail/recorder.h"

#include "base/util.h"
#include "trail/clock.h"
#include "trail/sinks.h"

/* A clock that is slewed gains or loses 500 us a second at most (adjtimex(2)); more is a step. What is
 * below this is none that anybody has to know of. */
#define STEP_NS	     100000000
#define SLEW_SHARE   1000
/* Clocks that were not read within this are compared the next time: we were held up in between. */
#define COMPARE_NS   1000000U

static void lost_line(struct recorder *recorder)
{
	recorder->missing++;
	recorder->untold++;
}

/* Ends the line that is in the batch; false if it failed. */
static bool seal_line(struct recorder *recorder)
{
	struct trail_torn torn = {0};

	if (!recorder->batch.lines)
		ambit_trail_torn(recorder->trail, &torn);
	return ambit_chain_line(&recorder->chain, &recorder->batch, &torn);
}

static void end_line(struct recorder *recorder)
{
	if (!seal_line(recorder))
		lost_line(recorder);
}

static void put_event(struct recorder *recorder, const struct record *record)
{
	ambit_record_put(&recorder->batch, record);
	end_line(recorder);
	recorder->batch_events++;
}

/* Events that were alike, as one line. */
static void put_repeats(
	const struct ambit_event *event, size_t size, uint64_t count, uint64_t last, void *data)
{
	struct recorder *recorder = data;
	struct record record;

	/* It was decoded when it came. */
	if (ambit_record_decode(event, size, &recorder->source, &record) || told_before(recorder->told))
		return;
	record.count = count;
	record.last = recorder->source.wall + last;
	put_event(recorder, &record);
}

static bool read_clock(int64_t *ret_ahead, uint64_t *ret_at)
{
	uint64_t before = clock_ns(CLOCK_BOOTTIME), wall = clock_ns(CLOCK_REALTIME);

	*ret_at = clock_ns(CLOCK_BOOTTIME);
	*ret_ahead = (int64_t)(wall - before);
	return *ret_at - before < COMPARE_NS;
}

int ambit_recorder_open(struct recorder *recorder, struct trail *trail, const struct policy *policy,
	const char *cell)
{
	int error;

	*recorder = (struct recorder){.trail = trail};
	error = ambit_chain_open(&recorder->chain, ambit_trail_before(trail));
	if (error)
		return error;
	error = ambit_source_open(&recorder->source, policy, cell);
	if (!error)
		recorder->repeats = ambit_repeats_new(put_repeats, recorder);
	if (!recorder->repeats) {
		ambit_recorder_close(recorder);
		return -ENOMEM;
	}
	if (!read_clock(&recorder->clock, &recorder->clock_at))
		recorder->clock_at = 0;
	return 0;
}

/* Lines -> file; the batch is empty behind it. `told`: its last line says that so many are missing. That
 * line itself is none of them if it does not get into the file. */
static void write_batch(struct recorder *recorder, uint64_t told)
{
	struct writer *batch = &recorder->batch;
	uint64_t whole, lost;
	int error;

	told_write(recorder->told, recorder->trail);
	error = ambit_trail_write(recorder->trail, batch->bytes, batch->size, &whole);
	told_written(recorder->told, recorder->batch_events, whole == batch->lines);
	recorder_failed(recorder, error);
	ambit_sinks_put(recorder->sinks, batch->bytes, batch->size, whole);
	lost = batch->lines - whole;
	if (told && lost)
		lost--;
	else
		recorder->untold -= told;
	recorder->missing += lost;
	recorder->untold += lost;
	ambit_chain_written(&recorder->chain, batch, whole);
	batch->size = 0;
	batch->lines = 0;
	recorder->batch_events = 0;
	if (!error)
		recorder_recovered(recorder);
}

bool ambit_recorder_take(
	struct recorder *recorder, const void *bytes, size_t size, struct record *ret)
{
	if (ambit_record_decode(bytes, size, &recorder->source, ret)) {
		recorder->unreadable++;
		return false;
	}
	if (ambit_repeats_take(recorder->repeats, ret->event) || told_before(recorder->told))
		return false;
	/* Before a line and not behind it: the last one of a turn is there to be signed. */
	if (recorder->batch.size >= RECORDER_BYTES)
		write_batch(recorder, 0);
	put_event(recorder, ret);
	return true;
}

void ambit_recorder_mark(struct recorder *recorder, const char *json)
{
	if (!json) {
		lost_line(recorder);
		return;
	}
	ambit_writer_copy(&recorder->batch, json);
	end_line(recorder);
}

void ambit_recorder_clock(struct recorder *recorder)
{
	_cleanup_free_ char *json = NULL;
	int64_t ahead, step;
	uint64_t at;

	ambit_source_clock(&recorder->source);
	if (!read_clock(&ahead, &at))
		return;
	step = recorder->clock_at ? ahead - recorder->clock : 0;
	if ((uint64_t)llabs(step) > STEP_NS + (at - recorder->clock_at) / SLEW_SHARE) {
		json = ambit_clock_json((uint64_t)(recorder->clock + (int64_t)at));
		ambit_recorder_mark(recorder, json);
	}
	recorder->clock = ahead;
	recorder->clock_at = at;
}

void ambit_recorder_expire(struct recorder *recorder, uint64_t now)
{
	ambit_repeats_expire(recorder->repeats, now);
}

/* A line for those that are missing; how many it says. */
static uint64_t tell_missing(struct recorder *recorder)
{
	_cleanup_free_ char *json = recorder->untold ? ambit_missing_json(recorder->untold) : NULL;

	if (!json)
		return 0;
	ambit_writer_copy(&recorder->batch, json);
	return seal_line(recorder) ? recorder->untold : 0;
}

void recorder_write(struct recorder *recorder)
{
	uint64_t told = tell_missing(recorder);

	if (!recorder->batch.lines)
		return;
	ambit_chain_sign(&recorder->chain, &recorder->batch, recorder->ending);
	write_batch(recorder, told);
}

void ambit_recorder_flush(struct recorder *recorder)
{
	/* Before the lines: those of the end stay the last of their file. */
	ambit_recorder_succeed(recorder);
	recorder_write(recorder);
	/* What failed was no write: then there is nothing that is tried again, and the line for it is. */
	if (!recorder->untold)
		recorder_recovered(recorder);
	recorder_failed(recorder, ambit_trail_sync(recorder->trail, clock_ns(CLOCK_MONOTONIC)));
}

bool ambit_recorder_has_news(struct recorder *recorder)
{
	return recorder->untold || recorder->failing ||
	       ambit_trail_state(recorder->trail) != TRAIL_STANDS;
}

void ambit_recorder_end(struct recorder *recorder)
{
	recorder->ending = true;
	ambit_recorder_flush(recorder);
	recorder->ending = false;
}

void ambit_recorder_close(struct recorder *recorder)
{
	ambit_repeats_free(recorder->repeats);
	if (recorder->source.texts)
		ambit_source_close(&recorder->source);
	ambit_writer_clear(&recorder->batch);
	ambit_chain_close(&recorder->chain);
	recorder->repeats = NULL;
}
