/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that several cells must not have at once: who may write them, and the slots of counters. */
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/file.h>
#include "base/util.h"
#include "kernel/internal.h"

/* For rows of `policies` and of `cells`: see policies.c. */
int policies_lock(struct diag *diag)
{
	return lock_file("policies", LOCK_EX, diag);
}

/*
 * Numbers in another order: multiplied by an odd one they stay different, until half of 2^32 were given
 * away. So a task that outlived its cell never finds itself in another, and what is kept of verdicts
 * never counts for one. Where they begin is random, so that trails of several boots differ.
 */
int id_next(struct kernel *kernel, uint32_t *ret)
{
	struct ambit_arming arming;
	const uint32_t row = 0;

	if (bpf_map_lookup_elem(kernel->arming, &row, &arming) < 0)
		return -errno;
	arming.ids++;
	if (bpf_map_update_elem(kernel->arming, &row, &arming, BPF_ANY) < 0)
		return -errno;
	*ret = arming.ids * 0x9e3779b1U & ~LINKS_SWAPPED;
	return 0;
}

int counters_clear(struct kernel *kernel, uint32_t id)
{
	const struct ambit_counters none = {.owner = id};
	uint32_t slot = AMBIT_CELL_SLOT(id);

	return bpf_map_update_elem(kernel->counters, &slot, &none, BPF_ANY) < 0 ? -errno : 0;
}

int counters_read(struct kernel *kernel, uint32_t id, struct ambit_counters *ret)
{
	uint32_t slot = AMBIT_CELL_SLOT(id);

	return bpf_map_lookup_elem(kernel->counters, &slot, ret) < 0 ? -errno : 0;
}

/* True if a cell has the slot of this id; every cell has its lock file first and last. To look through those would
 * take the longer the more cells there are. */
bool slot_is_taken(struct kernel *kernel, uint32_t id)
{
	struct ambit_counters counters;
	char path[256];

	if (counters_read(kernel, id, &counters) < 0)
		return true;
	if (!counters.owner)
		return false;
	cell_lock_path((uint32_t)counters.owner, path, sizeof(path));
	return access(path, F_OK) == 0;
}

/* Whoever was killed in the middle left it odd: nothing is kept then, which only costs time. And counts that
 * are too high, which let maps be looked through for nothing. */
void kept_mend(struct kernel *kernel)
{
	struct diag ignored = {};
	_cleanup_close_ int lock = policies_lock(&ignored);

	ambit_diag_clear(&ignored);
	if (lock < 0 || !kernel->kept)
		return;
	kept_fence(kernel, false);
	census_mend(kernel, CENSUS_CELLS);
	census_mend(kernel, CENSUS_LIMITS);
	if (census_none(kernel, CENSUS_CELLS))
		kept_forget(kernel);
}
