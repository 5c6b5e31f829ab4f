/* SPDX-License-Identifier: Apache-2.0 */
/* How a file of lines ends. */
#ifndef AMBIT_TAIL_H
#define AMBIT_TAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

/* Zero-initialise; free with tail_cleanup(). `bytes` + `line` is the last whole line of `line_size` bytes without its
 * newline; `rest` bytes at `bytes` + `size` - `rest` follow it and have none. */
struct tail {
	char *bytes;
	size_t size;
	bool has_line;
	size_t line, line_size;
	size_t rest;
};

/* Reads the end of a file. -EFBIG: there is no line in it as long as a trail's can be. */
int ambit_tail_read(int fd, struct tail *ret);
static inline void tail_cleanup(struct tail *tail)
{
	free(tail->bytes);
}

#endif
