/* SPDX-License-Identifier: Apache-2.0 */
/* What a cell is to those who make it (cell.c) and who hold it for good (bound.c). */
#ifndef AMBIT_CELL_H
#define AMBIT_CELL_H

#include <sys/types.h>
#include "kernel/internal.h"

struct cell {
	struct kernel *kernel;
	struct ring *reader;
	uint32_t id;
	int ring, ring_lock;
	uint32_t ring_key;
	size_t ring_size;
	int lock; /* exclusive while we live: how others see that the cell is not stale */
	bool has_cgroup;
	bool stays; /* it outlives us: tasks of it are left, which whoever reaps it ends, or it is bound */
	bool bound;
	ino_t above; /* of a bound one: the cgroup above its own, when its row was last seen to name that */
	bool unspread; /* likewise: binding it beneath another was begun and failed */
	int strays; /* ended so far outside of its cgroup */
	char cgroup[1024];
	int (*handle)(const struct ambit_event *event, size_t size, void *data);
	void *data;
};

/* spread.c: has the kernel bind what a glob names, and binds what is there of it; also where it was done before. */
int spread_rows(struct cell *cell, const struct ambit_place *place, struct diag *diag);
/* Takes that away again, but no label. */
void spread_end(struct cell *cell);

/* Nothing yet; NULL without memory. */
struct cell *cell_alloc(struct kernel *kernel);

#endif
