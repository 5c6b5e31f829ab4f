/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader of a BPF ring buffer (include/uapi/linux/bpf.h). An own one, because it has to know how
 * full the ring is, which libbpf tells from 1.3 on.
 */
#ifndef AMBIT_RING_H
#define AMBIT_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring;

/* Where a reader begins, and when what he has read is given up. */
enum ring_start {
	RING_NEXT,  /* at the next record; each is given up once it was handed over */
	RING_STAYS, /* likewise, but all stay until ring_commit() */
	RING_AGAIN, /* at the first that nobody has given up; all stay until ring_commit() */
};

/* Reads the ring of `map`, which has `size` bytes and stays the caller's. No record is longer than
 * 128 KiB. -errno. */
int ring_open(int map, size_t size, enum ring_start start, struct ring **ret);
/* Where the next record begins, in bytes since the ring was made. */
uint64_t ring_position(const struct ring *ring);
/* Gives up what was handed over. Who reads the ring next begins behind it. */
void ring_commit(struct ring *ring);
/* For poll(): readable after a wake-up of the kernel, until ring_woken(). */
int ring_fd(const struct ring *ring);
void ring_woken(struct ring *ring);
/* Hands over what was in the ring when it was called; returns how many. A negative result of
 * `handle` ends it behind that record, and is returned; -ENOMEM ends it before a record. */
int ring_drain(struct ring *ring, int (*handle)(void *data, const void *bytes, size_t size),
	void *data);
/*
 * Bytes in the ring, also of what is still being written. After 0 the next record wakes us: our
 * position was published before the kernel's was looked at (there is a full barrier between), and
 * the kernel looks at ours after it has published its own and the record (bpf_ringbuf_commit() in
 * kernel/bpf/ringbuf.c). So either it is seen here, or the kernel sees that we wait for this record.
 */
size_t ring_used(const struct ring *ring);
void ring_close(struct ring *ring);

#endif
