/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cells whose policy has names. The programs that read their questions and answers (bpf/dns.bpf.c) are
 * loaded when the first such policy is, pinned without a link, and attached to the cgroup of each such
 * cell: there they stay as long as the cgroup does, whatever becomes of this process. Cells without names
 * have nothing of it.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include "bpf/abi.h"
#include "ambit.skel.h"
#include "base/util.h"
#include "compile/ids.h"
#include "kernel/load.h"

static const struct {
	const char *name;
	enum bpf_attach_type type;
} programs[] = {
	{"dns_egress", BPF_CGROUP_INET_EGRESS},
	{"dns_ingress", BPF_CGROUP_INET_INGRESS},
	{"connection_ops", BPF_CGROUP_SOCK_OPS},
};

static void pin_path(const char *dir, const char *name, char *ret, size_t size)
{
	snprintf(ret, size, "%s/" PIN_PROGRAM "%s", dir, name);
}

bool names_armed(void)
{
	char path[512];

	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		pin_path(PIN_ABI_DIR, programs[i].name, path, sizeof(path));
		if (access(path, F_OK) < 0)
			return false;
	}
	return true;
}

void names_select(struct ambit_bpf *skeleton)
{
	bpf_program__set_autoload(skeleton->progs.dns_egress, true);
	bpf_program__set_autoload(skeleton->progs.dns_ingress, true);
	bpf_program__set_autoload(skeleton->progs.connection_ops, true);
}

int names_arm(const struct loading *loading, const char *maps, struct diag *diag)
{
	_cleanup_(programs_cleanup) struct ambit_bpf *skeleton = NULL;
	char path[512];
	int result = loading->names ? loading_names(loading, maps, &skeleton, diag) : 0;

	for (size_t i = 0; result == 0 && skeleton && i < ARRAY_SIZE(programs); i++) {
		struct bpf_program *program =
			bpf_object__find_program_by_name(skeleton->obj, programs[i].name);

		pin_path(PIN_NEW_DIR, programs[i].name, path, sizeof(path));
		result = pin_checked(
			program ? bpf_program__pin(program, path) : -ENOENT, path, diag);
	}
	return result;
}

static int fail(struct diag *diag, const char *what, int result)
{
	ambit_diag_set(diag, NULL, 0, 0, "cannot make a cell with names: %s: %s", what,
		strerror(-result));
	return result;
}

/* Attached beside what others have there (systemd does so, too), and for all beneath. */
static int attach(int cgroup, struct diag *diag)
{
	char path[512];

	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		_cleanup_close_ int program = -1;

		pin_path(PIN_ABI_DIR, programs[i].name, path, sizeof(path));
		program = bpf_obj_get(path);
		if (program < 0 || bpf_prog_attach(program, cgroup, programs[i].type,
					   BPF_F_ALLOW_MULTI) < 0)
			return fail(diag, programs[i].name, -errno);
	}
	return 0;
}

static uint32_t resolvers_hash(const struct dns *dns)
{
	uint64_t hash = dns->resolver_count;

	for (size_t i = 0; i < dns->resolver_count; i++) {
		const struct peer *peer = &dns->resolvers[i];
		uint64_t halves[2];

		memcpy(halves, peer->addr, sizeof(halves));
		hash = hash_mix(hash ^ halves[0]);
		hash = hash_mix(hash ^ halves[1]);
		hash = hash_mix(hash ^ ((uint64_t)peer->family << 48 | (uint64_t)peer->bits << 32 |
					       (uint64_t)peer->port_low << 16 | peer->port_high) ^
				((uint64_t)peer->tcp << 57 | (uint64_t)peer->udp << 56));
	}
	return (uint32_t)(hash ^ hash >> 32);
}

/* The cell's own table, empty but for how its policy has names looked up. */
static int table_new(uint32_t cell, const struct dns *dns, struct diag *diag)
{
	_cleanup_close_ int fd = -1;
	_cleanup_free_ struct ambit_names *table = calloc(1, sizeof(*table));
	uint32_t row = 0;

	if (!table)
		return fail(diag, "its table", -ENOMEM);
	if (getrandom(&table->seed, sizeof(table->seed), 0) != sizeof(table->seed))
		return fail(diag, "a random number", -errno);
	table->cell = cell;
	table->queries = dns->queries;
	table->label = dns->label;
	table->grace = dns->grace;
	table->longest = dns->longest;
	table->private_names = dns->private_names;
	table->resolvers = resolvers_hash(dns);
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "ambit_names", sizeof(row), sizeof(*table), 1, NULL);
	if (fd < 0 || bpf_map_update_elem(fd, &row, table, BPF_ANY) < 0)
		return fail(diag, "its table", -errno);
	return TAKE_FD(fd);
}

int names_begin(struct kernel *kernel, uint32_t cell, uint64_t cgroup, const char *path,
	const struct dns *dns, struct diag *diag)
{
	_cleanup_close_ int table = table_new(cell, dns, diag), dir = -1;

	if (table < 0)
		return table;
	if (bpf_map_update_elem(kernel->names, &cgroup, &table, BPF_NOEXIST) < 0)
		return fail(diag, "a row in \"names\"", -errno);
	if (!path)
		return 0;
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir < 0 ? fail(diag, path, -errno) : attach(dir, diag);
}

void names_end(struct kernel *kernel, uint64_t cgroup)
{
	bpf_map_delete_elem(kernel->names, &cgroup);
}
