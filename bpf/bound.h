/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The part of abi.h about cells that are bound to a cgroup. */
#ifndef AMBIT_BOUND_H
#define AMBIT_BOUND_H

/* In `flags` of a cell: tasks come into it by their cgroup, and it stays when nobody reads its ring. */
#define AMBIT_CELL_BOUND 256
/* Likewise: whoever launched its tasks had no right to mark them (AMBIT_CELL_SECUREBITS). */
#define AMBIT_CELL_UNMARKED 8192
/* Likewise: an event that is lost is a trail that fails, and then nothing is allowed (`onTrailFailure: deny`).
 * AMBIT_CELL_SHUT: that is so now, and `policy` is AMBIT_POLICY_NOTHING. Set by whoever finds it out, the
 * programs too (event_lost() in lib/emit.bpf.h); taken away by user space, with another epoch. */
#define AMBIT_CELL_STRICT 16384
#define AMBIT_CELL_SHUT	  32768

/*
 * What stands for the cgroup of such a cell, which comes and goes: the key of its row in `names`. No cgroup has an
 * id with the highest bit. With the epoch, so that another policy has a table of its own, and one write of the
 * cell's row names both.
 */
#define AMBIT_BOUND_HOME_BIT (1ULL << 63)
#define AMBIT_BOUND_HOME(epoch, id) (AMBIT_BOUND_HOME_BIT | ((epoch) & 0x7fffffff) << 32 | (id))

/*
 * Map `bounds`: a cgroup, by the id of the one above and its own name, -> the cell that every task comes
 * into which is made in it or moved to it, or beneath. By name, because the cgroup of a service goes with
 * it and comes back under another id. Written by user space, and where the map `globs` says so when a cgroup is
 * made; such a row goes with its cgroup.
 */
#define AMBIT_BOUND_NAME 256 /* NAME_MAX of include/uapi/linux/limits.h and a NUL: no cgroup has more */
struct ambit_bound_key {
	__u64 parent;
	char name[AMBIT_BOUND_NAME];
};
struct ambit_bound {
	__u32 cell; /* never 0 */
	__u32 glob; /* by the map `globs` */
};
/* No cell ever has this id: a task with it is denied everything. */
#define AMBIT_CELL_NONE 0x80000000U

/* Map `binding`. Row 0: what bind_tasks (bpf/bind.bpf.c) is asked for, and how it went. Row 1, in `failed`
 * alone: tasks that came in and got no label, since the kernel was armed; user space never writes it. */
#define AMBIT_BINDING_ASKED  0
#define AMBIT_BINDING_MISSED 1
struct ambit_binding {
	__u32 cell;	/* 0: each task's own */
	__u32 undo;	/* takes the labels of the cell away instead */
	__u32 labelled; /* tasks that have the label now */
	__u32 others;	/* that are in another cell */
	__u32 failed;	/* that could not get one */
	__u32 reserved; /* 0 */
};

_Static_assert(sizeof(struct ambit_bound_key) == 264, "bound");

#endif
