/* SPDX-License-Identifier: Apache-2.0 */
/* What trail.c and turn.c share: a trail's file. */
#ifndef AMBIT_FILE_H
#define AMBIT_FILE_H

#include <nettle/sha2.h>
#include "trail/keeper.h"
#include "trail/trail.h"

struct trail {
	int fd;
	char *path; /* owned */
	bool new; /* nobody else has it open, and our first write is yet to come */
	struct trail_before before;
	uint64_t torn; /* bytes that the file ends in and that are no line */
	struct sha256_ctx torn_hash;
	bool unended; /* the file ends in a line that lacks its newline and nothing else */
	struct trail_keep keep;
	struct keeper *keeper;
	uint64_t began;		 /* when the file was made, ns since 1970 */
	uint64_t turn_after; /* a rotation that failed is not tried again before (CLOCK_MONOTONIC, ns) */
	uint64_t unsynced;	 /* lines since the last call to write back */
	uint64_t unsynced_since; /* when the first of them came (CLOCK_MONOTONIC, ns) */
};

/* Opens a file (O_RDWR, 0600, append) with `flags` more, for us alone if nobody has it open; waits for who
 * has just made it. The descriptor, or a negative errno. */
int trail_file_open(const char *path, int flags, bool *ret_alone);
/* F_OFD_SETLK or F_OFD_SETLKW with a type of lock. */
int trail_lock(int fd, int command, short type);
/* When it was made, ns since 1970. */
uint64_t trail_file_began(int fd);

#endif
