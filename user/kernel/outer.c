/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of maps whose values are maps. Until 6.17 the kernel lets whoever changes one wait for a grace
 * period, 10 to 30 ms (maybe_wait_bpf_programs() in kernel/bpf/syscall.c), so that afterwards no program
 * uses the old value. A row of ours has none: it is new, or of a cell without tasks. The change itself is
 * made before the wait.
 */
#include <bpf/bpf.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/wait.h>
#include "base/util.h"
#include "kernel/internal.h"

static bool row_exists(int map, uint32_t id)
{
	uint32_t inner;

	return map >= 0 && bpf_map_lookup_elem(map, &id, &inner) == 0;
}

/* --- new rows --- */

struct put {
	const struct outer_row *row;
	uint32_t id;
	int report[2]; /* an errno, if the row cannot be made; its end without one: the wait is over */
};

/* Makes a row and sits out the wait. Of ours it holds nothing meanwhile, no lock above all. */
__attribute__((noreturn)) static void put_child(const struct put *put)
{
	const int inner = fcntl(put->row->inner, F_DUPFD, 3), map = fcntl(put->row->map, F_DUPFD, 3);
	const int report = fcntl(put->report[1], F_DUPFD, 3);
	int error;

	if (inner < 0 || map < 0 || report < 0 || dup2(map, 0) < 0 || dup2(inner, 1) < 0 ||
		dup2(report, 2) < 0 || close_range(3, ~0U, 0) < 0)
		_exit(1);
	if (bpf_map_update_elem(0, &put->id, &(int){1}, BPF_NOEXIST) == 0)
		_exit(0);
	error = errno;
	_exit(write(2, &error, sizeof(error)) == sizeof(error) ? 1 : 2);
}

/* The children are their grandparent's at once, who need not wait for them. */
static int children_start(const struct put *puts, size_t count)
{
	int status;
	pid_t child = fork();

	if (child < 0)
		return -errno;
	if (child == 0) {
		for (size_t i = 0; i < count; i++) {
			child = fork();
			if (child == 0)
				put_child(&puts[i]);
			if (child < 0)
				_exit(1);
		}
		_exit(0);
	}
	if (waitpid(child, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EAGAIN;
}

/* Until the row is there, or its child has ended without making it. */
static int put_await(const struct put *put)
{
	const struct timespec pause = {.tv_nsec = 50000};
	struct pollfd pollfd = {.fd = put->report[0], .events = POLLIN};
	int error;

	while (!row_exists(put->row->map, put->id)) {
		if (ppoll(&pollfd, 1, &pause, NULL) <= 0)
			continue;
		if (read(put->report[0], &error, sizeof(error)) == sizeof(error))
			return -error;
		return row_exists(put->row->map, put->id) ? 0 : -EIO;
	}
	return 0;
}

int outer_put(const struct outer_row *rows, size_t count, uint32_t id, const char **ret_what)
{
	struct put puts[OUTER_MAX];
	int result = 0;

	for (size_t i = 0; i < count; i++) {
		puts[i] = (struct put){&rows[i], id, {-1, -1}};
		if (result == 0 && pipe2(puts[i].report, O_CLOEXEC) < 0)
			result = -errno;
	}
	if (result == 0)
		result = children_start(puts, count);
	for (size_t i = 0; i < count; i++) {
		int waited = 0;

		if (puts[i].report[1] >= 0)
			close(puts[i].report[1]);
		/* Also after a failure: what comes late would not be taken away again. */
		if (puts[i].report[0] >= 0) {
			waited = put_await(&puts[i]);
			close(puts[i].report[0]);
		}
		if (result == 0 && waited < 0)
			*ret_what = rows[i].what;
		result = result < 0 ? result : waited;
	}
	return result;
}

/* --- rows that go --- */

struct drop {
	int map;
	uint32_t id;
	pthread_t thread;
};

static void *drop_run(void *data)
{
	const struct drop *drop = data;

	bpf_map_delete_elem(drop->map, &drop->id);
	return NULL;
}

/* All wait for the same grace period, each in a thread. */
void rows_drop(const struct kernel *kernel, uint32_t id)
{
	const int maps[OUTER_MAX] = {kernel->rings, kernel->policies, kernel->identities};
	struct drop drops[OUTER_MAX];
	size_t count = 0;

	for (size_t i = 0; i < OUTER_MAX; i++) {
		if (row_exists(maps[i], id))
			drops[count++] = (struct drop){.map = maps[i], .id = id};
	}
	for (size_t i = 0; i < count; i++) {
		if (i + 1 == count || pthread_create(&drops[i].thread, NULL, drop_run, &drops[i])) {
			drop_run(&drops[i]);
			drops[i].map = -1;
		}
	}
	for (size_t i = 0; i < count; i++) {
		if (drops[i].map >= 0)
			pthread_join(drops[i].thread, NULL);
	}
}
