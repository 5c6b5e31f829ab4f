/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records of a ring and the marks of a run -> the file. Lines come together in memory and are
 * written many at a time: ambit_recorder_flush() after each batch.
 */
#ifndef AMBIT_RECORDER_H
#define AMBIT_RECORDER_H

#include "trail/repeats.h"
#include "trail/source.h"
#include "trail/writer.h"

/* Lines are written at the latest when there are so many bytes of them. */
#define RECORDER_BYTES (256U << 10)

struct recorder {
	struct trail *trail; /* not owned */
	struct trail_source source;
	struct repeats *repeats;
	struct writer batch;
	uint64_t unreadable; /* ring records that were no events */
	uint64_t missing;    /* lines that are not in the trail */
	int error;	     /* the first write that failed */
};

/* Policy and name have to outlive it. -ENOMEM leaves nothing to be closed. */
int ambit_recorder_open(struct recorder *recorder, struct trail *trail, const struct policy *policy,
	const char *cell);
/* Takes one record of a ring. True: it became a line, and `ret` is it; false: it is none, or is
 * counted to one like it (repeats.h). */
bool ambit_recorder_take(
	struct recorder *recorder, const void *bytes, size_t size, struct record *ret);
/* Adds a line that is no event; NULL counts as one that is missing. */
void ambit_recorder_mark(struct recorder *recorder, const char *json);
/* Adds the lines of events that were counted until `now` (ambit_repeats_expire()). */
void ambit_recorder_expire(struct recorder *recorder, uint64_t now);
/* Writes what is there to the file. */
void ambit_recorder_flush(struct recorder *recorder);
void ambit_recorder_close(struct recorder *recorder);

#endif
