/* SPDX-License-Identifier: Apache-2.0 */
/* The bench program: what is timed, where it happens, and Landlock with the same rules. */
#ifndef AMBIT_BENCH_H
#define AMBIT_BENCH_H

#include <stdbool.h>
#include <stddef.h>

/* Seven components deep, as in the figures of docs/performance.md; tests/bench/rules allows the
 * first two. */
#define BENCH_TREE "/bench/tree"
#define BENCH_DIR  BENCH_TREE "/three/four/five/six"
/* Where tests/bench/rules puts the directories that only exist to be named by a rule. */
#define BENCH_RULES "/bench/rules"

/* How often an operation is timed: the lower quartile of `batches` figures, each over `size`
 * operations. A batch is shorter than a timer tick where it can be, so most batches hold none; that
 * of fork+exec is longer, because what one does is cleaned up while the next ones run. */
struct bench_op {
	const char *name;
	/* Does it once; `index` picks the object. 0 or a negative errno. */
	int (*run)(unsigned index);
	unsigned batches;
	unsigned size;
	bool fresh; /* every operation has an object that nobody touched before */
};

/* The fresh objects that an operation may use: batches * size never exceeds it. */
#define BENCH_FRESH 500

extern const struct bench_op bench_ops[];
extern const size_t bench_op_count;

/* Makes the tree that the operations work on, all files new, and `rules` directories for rules.
 * `program` is copied for fork+exec. 0 or a negative errno. */
int bench_prepare(const char *program, unsigned rules);

/* Confines this task by Landlock with the lines of the rule list `path` (tests/bench/rules). A
 * range of UDP peers has no counterpart in Landlock: each becomes a rule for a TCP port, where the
 * kernel has those. 0 or a negative errno. */
int bench_landlock(const char *path);

#endif
