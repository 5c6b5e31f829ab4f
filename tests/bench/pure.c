/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nanoseconds of the pure pieces of a decision on this machine, by BPF_PROG_TEST_RUN (root; no hook is
 * needed), for each of some policies of tests/bench/rules:
 *
 *   pure NAME POLICY...   rows "bench,pure,native,0,PIECE NAME,NANOSECONDS"
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/util.h"
#include "compile/tables.h"
#include "policy/env.h"
#include "pure.h"
#include "pure.skel.h"

#define RUNS	 15
#define COMPILES 5

/* 45 bytes, and 200 more; both below what tests/bench/rules allows to read. */
static const char path[] = "/bench/tree/three/four/five/six/file_0123.txt";
static const char filler[] = "/and/deeper/down/there/are/more/files/to/be/had";

static struct tables *tables_of(const char *file)
{
	_cleanup_(policy_cleanup) struct policy *policy = NULL;
	struct policy_env_own env = {};
	struct tables *tables = NULL;
	struct diags diags = {};
	struct diag diag = {};

	if (ambit_policy_env_find(NULL, &env, &diag) == 0 &&
		ambit_policy_load(file, &env.env, &diags, &policy) == 0)
		ambit_tables_compile(policy, &diag, &tables);
	ambit_policy_env_clear(&env);
	ambit_diags_clear(&diags);
	ambit_diag_clear(&diag);
	return tables;
}

/* Puts the tables where the programs look for them. */
static int install(struct pure_bpf *pure, const struct tables *tables)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_INNER_MAP);
	uint32_t id = PURE_POLICY;
	_cleanup_close_ int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "table", sizeof(uint32_t),
		sizeof(struct ambit_segment), tables->segment_count, &options);

	for (uint32_t i = 0; fd >= 0 && i < tables->segment_count; i++)
		if (bpf_map_update_elem(fd, &i, &tables->segments[i], 0) < 0)
			return -1;
	return fd < 0 ? -1 : bpf_map_update_elem(bpf_map__fd(pure->maps.policies), &id, &fd, 0);
}

static uint64_t now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* The quickest of some runs, since whatever else this machine does only makes it slower: nanoseconds a
 * round, negative where it failed. */
static double run(struct pure_bpf *pure, const struct bpf_program *program, const struct pure_case *asked)
{
	LIBBPF_OPTS(bpf_test_run_opts, options);
	struct pure_case result;
	uint64_t best = UINT64_MAX, start, took;
	uint32_t key = 0;

	for (int i = 0; i < RUNS; i++) {
		int map = bpf_map__fd(pure->maps.pure_cases);

		if (bpf_map_update_elem(map, &key, asked, 0) < 0)
			return -1;
		start = now(CLOCK_MONOTONIC);
		if (bpf_prog_test_run_opts(bpf_program__fd(program), &options) < 0)
			return -1;
		took = now(CLOCK_MONOTONIC) - start;
		/* A piece that answered wrongly was not timed. */
		if (bpf_map_lookup_elem(map, &key, &result) < 0 || result.allowed != PURE_ROUNDS)
			return -1;
		if (took < best)
			best = took;
	}
	return (double)best / PURE_ROUNDS;
}

static double path_run(struct pure_bpf *pure, unsigned more)
{
	struct pure_case asked = {};

	memcpy(asked.path, path, sizeof(path) - 1);
	asked.length = sizeof(path) - 1;
	for (unsigned i = 0; i < more; i++)
		asked.path[asked.length++] = filler[i % (sizeof(filler) - 1)];
	return run(pure, pure->progs.pure_path_run, &asked);
}

/* Reading and compiling the policy, whatever else this machine does meanwhile, and what the kernel will
 * keep of it. */
static void compile_rows(const char *name, const char *file)
{
	uint64_t best = UINT64_MAX;
	uint32_t segments = 0;

	for (int i = 0; i < COMPILES; i++) {
		uint64_t start = now(CLOCK_PROCESS_CPUTIME_ID);
		struct tables *tables = tables_of(file);
		uint64_t took = now(CLOCK_PROCESS_CPUTIME_ID) - start;

		if (!tables)
			return;
		if (took < best)
			best = took;
		segments = tables->segment_count;
		tables_cleanup(&tables);
	}
	printf("bench,pure,native,0,compiling (%s),%llu\n", name, (unsigned long long)best);
	printf("bench,pure,native,0,bytes in the kernel (%s),%llu\n", name,
		(unsigned long long)segments * sizeof(struct ambit_segment));
}

static int rows(struct pure_bpf *pure, const char *name, double nothing)
{
	const struct pure_case peer = {};
	double shorter = path_run(pure, 0), longer = path_run(pure, 200);
	double peers = run(pure, pure->progs.pure_peer_run, &peer);

	if (shorter < 0 || longer < 0 || peers < 0)
		return -1;
	printf("bench,pure,native,0,a byte of a path (%s),%.1f\n", name, (longer - shorter) / 200);
	printf("bench,pure,native,0,a path of 45 bytes (%s),%.1f\n", name, shorter - nothing);
	printf("bench,pure,native,0,a peer (%s),%.1f\n", name, peers - nothing);
	return 0;
}

int main(int argc, char **argv)
{
	const struct pure_case empty = {};
	struct pure_bpf *pure = pure_bpf__open_and_load();
	double nothing;

	if (!pure || argc < 3 || argc % 2 == 0) {
		fprintf(stderr, "usage, as root: pure NAME POLICY...\n");
		return EXIT_FAILURE;
	}
	nothing = run(pure, pure->progs.pure_nothing_run, &empty);
	printf("kernel,native\n");
	for (int i = 1; i < argc; i += 2) {
		struct tables *tables = tables_of(argv[i + 1]);

		if (!tables)
			fprintf(stderr, "pure: \"%s\" is no policy, or $AMBIT_SETS is needed\n", argv[i + 1]);
		if (!tables || install(pure, tables) < 0 || rows(pure, argv[i], nothing) < 0) {
			fprintf(stderr, "pure: \"%s\" failed\n", argv[i + 1]);
			return EXIT_FAILURE;
		}
		tables_cleanup(&tables);
		compile_rows(argv[i], argv[i + 1]);
	}
	return EXIT_SUCCESS;
}
