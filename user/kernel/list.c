/* SPDX-License-Identifier: Apache-2.0 */
/* The cells that are bound, whoever bound them. */
#include <bpf/bpf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include "base/util.h"
#include "kernel/internal.h"

static void read_note(struct cell_info *info)
{
	_cleanup_close_ int fd = -1;
	char path[256];
	ssize_t length;

	cell_lock_path(info->id, path, sizeof(path));
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	length = fd < 0 ? 0 : read(fd, info->note, sizeof(info->note) - 1);
	info->note[length > 0 ? length : 0] = '\0';
}

/* One pid a line. */
static unsigned count_processes(uint32_t id)
{
	char path[1024], file[1088];
	struct diag ignored = {};
	unsigned count = 0;
	FILE *in;
	int c;

	if (cell_cgroup_path(id, path, sizeof(path), &ignored) < 0) {
		ambit_diag_clear(&ignored);
		return 0;
	}
	snprintf(file, sizeof(file), "%s/cgroup.procs", path);
	in = fopen(file, "re");
	while (in && (c = fgetc(in)) != EOF)
		count += c == '\n';
	if (in)
		fclose(in);
	return count;
}

int ambit_cells_each(
	struct kernel *kernel, void (*each)(const struct cell_info *info, void *data), void *data)
{
	uint32_t id, next;
	bool more = bpf_map_get_next_key(kernel->cells, NULL, &next) == 0;

	while (more) {
		struct cell_info info = {.id = id = next};

		more = bpf_map_get_next_key(kernel->cells, &id, &next) == 0;
		/* Gone since: not an error. */
		if (bpf_map_lookup_elem(kernel->cells, &id, &info.row) < 0 ||
			counters_read(kernel, id, &info.counters) < 0)
			continue;
		/* Where what is kept cannot be read the counts are too low. */
		(void)kept_add(kernel, id, &info.counters);
		info.limited = limits_read(kernel, id, &info.limits);
		if (info.row.ring)
			ring_gauge(kernel, info.row.ring, &info.ring_used, &info.ring_size);
		info.processes = count_processes(id);
		read_note(&info);
		each(&info, data);
	}
	return 0;
}
