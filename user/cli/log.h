/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pieces of `ambit log`:
 *
 *   log.c     the verb: which lines, in which form
 *   since.c   when it begins
 *   lines.c   bytes of a file -> lines, whatever the bytes are
 *   follow.c  a file that grows, is cut short or replaced
 */
#ifndef AMBIT_LOG_H
#define AMBIT_LOG_H

#include <stdint.h>
#include "cli/cli.h"

/* --- since.c --- */

/* A time: 90s, 10m, 2h, 7d before `now`, or a date, in UTC if it ends in Z. ns since 1970. -EINVAL. */
int ambit_since_parse(const char *text, uint64_t now, uint64_t *ret);

/* --- lines.c --- */

/* Collects bytes into lines. Zero-initialise but for `each` and `data`; free with
 * ambit_lines_clear(). A line longer than AMBIT_TRAIL_LINE_MAX is passed over and counted. */
struct lines {
	void (*each)(const char *line, size_t size, void *data);
	void *data;
	char *buffer;
	size_t size, capacity;
	uint64_t too_long;
	bool skipping;
};

/* Calls `each` for every line that is complete now. -ENOMEM leaves what came before in order. */
int ambit_lines_feed(struct lines *lines, const char *bytes, size_t size);
/* Forgets a line that was begun; true if there was one. */
bool ambit_lines_reset(struct lines *lines);
void ambit_lines_clear(struct lines *lines);

/* --- follow.c --- */

/* Feeds all of `path`, which may be compressed, to `lines`; if `follow`, goes on with what is appended, from
 * the start when the file is cut short or another takes its name, until a signal ends us. */
int ambit_follow(const char *path, bool follow, struct lines *lines, struct diag *diag);

#endif
