/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names and limits of a cell that is bound. Its cgroup comes and goes, and a program can be attached to none that is
 * not there yet; so what looks at packets is attached to the root of all cgroups, and goes by the label of their
 * socket (packet_bound() in bpf/lib/label.bpf.h). The links are pinned: they stay as long as the kernel is armed.
 *
 * A policy that takes the place of another one has a table of names of its own, filled from the one before, and a row
 * of limits from which that much is drawn already.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bpf/abi.h"
#include "ambit.skel.h"
#include "base/util.h"
#include "compile/limits.h"
#include "kernel/cell.h"
#include "kernel/load.h"

#define PIN_ROOT PIN_ABI_DIR "/root_"

/* Names and limits of a bound cell, while one policy takes the place of another. */
struct reaching {
	struct reach before, now;
	struct ambit_limits *limits; /* owned: the row that was there, to be put back; NULL: none was replaced */
};

static const struct {
	const char *name;
	uint32_t flag; /* of a cell that needs it */
} programs[] = {
	{"bound_leaves", AMBIT_CELL_NAMES},
	{"bound_comes", AMBIT_CELL_NAMES},
	{"bound_ops", AMBIT_CELL_NAMES},
	{"bound_egress", AMBIT_CELL_EGRESS},
};

static int fail(struct diag *diag, const char *what, int result)
{
	ambit_diag_set(diag, NULL, 0, 0, "cannot enforce the names and limits of a cgroup that is bound: %s: %s",
		what, strerror(-result));
	return result;
}

uint32_t reach_flags(const struct policy *limits, const struct dns *dns)
{
	const uint32_t flags = limits ? ambit_limits_flags(limits) : 0;

	return (flags | (dns ? AMBIT_CELL_NAMES : 0)) & REACH_FLAGS;
}

/* --- the programs --- */

/* The root of the hierarchy: where cgroup_base() makes a directory. */
static int root_open(struct diag *diag)
{
	char path[1024];
	uint64_t id;
	uint32_t level;
	int fd = cgroup_base(path, sizeof(path), &id, &level, diag);

	if (fd < 0)
		return fd;
	*strrchr(path, '/') = '\0';
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? fail(diag, path, -errno) : fd;
}

static int program_attach(struct ambit_bpf *skeleton, const char *name, int root, struct diag *diag)
{
	struct bpf_link *link = bpf_program__attach_cgroup(
		bpf_object__find_program_by_name(skeleton->obj, name), root);
	char path[512];
	int result;

	if (!link)
		return fail(diag, name, -errno);
	snprintf(path, sizeof(path), PIN_ROOT "%s", name);
	result = pin_checked(bpf_link__pin(link, path), path, diag);
	bpf_link__destroy(link);
	return result;
}

/* Those that are needed and not there, in the order of `programs`; NULL is the last. */
static void programs_missing(uint32_t flags, const char *ret[ARRAY_SIZE(programs) + 1])
{
	char path[512];
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		snprintf(path, sizeof(path), PIN_ROOT "%s", programs[i].name);
		if (programs[i].flag & flags && access(path, F_OK) < 0)
			ret[count++] = programs[i].name;
	}
	ret[count] = NULL;
}

/* What is attached and then lacks another one decides nothing: no cell has the flag. */
static int programs_attach(const char *const *missing, struct diag *diag)
{
	_cleanup_(programs_cleanup) struct ambit_bpf *skeleton = NULL;
	_cleanup_close_ int root = root_open(diag);
	int result = root < 0 ? root : loading_others(PIN_ABI_DIR, missing, &skeleton, diag);

	for (; result == 0 && *missing; missing++)
		result = program_attach(skeleton, *missing, root, diag);
	return result;
}

int sockets_attach(struct kernel *kernel, uint32_t flags, struct diag *diag)
{
	_cleanup_close_ int lock = -1;
	const char *missing[ARRAY_SIZE(programs) + 1];
	struct attached attached;
	int result = 0;

	if (!(flags & (AMBIT_CELL_NAMES | AMBIT_CELL_EGRESS)))
		return 0;
	lock = policies_lock(diag);
	result = lock < 0 ? lock : attached_read_armed(&attached, diag);
	if (result < 0)
		return result;
	if (attached.traced) {
		ambit_diag_set(diag, NULL, 0, 0,
			"the names and egress limits of a cgroup that is bound are not enforced with --best-effort, "
			"where sockets have no labels: boot with \"bpf\" in the kernel's list of LSMs, or use `ambit run`");
		return -ENOTSUP;
	}
	programs_missing(flags, missing);
	if (*missing)
		result = programs_attach(missing, diag);
	if (result == 0)
		limits_tell(kernel);
	return result;
}

/* --- names, from one policy to the next --- */

/* The name of a row, root first ("com.example.api"), as the automata have it; its length, 0: not known. */
static size_t name_turned(const struct ambit_names *names, uint32_t domain, char ret[AMBIT_DOMAIN_SIZE])
{
	const struct ambit_domain *row = &names->domains[domain & ((1 << AMBIT_DOMAIN_BITS) - 1)];
	size_t left = row->length, at = 0;

	if (!domain || row->domain != domain || row->version & 1 || !left || left >= AMBIT_DOMAIN_SIZE)
		return 0;
	while (left) {
		size_t begin = left;

		while (begin && row->text[begin - 1] != '.')
			begin--;
		memcpy(ret + at, row->text + begin, left - begin);
		at += left - begin;
		left = begin ? begin - 1 : 0;
		if (begin)
			ret[at++] = '.';
	}
	return at;
}

/* What both of two looks found alike was not being written. */
struct carrying {
	const struct ambit_names *before, *again;
	const struct tables *tables;
	const struct ambit_limits *limits; /* NULL: none of names */
	uint32_t epoch;
};

/* An address whose names are not all known any more counts for every name that is limited. */
static void lease_carry(const struct carrying *carrying, struct ambit_lease *lease)
{
	const struct ambit_limits *limits = carrying->limits;
	uint32_t bits = 0;
	bool all = true;

	for (size_t i = 0; i < AMBIT_LEASE_NAMES; i++) {
		struct ambit_lease_name *name = &lease->names[i];
		char turned[AMBIT_DOMAIN_SIZE];
		const size_t length = name_turned(carrying->before, name->domain, turned);

		all = all && (length || !name->until);
		if (length && limits)
			bits |= ambit_limits_named(limits, turned, length);
		name->state = length ? ambit_tables_name_state(carrying->tables, turned, length) : 0;
		name->epoch = carrying->epoch;
		if (!name->state)
			name->until = name->domain = 0;
	}
	/* As many as there is room for: others may have been pushed out. */
	all = all && !lease->names[AMBIT_LEASE_NAMES - 1].domain;
	lease->limits = !limits ? 0 : all ? bits : limits->named;
}

static void question_carry(const struct carrying *carrying, struct ambit_question *question)
{
	char turned[AMBIT_DOMAIN_SIZE];
	const size_t length = name_turned(carrying->before, (uint32_t)question->hash, turned);

	question->state = length ? ambit_tables_name_state(carrying->tables, turned, length) : 0;
	question->epoch = carrying->epoch;
	if (!question->state)
		question->asked = 0;
}

#define ROWS_CARRY(member, carry)                                                                      \
	for (size_t i = 0; i < ARRAY_SIZE(now->member); i++) {                                         \
		if (carrying->before->member[i].version & 1 ||                                         \
			memcmp(&carrying->before->member[i], &carrying->again->member[i],              \
				sizeof(now->member[i])) != 0)                                          \
			continue;                                                                      \
		now->member[i] = carrying->before->member[i];                                          \
		carry;                                                                                 \
	}

/* Whether what was answered before would be a lease by what the policy says now of looking up names, too. */
static bool answers_stand(const struct ambit_names *before, const struct ambit_names *now)
{
	return now->private_names >= before->private_names && now->longest >= before->longest &&
	       now->grace >= before->grace && now->resolvers == before->resolvers;
}

static void names_fill(const struct carrying *carrying, struct ambit_names *now)
{
	now->seed = carrying->before->seed;
	now->paid = carrying->before->paid;
	now->dropped = carrying->before->dropped;
	if (!answers_stand(carrying->before, now))
		return;
	ROWS_CARRY(leases, lease_carry(carrying, &now->leases[i]))
	ROWS_CARRY(questions, question_carry(carrying, &now->questions[i]))
	ROWS_CARRY(domains, (void)0)
}

/* Two looks at a table. */
static int names_look(struct kernel *kernel, uint64_t key, struct ambit_names *first, struct ambit_names *second)
{
	_cleanup_close_ int fd = -1;
	uint32_t id, row = 0;

	if (bpf_map_lookup_elem(kernel->names, &key, &id) < 0)
		return -errno;
	fd = bpf_map_get_fd_by_id(id);
	if (fd < 0 || bpf_map_lookup_elem(fd, &row, first) < 0 || bpf_map_lookup_elem(fd, &row, second) < 0)
		return -errno;
	return 0;
}

static int names_carry(struct kernel *kernel, const struct reaching *reaching, const struct tables *tables,
	const struct ambit_limits *limits, uint64_t epoch)
{
	_cleanup_free_ struct ambit_names *all = calloc(3, sizeof(*all));
	_cleanup_close_ int fd = -1;
	const struct carrying carrying = {
		.before = all,
		.again = all ? all + 1 : NULL,
		.tables = tables,
		.limits = limits && limits->named ? limits : NULL,
		.epoch = (uint32_t)epoch,
	};
	uint32_t id, row = 0;
	int result = all ? names_look(kernel, reaching->before.cgroup, all, all + 1) : -ENOMEM;

	if (result < 0)
		return result;
	if (bpf_map_lookup_elem(kernel->names, &reaching->now.cgroup, &id) < 0)
		return -errno;
	fd = bpf_map_get_fd_by_id(id);
	/* How the policy has names looked up stands there already. */
	if (fd < 0 || bpf_map_lookup_elem(fd, &row, all + 2) < 0)
		return -errno;
	names_fill(&carrying, all + 2);
	return bpf_map_update_elem(fd, &row, all + 2, BPF_ANY) < 0 ? -errno : 0;
}

/* --- limits --- */

/* The row of limits that `policy` says, from which is drawn what was drawn of the one before. */
static int limits_make(struct kernel *kernel, const struct ambit_cell *row, const struct policy *policy,
	uint64_t cgroup, struct ambit_limits **ret, struct diag *diag)
{
	_cleanup_free_ struct ambit_limits *now = malloc(sizeof(*now)), *before = malloc(sizeof(*before));
	int result = now && before ? 0 : -ENOMEM;

	if (result == 0)
		result = ambit_limits_compile(policy, limits_now(), now, diag);
	if (result < 0)
		return result;
	now->mode = row->mode;
	now->cgroup = cgroup;
	if (limits_read(kernel, row->id, before))
		ambit_limits_carry(before, now);
	*ret = TAKE_PTR(now);
	return 0;
}

/* --- from one policy to the next --- */

static int row_replace(struct kernel *kernel, uint32_t id, const struct ambit_limits *limits,
	struct reaching *reaching, struct diag *diag)
{
	reaching->limits = malloc(sizeof(*reaching->limits));
	if (!reaching->limits)
		return -ENOMEM;
	if (!limits_read(kernel, id, reaching->limits)) {
		free(reaching->limits);
		reaching->limits = NULL;
	}
	return limits_put(kernel, id, limits, diag);
}

/* Makes what `policy` says beside what is in force, but for the limits, whose row is replaced. reach_end() follows in
 * any case. */
static int reach_begin(struct cell *cell, const struct policy *policy, const struct tables *tables, uint64_t epoch,
	struct reaching *ret, struct diag *diag)
{
	struct kernel *kernel = cell->kernel;
	_cleanup_free_ struct ambit_limits *limits = NULL;
	struct ambit_cell row;
	int result = ambit_cell_row(cell, &row);

	if (result < 0)
		return fail(diag, "its row", result);
	ret->before = (struct reach){row.cgroup, row.flags & REACH_FLAGS};
	ret->now = (struct reach){AMBIT_BOUND_HOME(epoch, row.id),
		reach_flags(policy, policy->names ? &policy->dns : NULL)};
	result = sockets_attach(kernel, ret->now.flags, diag);
	if (result == 0 && ret->now.flags & ~(uint32_t)AMBIT_CELL_NAMES)
		result = limits_make(kernel, &row, policy, ret->now.cgroup, &limits, diag);
	if (result == 0 && policy->names)
		result = names_begin(kernel, row.id, ret->now.cgroup, NULL, &policy->dns, diag);
	if (result == 0 && policy->names && ret->before.flags & AMBIT_CELL_NAMES)
		result = names_carry(kernel, ret, tables, limits, epoch);
	if (result == 0 && limits)
		result = row_replace(kernel, row.id, limits, ret, diag);
	return result < 0 && !diag->text ? fail(diag, "what it has looked up", result) : result;
}

/* Takes away what was in force before, or with `swapped` false what would have come. */
static void reach_end(struct cell *cell, struct reaching *reaching, bool swapped)
{
	struct kernel *kernel = cell->kernel;
	const struct reach *gone = swapped ? &reaching->before : &reaching->now;
	const uint32_t limits = REACH_FLAGS & ~(uint32_t)AMBIT_CELL_NAMES;
	struct diag ignored = {};

	if (gone->flags & AMBIT_CELL_NAMES)
		names_end(kernel, gone->cgroup);
	/* What names do not count in is the row before, or none. */
	if (!swapped && reaching->limits && limits_put(kernel, cell->id, reaching->limits, &ignored) < 0)
		ambit_diag_clear(&ignored); /* the daemon that looks at it next makes it anew */
	else if (gone->flags & limits && !((swapped ? &reaching->now : &reaching->before)->flags & limits))
		limits_drop(kernel, cell->id);
	free(reaching->limits);
}

int ambit_cell_swap(struct cell *cell, const struct tables *tables, const struct identities *identities,
	const struct policy *policy, uint64_t epoch, struct diag *diag)
{
	struct reaching reaching = {};
	int result = policy ? reach_begin(cell, policy, tables, epoch, &reaching, diag) : 0;

	if (result == 0) {
		_cleanup_close_ int lock = policies_lock(diag);

		result = lock < 0 ? lock
				  : cell_swap(cell->kernel, cell->id, tables, identities, epoch,
					    policy ? &reaching.now : NULL, diag);
	}
	if (policy)
		reach_end(cell, &reaching, result == 0);
	return result;
}

/* --- what is left --- */

int ambit_cell_mend(struct cell *cell, const struct policy *policy, struct diag *diag)
{
	_cleanup_free_ struct ambit_limits *limits = malloc(sizeof(*limits));
	struct kernel *kernel = cell->kernel;
	const uint32_t mine = REACH_FLAGS & ~(uint32_t)AMBIT_CELL_NAMES;
	struct ambit_cell row;
	int result = limits ? ambit_cell_row(cell, &row) : -ENOMEM;
	bool found;

	if (result < 0)
		return fail(diag, "its row", result);
	found = limits_read(kernel, row.id, limits);
	if (!(row.flags & mine)) {
		if (found)
			limits_drop(kernel, row.id);
		return 0;
	}
	if (found && limits->cgroup == row.cgroup)
		return 0;
	free(TAKE_PTR(limits));
	result = limits_make(kernel, &row, policy, row.cgroup, &limits, diag);
	return result < 0 ? result : limits_put(kernel, row.id, limits, diag);
}

/* Whether a cell is there whose row names this key. */
static bool home_is_named(struct kernel *kernel, uint64_t home)
{
	const uint32_t id = (uint32_t)home;
	struct ambit_cell row;

	return bpf_map_lookup_elem(kernel->cells, &id, &row) == 0 && row.cgroup == home;
}

void ambit_bound_reap(struct kernel *kernel)
{
	_cleanup_free_ struct ambit_limits *limits = malloc(sizeof(*limits));
	uint64_t home, next_home;
	uint32_t id, next;
	struct ambit_cell row;
	bool more = bpf_map_get_next_key(kernel->names, NULL, &next_home) == 0;

	while (more) {
		home = next_home;
		more = bpf_map_get_next_key(kernel->names, &home, &next_home) == 0;
		if (home & AMBIT_BOUND_HOME_BIT && !home_is_named(kernel, home))
			names_end(kernel, home);
	}
	more = limits && !census_none(kernel, CENSUS_LIMITS) &&
	       bpf_map_get_next_key(kernel->limits, NULL, &next) == 0;
	while (more) {
		id = next;
		more = bpf_map_get_next_key(kernel->limits, &id, &next) == 0;
		if (bpf_map_lookup_elem(kernel->limits, &id, limits) == 0 &&
			limits->cgroup & AMBIT_BOUND_HOME_BIT &&
			bpf_map_lookup_elem(kernel->cells, &id, &row) < 0)
			limits_drop(kernel, id);
	}
}
