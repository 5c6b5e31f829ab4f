/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times a few system calls. In a guest that counts instructions (-icount shift=0) a nanosecond is
 * one instruction, and the figures repeat on any machine.
 *
 *   bench prepare PROGRAM RULES     makes the tree anew: fresh files, copies of PROGRAM, RULES
 *                                   directories for rules; to be run before each `measure`
 *   bench measure CASE RULES [LIST] prints a row "bench,CASE,OP,RULES,INSTRUCTIONS" for each
 *                                   operation; with LIST confined by Landlock
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "bench.h"

#define BATCHES_MAX 128

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
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
		uint64_t start = now();

		for (unsigned i = 0; r == 0 && i < op->size; i++, next++)
			r = op->run(op->fresh ? next : 0);
		figures[batch] = (now() - start) * 10 / op->size;
	}
	if (r < 0)
		return r;
	qsort(figures, op->batches, sizeof(figures[0]), compare);
	*ret = figures[op->batches / 4];
	return 0;
}

static int measure_all(const char *name, const char *rules)
{
	uint64_t empty, figure;
	int r = measure(&bench_ops[0], &empty);

	for (size_t i = 1; r == 0 && i < bench_op_count; i++) {
		r = measure(&bench_ops[i], &figure);
		if (r == 0)
			printf("bench,%s,%s,%s,%llu\n", name, bench_ops[i].name, rules,
				(unsigned long long)(figure - empty + 5) / 10);
		else
			fprintf(stderr, "bench: \"%s\" in case \"%s\": %s\n", bench_ops[i].name,
				name, strerror(-r));
	}
	return r;
}

static int check(const char *what, int r)
{
	if (r < 0)
		fprintf(stderr, "bench: %s: %s\n", what, strerror(-r));
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "prepare") == 0)
		return check("prepare", bench_prepare(argv[2], (unsigned)atoi(argv[3])));
	if ((argc == 4 || argc == 5) && strcmp(argv[1], "measure") == 0) {
		int r = argc == 5 ? bench_landlock(argv[4]) : 0;

		if (check("Landlock", r) != EXIT_SUCCESS)
			return EXIT_FAILURE;
		return measure_all(argv[2], argv[3]) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	}
	fprintf(stderr, "usage: bench prepare PROGRAM RULES | bench measure CASE RULES [LIST]\n");
	return 2;
}
