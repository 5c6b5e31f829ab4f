/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times system calls. In a guest that counts instructions (-icount shift=0) a nanosecond is one
 * instruction, and the figures repeat on any machine.
 *
 *   bench prepare PROGRAM RULES   makes the tree anew: fresh files, copies of PROGRAM, RULES
 *                                 directories for rules; to be run before each `measure`
 *   bench measure CASE AXIS VALUE GROUP [confined|LIST]
 *                                 prints a row "bench,CASE,AXIS,VALUE,OP,INSTRUCTIONS" for each
 *                                 operation of GROUP (core, all, gate, depth, names). Of the axis
 *                                 "depth" VALUE is where the objects lie. With LIST confined by
 *                                 Landlock; "confined": somebody else does it
 *   bench hooks                   rows "bench,outside,hooks,0,OP,COUNT": how many programs ran for
 *                                 each operation
 *   bench programs DIR            what the verifier says of each program whose link is pinned there, and
 *                                 what statistics say of a run, while the operations run in rounds
 *   bench loaded                  how many BPF LSM programs there are
 *   bench time wall|own COMMAND...  a row "time,NANOSECONDS" for the command; "own": what its processes
 *                                 executed, without what it waited for
 *   bench confine LIST COMMAND... the command under Landlock
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "bench.h"

#define BATCHES_MAX 128
#define SETTLE_US   30000

static uint64_t clock_read(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

uint64_t bench_children;

static uint64_t now(enum bench_clock clock)
{
	return clock == CLOCK_WALL ? clock_read(CLOCK_MONOTONIC)
				   : clock_read(CLOCK_THREAD_CPUTIME_ID) + bench_children;
}

int bench_wait(int pid)
{
	clockid_t id;
	int status;

	/* The clock of a child can be read until it is reaped; rusage has microseconds only. */
	if (waitid(P_PID, (id_t)pid, NULL, WEXITED | WNOWAIT) < 0 || clock_getcpuclockid(pid, &id))
		return -ECHILD;
	bench_children += clock_read(id);
	if (waitpid(pid, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
}

static int compare(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

/* What one operation takes, in tenths of a nanosecond: the lower quartile of the batches, which
 * leaves out those that a timer tick fell into. 0 or a negative errno of the operation itself. */
static int measure(const struct bench_op *op, uint64_t *ret)
{
	uint64_t figures[BATCHES_MAX];
	unsigned warm_up = op->fresh ? 0 : op->size, next = 0;
	int r = 0;

	for (unsigned i = 0; r == 0 && i < warm_up; i++)
		r = op->run(0);
	for (unsigned batch = 0; r == 0 && batch < op->batches; batch++) {
		uint64_t start;

		if (op->settles)
			usleep(SETTLE_US);
		start = now(op->clock);
		for (unsigned i = 0; r == 0 && i < op->size; i++, next++)
			r = op->run(op->fresh ? next : 0);
		figures[batch] = (now(op->clock) - start) * 10 / op->size;
	}
	if (r < 0)
		return r;
	qsort(figures, op->batches, sizeof(figures[0]), compare);
	*ret = figures[op->batches / 4];
	return 0;
}

/* The loop's own cost on either clock; reading CLOCK_OWN takes two system calls. */
static uint64_t empty_loop(const struct bench_op *like)
{
	struct bench_op nothing = bench_nothing;
	uint64_t figure = 0;

	nothing.clock = like->clock;
	nothing.size = like->size;
	measure(&nothing, &figure);
	return figure;
}

static int measure_one(const char *prefix, const struct bench_op *op)
{
	uint64_t figure = 0, empty = empty_loop(op);
	int r = measure(op, &figure);

	if (r < 0) {
		fprintf(stderr, "bench: %s: \"%s\": %s\n", prefix, op->name, strerror(-r));
		return r;
	}
	printf("%s,%s,%lld\n", prefix, op->name, ((long long)figure - (long long)empty + 5) / 10);
	return 0;
}

static int measure_table(
	const char *prefix, const struct bench_op *ops, size_t count, unsigned groups)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++) {
		if (ops[i].groups & groups)
			r = measure_one(prefix, &ops[i]);
	}
	return r;
}

static unsigned group_of(const char *name)
{
	static const struct {
		const char *name;
		unsigned groups;
	} names[] = {
		{"core", GROUP_CORE},
		{"all", GROUP_CORE | GROUP_OTHERS},
		{"gate", GROUP_GATE},
		{"depth", GROUP_DEPTH},
		{"names", GROUP_NAMES},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i].name, name) == 0)
			return names[i].groups;
	return 0;
}

static int check(const char *what, int r)
{
	if (r < 0)
		fprintf(stderr, "bench: %s: %s\n", what, strerror(-r));
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int do_measure(int argc, char **argv)
{
	char prefix[128];
	unsigned groups = group_of(argv[5]);
	int r = strcmp(argv[3], "depth") == 0 ? bench_depth((unsigned)atoi(argv[4])) : 0;

	if (!groups)
		r = -EINVAL;
	bench_confined = argc == 7;
	if (r == 0 && bench_confined && strcmp(argv[6], "confined") != 0)
		r = bench_landlock(argv[6]);
	if (check("set up", r) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	snprintf(prefix, sizeof(prefix), "bench,%s,%s,%s", argv[2], argv[3], argv[4]);
	r = measure_table(prefix, bench_core, bench_core_count, groups);
	if (r == 0)
		r = measure_table(prefix, bench_others, bench_others_count, groups);
	if (r == 0)
		r = measure_table(prefix, bench_names, bench_names_count, groups);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

#define HOOKS_ROUNDS 20

/* Statistics count each run of a program, so the number of hooks of an operation is not a guess. Reading
 * them takes hooks too: `own`. */
static int do_hooks(const struct bench_op *ops, size_t count)
{
	int64_t before = bench_programs_ran(), after = bench_programs_ran(), own = after - before;
	int r;

	for (size_t i = 0; i < count; i++) {
		r = ops[i].run(0);
		before = bench_programs_ran();
		for (unsigned round = 0; r == 0 && round < HOOKS_ROUNDS; round++)
			r = ops[i].run(ops[i].fresh ? round : 0);
		after = bench_programs_ran();
		if (r < 0 || before < 0 || after < 0)
			return check(ops[i].name, r < 0 ? r : before < 0 ? (int)before : (int)after);
		printf("bench,outside,hooks,0,%s,%lld\n", ops[i].name,
			(long long)(after - before - own + HOOKS_ROUNDS / 2) / HOOKS_ROUNDS);
	}
	return EXIT_SUCCESS;
}

#define PROGRAMS_ROUNDS 5

/* What each program takes is exact where operations have noise: the kernel reads its clock right before and
 * after it. But an interrupt in between is counted too, so of some rounds the best one is taken. */
static int do_programs(const char *pins)
{
	int r = bench_programs_take(pins);

	for (unsigned round = 0; r == 0 && round < PROGRAMS_ROUNDS * HOOKS_ROUNDS; round++) {
		for (size_t i = 0; r == 0 && i < bench_core_count; i++)
			r = bench_core[i].run(bench_core[i].fresh ? round : 0);
		for (size_t i = 0; r == 0 && i < bench_others_count; i++)
			r = bench_others[i].run(bench_others[i].fresh ? round : 0);
		if (r == 0 && (round + 1) % HOOKS_ROUNDS == 0)
			r = bench_programs_take(pins);
	}
	if (r == 0)
		bench_programs_print();
	return check("programs", r);
}

static uint64_t own(void)
{
	struct rusage children;

	getrusage(RUSAGE_CHILDREN, &children);
	return (uint64_t)(children.ru_utime.tv_sec + children.ru_stime.tv_sec) * 1000000000 +
	       (uint64_t)(children.ru_utime.tv_usec + children.ru_stime.tv_usec) * 1000;
}

/* "time,NANOSECONDS" of the command on stdout; the exit status is the command's. */
static int do_time(bool is_own, char **command)
{
	uint64_t start = is_own ? own() : now(CLOCK_WALL);
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execvp(command[0], command);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return check(command[0], -errno);
	printf("time,%llu\n", (unsigned long long)((is_own ? own() : now(CLOCK_WALL)) - start));
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";
	int r;

	if (argc == 4 && strcmp(verb, "prepare") == 0)
		return check("prepare", bench_prepare(argv[2], (unsigned)atoi(argv[3])));
	if ((argc == 6 || argc == 7) && strcmp(verb, "measure") == 0)
		return do_measure(argc, argv);
	if (argc == 2 && strcmp(verb, "hooks") == 0) {
		r = do_hooks(bench_core, bench_core_count);
		return r ?: do_hooks(bench_others, bench_others_count);
	}
	if (argc == 3 && strcmp(verb, "programs") == 0)
		return do_programs(argv[2]);
	if (argc == 2 && strcmp(verb, "loaded") == 0) {
		printf("%d\n", r = bench_programs_count());
		return check("loaded", r);
	}
	if (argc > 3 && strcmp(verb, "confine") == 0) {
		if (check("Landlock", bench_landlock(argv[2])) != EXIT_SUCCESS)
			return EXIT_FAILURE;
		execvp(argv[3], argv + 3);
		return check(argv[3], -errno);
	}
	if (argc > 3 && strcmp(verb, "time") == 0)
		return do_time(strcmp(argv[2], "own") == 0, argv + 3);
	fprintf(stderr, "usage: bench prepare PROGRAM RULES | hooks | loaded\n"
			"       bench programs DIR | time wall|own COMMAND... | confine LIST COMMAND...\n"
			"       bench measure CASE AXIS VALUE GROUP [confined|LIST]\n");
	return 2;
}
