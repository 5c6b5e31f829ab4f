/* SPDX-License-Identifier: Apache-2.0 */
/* Loading the programs: what arming attaches. */
#ifndef AMBIT_LOAD_H
#define AMBIT_LOAD_H

#include "kernel/internal.h"

#define PIN_RODATA "rodata" /* what the programs know about this kernel */

struct ambit_bpf; /* the skeleton */
struct bpf_map;

/* From now on libbpf is silent, and its first warning stands in the diags. */
void programs_words(void);

/* Loads the programs for what `needs` asks for (a bit set of NEEDS()), or of these what is not in
 * `attached`, with the maps that are pinned. NULL: with maps of their own. Owned by the caller. */
int programs_load(const struct arm_options *options, unsigned needs, const struct attached *attached,
	struct ambit_bpf **ret, struct diag *diag);
void programs_cleanup(struct ambit_bpf **skeleton);

/* Where a map is pinned in `dir`; false if it is not. */
bool map_pin_path(const struct ambit_bpf *skeleton, const struct bpf_map *map, const char *dir,
	char *ret, size_t size);

#endif
