// SPDX-License-Identifier: Apache-2.0
/* `probe via KIND VERB ARG...`: the act of VERB from a task that came about in another way. */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "probe.h"

struct act {
	const struct verb *verb;
	int argc;
	char **argv;
	int result;
};

static int act_run(struct act *act)
{
	act->result = act->verb->act(act->argc, act->argv);
	return act->result;
}

/* The result comes through a pipe: the task that acts may be no child any more. */
static int in_child(struct act *act, int generations)
{
	int report[2], result = -ECHILD;
	pid_t child;

	if (pipe2(report, O_CLOEXEC) < 0)
		return -errno;
	child = fork();
	if (child < 0)
		return -errno;
	if (child == 0) {
		for (int i = 1; i < generations; i++) {
			setsid();
			if (fork() != 0)
				_exit(0);
		}
		result = act_run(act);
		_exit(write(report[1], &result, sizeof(result)) == sizeof(result) ? 0 : 1);
	}
	close(report[1]);
	if (waitpid(child, NULL, 0) < 0)
		return -errno;
	if (read(report[0], &result, sizeof(result)) != sizeof(result))
		return -ECHILD;
	return result;
}

static int via_fork(struct act *act)
{
	return in_child(act, 1);
}

static int via_daemon(struct act *act)
{
	return in_child(act, 3);
}

static void *thread_main(void *act)
{
	act_run(act);
	return NULL;
}

static int via_thread(struct act *act)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, thread_main, act);

	if (error)
		return -error;
	pthread_join(thread, NULL);
	return act->result;
}

static int clone_main(void *act)
{
	return -act_run(act);
}

static int via_vfork(struct act *act)
{
	static char stack[256 * 1024] __attribute__((aligned(16)));
	pid_t child =
		clone(clone_main, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, act);

	if (child < 0)
		return -errno;
	return waitpid(child, NULL, 0) < 0 ? -errno : act->result;
}

/* Whoever goes by the name of a trusted program is not one. */
static int via_name(struct act *act)
{
	prctl(PR_SET_NAME, "ambit");
	return act_run(act);
}

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), result;

	if (fd < 0)
		return -errno;
	result = result_of(write(fd, text, strlen(text)));
	close(fd);
	return result;
}

/* Moves to the root cgroup, as a policy allows that lets cgroupfs be written. */
static int via_cgroup(struct act *act)
{
	int result = write_text("/sys/fs/cgroup/cgroup.procs", "0");

	return result < 0 ? result : act_run(act);
}

/* Moves to a cgroup that was made a moment ago. */
static int via_new_cgroup(struct act *act)
{
	int result;

	if (mkdir("/sys/fs/cgroup/probe", 0755) < 0 && errno != EEXIST)
		return -errno;
	result = write_text("/sys/fs/cgroup/probe/cgroup.procs", "0");
	return result < 0 ? result : act_run(act);
}

static int via_uid(struct act *act)
{
	if (setgid(1000) < 0 || setuid(1000) < 0)
		return -errno;
	return act_run(act);
}

/* In a cell that enforces there are none to be had (the act `unshare`). */
static int via_namespaces(struct act *act)
{
	if (unshare(CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_NEWPID) < 0 && errno != EPERM)
		return -errno;
	return in_child(act, 1);
}

static const struct {
	const char *name;
	int (*run)(struct act *act);
} kinds[] = {
	{"fork", via_fork},
	{"daemon", via_daemon},
	{"thread", via_thread},
	{"vfork", via_vfork},
	{"name", via_name},
	{"cgroup", via_cgroup},
	{"new-cgroup", via_new_cgroup},
	{"uid", via_uid},
	{"namespaces", via_namespaces},
};

static int act_via(int argc, char **argv)
{
	struct act act = {.verb = verb_find(argv[1]), .argc = argc - 2, .argv = argv + 2};

	if (!act.verb || act.argc < act.verb->arguments)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(kinds[i].name, argv[0]) == 0)
			return kinds[i].run(&act);
	}
	return -EINVAL;
}

const struct verb via_verbs[] = {
	{"via", "KIND VERB [ARG...]: fork daemon thread vfork name cgroup new-cgroup uid namespaces "
		"mount-namespace", 2, 0, act_via},
	{0},
};
