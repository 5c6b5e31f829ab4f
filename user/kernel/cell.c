/* SPDX-License-Identifier: Apache-2.0 */
/* Cells: binding one to the armed kernel, entering it, reading it, taking it away. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include "base/util.h"
#include "kernel/cell.h"
#include "kernel/ring.h"

void cell_name(uint32_t id, char *ret, size_t size)
{
	snprintf(ret, size, "%08x", id);
}

uint32_t ambit_cell_id(const struct cell *cell)
{
	return cell->id;
}

int ambit_cell_ring_fd(const struct cell *cell)
{
	return cell->reader ? ring_fd(cell->reader) : -1;
}

void ambit_cell_ring_woken(struct cell *cell)
{
	if (cell->reader)
		ring_woken(cell->reader);
}

unsigned ambit_cell_ring_used(const struct cell *cell)
{
	size_t used = cell->reader ? ring_used(cell->reader) : 0;

	return (unsigned)((used * 100 + cell->ring_size - 1) / (cell->ring_size ?: 1));
}

static int event_handle(void *data, const void *bytes, size_t size)
{
	const struct ambit_event *event = bytes;
	struct cell *cell = data;

	/* Of a cell that had the ring before, and whose ambit was killed (rings.c). */
	if (size >= sizeof(*event) && event->cell != cell->id)
		return 0;
	return cell->handle(event, size, cell->data);
}

int ambit_cell_drain(struct cell *cell,
	int (*handle)(const struct ambit_event *event, size_t size, void *data), void *data)
{
	cell->handle = handle;
	cell->data = data;
	return cell->reader ? ring_drain(cell->reader, event_handle, cell) : 0;
}

static int fail(struct diag *diag, const char *what, int result)
{
	ambit_diag_set(diag, NULL, 0, 0, "cannot make a cell: %s: %s", what, strerror(-result));
	return result;
}

void cell_lock_path(uint32_t id, char *ret, size_t size)
{
	char name[16];

	cell_name(id, name, sizeof(name));
	snprintf(ret, size, CELL_LOCKS "/%s", name);
}

int cell_lock(uint32_t id)
{
	struct stat status;
	_cleanup_close_ int fd = -1;
	char path[256];

	cell_lock_path(id, path, sizeof(path));
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &status) < 0)
		return -errno;
	/* Somebody reaped it between the two: the lock is on a file that nobody finds. */
	return status.st_nlink ? TAKE_FD(fd) : -EWOULDBLOCK;
}

void cell_unlock(uint32_t id)
{
	char path[256];

	cell_lock_path(id, path, sizeof(path));
	unlink(path);
}

int cell_cgroup_path(uint32_t id, char *ret, size_t size, struct diag *diag)
{
	char base[512], name[16];
	int result = cgroup_base_path(base, sizeof(base), diag);

	cell_name(id, name, sizeof(name));
	if (result == 0)
		snprintf(ret, size, "%s/%s", base, name);
	return result;
}

/* One ambit at a time: two must not take the same id or slot. */
static int id_new(struct cell *cell)
{
	struct diag ignored = {};
	_cleanup_close_ int lock = policies_lock(&ignored);

	ambit_diag_clear(&ignored);
	if (lock < 0)
		return lock;
	for (int i = 0; i < 1000; i++) {
		int result = id_next(cell->kernel, &cell->id);

		if (result < 0)
			return result;
		cell->lock = -EEXIST;
		if (cell->id && !slot_is_taken(cell->kernel, cell->id))
			cell->lock = cell_lock(cell->id);
		if (cell->lock >= 0)
			return counters_clear(cell->kernel, cell->id);
	}
	return cell->lock;
}

static int put(int map, const struct cell *cell, const void *value, const char *what,
	struct diag *diag)
{
	if (bpf_map_update_elem(map, &cell->id, value, BPF_NOEXIST) < 0)
		return fail(diag, what, -errno);
	return 0;
}

static int ring_new(struct cell *cell, size_t size, struct diag *diag)
{
	int result;

	if (cell->bound) {
		cell->ring_key = RING_BOUND(cell->id);
		cell->ring = ring_make(cell->kernel->rings, cell->ring_key, size);
		if (cell->ring < 0)
			return fail(diag, "its ring", cell->ring);
	} else {
		cell->ring = ring_take(cell->kernel, size, &cell->ring_key, &cell->ring_lock, diag);
	}
	if (cell->ring < 0)
		return cell->ring;
	cell->ring_size = size;
	result = ring_open(cell->ring, size, cell->bound ? RING_STAYS : RING_NEXT, &cell->reader);
	return result < 0 ? fail(diag, "the reader of its ring", result) : 0;
}

static int cgroup_new(struct cell *cell, uint64_t *ret_id, struct diag *diag)
{
	int result = cell_cgroup_path(cell->id, cell->cgroup, sizeof(cell->cgroup), diag);

	if (result < 0)
		return result;
	result = cgroup_add(cell->cgroup, diag);
	cell->has_cgroup = result == 0;
	if (result == 0)
		result = cgroup_id(cell->cgroup, ret_id);
	return result < 0 ? fail(diag, cell->cgroup, result) : 0;
}

/* With its row the cell begins to exist; until then nothing but the lock holds its policy. */
static int cell_begin(
	struct cell *cell, const struct tables *tables, struct ambit_cell *row, struct diag *diag)
{
	_cleanup_close_ int lock = policies_lock(diag);
	int result;

	if (lock < 0)
		return lock;
	row->policy = AMBIT_POLICY_NOTHING;
	result = tables ? policy_acquire(cell->kernel, tables, &row->policy, diag) : 0;
	if (result < 0)
		return result;
	/* A count for a row that is not made is too high, until it is mended. */
	result = census_add(cell->kernel, CENSUS_CELLS, 1);
	result = result < 0 ? fail(diag, "the count of cells", result)
			    : put(cell->kernel->cells, cell, row, "a row in \"cells\"", diag);
	if (result < 0)
		policy_release(cell->kernel, row->policy);
	return result;
}

/* Everything a decision needs first, the row in `cells` last: with it the cell begins to exist. */
static int cell_bind(struct cell *cell, const struct cell_options *options, struct diag *diag)
{
	struct ambit_cell row = {
		.id = cell->id,
		.epoch = options->epoch,
		.mode = options->mode,
		.flags = options->flags,
	};
	_cleanup_close_ int links = -1;
	struct stat namespace;
	uint64_t cgroup = 0;
	int result = 0;

	if (stat("/proc/self/ns/mnt", &namespace) < 0)
		return fail(diag, "/proc/self/ns/mnt", -errno);
	row.mnt_ns = namespace.st_ino;
	if (options->name)
		row.known_length = (uint32_t)snprintf(row.known, sizeof(row.known), "%s%.*s",
			AMBIT_PEER_CELL, AMBIT_POLICY_NAME, options->name);
	if (options->cgroup) {
		result = cgroup_new(cell, &cgroup, diag);
		if (result < 0)
			return result;
		row.cgroup = cgroup;
	}
	if (cell->bound) {
		row.cgroup = cgroup = AMBIT_BOUND_HOME(row.epoch, row.id);
		result = sockets_attach(cell->kernel, reach_flags(options->limits, options->dns), diag);
		if (result < 0)
			return result;
	}
	if (options->dns) {
		row.flags |= AMBIT_CELL_NAMES;
		result = names_begin(cell->kernel, cell->id, cgroup, cell->bound ? NULL : cell->cgroup,
			options->dns, diag);
	}
	if (result == 0 && options->identities && options->identities->count) {
		row.flags |= AMBIT_CELL_LINKS;
		row.links = cell->id;
		links = identities_load(options->identities, diag);
		result = links < 0 ? links
				   : put(cell->kernel->identities, cell, &links,
					     "a row in \"identities\"", diag);
	}
	if (result == 0 && options->ring_size)
		result = ring_new(cell, options->ring_size, diag);
	row.ring = cell->ring_key;
	if (result == 0)
		result = limits_bind(cell->kernel, options, cell->cgroup, &row, diag);
	return result < 0 ? result : cell_begin(cell, options->tables, &row, diag);
}

struct cell *cell_alloc(struct kernel *kernel)
{
	struct cell *cell = calloc(1, sizeof(*cell));

	if (!cell)
		return NULL;
	cell->kernel = kernel;
	cell->ring = cell->ring_lock = cell->lock = -1;
	return cell;
}

int ambit_cell_new(struct kernel *kernel, const struct cell_options *options, struct cell **ret,
	struct diag *diag)
{
	struct cell *cell = cell_alloc(kernel);
	struct diag ignored = {};
	int result;

	if (!cell)
		return -ENOMEM;
	cell->bound = options->flags & AMBIT_CELL_BOUND;
	kernel->bound += cell->bound;
	result = id_new(cell);
	if (result < 0)
		fail(diag, "a free id", result);
	else
		result = cell_bind(cell, options, diag);
	if (result < 0) {
		ambit_cell_free(cell, &ignored);
		ambit_diag_clear(&ignored);
		return result;
	}
	*ret = cell;
	return 0;
}

int ambit_cell_cgroup(const struct cell *cell)
{
	int fd = cell->has_cgroup ? open(cell->cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -ENOENT;

	return fd == -1 ? -errno : fd;
}

int ambit_cell_enter(struct cell *cell, pid_t pid, int pidfd, struct diag *diag)
{
	struct ambit_label label = {.cell = cell->id};
	char text[32];
	int result;

	if (cell->has_cgroup && !cgroup_has(cell->cgroup, pid)) {
		snprintf(text, sizeof(text), "%d", pid);
		result = cgroup_write(cell->cgroup, "cgroup.procs", text);
		if (result < 0)
			return fail(diag, cell->cgroup, result);
	}
	if (bpf_map_update_elem(cell->kernel->labels, &pidfd, &label, BPF_ANY) < 0)
		return fail(diag, "a label for its first task", -errno);
	return 0;
}

int ambit_cell_shut(struct cell *cell)
{
	struct diag ignored = {};
	_cleanup_close_ int lock = policies_lock(&ignored);

	ambit_diag_clear(&ignored);
	return lock < 0 ? lock : cell_shut(cell->kernel, cell->id);
}

int ambit_cell_note(struct cell *cell, const char *text)
{
	size_t size = strlen(text);

	return pwrite(cell->lock, text, size, 0) == (ssize_t)size ? 0 : -EIO;
}

/* From now on no task is made in the cell. A swap must not write its row back, so it waits. */
static int cell_ends(struct kernel *kernel, uint32_t id)
{
	struct diag ignored = {};
	_cleanup_close_ int lock = policies_lock(&ignored);
	struct ambit_cell row;

	ambit_diag_clear(&ignored);
	if (bpf_map_lookup_elem(kernel->cells, &id, &row) < 0)
		return -errno;
	row.flags |= AMBIT_CELL_ENDS;
	return bpf_map_update_elem(kernel->cells, &id, &row, BPF_EXIST) < 0 ? -errno : 0;
}

int ambit_cell_kill(struct cell *cell)
{
	int ends = cell_ends(cell->kernel, cell->id);
	int killed = cell->has_cgroup ? cgroup_kill(cell->cgroup) : 0;
	int strays = strays_end(cell->kernel, cell->id);
	int result = ends < 0 ? ends : killed < 0 ? killed : strays;

	if (strays > 0)
		cell->strays += strays;
	cell->stays = result < 0;
	return cell->stays ? result : cell->strays;
}

int ambit_cell_counters(struct cell *cell, struct ambit_counters *ret)
{
	return counters_read(cell->kernel, cell->id, ret);
}

int ambit_cell_totals(struct cell *cell, struct ambit_counters *ret)
{
	int result = ambit_cell_counters(cell, ret);

	return result == 0 ? kept_add(cell->kernel, cell->id, ret) : result;
}

int ambit_cell_tallies(struct cell *cell,
	void (*each)(const struct ambit_tally_key *key, uint64_t count, void *data), void *data)
{
	return tallies_each(cell->kernel, cell->id, each, data);
}

/* Takes the row away, and what nothing else names. Without the lock the policy stays: a cell may be
 * about to name it, and some other will sweep. Returns the key of its ring, or 0. */
static uint32_t cell_forget(struct kernel *kernel, uint32_t id)
{
	struct diag ignored = {};
	_cleanup_close_ int lock = policies_lock(&ignored);
	struct ambit_cell row = {.links = id};
	bool found = bpf_map_lookup_elem(kernel->cells, &id, &row) == 0;

	ambit_diag_clear(&ignored);
	/* Without the lock the count stays too high. */
	if (bpf_map_delete_elem(kernel->cells, &id) == 0 && lock >= 0)
		census_add(kernel, CENSUS_CELLS, -1);
	/* Before 6.8 the kernel waits for a grace period also where there is nothing to take away. */
	if (row.links)
		bpf_map_delete_elem(kernel->identities, &row.links);
	if (found && lock >= 0)
		policy_retire(kernel, row.policy);
	return row.ring;
}

/* Its cgroup, and what hangs on that. */
static int cgroup_remove(struct kernel *kernel, uint32_t id, struct diag *diag)
{
	char path[1024];
	uint64_t cgroup = 0;
	int result = cell_cgroup_path(id, path, sizeof(path), diag);

	/* Also of a cell that never got a row in `cells`. */
	if (result == 0 && cgroup_id(path, &cgroup) == 0)
		names_end(kernel, cgroup);
	return result < 0 ? result : cgroup_destroy(path, diag);
}

int cell_remove(struct kernel *kernel, uint32_t id, bool has_cgroup, struct diag *diag)
{
	/* The tasks first: one that is left is denied everything without its row, also what it was allowed. */
	int result = has_cgroup ? cgroup_remove(kernel, id, diag) : 0;
	uint32_t ring = cell_forget(kernel, id);

	if (result < 0)
		kept_void(kernel);
	if (ring)
		ring_leave(kernel, ring);
	tallies_remove(kernel, id);
	cell_unlock(id);
	return result;
}

int ambit_cell_free(struct cell *cell, struct diag *diag)
{
	int result;

	if (!cell)
		return 0;
	ring_close(cell->reader);
	if (cell->ring >= 0)
		close(cell->ring);
	if (cell->ring_lock >= 0)
		close(cell->ring_lock);
	result = cell->stays ? 0 : cell_remove(cell->kernel, cell->id, cell->has_cgroup, diag);
	cell->kernel->bound -= cell->bound;
	if (cell->bound && !cell->stays)
		ambit_bound_reap(cell->kernel);
	if (cell->lock >= 0)
		close(cell->lock);
	free(cell);
	return result;
}

/* Takes a cell away unless its ambit lives, or it is there for good; returns 1 if it did. */
static int cell_reap(struct kernel *kernel, uint32_t id)
{
	_cleanup_close_ int lock = -1;
	struct diag ignored = {};
	struct ambit_cell row;

	/* Not even its lock is taken, which a daemon that takes it over may want now. */
	if (bpf_map_lookup_elem(kernel->cells, &id, &row) == 0 && row.flags & AMBIT_CELL_BOUND)
		return 0;
	lock = cell_lock(id);
	if (lock < 0)
		return 0;
	/* Without a row, too, no task is made. What does not go keeps the cell for the next one. */
	cell_ends(kernel, id);
	if (strays_end(kernel, id) < 0)
		return 0;
	cell_remove(kernel, id, true, &ignored);
	ambit_diag_clear(&ignored);
	return 1;
}

/* Who was killed between a row in `policies` and the one in `cells` left one that nobody names. */
static void reap_policies(struct kernel *kernel)
{
	struct diag ignored = {};
	_cleanup_close_ int lock = policies_lock(&ignored);

	if (lock >= 0)
		policies_sweep(kernel);
	ambit_diag_clear(&ignored);
}

/* By the lock files, which are made before anything else of a cell and go last; and by the rows, in
 * case somebody emptied the directory. */
int ambit_cells_reap(struct kernel *kernel)
{
	uint32_t id, next;
	bool more = !census_none(kernel, CENSUS_CELLS) &&
		    bpf_map_get_next_key(kernel->cells, NULL, &next) == 0;
	DIR *locks = opendir(CELL_LOCKS);
	struct dirent *entry;
	int reaped = 0;

	kept_mend(kernel);
	while (locks && (entry = readdir(locks))) {
		if (sscanf(entry->d_name, "%8x", &id) == 1)
			reaped += cell_reap(kernel, id);
	}
	if (locks)
		closedir(locks);
	while (more) {
		id = next;
		more = bpf_map_get_next_key(kernel->cells, &id, &next) == 0;
		reaped += cell_reap(kernel, id);
	}
	if (reaped)
		reap_policies(kernel);
	limits_sweep(kernel);
	return reaped;
}
