/* SPDX-License-Identifier: Apache-2.0 */
/* How full things are that have an end: rings, and maps. */
#include <bpf/bpf.h>
#include <sys/mman.h>
#include "base/util.h"
#include "kernel/internal.h"

/* The first two pages of a ring are positions, counted since it was made (include/uapi/linux/bpf.h). */
static void positions_read(int fd, size_t *ret_used)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const unsigned long *consumer = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0);
	const unsigned long *producer = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, (off_t)page);
	unsigned long from, to;

	if (consumer != MAP_FAILED && producer != MAP_FAILED) {
		/* In this order: what is read meanwhile does not make it less than none. */
		from = __atomic_load_n(consumer, __ATOMIC_ACQUIRE);
		to = __atomic_load_n(producer, __ATOMIC_ACQUIRE);
		*ret_used = to - from;
	}
	if (consumer != MAP_FAILED)
		munmap((void *)consumer, page);
	if (producer != MAP_FAILED)
		munmap((void *)producer, page);
}

int ring_gauge(struct kernel *kernel, uint32_t key, size_t *ret_used, size_t *ret_size)
{
	_cleanup_close_ int fd = ring_row_open(kernel->rings, key);
	struct bpf_map_info info = {0};
	__u32 length = sizeof(info);

	if (fd < 0)
		return fd;
	if (bpf_obj_get_info_by_fd(fd, &info, &length) < 0)
		return -errno;
	*ret_size = info.max_entries;
	*ret_used = 0;
	positions_read(fd, ret_used);
	if (*ret_used > *ret_size)
		*ret_used = *ret_size; /* it was read and filled meanwhile */
	return 0;
}

/* Keys of no map here are longer. */
#define KEY_MAX 64U

static uint64_t rows_count(int map, uint64_t limit)
{
	char keys[2][KEY_MAX];
	void *before = NULL;
	uint64_t count = 0;

	/* A row that goes meanwhile lets the kernel begin anew: it is counted no further than there are rows. */
	while (count < limit && bpf_map_get_next_key(map, before, keys[count % 2]) == 0)
		before = keys[count++ % 2];
	return count;
}

int ambit_kernel_gauges(struct kernel *kernel,
	void (*each)(const char *map, uint64_t used, uint64_t room, void *data), void *data)
{
	const struct {
		const char *name;
		int fd;
	} maps[] = {{"cells", kernel->cells}, {"tallies", kernel->tallies}, {"policies", kernel->policies},
		{"rings", kernel->rings}, {"identities", kernel->identities}};

	for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
		struct bpf_map_info info = {0};
		__u32 length = sizeof(info);

		if (bpf_obj_get_info_by_fd(maps[i].fd, &info, &length) < 0)
			return -errno;
		if (info.key_size > KEY_MAX)
			return -EINVAL;
		each(maps[i].name, rows_count(maps[i].fd, info.max_entries), info.max_entries, data);
	}
	return 0;
}
