/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of `rings`. To make a ring takes longer than a short command, and so does its row: whenever a
 * row of a map of maps is written or taken away, the kernel waits for a grace period. So arming makes
 * one, and the rows of the first few keys stay when their cells end, for those that come. (Before 6.8 it
 * waits for one when such a row is read, too.)
 *
 * A row belongs to whoever holds the lock on the byte of its key in a file. The lock goes with its
 * holder, whatever ends him. Processes of a cell whose ambit was killed may write on until they are
 * reaped, which whoever takes the ring did before; what is in it of another cell is left out
 * (event_handle() in cell.c).
 */
#include <bpf/bpf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include "base/util.h"
#include "kernel/internal.h"

/* The keys that stay are those up to this one; only rings of the usual size have them. */
#define RINGS_READY 4

/* What all rings of bound cells should take, as far as none becomes smaller than RING_LEAST: some 200 events. The more
 * there are the smaller is the next one, so 16 take all of it, and 10,000 some eight times as much. */
#define RINGS_ROOM (64U << 20)
#define RING_LEAST (32U << 10)

/* Without waiting: -EWOULDBLOCK if another has it. */
static int key_lock(int file, uint32_t key)
{
	struct flock byte = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = key, .l_len = 1};

	if (fcntl(file, F_OFD_SETLK, &byte) == 0)
		return 0;
	return errno == EACCES || errno == EAGAIN ? -EWOULDBLOCK : -errno;
}

/* The smallest key that nobody has, of those that a ring of this size may have: there are no more cells
 * than keys. */
static int key_claim(int file, size_t size, uint32_t *ret)
{
	uint32_t key = size == AMBIT_RING_SIZE ? 1 : RINGS_READY + 1;
	int result = -EWOULDBLOCK;

	for (; result == -EWOULDBLOCK && key <= AMBIT_CELLS_MAX; key++) {
		result = key_lock(file, key);
		if (result == 0)
			*ret = key;
	}
	return result;
}

int ring_row_open(int rings, uint32_t key)
{
	uint32_t id;
	int fd;

	if (bpf_map_lookup_elem(rings, &key, &id) < 0)
		return -errno;
	fd = bpf_map_get_fd_by_id(id);
	return fd < 0 ? -errno : fd;
}

int ring_make(int rings, uint32_t key, size_t size)
{
	_cleanup_close_ int fd =
		bpf_map_create(BPF_MAP_TYPE_RINGBUF, "ambit_ring", 0, 0, (uint32_t)size, NULL);

	if (fd < 0 || bpf_map_update_elem(rings, &key, &fd, BPF_ANY) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int ring_take(struct kernel *kernel, size_t size, uint32_t *ret_key, int *ret_lock, struct diag *diag)
{
	_cleanup_close_ int lock = lock_file("rings", LOCK_SH, diag);
	uint32_t key = 0;
	int fd = lock < 0 ? lock : key_claim(lock, size, &key);

	if (fd == 0)
		fd = key <= RINGS_READY ? ring_row_open(kernel->rings, key) : -ENOENT;
	if (fd == -ENOENT)
		fd = ring_make(kernel->rings, key, size);
	if (fd < 0) {
		ambit_diag_set(diag, NULL, 0, 0, "cannot make a cell: its ring: %s", strerror(-fd));
		return fd;
	}
	*ret_key = key;
	*ret_lock = TAKE_FD(lock);
	return fd;
}

size_t ambit_bound_ring_size(const struct kernel *kernel)
{
	size_t size = AMBIT_RING_SIZE;

	while (size > RING_LEAST && size * (kernel->bound + 1) > RINGS_ROOM)
		size /= 2;
	return size;
}

void ring_leave(struct kernel *kernel, uint32_t key)
{
	struct diag ignored = {};
	_cleanup_close_ int lock = -1;

	if (key <= RINGS_READY)
		return;
	lock = lock_file("rings", LOCK_SH, &ignored);
	ambit_diag_clear(&ignored);
	/* Another cell has it already: then it is that one's. */
	if (lock >= 0 && key_lock(lock, key) == 0)
		bpf_map_delete_elem(kernel->rings, &key);
}
