// SPDX-License-Identifier: Apache-2.0
/*
 * swap TIMES POLICY POLICY   gives the one cell that runs the one policy and the other by turns. Prints
 * how many tables there are more then than before.
 */
#include <bpf/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include "base/util.h"
#include "kernel/internal.h"
#include "policy/env.h"

static int fail(const char *what, int result, const struct diag *diag)
{
	fprintf(stderr, "swap: %s: %s\n", what, diag->text ?: strerror(-result));
	return 1;
}

static int tables_read(const char *file, struct tables **ret, struct diag *diag)
{
	_cleanup_(policy_cleanup) struct policy *policy = NULL;
	struct policy_env_own env = {0};
	struct diags diags = {0};
	int result = ambit_policy_env_find(NULL, &env, diag);

	if (result == 0)
		result = ambit_policy_load(file, &env.env, &diags, &policy);
	if (result == 0)
		result = ambit_policy_mounts(policy, &env.env, &diags);
	if (result == 0)
		result = ambit_tables_compile(policy, diag, ret);
	if (diags.count && !diag->text)
		ambit_diag_set(diag, NULL, 0, 0, "%s", diags.items[0].text);
	ambit_diags_clear(&diags);
	ambit_policy_env_clear(&env);
	return result;
}

static void cell_find(const struct cell_info *info, void *data)
{
	if (!(info->row.flags & AMBIT_CELL_CANARY))
		*(uint32_t *)data = info->id;
}

static unsigned rows(const struct kernel *kernel)
{
	uint32_t key, next, row;
	unsigned count = 0;

	for (bool more = !bpf_map_get_next_key(kernel->policy_keys, NULL, &next); more;) {
		key = next;
		more = !bpf_map_get_next_key(kernel->policy_keys, &key, &next);
		count += bpf_map_lookup_elem(kernel->policies, &key, &row) == 0;
	}
	return count;
}

int main(int argc, char **argv)
{
	struct kernel *kernel = NULL;
	struct tables *tables[2] = {0};
	struct diag diag = {0};
	unsigned times = argc == 4 ? (unsigned)atoi(argv[1]) : 0;
	unsigned before = 0;
	uint32_t id = 0;
	int result = times ? 0 : -EINVAL;

	for (int i = 0; result == 0 && i < 2; i++)
		result = tables_read(argv[2 + i], &tables[i], &diag);
	if (result == 0)
		result = ambit_kernel_open(&kernel, &diag);
	if (result < 0)
		return fail("cannot begin", result, &diag);
	ambit_cells_each(kernel, cell_find, &id);
	before = rows(kernel);
	for (unsigned i = 0; result == 0 && i < times; i++) {
		_cleanup_close_ int lock = lock_file("policies", LOCK_EX, &diag);

		result = lock < 0 ? lock
				  : cell_swap(kernel, id, tables[i % 2], NULL, i + 2, NULL, &diag);
	}
	if (result < 0)
		return fail("cannot swap", result, &diag);
	printf("%d\n", (int)(rows(kernel) - before));
	ambit_kernel_close(kernel);
	return 0;
}
