/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of the compiler -> a map, and back. */
#include <bpf/bpf.h>
#include <string.h>
#include "base/util.h"
#include "kernel/internal.h"

int table_load(const struct tables *tables, struct diag *diag)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_INNER_MAP);
	_cleanup_close_ int fd = -1;
	int result;

	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "ambit_table", sizeof(uint32_t),
		sizeof(struct ambit_segment), tables->segment_count, &options);
	if (fd < 0) {
		result = -errno;
		ambit_diag_set(diag, NULL, 0, 0,
			"cannot make a map of %u segments for the policy: %s", tables->segment_count,
			strerror(-result));
		return result;
	}
	for (uint32_t i = 0; i < tables->segment_count; i++) {
		if (bpf_map_update_elem(fd, &i, &tables->segments[i], BPF_ANY) < 0) {
			result = -errno;
			ambit_diag_set(diag, NULL, 0, 0, "cannot load segment %u of the policy: %s", i,
				strerror(-result));
			return result;
		}
	}
	return TAKE_FD(fd);
}

int identities_load(const struct identities *identities, struct diag *diag)
{
	_cleanup_close_ int fd = -1;
	int result;

	fd = bpf_map_create(BPF_MAP_TYPE_HASH, "ambit_links", sizeof(struct ambit_identity_key),
		sizeof(struct ambit_identity), (uint32_t)identities->count, NULL);
	if (fd < 0) {
		result = -errno;
		ambit_diag_set(diag, NULL, 0, 0,
			"cannot make a map for %zu files with several names: %s", identities->count,
			strerror(-result));
		return result;
	}
	for (size_t i = 0; i < identities->count; i++) {
		const struct identity *item = &identities->items[i];

		if (bpf_map_update_elem(fd, &item->key, &item->value, BPF_ANY) < 0) {
			result = -errno;
			ambit_diag_set(diag, NULL, 0, 0,
				"cannot load the files with several names: %s", strerror(-result));
			return result;
		}
	}
	return TAKE_FD(fd);
}

static int entries_of(int fd, uint32_t *ret)
{
	struct bpf_map_info info = {};
	uint32_t size = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
		return -errno;
	*ret = info.max_entries;
	return 0;
}

int table_read(int fd, struct tables **ret)
{
	_cleanup_(tables_cleanup) struct tables *tables = calloc(1, sizeof(*tables));
	struct ambit_head head;
	int result = tables ? entries_of(fd, &tables->segment_count) : -ENOMEM;

	if (result < 0)
		return result;
	tables->segments = calloc(tables->segment_count, sizeof(*tables->segments));
	tables->may_deny = calloc(tables->segment_count, AMBIT_SEGMENT_WORDS / 8UL);
	if (!tables->segments || !tables->may_deny)
		return -ENOMEM;
	for (uint32_t i = 0; i < tables->segment_count; i++)
		if (bpf_map_lookup_elem(fd, &i, &tables->segments[i]) < 0)
			return -errno;
	memcpy(&head, tables->segments[0].words, sizeof(head));
	tables->accept_count = head.accepts;
	*ret = TAKE_PTR(tables);
	return 0;
}

/* Nobody writes into such a map any more, so each key comes once, and there are no more than it has room for. */
int identities_read(int fd, struct identities *ret)
{
	_cleanup_free_ struct identity *items = NULL;
	struct ambit_identity_key *before = NULL;
	uint32_t room = 0, count = 0;
	int result = entries_of(fd, &room);

	if (result < 0)
		return result;
	items = calloc(room, sizeof(*items));
	if (!items)
		return -ENOMEM;
	for (; count < room && bpf_map_get_next_key(fd, before, &items[count].key) == 0; count++) {
		if (bpf_map_lookup_elem(fd, &items[count].key, &items[count].value) < 0)
			return -errno;
		before = &items[count].key;
	}
	qsort(items, count, sizeof(*items), identity_compare);
	*ret = (struct identities){.items = TAKE_PTR(items), .items_room = room, .count = count};
	return 0;
}
