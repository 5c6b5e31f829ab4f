/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of a trail that was rotated: FILE.old/000001, FILE.old/000002, … and FILE, the newest. A number
 * is not used again, and a piece may be compressed: FILE.old/000001.zst. A directory, so that what is kept
 * from a cell is one place.
 */
#ifndef AMBIT_PIECES_H
#define AMBIT_PIECES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "trail/seal.h"

#define PIECES_SUFFIX ".old"

struct piece {
	uint64_t number;
	char *path; /* owned */
	bool squeezed;
};
/* Zero-initialise; free with ambit_pieces_clear(). The oldest first. */
struct pieces {
	struct piece *items;
	size_t count, items_room;
};

/* The pieces of the trail `path`, which itself is none of them. None is no error. */
int ambit_pieces_list(const char *path, struct pieces *ret);
void ambit_pieces_clear(struct pieces *pieces);
/* The directory of the pieces of `path`. malloc()ed; NULL without memory. */
char *ambit_pieces_directory(const char *path);
/* Where a file is rotated to. malloc()ed; NULL without memory. */
char *ambit_piece_path(const char *path, uint64_t number);
/* --- of a piece that may become compressed meanwhile (squeeze.h), and so get its other name --- */

/* When it was written to last, ns since 1970. */
int ambit_piece_age(const char *path, uint64_t *ret);
void ambit_piece_remove(const char *path);
/* The hash that the first line of a file names as the one before it. -EBADMSG: it has no such line. */
int ambit_piece_prev(const char *path, uint8_t ret[SEAL_HASH]);

#endif
