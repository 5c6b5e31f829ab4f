/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records of a ring and the marks of a run -> the file, chained. Lines come together in memory and
 * are written many at a time: ambit_recorder_flush() after each batch, whose last line it signs.
 */
#ifndef AMBIT_RECORDER_H
#define AMBIT_RECORDER_H

#include "trail/chain.h"
#include "trail/repeats.h"
#include "trail/source.h"
#include "trail/told.h"
#include "trail/writer.h"

/* Lines are written at the latest when there are so many bytes of them. */
#define RECORDER_BYTES (256U << 10)

struct recorder {
	struct trail *trail; /* not owned */
	struct sinks *sinks; /* the caller's: where lines go besides; NULL: nowhere */
	struct told *told;   /* the caller's: what is in the file already; NULL: nothing */
	struct trail_source source;
	struct repeats *repeats;
	struct writer batch;
	uint64_t batch_events; /* lines of events in it */
	struct chain chain;
	int64_t clock;	     /* what CLOCK_REALTIME was ahead of CLOCK_BOOTTIME, ns */
	uint64_t clock_at;   /* when it was looked at (CLOCK_BOOTTIME, ns) */
	bool ending;	     /* the last line that there is now is the last of the trail */
	uint64_t unreadable; /* ring records that were no events */
	uint64_t missing;    /* lines that are not in the trail */
	uint64_t untold;     /* of them those that the trail does not say are missing */
	int error;	     /* the first write that failed */
	/* A write failed, and none came through since. */
	int failing;		/* the first error; 0: none */
	uint64_t failing_since; /* ns since 1970 */
	uint64_t again;		/* when it is tried again, whatever happens (CLOCK_MONOTONIC, ns) */
	uint64_t again_after;	/* ns after the failure before */
	bool denies;		/* the caller's: meanwhile everything is denied */
	bool telling;		/* of the failure */
	bool gone;		/* the file was removed, and could not be written anew */
};

/* Policy and name have to outlive it. An error, that of ambit_chain_open() or -ENOMEM, leaves nothing to
 * be closed. */
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
/* Compares the clocks, to be called for each batch of events; a step of the wall clock becomes a line. */
void ambit_recorder_clock(struct recorder *recorder);
/* Signs what is there and writes it to the file, or to the one that follows it. */
void ambit_recorder_flush(struct recorder *recorder);
/* When it has to be flushed at the latest, though nothing comes (CLOCK_MONOTONIC, ns); 0: never. */
uint64_t ambit_recorder_due(const struct recorder *recorder);
/* True if flushing now would say more than what is there: lines were lost, or the file has to be another. */
bool ambit_recorder_has_news(struct recorder *recorder);
/* The same as flushing, and no line will follow. Where that line does not get into the file, the trail stays open. */
void ambit_recorder_end(struct recorder *recorder);
void ambit_recorder_close(struct recorder *recorder);

/* --- recorder.c and succeed.c share --- */

/* Signs and writes what is there to this file. */
void recorder_write(struct recorder *recorder);
/* An error (0: none) of writing, and that what was tried came through. */
void recorder_failed(struct recorder *recorder, int error);
void recorder_recovered(struct recorder *recorder);
/* Begins another file if this one is full or gone. */
void ambit_recorder_succeed(struct recorder *recorder);

#endif
