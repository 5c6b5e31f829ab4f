/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a set of files that belong together begins and ends. It may begin in the middle of a chain if the
 * trail itself says that the files before were removed, and must not end where it says that another
 * file follows.
 */
#ifndef AMBIT_SPAN_H
#define AMBIT_SPAN_H

#include "trail/verify.h"

struct span {
	bool middle; /* the first line of all goes on with a chain */
	struct verify_place first;
	uint64_t first_seq;
	uint8_t before[SEAL_HASH]; /* of the line in front of it */
	bool retired;		   /* a line that is signed says that it was the last of what was removed */
	bool rotates;		   /* the last line says that another file follows */
	struct verify_place last;
	uint64_t last_seq;
};

/* The first line of all, in the middle of a chain. */
void ambit_span_begin(struct span *span, const struct verify_place *place, const struct seal *seal);
/* A line that is in its place. */
void ambit_span_line(struct span *span, const struct verify_place *place, const char *line, size_t size,
	const struct seal *seal);
/* All was read: what is missing at the ends, or FAULT_NONE. */
struct verify_found ambit_span_end(const struct span *span);

#endif
