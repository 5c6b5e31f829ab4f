// SPDX-License-Identifier: Apache-2.0
/* What a command was started with. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include "probe.h"

/* Nothing but stdin, stdout and stderr is open. */
static int act_fds(int argc, char **argv)
{
	struct rlimit limit = {.rlim_cur = 1024};

	(void)argc;
	(void)argv;
	getrlimit(RLIMIT_NOFILE, &limit);
	for (int fd = 0; fd < (int)limit.rlim_cur; fd++) {
		if ((fcntl(fd, F_GETFD) >= 0) != (fd <= STDERR_FILENO))
			return -EBADF;
	}
	return 0;
}

static int act_no_new_privs(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : -EPERM;
}

static int act_ids(int argc, char **argv)
{
	uid_t uid = (uid_t)atoi(argv[0]), real, effective, saved;
	gid_t gid = (gid_t)atoi(argv[1]), groups[2];

	(void)argc;
	if (getresuid(&real, &effective, &saved) < 0 || real != uid || effective != uid || saved != uid)
		return -EPERM;
	if (getresgid(&real, &effective, &saved) < 0 || real != gid || effective != gid || saved != gid)
		return -EPERM;
	/* No supplementary group but the user's own. */
	for (int i = getgroups(ARRAY_SIZE(groups), groups) - 1; i >= 0; i--) {
		if (groups[i] != gid)
			return -EPERM;
	}
	return 0;
}

/* A shell starts what runs in the background with SIGINT and SIGQUIT ignored. */
static int act_fresh(int argc, char **argv)
{
	(void)argc;
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	execvp(argv[0], argv);
	return -errno;
}

const struct verb state_verbs[] = {
	{"fds", "only stdin, stdout and stderr are open", 0, 0, act_fds},
	{"no-new-privs", "is set", 0, 0, act_no_new_privs},
	{"ids", "UID GID: real, effective, saved, and no other group", 2, 0, act_ids},
	{"fresh", "PROGRAM [ARG...]: with no signal ignored", 1, 0, act_fresh},
	{0},
};
