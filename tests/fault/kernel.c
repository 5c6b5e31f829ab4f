// SPDX-License-Identifier: Apache-2.0
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "fault.h"

#define STRING_(x) #x
#define STRING(x)  STRING_(x)
#define PINS	   "/sys/fs/bpf/ambit/abi-" STRING(AMBIT_ABI)

static int faults = -1, cells = -1, counters = -1, tallies = -1;
static size_t faults_size;

void die(const char *what)
{
	printf("not ok fault: %s\n", what);
	exit(1);
}

/* The map of the variable `fault_forced`, which is not pinned. */
static int faults_open(size_t *ret_size)
{
	uint32_t id = 0;

	while (bpf_map_get_next_id(id, &id) == 0) {
		struct bpf_map_info info = {};
		uint32_t size = sizeof(info);
		int fd = bpf_map_get_fd_by_id(id);

		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
			continue;
		if (strcmp(info.name, ".data.fault") == 0) {
			*ret_size = info.value_size;
			return fd;
		}
		close(fd);
	}
	die("these programs were built without FAULTS=yes");
}

static int pin_open(const char *path)
{
	int fd = bpf_obj_get(path);

	if (fd < 0)
		die(path);
	return fd;
}

void kernel_open(void)
{
	faults = faults_open(&faults_size);
	cells = pin_open(PINS "/cells");
	counters = pin_open(PINS "/counters");
	tallies = pin_open(PINS "/tallies");
}

uint32_t cell_find(enum ambit_mode mode)
{
	uint32_t id, *previous = NULL;
	struct ambit_cell cell;

	while (bpf_map_get_next_key(cells, previous, &id) == 0) {
		if (bpf_map_lookup_elem(cells, &id, &cell) == 0 && cell.mode == mode)
			return id;
		previous = &id;
	}
	die("there is no cell");
}

/* Each object has the variable, of which the linker made the first the one that counts. */
void fault_force(enum ambit_fault fault)
{
	uint32_t zero = 0, values[64] = {};

	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		values[i] = fault;
	if (faults_size > sizeof(values) || bpf_map_update_elem(faults, &zero, values, 0) < 0)
		die("a fault cannot be forced");
}

struct ambit_counters counters_read(uint32_t cell)
{
	const uint32_t slot = AMBIT_CELL_SLOT(cell);
	struct ambit_counters value;

	if (bpf_map_lookup_elem(counters, &slot, &value) < 0)
		die("the counters of a cell are gone");
	return value;
}

uint64_t tally_read(uint32_t cell, enum ambit_op op, enum ambit_reason reason)
{
	struct ambit_tally_key key = {.cell = cell, .op = op, .reason = reason};
	uint64_t count;

	return bpf_map_lookup_elem(tallies, &key, &count) < 0 ? 0 : count;
}

bool mounts_are_plain(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int id = btf__find_by_name_kind(btf, "mount", BTF_KIND_STRUCT);
	const struct btf_type *type = btf__type_by_id(btf, (uint32_t)id);
	bool plain = false;

	for (uint32_t i = 0; type && i < btf_vlen(type); i++) {
		const char *name = btf__name_by_offset(btf, btf_members(type)[i].name_off);

		plain = plain || strcmp(name, "mnt_next_for_sb") == 0;
	}
	btf__free(btf);
	return plain;
}
