/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/ring.h"

#include <linux/bpf.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include "base/util.h"

struct ring {
	size_t size, page;
	unsigned long *consumer; /* ours, in a page of its own */
	const unsigned long *producer; /* the kernel's, likewise; the records follow, mapped twice */
	int epoll;
};

static int map_pages(struct ring *ring, int map)
{
	void *pages = mmap(NULL, ring->page, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);

	if (pages == MAP_FAILED)
		return -errno;
	ring->consumer = pages;
	/* Twice, so that a record that goes on at the beginning lies in one piece. */
	pages = mmap(NULL, ring->page + 2 * ring->size, PROT_READ, MAP_SHARED, map,
		(off_t)ring->page);
	if (pages == MAP_FAILED)
		return -errno;
	ring->producer = pages;
	return 0;
}

int ring_open(int map, size_t size, struct ring **ret)
{
	/* By edges: what is left in the ring on purpose does not wake us. */
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};
	struct ring *ring = calloc(1, sizeof(*ring));
	int error;

	if (!ring)
		return -ENOMEM;
	ring->size = size;
	ring->page = (size_t)sysconf(_SC_PAGESIZE);
	ring->epoll = epoll_create1(EPOLL_CLOEXEC);
	error = ring->epoll < 0 || epoll_ctl(ring->epoll, EPOLL_CTL_ADD, map, &event) < 0 ? -errno
											  : 0;
	if (!error)
		error = map_pages(ring, map);
	if (error) {
		ring_close(ring);
		return error;
	}
	*ret = ring;
	return 0;
}

int ring_fd(const struct ring *ring)
{
	return ring->epoll;
}

void ring_woken(struct ring *ring)
{
	struct epoll_event event;

	epoll_wait(ring->epoll, &event, 1, 0);
}

int ring_drain(struct ring *ring, int (*handle)(void *data, const void *bytes, size_t size),
	void *data)
{
	unsigned long at = *ring->consumer, end = __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE);
	const char *records = (const char *)ring->producer + ring->page;
	int count = 0, result = 0;

	while (at < end && result >= 0) {
		const char *record = records + (at & (ring->size - 1));
		uint32_t head = __atomic_load_n((const uint32_t *)record, __ATOMIC_ACQUIRE);
		uint32_t size = head & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);

		if (head & BPF_RINGBUF_BUSY_BIT)
			break;
		if (!(head & BPF_RINGBUF_DISCARD_BIT)) {
			result = handle(data, record + BPF_RINGBUF_HDR_SZ, size);
			count++;
		}
		at += (size + BPF_RINGBUF_HDR_SZ + 7) & ~7UL;
		__atomic_store_n(ring->consumer, at, __ATOMIC_RELEASE);
	}
	return result < 0 ? result : count;
}

size_t ring_used(const struct ring *ring)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE) - *ring->consumer;
}

void ring_close(struct ring *ring)
{
	if (!ring)
		return;
	if (ring->consumer)
		munmap(ring->consumer, ring->page);
	if (ring->producer)
		munmap((void *)ring->producer, ring->page + 2 * ring->size);
	if (ring->epoll >= 0)
		close(ring->epoll);
	free(ring);
}
