/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks that left the cgroup of their cell, which root in a cell can do without opening a file
 * (CLONE_INTO_CGROUP of clone3(2)). Their label went along, and by it they are found.
 */
#include <bpf/bpf.h>
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include "base/array.h"
#include "base/util.h"
#include "kernel/cell.h"

/* How long a killed process may take to go, in ms, and how often that is waited for: it may sit in a
 * file system that does not answer. No task of a cell that ends makes another one (task.bpf.c). */
#define STRAY_WAIT  5000
#define STRAY_LOOKS 3

static void dir_cleanup(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static int has_ended(int pidfd, int wait)
{
	struct pollfd pollfd = {.fd = pidfd, .events = POLLIN};

	return poll(&pollfd, 1, wait) > 0;
}

/* A descriptor of the process if it is of the cell and lives, else -ESRCH; another errno where that could not be
 * found out. */
static int stray_open(struct kernel *kernel, uint32_t id, pid_t pid)
{
	_cleanup_close_ int pidfd = pidfd_open(pid, 0);
	struct ambit_label label;

	/* ENOENT: it has no label. */
	if (pidfd < 0 || bpf_map_lookup_elem(kernel->labels, &pidfd, &label) < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	return label.cell != id || has_ended(pidfd, 0) ? -ESRCH : TAKE_FD(pidfd);
}

/* Kills all that are there, and then waits for one of them: who was killed may have to wait for
 * another, its tracer. How many there were. */
static int look(struct kernel *kernel, uint32_t id, bool *ret_stays)
{
	_cleanup_(dir_cleanup) DIR *proc = opendir("/proc");
	_cleanup_close_ int first = -1;
	struct dirent *entry;
	int found = 0;

	if (!proc)
		return -errno;
	while ((entry = readdir(proc))) {
		const pid_t pid = atoi(entry->d_name); /* 0: no process */
		_cleanup_close_ int pidfd = pid ? stray_open(kernel, id, pid) : -1;

		if (pidfd < 0)
			continue;
		pidfd_send_signal(pidfd, SIGKILL, NULL, 0); /* it may have ended meanwhile */
		if (found++ == 0)
			first = TAKE_FD(pidfd);
	}
	*ret_stays = found && !has_ended(first, STRAY_WAIT);
	return found;
}

/*
 * True if certainly no task that lives is in the cell, by what the kernel itself says of all tasks: to ask for
 * each process takes 12,000 instructions, this some 300. A process whose leader has ended is told by the leader,
 * as it is by /proc, whichever thread takes over its number.
 */
static bool none_is_in(uint32_t id)
{
	_cleanup_close_ int link = bpf_obj_get(PIN_ABI_DIR "/" PIN_TASKS), walk = -1;
	uint32_t cells[256];
	ssize_t length;

	walk = link < 0 ? -1 : bpf_iter_create(link);
	if (walk < 0)
		return false;
	do {
		length = read(walk, cells, sizeof(cells));
		for (ssize_t i = 0; i < length / (ssize_t)sizeof(*cells); i++)
			if (cells[i] == id)
				return false;
	} while (length > 0 || (length < 0 && errno == EAGAIN));
	return length == 0;
}

int ambit_ring_processes(pid_t **ret, size_t *ret_count)
{
	_cleanup_close_ int link = bpf_obj_get(PIN_ABI_DIR "/" PIN_RINGS), walk = -1;
	struct {
		pid_t *items;
		size_t items_room, count;
	} found = {};
	uint32_t pids[256];
	ssize_t length;
	int result = 0;

	walk = link < 0 ? -1 : bpf_iter_create(link);
	if (walk < 0)
		return -errno;
	do {
		length = read(walk, pids, sizeof(pids));
		for (ssize_t i = 0; i < length / (ssize_t)sizeof(*pids) && result == 0; i++) {
			result = ARRAY_GROW(&found, items, found.count + 1);
			if (result == 0)
				found.items[found.count++] = (pid_t)pids[i];
		}
	} while (result == 0 && (length > 0 || (length < 0 && errno == EAGAIN)));
	if (result == 0 && length < 0)
		result = -errno;
	if (result < 0) {
		free(found.items);
		return result;
	}
	*ret = found.items;
	*ret_count = found.count;
	return 0;
}

int strays_end(struct kernel *kernel, uint32_t id)
{
	bool stays = false;
	int most = 0;

	if (none_is_in(id))
		return 0;

	for (int looks = 0; looks < STRAY_LOOKS; ) {
		int found = look(kernel, id, &stays);

		if (found <= 0)
			return found < 0 ? found : most;
		most = found > most ? found : most;
		looks += stays; /* those that end are ever fewer */
	}
	return -ETIMEDOUT;
}

int ambit_cell_processes(
	struct cell *cell, void (*each)(pid_t pid, int pidfd, void *data), void *data)
{
	_cleanup_(dir_cleanup) DIR *proc = opendir("/proc");
	struct dirent *entry;
	int result = 0;

	if (!proc)
		return -errno;
	while ((entry = readdir(proc))) {
		const pid_t pid = atoi(entry->d_name); /* 0: no process */
		_cleanup_close_ int pidfd = pid ? stray_open(cell->kernel, cell->id, pid) : -ESRCH;

		if (pidfd >= 0)
			each(pid, pidfd, data);
		else if (pidfd != -ESRCH)
			result = pidfd;
	}
	return result;
}
