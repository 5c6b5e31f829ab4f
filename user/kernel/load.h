/* SPDX-License-Identifier: Apache-2.0 */
/* Loading the programs: what arming attaches. */
#ifndef AMBIT_LOAD_H
#define AMBIT_LOAD_H

#include "kernel/internal.h"

struct ambit_bpf; /* the skeleton */
struct bpf_map;

/* From now on libbpf is silent, and its first warning stands in the diags. */
void programs_words(void);

/* What is to be loaded here. Clear it. */
struct loading {
	struct btf *btf; /* the kernel's types; owned */
	struct facts facts;
	bool wanted[HOOK_ROWS];
	unsigned count;
	bool keeps; /* verdicts are kept */
	bool names; /* and the programs for names are to be loaded */
};
/* What `needs` (a bit set of NEEDS()) asks for and is not attached; or says why that cannot be. */
int loading_init(struct loading *loading, const struct arm_options *options, unsigned needs,
	const struct attached *attached, struct diag *diag);
void loading_clear(struct loading *loading);
/* Makes the maps, ready for programs. */
int loading_maps(const struct loading *loading, struct ambit_bpf **ret, struct diag *diag);
/* Says in `diag` why programs of ours cannot join those that are armed, which know something else: they
 * are of another build, or for another cgroup. -EBUSY, or 0. */
int loading_joins(const struct loading *loading, struct diag *diag);
/* Loads every `parts`th of the programs, from the `part`th on, with the maps pinned in `maps`. */
int loading_programs(const struct loading *loading, const char *maps, unsigned part, unsigned parts,
	struct ambit_bpf **ret, struct diag *diag);
/* The same for the programs of names.c. */
int loading_names(const struct loading *loading, const char *maps, struct ambit_bpf **ret,
	struct diag *diag);
/* Loads programs that are no hooks, by their names, of which NULL is the last, with the maps pinned in `maps`. */
int loading_others(const char *maps, const char *const *names, struct ambit_bpf **ret, struct diag *diag);
void programs_cleanup(struct ambit_bpf **skeleton); /* frees any of these */

/* --- names.c --- */

/* Has them loaded with the skeleton. */
void names_select(struct ambit_bpf *skeleton);
/* Loads them, if they are wanted, and pins them in PIN_NEW_DIR, with the maps pinned in `maps`. */
int names_arm(const struct loading *loading, const char *maps, struct diag *diag);

/* --- attach.c --- */

/* Loads, attaches and pins in PIN_NEW_DIR all that is wanted, with the maps pinned in `maps`. What a
 * failure leaves there is the caller's. */
int parts_attach(const struct loading *loading, const char *maps, struct diag *diag);
/* `result`; a negative one says in `diag` that `what` cannot be pinned. */
int pin_checked(int result, const char *what, struct diag *diag);

/* --- load.c --- */

/* Where a map is pinned in `dir`. */
void map_pin_path(const struct bpf_map *map, const char *dir, char *ret, size_t size);

#endif
