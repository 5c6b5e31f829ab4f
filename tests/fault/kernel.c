// SPDX-License-Identifier: Apache-2.0
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "fault.h"

#define STRING_(x) #x
#define STRING(x)  STRING_(x)
#define PINS	   "/sys/fs/bpf/ambit/abi-" STRING(AMBIT_ABI)

static int faults = -1, cells = -1, counters = -1, tallies = -1;
static size_t faults_size;
static struct ambit_kept *kept;

void die(const char *what)
{
	printf("not ok fault: %s\n", what);
	exit(1);
}

/* The map of the variable `fault_state`, which is not pinned. */
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
	kept = mmap(NULL, sizeof(*kept), PROT_READ | PROT_WRITE, MAP_SHARED, pin_open(PINS "/bss"), 0);
	if (kept == MAP_FAILED)
		die("what is kept cannot be read");
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
	uint32_t zero = 0, values[32][FAULT_STATES] = {};

	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		values[i][FAULT_FORCED] = fault;
	if (faults_size > sizeof(values) || bpf_map_update_elem(faults, &zero, values, 0) < 0)
		die("a fault cannot be forced");
}

bool fault_met(void)
{
	uint32_t zero = 0, values[32][FAULT_STATES];

	if (bpf_map_lookup_elem(faults, &zero, values) < 0)
		die("a fault cannot be read");
	return values[0][FAULT_MET];
}

/* As if a policy had been replaced. */
void kept_forget(void)
{
	__atomic_fetch_add(&kept->fence, 2, __ATOMIC_SEQ_CST);
}

bool kept_is_on(void)
{
	const uint32_t row = 0;
	struct ambit_arming arming;

	if (bpf_map_lookup_elem(pin_open(PINS "/arming"), &row, &arming) < 0)
		die("how the kernel was armed cannot be read");
	return arming.flags & AMBIT_ARMING_KEEPS;
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
	struct ambit_tally_key key, *previous = NULL;
	uint64_t count, sum = 0;

	while (bpf_map_get_next_key(tallies, previous, &key) == 0) {
		if (key.cell == cell && key.op == op && key.reason == reason &&
			bpf_map_lookup_elem(tallies, &key, &count) == 0)
			sum += count;
		previous = &key;
	}
	return sum;
}

static bool type_has(uint32_t kind, const char *type, const char *member)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int id = btf__find_by_name_kind(btf, type, kind);
	const struct btf_type *found = btf__type_by_id(btf, (uint32_t)id);
	bool has = false;

	for (uint32_t i = 0; found && i < btf_vlen(found); i++) {
		uint32_t name = kind == BTF_KIND_ENUM ? btf_enum(found)[i].name_off
						      : btf_members(found)[i].name_off;

		has = has || strcmp(btf__name_by_offset(btf, name), member) == 0;
	}
	btf__free(btf);
	return has;
}

bool mounts_are_plain(void)
{
	return type_has(BTF_KIND_STRUCT, "mount", "mnt_next_for_sb");
}

bool memory_is_peeked(void)
{
	return type_has(BTF_KIND_ENUM, "special_kfunc_type", "KF_bpf_rdonly_cast");
}
