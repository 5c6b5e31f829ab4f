/* SPDX-License-Identifier: Apache-2.0 */
/* The cells at a moment, and how fast their counts grew since another: what `ambit ps` and `ambit top` show. */
#ifndef AMBIT_SAMPLE_H
#define AMBIT_SAMPLE_H

#include <stdio.h>
#include "kernel/kernel.h"

/* Zero-initialise; free with ambit_sample_clear(). Canaries are left out. */
struct sample {
	struct cell_info *cells;
	size_t count, cells_room;
	uint64_t at; /* CLOCK_MONOTONIC, ns */
};

/* A kernel that is not armed has no cells. A negative errno, with what is wrong said. */
int ambit_sample_take(struct sample *ret);
void ambit_sample_clear(struct sample *sample);

/* A second, in tenths. */
struct rates {
	bool known; /* the cell was there before */
	uint64_t allowed, denied, lost;
};
struct rates ambit_sample_rates(
	const struct sample *before, const struct sample *now, const struct cell_info *cell);

/* A table: its head, and the row of a cell. `rates` NULL: without those columns. */
void ambit_sample_head(FILE *out, bool rates);
void ambit_sample_row(FILE *out, const struct cell_info *info, const struct rates *rates);
/* "enforce" or "audit". */
const char *ambit_sample_mode(const struct cell_info *info);

#endif
