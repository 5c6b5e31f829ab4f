/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disarming: every pin goes at once, the detaching behind it takes as long as the kernel needs.
 *
 * Detaching waits for grace periods, about 140 ms a hook on 6.1 and 6.12. Since 6.8 the kernel does
 * it in a worker; before, whoever drops the last reference waits (bpf_link_put). So a child keeps
 * references to all links until the pins are gone, and drops them as it ends.
 */
#include <bpf/bpf.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include "base/util.h"
#include "kernel/internal.h"

#define LINKS_MAX 256

static void dir_cleanup(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

void pins_remove(const char *path)
{
	_cleanup_(dir_cleanup) DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(dir), entry->d_name, 0);
	}
	rmdir(path);
}

/* Calls `each` for every directory of pins, of whatever ABI. */
static void pin_dirs(void (*each)(const char *path, void *data), void *data)
{
	_cleanup_(dir_cleanup) DIR *dir = opendir(AMBIT_PIN_DIR);
	struct dirent *entry;
	char path[512];

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), AMBIT_PIN_DIR "/%.200s", entry->d_name);
		each(path, data);
	}
}

struct links {
	int fds[LINKS_MAX];
	size_t count;
};

static void links_open(const char *path, void *data)
{
	_cleanup_(dir_cleanup) DIR *dir = opendir(path);
	struct links *links = data;
	struct dirent *entry;
	char name[1024];

	while (dir && (entry = readdir(dir)) && links->count < LINKS_MAX) {
		if (strncmp(entry->d_name, "link_", 5) != 0)
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		links->fds[links->count] = bpf_obj_get(name);
		links->count += links->fds[links->count] >= 0;
	}
}

static void links_close(struct links *links)
{
	for (size_t i = 0; i < links->count; i++)
		close(links->fds[i]);
}

/* A child that holds what we have open until we are done. Without one the closing is ours. */
static void holder_start(int done[2], int lock)
{
	char byte;
	pid_t child = fork();

	if (child != 0)
		return;
	setsid();
	close(done[1]);
	close(lock); /* whoever arms next does not wait for it */
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	while (read(done[0], &byte, 1) < 0 && errno == EINTR)
		;
	_exit(0);
}

static void dir_remove(const char *path, void *data)
{
	(void)data;
	pins_remove(path);
}

static void disarm_all(int lock)
{
	struct links links = {};
	int done[2] = {-1, -1};

	pin_dirs(links_open, &links);
	if (links.count && pipe2(done, O_CLOEXEC) == 0)
		holder_start(done, lock);
	pin_dirs(dir_remove, NULL);
	rmdir(AMBIT_PIN_DIR);
	links_close(&links);
	for (int i = 0; i < 2; i++) {
		if (done[i] >= 0)
			close(done[i]);
	}
}

/* Whether a cell is bound, which nobody needs to hold; with `forget` its lock file goes. */
static bool bound_find(struct kernel *kernel, bool forget)
{
	uint32_t id, next;
	bool more = bpf_map_get_next_key(kernel->cells, NULL, &next) == 0, found = false;
	struct ambit_cell row;

	while (more) {
		id = next;
		more = bpf_map_get_next_key(kernel->cells, &id, &next) == 0;
		if (bpf_map_lookup_elem(kernel->cells, &id, &row) < 0 || !(row.flags & AMBIT_CELL_BOUND))
			continue;
		found = true;
		if (forget)
			cell_unlock(id);
	}
	return found;
}

/* Of a version whose maps we do not know: where tasks are put into cells by their cgroup. */
static void dir_binds(const char *path, void *data)
{
	char pin[600];

	snprintf(pin, sizeof(pin), "%s/" PIN_MOVED, path);
	*(bool *)data |= access(pin, F_OK) == 0;
}

int ambit_kernel_disarm(bool bound, struct diag *diag)
{
	bool binds = false;
	_cleanup_close_ int lock = -1;
	struct kernel *kernel = NULL, none;
	char path[1024];
	uint64_t id;
	uint32_t level;

	memset(&none, 0xff, sizeof(none)); /* every descriptor -1 */
	none.kept = NULL;
	/* Cells whose ambit was killed do not hold it up, and nothing of them outlives their programs:
	 * also where another version armed, whose maps we leave alone. */
	if (ambit_kernel_is_armed())
		ambit_kernel_open(&kernel, diag);
	ambit_cells_reap(kernel ?: &none);
	if (kernel)
		binds = bound_find(kernel, false);
	else
		pin_dirs(dir_binds, &binds);
	if (binds && !bound) {
		ambit_kernel_close(kernel);
		ambit_diag_set(diag, NULL, 0, 0,
			"cells are bound to cgroups; `ambit stop --disarm` takes the policies off them");
		return -EBUSY;
	}
	ambit_kernel_close(kernel);
	kernel = NULL;
	lock = lock_open(LOCK_EX | LOCK_NB, diag);
	if (lock == -EWOULDBLOCK) {
		ambit_diag_set(diag, NULL, 0, 0,
			"cells are bound; end them first (`ambit ps` lists them)");
		return -EBUSY;
	}
	if (lock < 0)
		return lock;
	none.cells = bpf_obj_get(PIN_ABI_DIR "/cells");
	if (none.cells >= 0) {
		bound_find(&none, true);
		close(none.cells);
	}
	disarm_all(lock);
	if (cgroup_base(path, sizeof(path), &id, &level, diag) == 0)
		rmdir(path);
	return 0;
}
