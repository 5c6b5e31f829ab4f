/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a ring is in the trail, though it was not given up: who wrote it was killed in between. A ring is taken in
 * turns, and what a turn makes of the same events is always the same lines, since what is counted to others (repeats.h)
 * ends with it. So the next one takes the turn once more, from the same position, and leaves out as many lines of
 * events as are there.
 *
 * How many that are, a row says that is written in front of each batch, and the trail: the row has the lines before
 * the batch, and where the batch begins.
 *
 * Sinks get lines behind the file, from a queue that ends with who is killed. So they get what the file has of such a
 * turn from the next one: rather twice than not at all.
 */
#ifndef AMBIT_TOLD_H
#define AMBIT_TOLD_H

#include <stdbool.h>
#include <stdint.h>
#include "trail/sinks.h"
#include "trail/trail.h"

/* Whose turns a row is of. Of another ring a position says nothing, and another build may make other lines of the same
 * events. */
struct told_whose {
	uint64_t ring; /* a number that no other ring has since the machine started */
	uint32_t abi;  /* AMBIT_ABI */
	uint8_t build[20]; /* store_build(); zeroes: not known */
};

struct told_row {
	struct told_whose whose;
	uint64_t from;	 /* position in the ring where the turn begins */
	uint64_t events; /* it takes so many at most */
	uint64_t lines;	 /* of its events, that are in the trail for sure */
	uint64_t file, size; /* inode of the trail, and its size: lines of events behind that are of the turn, too */
	uint64_t turn_file, turn_size; /* the same, of where the turn began */
};

struct told {
	int fd; /* of the file that the row is in */
	struct told_whose whose;
	struct told_row row;
	bool again;    /* the next turn is one that was taken before */
	uint64_t skip; /* lines of events that the turn leaves out */
	bool uncertain; /* lines of this turn are missing, so those that are there are not its first ones */
};

/* Keeps the row in the file `path`, which has to go with the boot, as rings do; one that is not `whose` is none.
 * -errno: then nothing is kept, and what was written and not given up is told again. */
int ambit_told_open(struct told *told, const char *path, const struct told_whose *whose);
/* Goes on where who had the ring before was killed; `at` is the position of the first event that was not given up, and
 * `trail` is as he left it. Lines of that turn go to `sinks`; of one that began in a file before, those of this
 * file. */
void ambit_told_take(struct told *told, uint64_t at, struct trail *trail, struct sinks *sinks);
/* A turn begins at a position of the ring. Returns how many events it may take, which are `most` if it is new. */
uint64_t ambit_told_begin(struct told *told, uint64_t at, uint64_t most);
/* It took so many, of which none is counted in memory alone any more. */
void ambit_told_end(struct told *told, uint64_t events);
void ambit_told_close(struct told *told);

/* --- for the recorder; NULL is fine --- */

/* Whether the next line of an event is in the trail already. */
bool told_before(struct told *told);
/* A batch is going to be written; and was, with so many lines of events, or not as a whole. */
void told_write(struct told *told, const struct trail *trail);
void told_written(struct told *told, uint64_t lines, bool whole);

#endif
