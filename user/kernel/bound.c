/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cells that are bound to a cgroup (bpf/bind.bpf.c). Everything of one is in maps that are pinned:
 * its row, tables, counters and ring. So nothing of it depends on a process, and whoever comes next
 * reads on where the last one had given up what he read.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include "bpf/abi.h"
#include "ambit.skel.h"
#include "base/util.h"
#include "kernel/cell.h"
#include "kernel/load.h"
#include "kernel/ring.h"

#define MOVED_PIN PIN_ABI_DIR "/" PIN_MOVED
#define TASKS_PIN PIN_ABI_DIR "/bind_tasks"

static int fail(struct diag *diag, const char *what, int result)
{
	ambit_diag_set(diag, NULL, 0, 0, "cannot bind a cgroup: %s: %s", what, strerror(-result));
	return result;
}

/* As the programs have it, whatever the name is. */
static int key_of(const char *path, struct ambit_bound_key *ret)
{
	const char *name = strrchr(path, '/');
	_cleanup_free_ char *above = name ? strndup(path, (size_t)(name - path)) : NULL;
	uint64_t id;
	int result = !above			       ? -ENOMEM
		     : strlen(name) > AMBIT_BOUND_NAME ? -ENAMETOOLONG
						       : cgroup_id(above, &id);

	if (result < 0)
		return result;
	*ret = (struct ambit_bound_key){.parent = id};
	memcpy(ret->name, name + 1, strlen(name + 1));
	return 0;
}

int ambit_bound_key(const char *path, struct ambit_bound_key *ret, struct diag *diag)
{
	const char *name = strrchr(path, '/');
	char base[1024];
	uint32_t level;
	uint64_t id;
	int result = cgroup_base(base, sizeof(base), &id, &level, diag);
	size_t mount = result == 0 ? strlen(base) - strlen("/" AMBIT_CGROUP) : 0;

	if (result < 0)
		return result;
	/* Not the root itself, and nothing that is written in another way. */
	if (!name || strncmp(path, base, mount) != 0 || path[mount] != '/' || !name[1] ||
		strstr(path, "/.") || strstr(path, "//")) {
		ambit_diag_set(diag, NULL, 0, 0, "\"%s\" is not a cgroup beneath \"%.*s\"", path,
			(int)mount, base);
		return -EINVAL;
	}
	if (strncmp(path, base, strlen(base)) == 0 &&
		(!path[strlen(base)] || path[strlen(base)] == '/')) {
		ambit_diag_set(diag, NULL, 0, 0, "\"%s\" is where `ambit run` has its cells", path);
		return -EINVAL;
	}
	result = key_of(path, ret);
	return result < 0 ? fail(diag, result == -ENAMETOOLONG ? name + 1 : "the one above", result) : 0;
}

/* The cell that a cgroup has a row of, itself; 0: none. */
static uint32_t cell_at(const struct kernel *kernel, const char *path)
{
	struct ambit_bound_key key;
	struct ambit_bound bound;

	return key_of(path, &key) == 0 && bpf_map_lookup_elem(kernel->bounds, &key, &bound) == 0 ? bound.cell : 0;
}

bool ambit_cell_binds(const struct cell *cell, const char *path)
{
	return cell_at(cell->kernel, path) == cell->id;
}

static int program_attach(struct ambit_bpf *skeleton, const char *name, struct diag *diag)
{
	struct bpf_link *link =
		bpf_program__attach(bpf_object__find_program_by_name(skeleton->obj, name));
	char path[512];
	int result;

	if (!link)
		return fail(diag, "attaching what labels tasks", -errno);
	snprintf(path, sizeof(path), PIN_ABI_DIR "/%s", name);
	unlink(path); /* of one who was killed in between */
	result = pin_checked(bpf_link__pin(link, path), path, diag);
	bpf_link__destroy(link);
	return result;
}

/* Attached once, for all cells; a pin is there when it works. */
static int programs_attach(struct diag *diag)
{
	_cleanup_close_ int lock = policies_lock(diag);
	_cleanup_(programs_cleanup) struct ambit_bpf *skeleton = NULL;
	/* The last one says that all are there. */
	static const char *const names[] = {"bind_tasks", PIN_RINGS, "bind_made", "bind_gone", PIN_MOVED, NULL};
	int result = lock < 0 ? lock : 0;

	if (result < 0 || access(MOVED_PIN, F_OK) == 0)
		return result;
	result = loading_others(PIN_ABI_DIR, names, &skeleton, diag);
	for (const char *const *name = names; result == 0 && *name; name++)
		result = program_attach(skeleton, *name, diag);
	return result;
}

/* Has bind_tasks look at every task there is, in the order of their numbers. */
static int walk_once(struct kernel *kernel, struct ambit_binding *binding)
{
	_cleanup_close_ int link = bpf_obj_get(TASKS_PIN), walk = -1;
	const uint32_t row = AMBIT_BINDING_ASKED;
	char none[64];
	ssize_t length;

	if (link < 0 || bpf_map_update_elem(kernel->binding, &row, binding, BPF_ANY) < 0)
		return -errno;
	walk = bpf_iter_create(link);
	do
		length = walk < 0 ? -1 : read(walk, none, sizeof(none));
	while (length > 0 || (length < 0 && walk >= 0 && errno == EAGAIN));
	if (length < 0 || bpf_map_lookup_elem(kernel->binding, &row, binding) < 0)
		return -errno;
	return 0;
}

/*
 * Twice: a thread that executes a program takes over the number of its leader (exchange_tids() in
 * fs/exec.c), which the first look may have passed, and its own is gone. It is alone from then on,
 * and threads that it makes are labelled when they are made.
 */
static int tasks_walk(struct kernel *kernel, struct ambit_binding *binding)
{
	const struct ambit_binding asked = *binding;
	int result = walk_once(kernel, binding);

	if (result < 0 || (binding->cell && binding->others) || binding->failed)
		return result;
	*binding = asked;
	return walk_once(kernel, binding);
}

/* --- what must not be among the tasks that run already --- */

/* nftw(3) has no room for more. */
static struct {
	struct kernel *kernel;
	ino_t mnt_ns;
	struct diag *diag;
	int result;
} look;

/* A task that another policy has, or one whose paths are not ours. */
static int process_refuse(pid_t pid)
{
	_cleanup_close_ int pidfd = pidfd_open(pid, 0);
	struct ambit_label label;
	struct stat namespace;
	char path[64];

	if (pid == getpid()) {
		ambit_diag_set(look.diag, NULL, 0, 0, "the daemon itself runs there");
		return -EINVAL;
	}

	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid);
	if (pidfd < 0 || stat(path, &namespace) < 0)
		return 0; /* it ended, or is about to */
	if (bpf_map_lookup_elem(look.kernel->labels, &pidfd, &label) == 0) {
		ambit_diag_set(look.diag, NULL, 0, 0, "process %d there is in cell %08x already",
			pid, label.cell);
		return -EBUSY;
	}
	if (namespace.st_ino == look.mnt_ns)
		return 0;
	ambit_diag_set(look.diag, NULL, 0, 0,
		"process %d there has a mount namespace of its own, in which the paths of the "
		"policy mean "
		"something else: have the service run without PrivateTmp=, ProtectSystem= and "
		"their like",
		pid);
	return -ENOTSUP;
}

static int directory_refuse(
	const char *path, const struct stat *status, int type, struct FTW *where)
{
	_cleanup_free_ char *file = NULL;
	FILE *in;
	int pid;

	(void)status;
	(void)where;
	if (type != FTW_D || asprintf(&file, "%s/cgroup.procs", path) < 0)
		return 0;
	in = fopen(file, "re");
	while (in && look.result == 0 && fscanf(in, "%d", &pid) == 1)
		look.result = process_refuse(pid);
	if (in)
		fclose(in);
	return look.result;
}

/* Another cell's is not bound here. */
static int place_refuse(const char *path, void *data)
{
	const struct cell *cell = data;

	if (!cell_at(cell->kernel, path))
		nftw(path, directory_refuse, 16, FTW_PHYS);
	return look.result;
}

static int running_refuse(struct cell *cell, const struct ambit_place *place, struct diag *diag)
{
	struct stat namespace;

	if (stat("/proc/self/ns/mnt", &namespace) < 0)
		return -errno;
	look = (typeof(look)){.kernel = cell->kernel, .mnt_ns = namespace.st_ino, .diag = diag};
	return ambit_place_each(place, place_refuse, cell);
}

/* --- binding --- */

static void unbind(struct cell *cell, const struct ambit_place *place, const struct ambit_bound_key *key)
{
	struct ambit_binding binding = {.cell = cell->id, .undo = 1};

	if (place->glob)
		spread_end(cell);
	else
		bpf_map_delete_elem(cell->kernel->bounds, key);
	tasks_walk(cell->kernel, &binding);
}

static int rows_make(struct cell *cell, const struct ambit_place *place, const struct ambit_bound_key *key,
	struct diag *diag)
{
	const struct ambit_bound bound = {.cell = cell->id};
	int result;

	if (place->glob) {
		result = spread_rows(cell, place, diag);
		if (result < 0) {
			spread_end(cell);
			return diag->text ? result : fail(diag, "a glob", result);
		}
		return 0;
	}
	if (bpf_map_update_elem(cell->kernel->bounds, key, &bound, BPF_NOEXIST) < 0)
		return fail(diag, errno == EEXIST ? "it has a cell already" : "a row in \"bounds\"", -errno);
	return 0;
}

/* Of a task in a cell of `ambit run` whose label cannot be read it is known from its cgroup that it
 * has one (cell_of_storage() in bpf/lib/label.bpf.h). Here it would be taken for one outside. */
int ambit_bound_labels(const struct kernel *kernel, struct diag *diag)
{
	const uint32_t row = 0;
	struct ambit_arming arming;
	struct facts facts;

	if (bpf_map_lookup_elem(kernel->arming, &row, &arming) < 0)
		return fail(diag, "what it was armed for", -errno);
	facts_read_armed(arming.flags, &facts);
	if (!facts.label_fails || facts.preemption == PREEMPTION_OFF)
		return 0;
	ambit_diag_set(diag, NULL, 0, 0,
		"this kernel cannot read the label of a task whenever it is asked for (preempted "
		"anywhere, before "
		"6.2), and such a task would not be kept to the policy: boot with "
		"preempt=voluntary");
	return -ENOTSUP;
}

int ambit_cell_bind(struct cell *cell, const struct ambit_place *place, unsigned *ret_tasks, struct diag *diag)
{
	struct ambit_binding binding = {.cell = cell->id};
	struct ambit_bound_key key;
	int result = ambit_bound_key(place->path, &key, diag);

	if (result == 0)
		result = ambit_bound_labels(cell->kernel, diag);
	if (result == 0)
		result = running_refuse(cell, place, diag);
	if (result == 0)
		result = programs_attach(diag);
	if (result == 0)
		result = rows_make(cell, place, &key, diag);
	if (result < 0)
		return result;
	/* From here on whoever comes is labelled, so one look at those who were there is enough. */
	result = tasks_walk(cell->kernel, &binding);
	if (result == 0 && (binding.others || binding.failed)) {
		ambit_diag_set(diag, NULL, 0, 0,
			"%u tasks there are in another cell, %u could not be "
			"labelled",
			binding.others, binding.failed);
		result = -EBUSY;
	} else if (result < 0) {
		fail(diag, "a look at its tasks", result);
	}
	if (result < 0) {
		unbind(cell, place, &key);
		return result;
	}
	cell->stays = true;
	*ret_tasks = binding.labelled;
	return 0;
}

/* --- taking over --- */

int ambit_cell_adopt(struct kernel *kernel, uint32_t id, struct cell **ret, struct diag *diag)
{
	struct cell *cell = cell_alloc(kernel);
	struct bpf_map_info info = {};
	uint32_t size = sizeof(info);
	int result;

	if (!cell)
		return -ENOMEM;
	cell->id = id;
	cell->bound = cell->stays = true;
	kernel->bound++;
	cell->ring_key = RING_BOUND(id);
	cell->lock = cell_lock(id);
	cell->ring = cell->lock < 0 ? cell->lock : ring_row_open(kernel->rings, cell->ring_key);
	result = cell->ring < 0 ? cell->ring : 0;
	if (result == 0 && bpf_obj_get_info_by_fd(cell->ring, &info, &size) < 0)
		result = -errno;
	cell->ring_size = info.max_entries;
	if (result == 0)
		result = ring_open(cell->ring, cell->ring_size, RING_AGAIN, &cell->reader);
	if (result < 0) {
		ambit_diag_set(diag, NULL, 0, 0, "cannot take over cell %08x: %s", id,
			result == -EWOULDBLOCK ? "another process holds it" : strerror(-result));
		ambit_cell_free(cell, diag);
		return result;
	}
	*ret = cell;
	return 0;
}

uint64_t ambit_cell_position(const struct cell *cell)
{
	return cell->reader ? ring_position(cell->reader) : 0;
}

/* The kernel gives numbers of maps one after the other, and begins again only behind INT_MAX (idr_alloc_cyclic() in
 * kernel/bpf/syscall.c). */
uint64_t ambit_cell_ring(const struct cell *cell)
{
	struct bpf_map_info info = {};
	uint32_t size = sizeof(info);

	return bpf_obj_get_info_by_fd(cell->ring, &info, &size) < 0 ? 0 : info.id;
}

void ambit_cell_drained(struct cell *cell)
{
	if (cell->reader)
		ring_commit(cell->reader);
}

bool ambit_process_is_inside(struct kernel *kernel, int pidfd)
{
	struct ambit_label label;

	/* -ENOENT also of one that has ended. */
	return bpf_map_lookup_elem(kernel->labels, &pidfd, &label) == 0 || errno != ENOENT;
}

unsigned ambit_bound_missed(struct kernel *kernel)
{
	const uint32_t row = AMBIT_BINDING_MISSED;
	struct ambit_binding binding;

	return bpf_map_lookup_elem(kernel->binding, &row, &binding) < 0 ? 0 : binding.failed;
}

int ambit_bound_label(struct kernel *kernel)
{
	struct ambit_binding binding = {.cell = 0};
	int result = access(MOVED_PIN, F_OK) < 0 ? 0 : tasks_walk(kernel, &binding);

	return result < 0 ? result : binding.failed ? -ENOMEM : 0;
}

int ambit_cell_spread(struct cell *cell, const struct ambit_place *place)
{
	struct ambit_place same = *place;
	struct ambit_glob glob;
	struct diag ignored = {};
	int result;

	if (bpf_map_lookup_elem(cell->kernel->globs, &cell->id, &glob) == 0)
		same.order = glob.order;
	result = spread_rows(cell, &same, &ignored);

	ambit_diag_clear(&ignored);
	return result == -ENOENT ? 0 : result;
}

static int above_stat(const char *path, struct stat *ret)
{
	const char *name = strrchr(path, '/');
	_cleanup_free_ char *above = name ? strndup(path, (size_t)(name - path)) : NULL;

	return above && stat(above, ret) == 0 ? 0 : -ENOENT;
}

/* Whether what is bound has rows beneath the cgroup that is above it now: 0, or 1 if they were made just now. */
static int above_again(struct cell *cell, const struct ambit_place *place)
{
	const struct ambit_bound bound = {.cell = cell->id};
	struct ambit_bound_key key;
	struct ambit_glob glob;
	struct diag ignored = {};
	int result = ambit_bound_key(place->path, &key, &ignored);

	ambit_diag_clear(&ignored);
	if (result < 0)
		return result;
	if (place->glob)
		return bpf_map_lookup_elem(cell->kernel->globs, &cell->id, &glob) < 0 ||
		       glob.parent != key.parent;
	if (bpf_map_update_elem(cell->kernel->bounds, &key, &bound, BPF_NOEXIST) == 0)
		return 1;
	return errno == EEXIST ? 0 : -errno;
}

int ambit_cell_rebind(struct cell *cell, const struct ambit_place *place)
{
	const bool again = cell->unspread;
	struct stat above;
	int result, rows;

	/* Asked each second for each cell there is, and nearly always nothing has changed. */
	if (above_stat(place->path, &above) < 0 || above.st_ino == cell->above)
		return 0;
	result = above_again(cell, place);
	if (result < 0)
		return 0;
	if (result > 0 || again) {
		rows = place->glob ? ambit_cell_spread(cell, place) : 0;
		result = ambit_bound_label(cell->kernel);
		result = result < 0 ? result : rows;
		cell->unspread = result < 0;
		/* Said once, however often it is tried. */
		if (result < 0)
			return again ? 0 : result;
		result = 1;
	}
	/* Not before all is there: until then it is tried again. */
	cell->above = above.st_ino;
	return result;
}
