/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many rows there are. The kernel finds the first row of a hash by going through its buckets, 280,000
 * instructions for `cells` and as many for `limits`: a run would pay that three times, mostly for nothing.
 */
#include <bpf/bpf.h>
#include "base/util.h"
#include "kernel/internal.h"

static const uint32_t row = 0; /* of `arming`, the only one */

int census_add(struct kernel *kernel, enum census of, int by)
{
	struct ambit_arming arming;

	if (bpf_map_lookup_elem(kernel->arming, &row, &arming) < 0)
		return -errno;
	arming.rows[of] += (uint32_t)by;
	return bpf_map_update_elem(kernel->arming, &row, &arming, BPF_ANY) < 0 ? -errno : 0;
}

bool census_none(struct kernel *kernel, enum census of)
{
	struct ambit_arming arming;

	return bpf_map_lookup_elem(kernel->arming, &row, &arming) == 0 && arming.rows[of] == 0;
}

void census_mend(struct kernel *kernel, enum census of)
{
	struct ambit_arming arming;
	uint32_t first;

	if (bpf_map_lookup_elem(kernel->arming, &row, &arming) < 0 || arming.rows[of] == 0 ||
		bpf_map_get_next_key(of == CENSUS_CELLS ? kernel->cells : kernel->limits, NULL, &first) == 0 ||
		errno != ENOENT)
		return;
	arming.rows[of] = 0;
	bpf_map_update_elem(kernel->arming, &row, &arming, BPF_ANY);
}
