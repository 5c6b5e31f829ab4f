/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of the compiler -> a map. */
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
