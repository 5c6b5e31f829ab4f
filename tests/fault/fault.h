/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forces each fault of bpf/lib/fault.bpf.h in turn and sees what becomes of acts outside of a cell,
 * in a cell that enforces and in one that audits.
 */
#ifndef FAULT_H
#define FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "bpf/abi.h"
#include "bpf/lib/fault.bpf.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* What becomes of an act that the policy allows, while the fault is forced. */
enum effect {
	DENIES, /* it is denied where the cell enforces, and passes with a record where it audits */
	STOPS,	/* it is denied in both: what would say that the cell audits is what failed */
	KEEPS,	/* nothing: neither of it nor of an act that the policy denies. What fails loses a record,
		 * or is a shorter way to the same verdict. */
};

/* Where the denial is found, besides in the kernel's tally. */
enum record {
	IN_TRAIL,
	LOST_FULL,    /* no event, and `lost_full` counts it */
	LOST_SCRATCH, /* likewise `lost_scratch` */
	LOST_AUDIT,   /* in audit mode no event, and `lost_spared` counts it; else in the trail */
	LOST_TALLY,   /* an event, but no tally, and `lost_tally` counts it */
	NO_CELL,      /* a tally of no cell: whose it is, is what failed */
};

/* Which kernels get there. */
enum when {
	ALWAYS,
	MOUNT_LIST,
	MOUNT_PLAIN, /* since 6.18, mounts.bpf.h */
	PROBED,	     /* before 6.2: no memory is read by peek() (compat.bpf.h) */
	KEPT,	     /* verdicts are kept (kept.bpf.h) */
	NEAR,	     /* likewise, and memory is peeked at: there is a short way (near.bpf.h) */
};

/* What the kernel keeps when the act begins. */
enum before {
	COLD,  /* no verdict and no directory, so the long way is gone */
	MOVED, /* nothing at all: something was renamed, which makes the names of programs void, too */
	NAMED, /* the name of the program */
	WARM,  /* the directories, but no verdict on the file: the short way is gone */
	LIMITED, /* as COLD, in cells that have limits, of which nothing much is kept */
};

struct row {
	enum ambit_fault fault;
	enum effect effect;
	enum record record;
	enum when when;
	const char *act; /* what the policy allows; of KEEPS rows, what it denies */
	enum ambit_op op;
	enum ambit_reason reason;
	int error;
	enum before before;
};

extern const struct row rows[];
extern const size_t rows_count;

/* --- kernel.c: the armed kernel. All end the program where it cannot be read. --- */

void kernel_open(void);
/* The cell in this mode; there is one. */
uint32_t cell_find(enum ambit_mode mode);
void fault_force(enum ambit_fault fault);
/* Whether a program came to it since it was forced. */
bool fault_met(void);
/* Makes void what is kept of verdicts, directories and peers. */
void kept_forget(void);
bool kept_is_on(void);
struct ambit_counters counters_read(uint32_t cell);
/* How often an operation was denied for a reason, by whatever rule. */
uint64_t tally_read(uint32_t cell, enum ambit_op op, enum ambit_reason reason);
bool mounts_are_plain(void);
bool memory_is_peeked(void);

/* --- session.c: acts, and the trail of a cell --- */

struct session {
	int in, out;
	pid_t pid;
	bool met; /* the last act came to the fault */
};

/* Starts a program that ends in `probe obey`. */
struct session session_start(char *const argv[]);
/* Does the act with the fault forced; its errno or 0, and the process that did it. */
int session_act(struct session *session, enum ambit_fault fault, const char *act, pid_t *ret_pid);
/* Ends it; its exit status. */
int session_end(struct session *session);

/* Whether the trail has a denial with all this. */
bool trail_has(
	const char *path, pid_t pid, enum ambit_op op, enum ambit_reason reason, bool enforced);

_Noreturn void die(const char *what);

#endif
