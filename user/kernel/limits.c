/* SPDX-License-Identifier: Apache-2.0 */
/* The limits of cells: their rows, and the program that counts what cells send. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include "bpf/lib/bucket.h"
#include "ambit.skel.h"
#include "base/util.h"
#include "compile/limits.h"
#include "kernel/load.h"

#define EGRESS_PIN PIN_ABI_DIR "/egress"

uint64_t limits_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static int fail(struct diag *diag, const char *what, int result)
{
	ambit_diag_set(diag, NULL, 0, 0, "cannot enforce the policy's limits: %s: %s", what,
		strerror(-result));
	return result;
}

/* The program that counts, loaded and pinned by the first cell that needs it. */
static int egress_program(struct diag *diag)
{
	_cleanup_close_ int lock = policies_lock(diag);
	_cleanup_(programs_cleanup) struct ambit_bpf *skeleton = NULL;
	static const char *const names[] = {"cell_egress", NULL};
	int fd, result;

	if (lock < 0)
		return lock;
	fd = bpf_obj_get(EGRESS_PIN);
	if (fd >= 0)
		return fd;
	result = loading_others(PIN_ABI_DIR, names, &skeleton, diag);
	if (result < 0)
		return result;
	if (bpf_program__pin(skeleton->progs.cell_egress, EGRESS_PIN) < 0)
		return fail(diag, "\"" EGRESS_PIN "\"", -errno);
	fd = bpf_obj_get(EGRESS_PIN);
	return fd < 0 ? fail(diag, "\"" EGRESS_PIN "\"", -errno) : fd;
}

/* The key of what the kernel keeps for the attachment to a cgroup. */
static struct bpf_cgroup_storage_key storage_key(uint64_t cgroup)
{
	return (struct bpf_cgroup_storage_key){
		.cgroup_inode_id = cgroup, .attach_type = BPF_CGROUP_INET_EGRESS};
}

/* Attaches it to the cgroup, where it stays as long as that does, and tells it whose cgroup that is. */
static int egress_attach(struct kernel *kernel, const char *path, uint64_t cgroup, uint32_t id,
	struct diag *diag)
{
	const struct bpf_cgroup_storage_key key = storage_key(cgroup);
	const struct ambit_label label = {.cell = id};
	_cleanup_close_ int program = egress_program(diag), directory = -1;

	if (program < 0)
		return program;
	directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* Below it another program may be attached, but none in its place. */
	if (directory < 0 || bpf_prog_attach(program, directory, BPF_CGROUP_INET_EGRESS,
				     BPF_F_ALLOW_MULTI) < 0)
		return fail(diag, path, -errno);
	if (bpf_map_update_elem(kernel->cell_cgroups, &key, &label, BPF_ANY) < 0)
		return fail(diag, "a row in \"cell_cgroups\"", -errno);
	return 0;
}

int limits_put(struct kernel *kernel, uint32_t id, const struct ambit_limits *limits, struct diag *diag)
{
	_cleanup_close_ int lock = policies_lock(diag);
	int result = lock < 0 ? lock : 0;

	if (result < 0 || bpf_map_update_elem(kernel->limits, &id, limits, BPF_EXIST) == 0)
		return result;
	result = errno == ENOENT ? census_add(kernel, CENSUS_LIMITS, 1) : -errno;
	if (result == 0 && bpf_map_update_elem(kernel->limits, &id, limits, BPF_NOEXIST) < 0)
		result = -errno;
	return result < 0 ? fail(diag, "a row in \"limits\"", result) : 0;
}

void limits_drop(struct kernel *kernel, uint32_t id)
{
	struct diag ignored = {};
	_cleanup_close_ int lock = policies_lock(&ignored);

	ambit_diag_clear(&ignored);
	/* Without the lock it stays for the next one who sweeps. */
	if (lock >= 0 && bpf_map_delete_elem(kernel->limits, &id) == 0)
		census_add(kernel, CENSUS_LIMITS, -1);
}

void limits_tell(struct kernel *kernel)
{
	__atomic_store_n(&kernel->kept->limited, 1, __ATOMIC_SEQ_CST);
}

int limits_bind(struct kernel *kernel, const struct cell_options *options, const char *path,
	struct ambit_cell *row, struct diag *diag)
{
	uint32_t flags = options->limits ? ambit_limits_flags(options->limits) : 0;
	_cleanup_free_ struct ambit_limits *limits = NULL;
	int result;

	if (!flags)
		return 0;
	limits = malloc(sizeof(*limits));
	if (!limits)
		return -ENOMEM;
	result = ambit_limits_compile(options->limits, limits_now(), limits, diag);
	if (result < 0)
		return result;
	limits->mode = options->mode;
	limits->cgroup = row->cgroup;
	result = limits_put(kernel, row->id, limits, diag);
	if (result < 0)
		return result;
	if (flags & AMBIT_CELL_EGRESS && !(options->flags & AMBIT_CELL_BOUND))
		result = egress_attach(kernel, path, row->cgroup, row->id, diag);
	if (flags & (AMBIT_CELL_EGRESS | AMBIT_CELL_FILE_SIZE))
		limits_tell(kernel);
	row->flags |= flags;
	return result;
}

bool limits_read(struct kernel *kernel, uint32_t id, struct ambit_limits *ret)
{
	uint64_t now = limits_now();

	if (bpf_map_lookup_elem_flags(kernel->limits, &id, ret, BPF_F_LOCK) < 0)
		return false;
	for (unsigned group = 0; group < AMBIT_LIMIT_GROUPS; group++)
		for (unsigned kind = 0; kind < LIMIT_MAX; kind++)
			if (ret->buckets[group][kind].limit)
				bucket_fill(&ret->buckets[group][kind], bucket_tick(kind), now);
	return true;
}

uint64_t ambit_bucket_used(const struct ambit_bucket *bucket)
{
	return bucket_used(bucket);
}

/*
 * A socket that was closed may still send what was given to it, and has to find its limits: so a row goes
 * only when the kernel has nothing attached to the cgroup any more, which is when the last such socket is
 * gone.
 */
void limits_sweep(struct kernel *kernel)
{
	_cleanup_free_ struct ambit_limits *limits = malloc(sizeof(*limits));
	struct bpf_cgroup_storage_key key;
	struct ambit_label label;
	struct ambit_cell cell;
	uint32_t id, next;
	bool more = limits && !census_none(kernel, CENSUS_LIMITS) &&
		    bpf_map_get_next_key(kernel->limits, NULL, &next) == 0;

	while (more) {
		id = next;
		more = bpf_map_get_next_key(kernel->limits, &id, &next) == 0;
		if (bpf_map_lookup_elem(kernel->limits, &id, limits) < 0 ||
			bpf_map_lookup_elem(kernel->cells, &id, &cell) == 0 ||
			limits->cgroup & AMBIT_BOUND_HOME_BIT) /* ambit_bound_reap() */
			continue;
		key = storage_key(limits->cgroup);
		if (bpf_map_lookup_elem(kernel->cell_cgroups, &key, &label) < 0 && errno == ENOENT)
			limits_drop(kernel, id);
	}
}
