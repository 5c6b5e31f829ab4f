/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What takes a disk long and nobody has to wait for: writing back what the kernel holds of a trail, and
 * compressing files that were rotated. A thread of its own, which is made with the first task.
 */
#ifndef AMBIT_KEEPER_H
#define AMBIT_KEEPER_H

#include <stdbool.h>

struct keeper;

/* NULL without memory. */
struct keeper *ambit_keeper_new(void);
/* Begins to write a file back, of which the keeper takes a descriptor of its own. One that waits stands for
 * all that were asked for since. */
void ambit_keeper_sync(struct keeper *keeper, int fd);
/* Begins to compress files: `path` and what is left of it from before. */
void ambit_keeper_squeeze(struct keeper *keeper, const char *path);
/* The first error since the last call: of writing back, -EIO where it is not known of which file. */
int ambit_keeper_error(struct keeper *keeper);
/* Waits until all is done, and frees it. NULL is fine. */
void ambit_keeper_free(struct keeper *keeper);

#endif
