/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy became narrower: what tasks of the cell hold open from before, and could not open any more. They
 * are frozen meanwhile (docs/notes/2026-11-28-tighten.md), so none is in the middle of opening something.
 *
 * What the policy before did not allow either was there before the cell was, and stays as it did then.
 */
#include <dirent.h>
#include <errno.h>
#include <linux/kcmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include "base/array.h"
#include "base/util.h"
#include "daemon/tighten.h"
#include "policy/text.h"

/* Whoever is outside of the cgroup is not frozen, and may hand on what it holds, or make another process, while
 * the others are looked at: it is gone through all again until nothing more is found, but not for ever. */
#define PASSES 8

/* --- what is done about it --- */

/* Whether it is done for the first time: an ended process may be there for a while, and a socket that was shut has
 * its peer still. Sockets have a number that counts up from 1 (SO_COOKIE), so processes are told from them by a bit. */
#define DONE_PROCESS (1ULL << 63)
static bool is_first(struct tightening *tight, uint64_t number)
{
	for (size_t i = 0; i < tight->done_count; i++)
		if (tight->done[i] == number)
			return false;
	tight->more = true;
	/* Without memory it is done, and recorded, again. */
	if (ARRAY_GROW(tight, done, tight->done_count + 1) == 0)
		tight->done[tight->done_count++] = number;
	return true;
}

static void record(const struct tightening *tight, const char *what, const char *op, const char *object)
{
	_cleanup_free_ char *clean = text_clean(object);
	_cleanup_free_ char *detail = text_format("%s %s  by process %d", op, clean ?: "", tight->pid);

	ambit_hold_mark(tight->hold, what, detail);
}

/* A descriptor of another task cannot be closed, and memory of it not be taken away: it ends. It is frozen,
 * and a task that is killed does not come back from there to its program. */
void tighten_end(struct tightening *tight, const char *op, const char *object)
{
	if (tight->ended)
		return;
	if (pidfd_send_signal(tight->pidfd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
		tight->error = -errno;
	tight->ended = true;
	if (is_first(tight, DONE_PROCESS | (uint64_t)tight->pid))
		record(tight, "ended", op, object);
}

/* Where something cannot be opened, by errno: one that is gone holds nothing. */
void tighten_unseen(struct tightening *tight, const char *object)
{
	const int error = errno;

	if (error == ENOENT || error == ESRCH)
		return;
	tighten_end(tight, "read", object);
	tight->error = -error;
}

/* The connection ends, at once and with what was not sent yet, and the socket is as if it were new: what it is
 * used for next is decided anew. Of those that cannot do so (unix) nothing is sent or received any more. */
void tighten_cut(struct tightening *tight, int fd, const char *op, const char *object)
{
	const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
	uint64_t cookie = 0;
	socklen_t size = sizeof(cookie);

	getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size);
	if (connect(fd, &nobody, sizeof(nobody)) < 0 && shutdown(fd, SHUT_RDWR) < 0 && errno != ENOTCONN)
		tighten_end(tight, op, object);
	else if (is_first(tight, cookie))
		record(tight, "cut", op, object);
}

/* --- all of it --- */

/* Threads that share their descriptors with the first are looked at once. */
static void process_look(pid_t pid, int pidfd, void *data)
{
	struct tightening *tight = data;
	_cleanup_free_ char *path = text_format("/proc/%d/task", pid);
	_cleanup_(dir_cleanup) DIR *dir = path ? opendir(path) : NULL;
	struct dirent *entry;
	bool seen = false;

	tight->pid = pid;
	tight->pidfd = pidfd;
	tight->ended = false;
	if (!dir)
		tighten_unseen(tight, "threads that could not be looked at");
	for (size_t i = 0; i < tight->ring_count; i++)
		if (tight->rings[i] == pid)
			tighten_end(tight, "read", RING);
	notify("WATCHDOG=1");
	while (dir && !tight->ended && (entry = readdir(dir))) {
		const pid_t tid = atoi(entry->d_name);

		if (tid > 0 && (tid == pid || syscall(SYS_kcmp, pid, tid, KCMP_FILES, 0, 0) != 0))
			tighten_descriptors(tight, tid);
		if (tid > 0 && !seen && !tighten_memory(tight, tid, &seen))
			tighten_end(tight, "read", "memory that could not be looked at");
	}
}

static int rings_look(struct tightening *tight)
{
	pid_t *rings = NULL;
	size_t count = 0;
	int result = ambit_ring_processes(&rings, &count);

	if (result < 0)
		return result;
	free(tight->rings);
	tight->rings = rings;
	tight->ring_count = count;
	return 0;
}

int hold_tighten(struct hold *hold, const struct ready *before, const struct ready *now)
{
	struct tightening tight = {.hold = hold, .before = before, .now = now, .more = true};
	int result = 0, rings;

	narrower_begin(&tight);
	for (int pass = 0; pass < PASSES && result == 0 && tight.more; pass++) {
		tight.more = false;
		rings = rings_look(&tight);
		if (rings < 0)
			tight.error = rings;
		result = ambit_cell_processes(hold->cell, process_look, &tight);
	}
	free(tight.done);
	free(tight.rings);
	if (result == 0 && tight.error == 0 && tight.more)
		result = -EAGAIN;
	return result < 0 ? result : tight.error;
}
