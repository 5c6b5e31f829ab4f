/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of `policies`. Cells with the same tables have the same row: its key comes from what is in
 * them, and whoever finds a row under a key takes it for the same only if the digest of its words says so, for which
 * nobody finds two tables. To compare the words themselves took a run more than all else that it asks of maps.
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
#include "kernel/internal.h"

/* Where to look first: an odd number, so never AMBIT_POLICY_NOTHING. */
static uint32_t key_of(const struct ambit_digest *digest)
{
	uint32_t hash;

	memcpy(&hash, digest->bytes, sizeof(hash));
	return (hash & (AMBIT_CELLS_MAX - 1)) | 1;
}

/* The map under a key, and what is in it; zero if that is not known. */
static int row_open(struct kernel *kernel, uint32_t key, struct ambit_digest *ret)
{
	uint32_t id;
	int fd;

	if (bpf_map_lookup_elem(kernel->policy_keys, &key, ret) < 0 ||
		bpf_map_lookup_elem(kernel->policies, &key, &id) < 0)
		return -errno;
	fd = bpf_map_get_fd_by_id(id);
	return fd < 0 ? -errno : fd;
}

int policy_open(struct kernel *kernel, uint32_t key)
{
	struct ambit_digest digest;

	return row_open(kernel, key, &digest);
}

/* Takes a row away, if there is one. */
static void row_delete(struct kernel *kernel, uint32_t key)
{
	bpf_map_delete_elem(kernel->policies, &key);
	bpf_map_delete_elem(kernel->policy_keys, &key);
}

/*
 * What is in a row is said only when it is there: whoever is killed in between leaves one that nobody takes. Others
 * take it by its digest alone, so that one is made of the words themselves, whatever their file says of them.
 */
static int row_new(struct kernel *kernel, uint32_t key, const struct tables *tables,
	const struct ambit_digest *digest, struct diag *diag)
{
	_cleanup_close_ int fd = table_load(tables, diag);
	const struct ambit_digest unknown = {};
	struct ambit_digest words;
	int result;

	if (fd < 0)
		return fd;
	ambit_tables_digest_words(tables, &words);
	if (memcmp(&words, digest, sizeof(words)) != 0) {
		ambit_diag_set(diag, NULL, 0, 0,
			"the stored tables of the policy are not those that their digest names; remove its file from the "
			"store and load it again");
		return -EBADMSG;
	}
	if (bpf_map_update_elem(kernel->policy_keys, &key, &unknown, BPF_ANY) == 0 &&
		bpf_map_update_elem(kernel->policies, &key, &fd, BPF_ANY) == 0 &&
		bpf_map_update_elem(kernel->policy_keys, &key, digest, BPF_EXIST) == 0)
		return 0;
	result = -errno;
	row_delete(kernel, key);
	ambit_diag_set(diag, NULL, 0, 0, "cannot make a row in \"policies\": %s", strerror(-result));
	return result;
}

int policy_acquire(
	struct kernel *kernel, const struct tables *tables, uint32_t *ret_key, struct diag *diag)
{
	struct ambit_digest wanted;
	uint32_t key;

	ambit_tables_digest(tables, &wanted);
	key = key_of(&wanted);
	/* Every other row; the rest is left for what does not come from here. */
	for (uint32_t i = 0; i < AMBIT_CELLS_MAX / 2; i++, key = (key + 2) & (AMBIT_CELLS_MAX - 1)) {
		struct ambit_digest digest;
		_cleanup_close_ int fd = row_open(kernel, key, &digest);
		int result = fd == -ENOENT ? row_new(kernel, key, tables, &wanted, diag) : fd;

		if (fd == -ENOENT && result < 0)
			return result;
		if (fd == -ENOENT || (fd >= 0 && memcmp(&digest, &wanted, sizeof(digest)) == 0)) {
			*ret_key = key;
			return 0;
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
