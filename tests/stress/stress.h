/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load for the stress tests: one static program, one verb a kind of load. Verbs that open files run
 * in a cell and print what they saw; those that change the world under them run outside.
 *
 *   exit 0  no wrong verdict, and both verdicts were seen
 *   exit 1  a wrong verdict, which is printed
 *   exit 2  the load could not be made
 */
#ifndef STRESS_H
#define STRESS_H

#include <stdatomic.h>
#include <stdbool.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

struct verb {
	const char *name;
	const char *usage;
	int arguments; /* at least */
	int (*run)(int argc, char **argv);
};

extern const struct verb open_verbs[];	 /* in a cell */
extern const struct verb change_verbs[]; /* outside */
extern const struct verb depth_verbs[];	 /* both */
extern const struct verb kept_verbs[];	 /* both */

/* What became of the opens of one kind of name; shared by all tasks of a load. */
struct seen {
	atomic_ulong opened, denied;
	atomic_ulong gone;  /* the name led nowhere at that moment */
	atomic_ulong other; /* any other errno: a wrong verdict too */
	atomic_int error;   /* one of those */
};

struct load {
	struct seen allowed, denied;
	struct seen changing; /* what was moved meanwhile: either verdict is right */
	atomic_ulong rounds;
	atomic_ulong secrets; /* read: wrong whatever the name was */
};

/* In memory that children share; ends the program if there is none. */
struct load *load_new(void);

/* Opens for reading, closes, and counts what became of it. */
void seen_open(const char *path, struct seen *seen);

/* Runs `run` in THREADS threads of each of two processes, which share no descriptor table. Whether all
 * ended well. */
bool threads_run(int threads, void *(*run)(void *data), void *data);
#define THREADS_MAX 32

/* Prints the counts; the exit status that they mean. */
int load_report(const struct load *load);

/* Seconds from now as an instant, and whether it has come. */
double instant_after(const char *seconds);
bool instant_is_past(double instant);

/* Says what failed, with errno, and ends the program. */
_Noreturn void die(const char *what);

#endif
