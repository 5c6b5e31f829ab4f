/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every map. All are pinned when the kernel is armed and outlive the program that armed it. Weak,
 * because several objects define them and the linker keeps one.
 */
#ifndef AMBIT_MAPS_H
#define AMBIT_MAPS_H

#include "ambit.bpf.h"

#define AMBIT_TALLIES_MAX 65536

/*
 * Task -> its cell. Written by user space for the first task of a cell and by task_alloc for all
 * that descend from it; never taken away.
 */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct ambit_label);
} labels SEC(".maps") __weak;

/* Socket -> the cell whose task made it. Through compat.bpf.h alone: not every program may use it. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct ambit_label);
} socket_labels SEC(".maps") __weak;

/* Cookie of a socket -> the cell whose task made it, where storage cannot be used (compat.bpf.h);
 * elsewhere it is made small and stays empty. */
#define AMBIT_SOCKETS_MAX 65536
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, AMBIT_SOCKETS_MAX);
	__type(key, __u64);
	__type(value, struct ambit_label);
} socket_cells SEC(".maps") __weak;

/* What is kept of a connection of a cell with names, in the storage of its socket: whether its first bytes were
 * read (lib/connection.bpf.h). */
enum connection_state {
	CONNECTION_NEW, /* nothing was sent that says anything */
	CONNECTION_READ, /* its first bytes are being read: it has a reader */
	CONNECTION_FREE, /* they were, or nobody has to */
	CONNECTION_CUT,
	CONNECTION_ASKS, /* none, but a socket of UDP that was allowed to send to a resolver */
};

struct connection {
	__u32 next;  /* number of the first byte that was not read yet, host order */
	__u32 state; /* enum connection_state */
	__u32 began; /* seconds of CLOCK_BOOTTIME: when it was asked for; 0: nobody saw that */
	__u32 groups; /* of buckets, that it counts for (groups_marked()); 0: as its address says */
};

/* Cloned, so that what is accepted is as free as its listener (connection_listens()). */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct connection);
} connections SEC(".maps") __weak;

/* How the programs were loaded. Written and read by user space alone. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ambit_arming);
} arming SEC(".maps") __weak;

/* Cell id -> cell. Written by user space, but for AMBIT_CELL_SHUT. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, AMBIT_CELLS_MAX);
	__type(key, __u32);
	__type(value, struct ambit_cell);
} cells SEC(".maps") __weak;

/* AMBIT_CELL_SLOT of a cell -> its counters. Cleared by user space, added to here. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, AMBIT_CELLS_MAX);
	__type(key, __u32);
	__type(value, struct ambit_counters);
} counters SEC(".maps") __weak;

/* (cell, rule, op, reason) -> how often it was denied. Made and added to here, taken away by user
 * space with the cell. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, AMBIT_TALLIES_MAX);
	__type(key, struct ambit_tally_key);
	__type(value, __u64);
} tallies SEC(".maps") __weak;

/* The automaton of one policy, a segment an element. Sizes instead of types: clang leaves types that
 * only an inner map names as forward declarations, which cannot be linked. */
struct table {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_INNER_MAP);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct ambit_segment));
};

/* Policies -> their automata. Written by user space alone; never changed. Cells with the same automaton
 * have the same id (user/kernel/policies.c). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, AMBIT_CELLS_MAX);
	__type(key, __u32);
	__array(values, struct table);
} policies SEC(".maps") __weak;

/* The keys of `policies` that have a row, and what is in it, for user space, which alone uses it: to ask `policies`
 * itself takes a grace period a key before 6.8 (maybe_wait_bpf_programs() of kernel/bpf/syscall.c). */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, AMBIT_CELLS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct ambit_digest);
} policy_keys SEC(".maps") __weak;

/* Files that are denied by what they are, whatever name leads to them; sizes for the reason above. */
struct identity_table {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(struct ambit_identity_key));
	__uint(value_size, sizeof(struct ambit_identity));
};

/* A cell's `links` -> its identities; cells without any have no row. Written by user space alone. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, AMBIT_CELLS_MAX);
	__type(key, __u32);
	__array(values, struct identity_table);
} identities SEC(".maps") __weak;

/* What a cell has asked for and was told; sizes for the reason above. */
struct name_table {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct ambit_names));
};

/* `cgroup` of a cell -> its names; cells without any have no row. Rows are written by user space
 * alone. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, AMBIT_CELLS_MAX);
	__type(key, __u64);
	__array(values, struct name_table);
} names SEC(".maps") __weak;

/* The events of one cell: a cell that floods its ring loses its own events and nobody else's. */
struct ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
};

/* A cell's `ring` -> the ring. Written by user space alone; some rows outlive their cells
 * (user/kernel/rings.c). */
struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, AMBIT_CELLS_MAX);
	__type(key, __u32);
	__array(values, struct ring);
} rings SEC(".maps") __weak;

/* Cell id -> its limits, and what is left of them. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, AMBIT_CELLS_MAX);
	__type(key, __u32);
	__type(value, struct ambit_limits);
} limits SEC(".maps") __weak;

/* Cgroup that egress.bpf.c is attached to -> its cell. Made by the kernel with the attachment and gone
 * with it, filled by user space. */
struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_STORAGE);
	__type(key, struct bpf_cgroup_storage_key);
	__type(value, struct ambit_label);
} cell_cgroups SEC(".maps") __weak;

/* Cgroup -> the cell of those in it. A full one refuses the next. */
#define AMBIT_BOUNDS_MAX (2 * AMBIT_CELLS_MAX)
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, AMBIT_BOUNDS_MAX);
	__type(key, struct ambit_bound_key);
	__type(value, struct ambit_bound);
} bounds SEC(".maps") __weak;

/* Cell -> the names of the cgroups that come into it (glob.h). Written by user space alone; all of it is gone through
 * when a cgroup is made, with a step for each place that there could be. */
#define AMBIT_GLOBS_MAX 1024
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, AMBIT_GLOBS_MAX);
	__type(key, __u32);
	__type(value, struct ambit_glob);
} globs SEC(".maps") __weak;

/* What user space asks bind_tasks for, and its answer; and who was missed (bound.h). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct ambit_binding);
} binding SEC(".maps") __weak;

/* What is kept (lib/kept.bpf.h): the section .bss, defined in file.bpf.c. User space pins it as `kept`. */
#ifdef AMBIT_ALONE /* a test of one file */
struct ambit_kept kept;
#else
extern struct ambit_kept kept;
#endif

#endif
