/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/ring.h"

#include <linux/bpf.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include "base/util.h"

/*
 * The records lie behind the kernel's page, in the file of the map twice, so that a record that goes on
 * at the beginning lies in one piece. Mapping all of them takes longer than reading the events of a
 * short command: a window moves over them, by half of it at least.
 */
#define WINDOW (256U << 10)

struct ring {
	size_t size, page;
	unsigned long *consumer; /* ours, in a page of its own */
	const unsigned long *producer; /* the kernel's, likewise */
	const char *window; /* onto the records from `window_at` on */
	size_t window_at, window_size;
	unsigned long at; /* of the next record to be handed over */
	bool stays;	  /* what was handed over is given up by ring_commit() alone */
	int map; /* the caller's */
	int epoll;
};

static int page_map(const struct ring *ring, size_t page, int protection, void **ret)
{
	void *at = mmap(NULL, ring->page, protection, MAP_SHARED, ring->map, (off_t)(page * ring->page));

	if (at == MAP_FAILED)
		return -errno;
	*ret = at;
	return 0;
}

/* Moves the window to where `at` is near its beginning. */
static int window_move(struct ring *ring, size_t at)
{
	const size_t begin = ring->window_size < 2 * ring->size ? at & ~(ring->page - 1) : 0;
	void *pages = mmap((void *)ring->window, ring->window_size, PROT_READ,
		MAP_SHARED | (ring->window ? MAP_FIXED : 0), ring->map,
		(off_t)(2 * ring->page + begin));

	if (pages == MAP_FAILED)
		return -errno;
	ring->window = pages;
	ring->window_at = begin;
	return 0;
}

/* The record at an offset, whole: none is longer than half of a window that does not show all of them.
 * NULL if it cannot be mapped: then it stays where it is. */
static const char *record_at(struct ring *ring, size_t at)
{
	if ((at < ring->window_at || at - ring->window_at > ring->window_size / 2) &&
		window_move(ring, at) < 0)
		return NULL;
	return ring->window + (at - ring->window_at);
}

int ring_open(int map, size_t size, enum ring_start start, struct ring **ret)
{
	/* By edges: what is left in the ring on purpose does not wake us. */
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};
	struct ring *ring = calloc(1, sizeof(*ring));
	int error;

	if (!ring)
		return -ENOMEM;
	ring->map = map;
	ring->size = size;
	ring->stays = start != RING_NEXT;
	ring->window_size = 2 * size < WINDOW ? 2 * size : WINDOW;
	ring->page = (size_t)sysconf(_SC_PAGESIZE);
	ring->epoll = epoll_create1(EPOLL_CLOEXEC);
	error = ring->epoll < 0 || epoll_ctl(ring->epoll, EPOLL_CTL_ADD, map, &event) < 0 ? -errno
											  : 0;
	if (!error)
		error = page_map(ring, 0, PROT_READ | PROT_WRITE, (void **)&ring->consumer);
	if (!error)
		error = page_map(ring, 1, PROT_READ, (void **)&ring->producer);
	if (!error)
		error = window_move(ring, *ring->producer & (size - 1));
	if (error) {
		ring_close(ring);
		return error;
	}
	/* What it held for whoever had it before is not ours, unless we go on for him. */
	if (start != RING_AGAIN)
		__atomic_store_n(ring->consumer,
			__atomic_load_n(ring->producer, __ATOMIC_ACQUIRE), __ATOMIC_SEQ_CST);
	ring->at = *ring->consumer;
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

uint64_t ring_position(const struct ring *ring)
{
	return ring->at;
}

void ring_commit(struct ring *ring)
{
	__atomic_store_n(ring->consumer, ring->at, __ATOMIC_RELEASE);
}

int ring_drain(struct ring *ring, int (*handle)(void *data, const void *bytes, size_t size),
	void *data)
{
	unsigned long end = __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE);
	int count = 0, result = 0;

	while (ring->at < end && result >= 0) {
		const char *record = record_at(ring, ring->at & (ring->size - 1));
		uint32_t head, size;

		if (!record)
			return -ENOMEM;
		head = __atomic_load_n((const uint32_t *)record, __ATOMIC_ACQUIRE);
		size = head & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
		if (head & BPF_RINGBUF_BUSY_BIT)
			break;
		if (!(head & BPF_RINGBUF_DISCARD_BIT)) {
			result = handle(data, record + BPF_RINGBUF_HDR_SZ, size);
			count++;
		}
		ring->at += (size + BPF_RINGBUF_HDR_SZ + 7) & ~7UL;
		if (!ring->stays)
			ring_commit(ring);
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
		munmap((void *)ring->producer, ring->page);
	if (ring->window)
		munmap((void *)ring->window, ring->window_size);
	if (ring->epoll >= 0)
		close(ring->epoll);
	free(ring);
}
