/* SPDX-License-Identifier: Apache-2.0 */
/* The bench program: what is counted, where it happens, and who confines it. */
#ifndef AMBIT_BENCH_H
#define AMBIT_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Objects are seven components deep, as in the figures of docs/performance.md; tests/bench/rules
 * allows the first two, and of BENCH_SECRET nothing. */
#define BENCH_TREE   "/bench/tree"
#define BENCH_DIR    BENCH_TREE "/three/four/five/six"
#define BENCH_SECRET "/bench/secret/three/four/five/six"
/* Where tests/bench/rules puts the directories that only exist to be named by a rule. */
#define BENCH_RULES "/bench/rules"
/* In this one rules allow to write. */
#define BENCH_OUT BENCH_TREE "/out/file"

/* Which row is counted where. */
enum bench_group {
	GROUP_CORE = 1,   /* inside and outside of cells */
	GROUP_OTHERS = 2, /* one row for each family of hooks; outside alone */
	GROUP_DEPTH = 4,  /* at every depth */
	GROUP_GATE = 8,   /* by the gate, inside */
	GROUP_NAMES = 16, /* where a resolver serves */
};

/*
 * CLOCK_WALL: everything that the machine does meanwhile, so also who reads events.
 * CLOCK_OWN: what this task and the children that it waited for did.
 */
enum bench_clock {
	CLOCK_WALL,
	CLOCK_OWN,
};

/* How often an operation is timed: the lower quartile of `batches` figures, each over `size`
 * operations. A batch is shorter than a timer tick where it can be, so most batches hold none. */
struct bench_op {
	const char *name;
	/* Does it once; `index` picks the object. 0 or a negative errno. */
	int (*run)(unsigned index);
	unsigned batches;
	unsigned size;
	bool fresh; /* every operation has an object that nobody touched before */
	enum bench_clock clock;
	/* A pause before each batch, which is not counted: what tasks leave behind is freed later, and the
	 * next ones cost more or less while it is not; and who reads events gets to it. */
	bool settles;
	unsigned groups;
};

/* The fresh objects that an operation may use: batches * size never exceeds it. */
#define BENCH_FRESH 500

#define BENCH_OPS_MAX 64

/* The row that the others are reduced by: the loop and the making of a name. */
extern const struct bench_op bench_nothing;
extern const struct bench_op bench_core[];
extern const size_t bench_core_count;
extern const struct bench_op bench_others[];
extern const size_t bench_others_count;
extern const struct bench_op bench_names[];
extern const size_t bench_names_count;

/* A task that is confined has to be denied where nothing allows, and nobody else: "open denied". */
extern bool bench_confined;

/* Nanoseconds of the children that were waited for, for CLOCK_OWN; bench_wait() adds to it. */
extern uint64_t bench_children;
/* Waits for a child: its exit status, or a negative errno. */
int bench_wait(int pid);

/* The name of an object: `kind` and four digits in the directory of the depth that was set; a static
 * buffer, so that making a name takes little and always the same. */
const char *bench_object(const char *kind, unsigned index);
/* Objects lie so many components deep from now on: 1 to 30. */
int bench_depth(unsigned depth);

/* Makes the tree that the operations work on, all files new, and `rules` directories for rules.
 * `program` is copied for fork+exec. 0 or a negative errno. */
int bench_prepare(const char *program, unsigned rules);

/* Confines this task by Landlock with the lines of the rule list `path` (tests/bench/rules). What
 * has no counterpart there is left out: denials; and a range of peers becomes a rule for a TCP port,
 * where the kernel has those. 0 or a negative errno. */
int bench_landlock(const char *path);

/* How often all BPF LSM programs ran since statistics were switched on, or a negative errno. */
int64_t bench_programs_ran(void);
/* How many BPF LSM programs are loaded. */
int bench_programs_count(void);
/* Reads statistics and size of every program whose link is pinned in `pins`; each call ends a round. 0 or a
 * negative errno. */
int bench_programs_take(const char *pins);
/* Prints for each a row "verifier,NAME,INSTRUCTIONS,BYTES": what the verifier looked at, and the size of the
 * translated program; and of each that ran a row "bench,outside,programs,0,NAME,NANOSECONDS" for one run,
 * in the round in which it took least. */
void bench_programs_print(void);

#endif
