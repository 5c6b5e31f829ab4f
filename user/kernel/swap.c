/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another policy for a cell that runs. What is new is made beside what is old, and one write of the
 * cell's row names it: the key in `policies`, the key in `identities` and the epoch go together, so a
 * decision finds all that is old or all that is new. What is old goes after the kernel has waited for
 * every decision that may still read it.
 */
#include <bpf/bpf.h>
#include <string.h>
#include <sys/random.h>
#include "base/util.h"
#include "kernel/cell.h"

/* A new row of `identities`; 0 in `ret` where there is nothing to put in. */
static int links_new(struct kernel *kernel, const struct identities *identities, uint32_t *ret,
	struct diag *diag)
{
	_cleanup_close_ int fd = -1;
	uint32_t key = 0;
	int result;

	if (!identities || !identities->count) {
		*ret = 0;
		return 0;
	}
	fd = identities_load(identities, diag);
	if (fd < 0)
		return fd;
	do {
		if (getrandom(&key, sizeof(key), 0) != sizeof(key))
			return -errno;
		key |= LINKS_SWAPPED;
		result = bpf_map_update_elem(kernel->identities, &key, &fd, BPF_NOEXIST) < 0 ? -errno
											     : 0;
	} while (result == -EEXIST);
	if (result == 0)
		*ret = key;
	else
		ambit_diag_set(diag, NULL, 0, 0, "cannot make a row in \"identities\": %s",
			strerror(-result));
	return result;
}

/* The one write. What is kept of former verdicts is void before it, so that none is renewed from what is
 * old, and after it. */
static int row_write(struct kernel *kernel, uint32_t id, const struct ambit_cell *row)
{
	int result;

	kept_fence(kernel, true);
	result = bpf_map_update_elem(kernel->cells, &id, row, BPF_EXIST) < 0 ? -errno : 0;
	kept_fence(kernel, false);
	return result;
}

/* What a row names, but for what `kept` names too. */
static void row_drop(
	struct kernel *kernel, const struct ambit_cell *row, const struct ambit_cell *kept)
{
	policy_release(kernel, row->policy);
	if (row->links && row->links != kept->links)
		bpf_map_delete_elem(kernel->identities, &row->links);
}

int cell_swap(struct kernel *kernel, uint32_t id, const struct tables *tables,
	const struct identities *identities, uint64_t epoch, const struct reach *reach, struct diag *diag)
{
	struct ambit_cell old = {}, new;
	int result;

	if (bpf_map_lookup_elem(kernel->cells, &id, &old) < 0) {
		result = -errno;
		ambit_diag_set(diag, NULL, 0, 0, "cannot find cell %08x: %s", id, strerror(-result));
		return result;
	}
	new = old;
	new.epoch = epoch;
	if (reach) {
		new.cgroup = reach->cgroup;
		new.flags = (new.flags & ~(uint32_t)REACH_FLAGS) | reach->flags;
	}
	result = policy_acquire(kernel, tables, &new.policy, diag);
	if (result < 0)
		return result;
	result = links_new(kernel, identities, &new.links, diag);
	if (result < 0) {
		policy_release(kernel, new.policy);
		return result;
	}
	new.flags &= ~(uint32_t)(AMBIT_CELL_LINKS | AMBIT_CELL_SHUT);
	new.flags |= new.links ? AMBIT_CELL_LINKS : 0;
	result = row_write(kernel, id, &new);
	if (result < 0) {
		ambit_diag_set(diag, NULL, 0, 0, "cannot write the row of cell %08x: %s", id,
			strerror(-result));
		row_drop(kernel, &new, &old);
		return result;
	}
	result = policies_settle(kernel, new.policy);
	/* Without having waited nothing goes: what is old stays until the cell ends, and is swept. */
	if (result == 0)
		row_drop(kernel, &old, &new);
	return 0;
}

int cell_shut(struct kernel *kernel, uint32_t id)
{
	struct ambit_cell old = {}, new;
	int result;

	if (bpf_map_lookup_elem(kernel->cells, &id, &old) < 0)
		return -errno;
	new = old;
	new.policy = AMBIT_POLICY_NOTHING;
	new.flags |= AMBIT_CELL_SHUT;
	result = row_write(kernel, id, &new);
	if (result == 0 && policies_settle(kernel, new.policy) == 0)
		row_drop(kernel, &old, &new);
	return result;
}

/* A cell that is shut has no policy: cell_shut(), or event_lost() in the kernel, has put it aside. */
int ambit_cell_row(const struct cell *cell, struct ambit_cell *ret)
{
	return bpf_map_lookup_elem(cell->kernel->cells, &cell->id, ret) < 0 ? -errno : 0;
}

int ambit_cell_in_force(const struct cell *cell, struct tables **ret_tables, struct identities *ret_links)
{
	_cleanup_(tables_cleanup) struct tables *tables = NULL;
	_cleanup_close_ int policy = -1, links = -1;
	struct identities identities = {};
	struct ambit_cell row;
	uint32_t id;
	int result = ambit_cell_row(cell, &row);

	if (result < 0)
		return result;
	if (row.policy == AMBIT_POLICY_NOTHING)
		return -ENODATA;
	policy = policy_open(cell->kernel, row.policy);
	result = policy < 0 ? policy : table_read(policy, &tables);
	if (result == 0 && row.links) {
		links = bpf_map_lookup_elem(cell->kernel->identities, &row.links, &id) < 0
				? -1
				: bpf_map_get_fd_by_id(id);
		result = links < 0 ? -errno : identities_read(links, &identities);
	}
	if (result < 0)
		return result;
	*ret_tables = TAKE_PTR(tables);
	*ret_links = identities;
	return 0;
}
