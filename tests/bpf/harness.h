/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of BPF logic share: the programs, tables put where they look, random numbers. */
#ifndef AMBIT_TEST_HARNESS_H
#define AMBIT_TEST_HARNESS_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base/util.h"
#include "compile/tables.h"
#include "logic.h"
#include "logic.skel.h"

static struct logic *skeleton;

/* A fixed seed: a failure repeats. */
static uint64_t state = 0x9e3779b97f4a7c15;

static inline uint32_t rnd(uint32_t limit)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 33) % limit;
}

/* Puts the tables where the programs look for them. */
static inline void install(uint32_t id, const struct tables *tables)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_INNER_MAP);
	_cleanup_close_ int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "table", sizeof(uint32_t),
		sizeof(struct ambit_segment), tables->segment_count, &options);

	assert_true(fd >= 0);
	for (uint32_t i = 0; i < tables->segment_count; i++)
		assert_int_equal(bpf_map_update_elem(fd, &i, &tables->segments[i], 0), 0);
	assert_int_equal(
		bpf_map_update_elem(bpf_map__fd(skeleton->maps.policies), &id, &fd, 0), 0);
}

/* The part of a path that the automaton runs over after the directories. */
static inline void name_find(struct path_case *path)
{
	const char *slash = memrchr(path->path, '/', path->length);

	path->name = slash ? (uint32_t)(slash - path->path) : path->length;
}

static inline void run(struct bpf_program *program)
{
	LIBBPF_OPTS(bpf_test_run_opts, options);

	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(program), &options), 0);
	assert_int_equal(options.retval, 0);
}

static inline int harness_open(void **context)
{
	(void)context;
	skeleton = logic__open_and_load();
	return skeleton ? 0 : -1;
}

static inline int harness_close(void **context)
{
	(void)context;
	logic__destroy(skeleton);
	return 0;
}

#endif
