/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One process, bound: it is moved into a cgroup of its own below the one where it is, and that is bound as any
 * other, all tasks in it or none. So its threads are in the cell, and what it makes from then on; what it made
 * before stays where it is.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include "base/util.h"
#include "daemon/serve.h"
#include "policy/text.h"
#include "trail/clock.h"

#define CGROUP_ROOT "/sys/fs/cgroup"
#define KTHREAD	    0x00200000U /* PF_KTHREAD of include/linux/sched.h */

struct process {
	pid_t pid;
	int pidfd;
	char *from, *to; /* cgroups, paths; owned */
};

static void process_clear(struct process *process)
{
	if (process->pidfd >= 0)
		close(process->pidfd);
	free(process->from);
	free(process->to);
}

static int refuse(struct diag *diag, pid_t pid, const char *why)
{
	ambit_diag_set(diag, NULL, 0, 0, "process %d %s", pid, why);
	return -EPERM;
}

static bool has_ended(const struct process *process)
{
	struct pollfd fd = {.fd = process->pidfd, .events = POLLIN};

	return poll(&fd, 1, 0) != 0;
}

/* The ninth field of /proc/PID/stat. A name can have anything in it, but what follows it has no bracket. */
static bool is_kernel_thread(pid_t pid)
{
	char path[64], line[1024];
	const char *end;
	unsigned flags = KTHREAD;
	FILE *in;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	in = fopen(path, "re");
	if (in && fgets(line, sizeof(line), in) && (end = strrchr(line, ')')))
		sscanf(end, ") %*c %*d %*d %*d %*d %*d %u", &flags);
	if (in)
		fclose(in);
	return flags & KTHREAD;
}

/* Its place in the hierarchy of version 2; NULL where it has none, or one outside of what we see. */
static char *cgroup_of(pid_t pid)
{
	char path[64], line[4096];
	char *found = NULL;
	FILE *in;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	in = fopen(path, "re");
	while (in && !found && fgets(line, sizeof(line), in)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "0::/", 4) == 0 && strncmp(line, "0::/..", 6))
			found = text_format(CGROUP_ROOT "%s", line[4] ? line + 3 : "");
	}
	if (in)
		fclose(in);
	return found;
}

static int process_open(struct service *service, pid_t pid, struct process *ret, struct diag *diag)
{
	if (pid == 1 || pid == getpid())
		return refuse(diag, pid, pid == 1 ? "is the first one, from which all others come"
						  : "is the daemon");
	ret->pid = pid;
	ret->pidfd = pid > 1 ? pidfd_open(pid, 0) : -1;
	if (ret->pidfd < 0)
		return refuse(diag, pid, "is not there (a thread is named by its process)");
	if (is_kernel_thread(pid))
		return refuse(diag, pid, "is a thread of the kernel, or has ended");
	if (ambit_process_is_inside(service->kernel, ret->pidfd))
		return refuse(diag, pid, "is in a cell already");
	ret->from = cgroup_of(pid);
	/* The number alone would be another process's one day, and the cell stays. */
	ret->to = ret->from ? text_format("%s/ambit-%d-%lx", ret->from, pid,
				      (unsigned long)clock_ns(CLOCK_BOOTTIME) >> 20)
			    : NULL;
	if (!ret->to)
		return refuse(diag, pid, "has no cgroup that can be seen here");
	return has_ended(ret) ? refuse(diag, pid, "has ended") : 0;
}

/* All that is in the cgroup, by numbers. */
static void move_all(const char *from, const char *to)
{
	_cleanup_free_ char *source = text_format("%s/cgroup.procs", from);
	_cleanup_free_ char *target = text_format("%s/cgroup.procs", to);
	FILE *in = source ? fopen(source, "re") : NULL;
	int pid;

	while (in && target && fscanf(in, "%d", &pid) == 1) {
		FILE *out = fopen(target, "we");

		if (out) {
			fprintf(out, "%d", pid);
			fclose(out);
		}
	}
	if (in)
		fclose(in);
}

static void move_back(const struct process *process)
{
	move_all(process->to, process->from);
	rmdir(process->to);
}

/* By its number: whether that was still its own is seen afterwards, and else undone. */
static int move(const struct process *process, struct diag *diag)
{
	_cleanup_free_ char *target = text_format("%s/cgroup.procs", process->to);
	FILE *out = NULL;
	int result = 0;

	if (!target)
		return -ENOMEM;
	if (mkdir(process->to, 0755) == 0)
		out = fopen(target, "we");
	if (!out || fprintf(out, "%d", process->pid) < 0 || fflush(out) == EOF)
		result = -errno;
	if (out)
		fclose(out);
	if (result < 0) {
		ambit_diag_set(diag, NULL, 0, 0, "cannot move process %d to \"%s\": %s", process->pid,
			process->to, strerror(-result));
		if (result != -EEXIST)
			move_back(process);
		return result;
	}
	if (!has_ended(process))
		return 0;
	move_back(process);
	return refuse(diag, process->pid, "has ended");
}

int process_attach(struct service *service, pid_t pid, const char *policy, struct hold **ret,
	unsigned *ret_tasks, struct diag *diag)
{
	_cleanup_(process_clear) struct process process = {.pidfd = -1};
	struct ambit_place place = {0};
	int result = process_open(service, pid, &process, diag);

	if (result == 0)
		result = move(&process, diag);
	if (result < 0)
		return result;
	place.path = process.to;
	result = ambit_hold_new(
		service->options, service->kernel, &place, policy, ret, ret_tasks, diag);
	if (result < 0)
		move_back(&process);
	return result;
}
