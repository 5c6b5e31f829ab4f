/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drain FILE [SECONDS]   how many events a second one core takes out of a ring and writes to a
 * trail. Ring after ring is filled by the programs' own report (drain.bpf.c) and drained as
 * `ambit run -q` drains it. Only the draining is timed, up to the last write, in processor time, the
 * kernel's included: what one core does, whoever else wants it. All events differ, so none is folded.
 * Prints "drain,EVENTS,SECONDS,EVENTS_PER_SECOND,LOST". Needs root, but no hook.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "base/util.h"
#include "bpf/abi.h"
#include "drain.skel.h"
#include "kernel/internal.h"
#include "kernel/ring.h"
#include "trail/clock.h"
#include "trail/recorder.h"

#define BATCH 8000 /* half of a ring and more */

static struct rule rules[] = {
	{.id = 1, .op = OP_READ, .verdict = VERDICT_ALLOW, .text = (char *)"/usr", .line = 12}};
static const struct policy policy = {
	.file = (char *)"agent.yaml", .name = (char *)"coding-agent", .rules = rules, .rule_count = 1};

static uint64_t taken;

static void check(const char *what, int result)
{
	if (result >= 0)
		return;
	fprintf(stderr, "drain: %s: %s\n", what, strerror(-result));
	exit(EXIT_FAILURE);
}

static int handle(void *data, const void *bytes, size_t size)
{
	struct record record;

	taken += ambit_recorder_take(data, bytes, size, &record);
	return 0;
}

/* The rows of a cell, as user/kernel/cell.c makes them. */
static int cell_make(struct drain *skeleton, uint32_t id)
{
	const uint32_t slot = AMBIT_CELL_SLOT(id);
	struct ambit_cell row = {.epoch = 1, .ring = 1};
	struct ambit_counters counters = {0};
	struct stat namespace;
	int ring = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "ambit_ring", 0, 0, AMBIT_RING_SIZE, NULL);

	check("a ring", ring);
	check("the namespace", stat("/proc/self/ns/mnt", &namespace));
	row.mnt_ns = (uint32_t)namespace.st_ino;
	check("cells", bpf_map_update_elem(bpf_map__fd(skeleton->maps.cells), &id, &row, 0));
	check("counters",
		bpf_map_update_elem(bpf_map__fd(skeleton->maps.counters), &slot, &counters, 0));
	check("rings", bpf_map_update_elem(bpf_map__fd(skeleton->maps.rings), &row.ring, &ring, 0));
	return ring;
}

/* Kernels without CONFIG_KALLSYMS_ALL do not say where the locks are. Here nothing hangs on them, so
 * the head of an ELF note stands in, an even number that never changes. */
static struct drain *programs_load(void)
{
	static const char *const names[] = {"__start_notes"};
	struct drain *skeleton = drain__open();
	struct diag diag = {0};
	uint64_t address;

	check("opening the programs", skeleton ? 0 : -errno);
	check("/proc/kallsyms", symbols_find(names, &address, 1, &diag));
	skeleton->rodata->rename_lock_address = address;
	skeleton->rodata->mount_lock_address = address;
	check("loading the programs", drain__load(skeleton));
	return skeleton;
}

/* Fills the ring and drains it; how long the draining took, ns. */
static uint64_t turn(struct drain *skeleton, struct ring *ring, struct recorder *recorder)
{
	LIBBPF_OPTS(bpf_test_run_opts, options);
	uint64_t start;

	skeleton->bss->events = BATCH;
	check("a run", bpf_prog_test_run_opts(bpf_program__fd(skeleton->progs.fill), &options));
	start = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	ambit_recorder_clock(recorder);
	ring_drain(ring, handle, recorder);
	ambit_recorder_expire(recorder, clock_ns(CLOCK_MONOTONIC));
	ambit_recorder_flush(recorder);
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start;
}

int main(int argc, char **argv)
{
	uint64_t limit = argc > 2 ? strtoull(argv[2], NULL, 10) * 1000000000U : 3000000000U;
	struct ambit_counters counters = {0};
	struct drain *skeleton;
	struct recorder recorder;
	struct trail *trail = NULL;
	struct ring *ring = NULL;
	struct diag diag = {0};
	uint64_t spent = 0;
	uint32_t id = 7;

	if (argc < 2) {
		fprintf(stderr, "usage: drain FILE [SECONDS]\n");
		return 2;
	}
	skeleton = programs_load();
	skeleton->bss->cell_id = id;
	check("the ring", ring_open(cell_make(skeleton, id), AMBIT_RING_SIZE, RING_NEXT, &ring));
	check(argv[1], ambit_trail_open(argv[1], &trail, &diag));
	check("a recorder", ambit_recorder_open(&recorder, trail, &policy, "coding-agent-00000007"));
	while (spent < limit)
		spent += turn(skeleton, ring, &recorder);
	check("counters", bpf_map_lookup_elem(bpf_map__fd(skeleton->maps.counters),
			   &(uint32_t){AMBIT_CELL_SLOT(id)}, &counters));
	printf("drain,%llu,%.3f,%.0f,%llu\n", (unsigned long long)taken, (double)spent / 1e9,
		(double)taken * 1e9 / (double)spent,
		(unsigned long long)(ambit_events_lost(&counters) + recorder.missing));
	ambit_recorder_close(&recorder);
	ambit_trail_close(trail);
	ring_close(ring);
	drain__destroy(skeleton);
	return 0;
}
