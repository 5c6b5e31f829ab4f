/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who made whom, further up than an event says: it has the process and its parent. What earlier events said is kept,
 * and of a process that still runs and has done nothing /proc tells; one that has ended without either ends the
 * line.
 */
#ifndef AMBIT_LINEAGE_H
#define AMBIT_LINEAGE_H

#include <stdint.h>
#include "trail/trail.h"

#define LINEAGE_MOST 8 /* that are told of: the parent, and seven above it */

/* How often /proc is read for the events of one second: of a process with thousands of threads that takes a
 * millisecond, and who makes events can make such. Beyond that a line ends with what is known. */
#define LINEAGE_READS 256

struct ancestor {
	uint32_t pid;
	uint64_t start; /* as in events: CLOCK_BOOTTIME, ns; 0: only /proc tells of it, in hundredths of a second */
	char name[16];	/* as the kernel has it: not always with a NUL */
};

/* Takes from an event what it says. Of this thread, which is the one that asks. */
void ambit_lineage_learn(const struct ambit_event *event);
/* The parent of an event's process and those above it, as far as they are known; how many. */
unsigned ambit_lineage_find(const struct ambit_event *event, struct ancestor ret[LINEAGE_MOST]);
/* Another place than /proc, for tests; and nothing is known. */
void ambit_lineage_proc(const char *path);

#endif
