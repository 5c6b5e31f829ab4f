/* SPDX-License-Identifier: Apache-2.0 */
/* Where the records of a trail come from: what all of them share, worked out once. */
#ifndef AMBIT_SOURCE_H
#define AMBIT_SOURCE_H

#include "trail/actor.h"
#include "trail/trail.h"

/* A part of a line as it stands in the trail; bytes NULL: not made yet. */
struct trail_text {
	char *bytes;
	size_t size;
};

/* Policy and name have to outlive it. */
struct trail_source {
	const struct policy *policy;
	const char *cell;
	uint64_t wall; /* what CLOCK_REALTIME is ahead of CLOCK_MONOTONIC, ns */
	unsigned section_lines[OP_MAX]; /* as in struct record */
	struct trail_text *texts;
	struct actor_memo actor;
};

/* -ENOMEM leaves nothing to be closed. */
int ambit_source_open(struct trail_source *source, const struct policy *policy, const char *cell);
/* Compares the clocks, to be called for each batch of events: so a step of the wall clock is not
 * carried on. */
void ambit_source_clock(struct trail_source *source);
/* The text for policy and rule of a record; NULL where it has no source. */
struct trail_text *ambit_source_text(const struct record *record);
void ambit_source_close(struct trail_source *source);

#endif
