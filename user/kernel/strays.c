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
#include "base/util.h"
#include "kernel/internal.h"

/* How long a killed process may take to go, in ms: it may sit in a file system that does not answer. */
#define STRAY_WAIT 10000

/* No task of a cell that ends makes another one (task.bpf.c), so each look at all processes finds
 * fewer of them; the second finds what the first one overtook. More looks mean that one stays. */
#define STRAY_LOOKS 16

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

/* Ends the process if it is of the cell and lives; 1 if it was. */
static int end_if_stray(struct kernel *kernel, uint32_t id, pid_t pid)
{
	_cleanup_close_ int pidfd = pidfd_open(pid, 0);
	struct ambit_label label;

	if (pidfd < 0 || bpf_map_lookup_elem(kernel->labels, &pidfd, &label) < 0 ||
		label.cell != id || has_ended(pidfd, 0))
		return 0;
	if (pidfd_send_signal(pidfd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
		return -errno;
	return has_ended(pidfd, STRAY_WAIT) ? 1 : -ETIMEDOUT;
}

static int look(struct kernel *kernel, uint32_t id)
{
	_cleanup_(dir_cleanup) DIR *proc = opendir("/proc");
	struct dirent *entry;
	int ended = 0;

	if (!proc)
		return -errno;
	while ((entry = readdir(proc))) {
		int result = end_if_stray(kernel, id, atoi(entry->d_name));

		if (result < 0)
			return result;
		ended += result;
	}
	return ended;
}

int strays_end(struct kernel *kernel, uint32_t id)
{
	int all = 0;

	for (int looks = 0; looks < STRAY_LOOKS; looks++) {
		int ended = look(kernel, id);

		if (ended <= 0)
			return ended < 0 ? ended : all;
		all += ended;
	}
	return -ETIMEDOUT;
}
