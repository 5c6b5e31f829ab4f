/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which cell a task belongs to. */
#ifndef AMBIT_LABEL_H
#define AMBIT_LABEL_H

#include "compat.bpf.h"
#include "fault.bpf.h"

/* In place of a cell id: the label could not be read; decide as "no cell", that is deny. */
#define CELL_UNKNOWN 0xffffffffU

/* Set when the kernel is armed: the cgroup under which cells are made, and its depth. */
const volatile __u64 cells_cgroup __weak = 0;
const volatile __u32 cells_cgroup_level __weak = 0;

/*
 * The number that a pointer is: the verifier lets nobody calculate with a pointer, but the distance of
 * two of them is a number, and of one of them the number was found out before (kept_begin).
 */
static __always_inline __u64 number_of(const void *pointer, __u64 origin)
{
	__u64 distance = (__u64)pointer - (__u64)&labels;

	barrier_var(distance);
	return distance + origin;
}

/*
 * The label of the current task without a call: where the last look-up of this map left it
 * (bpf_local_storage.cache, kernel/bpf/bpf_local_storage.c), which the helper looks at first, too.
 * The helper costs 120 instructions on 6.12, most of them for locks that a label never needs: it is
 * set once, and goes with its task. 0: not there, or this kernel has no cast; then the helper decides.
 * What is read is the cell's only where the place says that it belongs to this very map.
 */
static __always_inline __u32 label_peek(const struct bpf_local_storage *storage)
{
	struct timespec64 *data;

	if (!PEEKS)
		return 0;
	/* The map that it belongs to, and the label behind it: struct bpf_local_storage_data. */
	data = peek_words(peek(number_of(storage, kept.label_origin)));
	return (__u64)data->tv_sec == (__u64)&labels ? data->tv_nsec : 0;
}

/*
 * The cell of the current task; 0: none, it is not ours to decide.
 *
 * A task without any BPF storage has no label: two loads, no helper call, and nothing else for
 * everybody outside. Before 6.2 a look-up also fails when another one is in progress on this CPU
 * (bpf_task_storage_busy in kernel/bpf/bpf_task_storage.c; LSM programs do without it since); a task
 * that sits under the cells' cgroup then counts as labelled and is denied.
 */
static __always_inline __u32 cell_of_storage(const struct bpf_local_storage *storage)
{
	struct ambit_label *label;
	__u32 cell = FAULT(LABEL_READ, 0, label_peek(storage));

	if (cell)
		return cell;
	label = FAULT(LABEL_READ, NULL,
		bpf_task_storage_get(&labels, bpf_get_current_task_btf(), NULL, 0));
	if (label)
		return label->cell;
	if (cells_cgroup && bpf_get_current_ancestor_cgroup_id(cells_cgroup_level) == cells_cgroup)
		return CELL_UNKNOWN;
	return 0;
}

/* The cgroup beneath that of all cells that a cgroup is, or lies in: 0 for those elsewhere. */
FRAME __u64 cgroup_of_cell(struct cgroup *cgroup)
{
	struct cgroup *above = NULL;
	__u64 at = (__u64)cgroup + bpf_core_field_offset(struct cgroup, ancestors) +
		   (cells_cgroup_level + 1) * sizeof(above);

	if (!cgroup || BPF_CORE_READ(cgroup, level) <= (int)cells_cgroup_level ||
		bpf_probe_read_kernel(
			&above, sizeof(above), FAULT(SOCKET_CGROUP, NULL, (void *)at)))
		return 0;
	return BPF_CORE_READ(above, kn, id);
}

/* Nobody outside of a cell has one, but for what other BPF programs keep of their tasks. */
static __always_inline struct bpf_local_storage *storage_of_current(void)
{
	return bpf_get_current_task_btf()->bpf_storage;
}

/* A hook's first question. */
#define OUTSIDE() __builtin_expect(!storage_of_current(), 1)

/*
 * As BPF_PROG(), for a hook that has nothing to say of tasks outside: what it does for a task that may
 * be in a cell is a function of its own, so that for all others nothing is saved, cleared or read
 * before the test.
 */
#define INSIDE_PROG(name, args...)                                                            \
	name(unsigned long long *ctx);                                                        \
	FRAME int name##_inside(unsigned long long *ctx);                                     \
	int name(unsigned long long *ctx)                                                     \
	{                                                                                     \
		return OUTSIDE() ? zero() : name##_inside(ctx);                               \
	}                                                                                     \
	FRAME int BPF_PROG(name##_inside, ##args)

static __always_inline __u32 cell_current(void)
{
	struct bpf_local_storage *storage = storage_of_current();

	return __builtin_expect(!storage, 1) ? 0 : cell_of_storage(storage);
}

/* As cell_current(), where a hook has asked before: read as task_read() says why. */
static __always_inline __u32 cell_again(void)
{
	struct bpf_local_storage *storage = task_read()->bpf_storage;

	return storage ? cell_of_storage(storage) : 0;
}

/* Since 6.18 storage is allocated by kmalloc_nolock(), which gives up where it finds a lock taken:
 * another try a moment later is not the same try. Unrolled, because 6.1 refuses how clang lays such a
 * loop out ("back-edge"). */
#define LABEL_TRIES 8

/* The row of a cell; NULL if it has none any more. Callers of both wrap them in FAULT(). */
static __always_inline struct ambit_cell *cell_row(__u32 id)
{
	/* NULL is an answer. */
	return bpf_map_lookup_elem(&cells, &id);
}

static __always_inline bool cell_is_bound(__u32 id)
{
	/* NULL is an answer: others deny for it. */
	struct ambit_cell *cell = cell_row(id);

	return cell && cell->flags & AMBIT_CELL_BOUND;
}

static __always_inline struct ambit_counters *counters_row(__u32 id)
{
	__u32 slot = AMBIT_CELL_SLOT(id);

	/* NULL is an answer. */
	return bpf_map_lookup_elem(&counters, &slot);
}

/*
 * The cell that is bound, and has `flag`, whose task made or accepted the socket of a packet: for programs that
 * see the packets of all cgroups. NULL is an answer: nobody's, or of a cell that is gone.
 */
static __always_inline struct ambit_cell *packet_bound(void *sk, __u32 flag)
{
	struct ambit_label *label = sk ? packet_storage(&socket_labels, sk, 0) : NULL;
	struct ambit_cell *cell;

	if (!label)
		return NULL;
	cell = cell_row(label->cell);
	flag |= AMBIT_CELL_BOUND;
	return cell && (cell->flags & flag) == flag ? cell : NULL;
}

/* Why there is no row in `cells` for this id. */
static __always_inline enum ambit_reason cell_missing(__u32 cell)
{
	return cell == CELL_UNKNOWN ? REASON_NO_LABEL : REASON_NO_CELL;
}

/* Labels another task; false without memory, or without a cell: two that are "unknown" are not of
 * one cell. */
static __always_inline bool label_task(struct task_struct *task, __u32 cell)
{
	if (cell == CELL_UNKNOWN)
		return false;
#pragma unroll
	for (int i = 0; i < LABEL_TRIES; i++) {
		struct ambit_label *label = FAULT(LABEL_TASK, NULL,
			bpf_task_storage_get(&labels, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE));

		if (label) {
			label->cell = cell;
			return true;
		}
	}
	return false;
}

/* Labels a socket, likewise. A function of its own, or clang does not unroll it where nobody looks at
 * the result. */
FRAME bool label_socket(struct sock *sk, __u32 cell)
{
	if (cell == CELL_UNKNOWN)
		return false;
#pragma unroll
	for (int i = 0; i < LABEL_TRIES; i++) {
		if (FAULT(LABEL_SOCKET, false, socket_label_set(sk, cell)))
			return true;
	}
	return false;
}

/* The cell of another task, 0 for none. A look-up that fails is taken for "another cell" by all
 * callers, which compare it with the current one. */
static __always_inline __u32 cell_of(struct task_struct *task)
{
	struct ambit_label *label =
		FAULT(LABEL_OTHER, NULL, bpf_task_storage_get(&labels, task, NULL, 0));

	return label ? label->cell : 0;
}

/* The cell whose task made or accepted a socket, 0 for none. */
static __always_inline __u32 label_of_socket(struct sock *sk)
{
	return FAULT(LABEL_PEER, 0, cell_of_socket(sk));
}

#endif
