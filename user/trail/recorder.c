/* SPDX-License-Identifier: Apache-2.0 */
#include "trail/recorder.h"

#include "base/util.h"

/* Events that were alike, as one line. */
static void put_repeats(
	const struct ambit_event *event, size_t size, uint64_t count, uint64_t last, void *data)
{
	struct recorder *recorder = data;
	struct record record;

	/* It was decoded when it came. */
	if (ambit_record_decode(event, size, &recorder->source, &record))
		return;
	record.count = count;
	record.last = recorder->source.wall + last;
	ambit_record_put(&recorder->batch, &record);
	if (!ambit_writer_line(&recorder->batch))
		recorder->missing++;
}

int ambit_recorder_open(struct recorder *recorder, struct trail *trail, const struct policy *policy,
	const char *cell)
{
	int error;

	*recorder = (struct recorder){.trail = trail};
	error = ambit_source_open(&recorder->source, policy, cell);
	if (error)
		return error;
	recorder->repeats = ambit_repeats_new(put_repeats, recorder);
	if (recorder->repeats)
		return 0;
	ambit_source_close(&recorder->source);
	return -ENOMEM;
}

bool ambit_recorder_take(
	struct recorder *recorder, const void *bytes, size_t size, struct record *ret)
{
	if (ambit_record_decode(bytes, size, &recorder->source, ret)) {
		recorder->unreadable++;
		return false;
	}
	if (ambit_repeats_take(recorder->repeats, ret->event))
		return false;
	ambit_record_put(&recorder->batch, ret);
	if (!ambit_writer_line(&recorder->batch))
		recorder->missing++;
	if (recorder->batch.size >= RECORDER_BYTES)
		ambit_recorder_flush(recorder);
	return true;
}

void ambit_recorder_mark(struct recorder *recorder, const char *json)
{
	if (!json || !ambit_writer_copy(&recorder->batch, json))
		recorder->missing++;
}

void ambit_recorder_expire(struct recorder *recorder, uint64_t now)
{
	ambit_repeats_expire(recorder->repeats, now);
}

void ambit_recorder_flush(struct recorder *recorder)
{
	struct writer *batch = &recorder->batch;
	uint64_t whole;
	int error;

	if (!batch->size)
		return;
	error = ambit_trail_write(recorder->trail, batch->bytes, batch->size, &whole);
	if (error && !recorder->error)
		recorder->error = error;
	recorder->missing += batch->lines - whole;
	batch->size = 0;
	batch->lines = 0;
}

void ambit_recorder_close(struct recorder *recorder)
{
	ambit_repeats_free(recorder->repeats);
	if (recorder->source.texts)
		ambit_source_close(&recorder->source);
	ambit_writer_clear(&recorder->batch);
	recorder->repeats = NULL;
}
