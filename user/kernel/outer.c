/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of maps whose values are maps. Until 6.17 the kernel lets whoever changes one wait for a grace
 * period, 10 to 30 ms (maybe_wait_bpf_programs() in kernel/bpf/syscall.c), so that afterwards no program
 * uses the old value. A row of ours has none: it is new, or of a cell without tasks. The change itself is
 * made before the wait. So children make it, which wait in our place and may outlive us by that.
 */
#include <bpf/bpf.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "base/util.h"
#include "kernel/internal.h"

static bool row_exists(int map, uint32_t id)
{
	uint32_t inner;

	return map >= 0 && bpf_map_lookup_elem(map, &id, &inner) == 0;
}

struct change {
	const struct outer_row *row;
	uint32_t id;
	int report[2]; /* an errno, if the change cannot be made; its end without one: the wait is over */
};

/* Makes a change and sits out the wait. Of ours it holds nothing meanwhile, no lock above all. It shares
 * the C library's state with nobody, but may have been made in the middle of something: system calls. */
__attribute__((noreturn)) static void change_child(const struct change *change)
{
	const bool put = change->row->inner >= 0;
	const int map = fcntl(change->row->map, F_DUPFD, 3);
	const int inner = put ? fcntl(change->row->inner, F_DUPFD, 3) : map;
	const int report = fcntl(change->report[1], F_DUPFD, 3);
	int error;

	if (map < 0 || inner < 0 || report < 0 || dup2(map, 0) < 0 || dup2(inner, 1) < 0 ||
		dup2(report, 2) < 0 || close_range(3, ~0U, 0) < 0)
		_exit(1);
	if ((put ? bpf_map_update_elem(0, &change->id, &(int){1}, BPF_NOEXIST)
		 : bpf_map_delete_elem(0, &change->id)) == 0)
		_exit(0);
	error = errno;
	_exit(write(2, &error, sizeof(error)) == sizeof(error) ? 1 : 2);
}

/* The children are the grandchildren of a process that ends at once, so nobody has to wait for them. */
static int children_start(const struct change *changes, size_t count)
{
	int status;
	pid_t child = vfork();

	if (child < 0)
		return -errno;
	if (child == 0) {
		for (size_t i = 0; i < count; i++) {
			/* fork(2) itself: what the C library does for one is not for here. */
			long grandchild = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);

			if (grandchild == 0)
				change_child(&changes[i]);
			if (grandchild < 0)
				_exit(1);
		}
		_exit(0);
	}
	if (waitpid(child, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EAGAIN;
}

static bool change_is_made(const struct change *change)
{
	return row_exists(change->row->map, change->id) == (change->row->inner >= 0);
}

/* Until it is made, or its child has ended without. */
static int change_await(const struct change *change)
{
	const struct timespec pause = {.tv_nsec = 50000};
	struct pollfd pollfd = {.fd = change->report[0], .events = POLLIN};
	int error;

	while (!change_is_made(change)) {
		if (ppoll(&pollfd, 1, &pause, NULL) <= 0)
			continue;
		if (read(change->report[0], &error, sizeof(error)) == sizeof(error))
			return -error;
		return change_is_made(change) ? 0 : -EIO;
	}
	return 0;
}

static int rows_change(
	const struct outer_row *rows, size_t count, uint32_t id, const char **ret_what)
{
	struct change changes[OUTER_MAX] = {};
	int result = 0;

	for (size_t i = 0; i < count; i++) {
		changes[i] = (struct change){&rows[i], id, {-1, -1}};
		if (result == 0 && pipe2(changes[i].report, O_CLOEXEC) < 0)
			result = -errno;
	}
	if (result == 0)
		result = children_start(changes, count);
	for (size_t i = 0; i < count; i++) {
		int waited = 0;

		if (changes[i].report[1] >= 0)
			close(changes[i].report[1]);
		/* Also after a failure: what comes late would not be taken away again. */
		if (changes[i].report[0] >= 0) {
			waited = change_await(&changes[i]);
			close(changes[i].report[0]);
		}
		if (result == 0 && waited < 0)
			*ret_what = rows[i].what;
		result = result < 0 ? result : waited;
	}
	return result;
}

int outer_put(const struct outer_row *rows, size_t count, uint32_t id, const char **ret_what)
{
	return count ? rows_change(rows, count, id, ret_what) : 0;
}

void outer_drop(const struct kernel *kernel, uint32_t id)
{
	const int maps[OUTER_MAX] = {kernel->rings, kernel->policies, kernel->identities};
	struct outer_row rows[OUTER_MAX];
	const char *ignored;
	size_t count = 0;

	for (size_t i = 0; i < OUTER_MAX; i++) {
		if (row_exists(maps[i], id))
			rows[count++] = (struct outer_row){.map = maps[i], .inner = -1};
	}
	if (!count || rows_change(rows, count, id, &ignored) == 0)
		return;
	/* Without children the wait is ours. */
	for (size_t i = 0; i < count; i++)
		bpf_map_delete_elem(rows[i].map, &id);
}
