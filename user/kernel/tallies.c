/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of `tallies`. The map is large and mostly empty, and to look through it takes long. */
#include <bpf/bpf.h>
#include "base/util.h"
#include "kernel/internal.h"

/* No cell has this id. */
#define ALL_CELLS 0U

/* Calls `each` for the tallies of a cell, or takes them away where `each` is NULL. */
static int tallies_walk(struct kernel *kernel, uint32_t id,
	void (*each)(const struct ambit_tally_key *key, uint64_t count, void *data), void *data)
{
	struct ambit_tally_key key, next;
	bool more = bpf_map_get_next_key(kernel->tallies, NULL, &next) == 0;
	uint64_t count;

	while (more) {
		key = next;
		more = bpf_map_get_next_key(kernel->tallies, &key, &next) == 0;
		if (id != ALL_CELLS && key.cell != id)
			continue;
		if (!each)
			bpf_map_delete_elem(kernel->tallies, &key);
		else if (bpf_map_lookup_elem(kernel->tallies, &key, &count) == 0)
			each(&key, count, data);
	}
	return 0;
}

int ambit_kernel_tallies(struct kernel *kernel,
	void (*each)(const struct ambit_tally_key *key, uint64_t count, void *data), void *data)
{
	return tallies_walk(kernel, ALL_CELLS, each, data);
}

int tallies_each(struct kernel *kernel, uint32_t id,
	void (*each)(const struct ambit_tally_key *key, uint64_t count, void *data), void *data)
{
	struct ambit_counters counters;
	uint64_t denied = 0;
	int result = counters_read(kernel, id, &counters);

	for (int op = 0; result == 0 && op < OP_MAX; op++)
		denied += counters.denied[op];
	/* Each denial is counted there, too. */
	return result == 0 && !denied ? 0 : tallies_walk(kernel, id, each, data);
}

/* Takes away what was denied of `op` for a reason and by no rule; how often that was. */
static uint64_t tally_remove(struct kernel *kernel, uint32_t id, int op, int reason)
{
	const struct ambit_tally_key key = {.cell = id, .op = (uint16_t)op, .reason = (uint16_t)reason};
	uint64_t count;

	return bpf_map_lookup_and_delete_elem(kernel->tallies, &key, &count) == 0 ? count : 0;
}

/* Takes the tallies of a cell away. Each denial is counted there and in `denied`, so as long as no rule
 * denied it is known which there are; only for the others the whole map is looked through. */
void tallies_remove(struct kernel *kernel, uint32_t id)
{
	static const int usual[] = {REASON_NO_RULE, REASON_FAMILY, REASON_GUARD, REASON_OUTSIDE};
	struct ambit_counters counters;
	uint64_t left = 0;

	if (counters_read(kernel, id, &counters) < 0)
		left = 1;
	for (int op = 0; !left && op < OP_MAX; op++) {
		left = counters.denied[op];
		/* What nothing allows, first of all, and what the canary is denied. */
		for (int i = -(int)ARRAY_SIZE(usual); left && i < REASON_MAX; i++) {
			uint64_t count = tally_remove(
				kernel, id, op, i < 0 ? usual[i + (int)ARRAY_SIZE(usual)] : i);

			left -= count < left ? count : left;
		}
	}
	if (left)
		tallies_walk(kernel, id, NULL, NULL);
}
