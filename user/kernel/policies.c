/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of `policies`. Cells with the same tables have the same row: its key comes from what is in
 * them, and whoever finds a row under a key compares every word before he takes it for the same.
 *
 * All of it goes on under one lock (policies_lock() in slots.c), from the search for a row to the row in `cells`
 * that names it, and from the end of a row in `cells` to the end of the one that nobody names any more.
 * So a cell that begins never finds that its policy went with a cell that ended.
 *
 * Which rows there are stands in `policy_keys`, before the row and until after it.
 */
#include <bpf/bpf.h>
#include <string.h>
#include "base/array.h"
#include "base/util.h"
#include "compile/ids.h"
#include "kernel/internal.h"

/* Where to look first: an odd number, so never AMBIT_POLICY_NOTHING. */
static uint32_t key_of(const struct tables *tables)
{
	const size_t count = ambit_tables_words(tables);
	const __u64 *words = tables->segments[0].words;
	uint64_t hash = count;

	for (size_t i = 0; i < count; i++)
		hash = hash_mix(hash ^ words[i]);
	return ((uint32_t)hash & (AMBIT_CELLS_MAX - 1)) | 1;
}

int policy_open(struct kernel *kernel, uint32_t key)
{
	uint32_t id;
	int fd;

	if (bpf_map_lookup_elem(kernel->policy_keys, &key, &id) < 0 ||
		bpf_map_lookup_elem(kernel->policies, &key, &id) < 0)
		return -errno;
	fd = bpf_map_get_fd_by_id(id);
	return fd < 0 ? -errno : fd;
}

/* 1 if the map holds these tables, 0 if others. */
static int row_equals(int fd, const struct tables *tables)
{
	_cleanup_free_ struct ambit_segment *segment = malloc(sizeof(*segment));
	struct bpf_map_info info = {};
	uint32_t size = sizeof(info);

	if (!segment)
		return -ENOMEM;
	if (bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
		return -errno;
	if (info.max_entries != tables->segment_count)
		return 0;
	for (uint32_t i = 0; i < tables->segment_count; i++) {
		if (bpf_map_lookup_elem(fd, &i, segment) < 0)
			return -errno;
		if (memcmp(segment, &tables->segments[i], sizeof(*segment)) != 0)
			return 0;
	}
	return 1;
}

/* Takes a row away, if there is one. */
static void row_delete(struct kernel *kernel, uint32_t key)
{
	bpf_map_delete_elem(kernel->policies, &key);
	bpf_map_delete_elem(kernel->policy_keys, &key);
}

static int row_new(
	struct kernel *kernel, uint32_t key, const struct tables *tables, struct diag *diag)
{
	_cleanup_close_ int fd = table_load(tables, diag);
	const uint32_t nothing = 0;
	int result;

	if (fd < 0)
		return fd;
	if (bpf_map_update_elem(kernel->policy_keys, &key, &nothing, BPF_ANY) == 0 &&
		bpf_map_update_elem(kernel->policies, &key, &fd, BPF_ANY) == 0)
		return 0;
	result = -errno;
	row_delete(kernel, key);
	ambit_diag_set(diag, NULL, 0, 0, "cannot make a row in \"policies\": %s", strerror(-result));
	return result;
}

int policy_acquire(
	struct kernel *kernel, const struct tables *tables, uint32_t *ret_key, struct diag *diag)
{
	uint32_t key = key_of(tables);

	/* Every other row; the rest is left for what does not come from here. */
	for (uint32_t i = 0; i < AMBIT_CELLS_MAX / 2; i++, key = (key + 2) & (AMBIT_CELLS_MAX - 1)) {
		_cleanup_close_ int fd = policy_open(kernel, key);
		int result = fd == -ENOENT ? row_new(kernel, key, tables, diag) : fd;

		if (fd >= 0)
			result = row_equals(fd, tables);
		if (result == 1 || fd == -ENOENT) {
			if (result >= 0)
				*ret_key = key;
			return result < 0 ? result : 0;
		}
		if (result < 0) {
			ambit_diag_set(diag, NULL, 0, 0, "cannot read row %08x of \"policies\": %s",
				key, strerror(-result));
			return result;
		}
	}
	ambit_diag_set(diag, NULL, 0, 0, "there are %u different policies in force, and no more can be",
		AMBIT_CELLS_MAX / 2);
	return -ENOSPC;
}

/* What the rows of `cells` name. */
struct named {
	uint32_t *policies, *links;
	size_t policies_room, links_room, count;
};

static void named_cleanup(struct named *named)
{
	free(named->policies);
	free(named->links);
}

static int named_fill(struct kernel *kernel, struct named *named)
{
	uint32_t id, next;
	bool more = !census_none(kernel, CENSUS_CELLS) &&
		    bpf_map_get_next_key(kernel->cells, NULL, &next) == 0;
	struct ambit_cell row;

	while (more) {
		id = next;
		more = bpf_map_get_next_key(kernel->cells, &id, &next) == 0;
		if (bpf_map_lookup_elem(kernel->cells, &id, &row) < 0)
			continue;
		if (ARRAY_GROW(named, policies, named->count + 1) < 0 ||
			ARRAY_GROW(named, links, named->count + 1) < 0)
			return -ENOMEM;
		named->policies[named->count] = row.policy;
		named->links[named->count++] = row.links;
	}
	return 0;
}

static int key_compare(const void *left, const void *right)
{
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

	return (a > b) - (a < b);
}

static bool keys_have(const uint32_t *keys, size_t count, uint32_t key)
{
	return count && bsearch(&key, keys, count, sizeof(*keys), key_compare);
}

static void identity_delete(struct kernel *kernel, uint32_t key)
{
	/* A cell that begins has its row before the lock; one that is swapped does not. */
	if (key & LINKS_SWAPPED)
		bpf_map_delete_elem(kernel->identities, &key);
}

/* Calls `each` for the keys of a hash that are not among `keys`. */
static void keys_sweep(struct kernel *kernel, int map, uint32_t *keys, size_t count,
	void (*each)(struct kernel *kernel, uint32_t key))
{
	uint32_t key, next;
	bool more = bpf_map_get_next_key(map, NULL, &next) == 0;

	if (count)
		qsort(keys, count, sizeof(*keys), key_compare);
	while (more) {
		key = next;
		more = bpf_map_get_next_key(map, &key, &next) == 0;
		if (!keys_have(keys, count, key))
			each(kernel, key);
	}
}

void policies_sweep(struct kernel *kernel)
{
	_cleanup_(named_cleanup) struct named named = {};

	if (named_fill(kernel, &named) < 0)
		return;
	keys_sweep(kernel, kernel->policy_keys, named.policies, named.count, row_delete);
	keys_sweep(kernel, kernel->identities, named.links, named.count, identity_delete);
}

/* Also where that cannot be found out. */
static bool row_is_named(struct kernel *kernel, uint32_t key)
{
	_cleanup_(named_cleanup) struct named named = {};

	if (key == AMBIT_POLICY_NOTHING || named_fill(kernel, &named) < 0)
		return true;
	for (size_t i = 0; i < named.count; i++)
		if (named.policies[i] == key)
			return true;
	return false;
}

void policy_release(struct kernel *kernel, uint32_t key)
{
	if (!row_is_named(kernel, key))
		row_delete(kernel, key);
}

void policy_retire(struct kernel *kernel, uint32_t key)
{
	struct ambit_arming arming;
	const uint32_t row = 0;
	uint32_t before;

	if (row_is_named(kernel, key))
		return;
	if (bpf_map_lookup_elem(kernel->arming, &row, &arming) < 0) {
		policy_release(kernel, key);
		return;
	}
	before = arming.retired;
	arming.retired = key;
	if (before == key)
		return;
	/* What nobody would find again goes at once. */
	if (bpf_map_update_elem(kernel->arming, &row, &arming, BPF_ANY) < 0)
		before = key;
	policy_release(kernel, before);
}

int policies_settle(struct kernel *kernel, uint32_t key)
{
	_cleanup_close_ int fd = policy_open(kernel, key);

	if (fd < 0)
		return fd;
	/* The same map again. When a map within a map is replaced the kernel waits until no program runs
	 * that could have seen the one before (maybe_wait_bpf_programs() of kernel/bpf/syscall.c): for
	 * programs that cannot sleep, and ambit has no others. */
	return bpf_map_update_elem(kernel->policies, &key, &fd, BPF_ANY) < 0 ? -errno : 0;
}
