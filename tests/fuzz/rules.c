/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer: any text as a file of cells.d. A rule names a cgroup below the mount, or it says what is wrong. */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include "daemon/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cell_rules rules = {0};
	struct diags diags = {0};
	int error = cell_rules_parse(&rules, "x.yaml", (const char *)data, size, &diags);

	if (error != -ENOMEM && (!error != !diags.count || !error != (rules.count == 1)))
		__builtin_trap();
	if (rules.count && (strncmp(rules.items[0].cgroup, AMBIT_CGROUP_MOUNT "/", sizeof(AMBIT_CGROUP_MOUNT)) ||
				   strstr(rules.items[0].cgroup, "/.") || *rules.items[0].policy != '/'))
		__builtin_trap();
	cell_rules_clear(&rules);
	ambit_diags_clear(&diags);
	return 0;
}
