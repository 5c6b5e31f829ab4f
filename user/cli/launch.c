/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command's process. It becomes the user it runs as while it is still outside of the cell, so
 * that a policy need not allow what that takes (the files of accounts and groups, say); then it
 * waits to be put into the cell; and the last thing it does is execvp(), inside.
 */
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "base/util.h"
#include "bpf/abi.h"
#include "cli/run.h"

enum stage { STAGE_READY, STAGE_FILES, STAGE_USER, STAGE_LIMIT, STAGE_EXEC };

struct report {
	int stage;
	int error;
};

/* Descriptors of the child: everything from REPORT_FD + 1 on is closed. */
enum { GO_FD = 3, REPORT_FD = 4 };

static void report(int fd, enum stage stage, int error)
{
	struct report text = {.stage = (int)stage, .error = error};
	ssize_t done;

	/* Nobody to tell if this fails: the parent then sees the end of the pipe. */
	do
		done = write(fd, &text, sizeof(text));
	while (done < 0 && errno == EINTR);
}

/* Leaves stdin, stdout, stderr and the two pipes; none of them outlives the exec. */
static int keep_files(int go_fd, int report_fd)
{
	/* Both first go out of the way of the numbers they will have. */
	int go = fcntl(go_fd, F_DUPFD_CLOEXEC, REPORT_FD + 1);
	int out = fcntl(report_fd, F_DUPFD_CLOEXEC, REPORT_FD + 1);

	if (go < 0 || out < 0 || dup3(go, GO_FD, O_CLOEXEC) < 0 ||
		dup3(out, REPORT_FD, O_CLOEXEC) < 0 || close_range(REPORT_FD + 1, ~0U, 0) < 0)
		return -errno;
	return 0;
}

static int set_environment(const struct target *target)
{
	const struct {
		const char *name, *value;
	} words[] = {{"HOME", target->home}, {"USER", target->name}, {"LOGNAME", target->name},
		{"SHELL", target->shell}};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (words[i].value && setenv(words[i].name, words[i].value, 1) < 0)
			return -errno;
	return 0;
}

/* So that the kernel's programs know the credentials of the cell from others (bpf/abi.h). Before the
 * change of user, which takes the right to do it; who has none runs no cell. */
static int mark(void)
{
	int bits = prctl(PR_GET_SECUREBITS, 0, 0, 0, 0);

	if (geteuid() != 0)
		return 0;
	return bits < 0 || prctl(PR_SET_SECUREBITS, bits | AMBIT_CELL_SECUREBITS, 0, 0, 0) < 0 ? -errno : 0;
}

static int become(const struct target *target)
{
	int error;

	if (!target->switched)
		return 0;
	error = target->name ? initgroups(target->name, target->gid) : setgroups(1, &target->gid);
	if (error < 0 || setresgid(target->gid, target->gid, target->gid) < 0 ||
		setresuid(target->uid, target->uid, target->uid) < 0)
		return -errno;
	return set_environment(target);
}

/* After the change of user, which would undo the second one. */
static int limit(pid_t parent)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	return getppid() == parent ? 0 : -ESRCH;
}

/*
 * What the kernel keeps every write to, by whatever call (generic_write_checks() and inode_newsize_ok()).
 * Nobody in a cell can raise it: that takes CAP_SYS_RESOURCE, which no cell has (bpf/guard.bpf.c). The
 * signal that comes with it would end programs that know how to say EFBIG.
 */
static int limit_files(const struct target *target)
{
	const uint64_t size = target->file_size;
	struct rlimit limit;

	if (target->size_later)
		return signal(SIGXFSZ, SIG_IGN) == SIG_ERR ? -errno : 0;
	if (!size)
		return 0;
	if (getrlimit(RLIMIT_FSIZE, &limit) < 0)
		return -errno;
	if (limit.rlim_max > size)
		limit.rlim_max = size;
	if (limit.rlim_cur > limit.rlim_max)
		limit.rlim_cur = limit.rlim_max;
	return setrlimit(RLIMIT_FSIZE, &limit) < 0 || signal(SIGXFSZ, SIG_IGN) == SIG_ERR ? -errno : 0;
}

static void restore_signals(const struct signal_state *signals)
{
	sigaction(SIGPIPE, &signals->pipe, NULL);
	sigprocmask(SIG_SETMASK, &signals->mask, NULL);
}

static void wait_for_go(pid_t parent)
{
	ssize_t done;
	char go;

	do
		done = read(GO_FD, &go, 1);
	while (done < 0 && errno == EINTR);
	if (done != 1 || getppid() != parent)
		_exit(EXIT_AMBIT);
}

static void __attribute__((noreturn)) child(const struct target *target, char **argv,
	const struct signal_state *signals, pid_t parent, int go_fd, int report_fd)
{
	enum stage stage = STAGE_FILES;
	int error = keep_files(go_fd, report_fd);

	if (!error) {
		report_fd = REPORT_FD;
		stage = STAGE_LIMIT;
		error = mark();
	}
	if (!error) {
		stage = STAGE_USER;
		error = become(target);
	}
	if (!error) {
		stage = STAGE_LIMIT;
		error = limit(parent);
	}
	if (!error)
		error = limit_files(target);
	if (error) {
		report(report_fd, stage, -error);
		_exit(EXIT_AMBIT);
	}
	report(REPORT_FD, STAGE_READY, 0);
	wait_for_go(parent);
	restore_signals(signals);
	execvp(argv[0], argv);
	error = errno;
	report(REPORT_FD, STAGE_EXEC, error);
	_exit(ambit_status_of_exec(error));
}

static int read_report(int fd, struct report *ret)
{
	ssize_t done;

	do
		done = read(fd, ret, sizeof(*ret));
	while (done < 0 && errno == EINTR);
	return done == sizeof(*ret) ? 0 : -EPIPE;
}

static int await_ready(const struct launch *launch, const struct target *target, struct diag *diag)
{
	static const char *const texts[] = {
		[STAGE_FILES] = "close the files it should not have",
		[STAGE_USER] = "become the user it runs as",
		[STAGE_LIMIT] = "give up its privileges",
	};
	struct report text;

	if (read_report(launch->report_fd, &text)) {
		ambit_diag_set(diag, NULL, 0, 0, "the command's process ended before its start");
		return -ECHILD;
	}
	if (text.stage == STAGE_READY)
		return 0;
	ambit_diag_set(diag, NULL, 0, 0, "the command's process (uid %u) could not %s: %s",
		target->uid, texts[text.stage], strerror(text.error));
	return -text.error;
}

/*
 * A process that is in the cgroup from its beginning: moving it there would wait for a grace period
 * (cgroup_attach_lock() in kernel/cgroup/cgroup.c). Not by the C library's fork(), which has nothing to
 * put in order here: we are one thread. Where it cannot be made so, whoever binds it moves it.
 */
static pid_t fork_into(int cgroup)
{
	const struct clone_args arguments = {
		.flags = CLONE_INTO_CGROUP,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)cgroup,
	};
	pid_t pid = cgroup < 0 ? -1 : (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));

	return pid < 0 ? fork() : pid;
}

int ambit_launch_new(const struct target *target, char **argv, const struct signal_state *signals,
	int cgroup, struct launch *ret, struct diag *diag)
{
	_cleanup_(ambit_launch_clear) struct launch launch = LAUNCH_NONE;
	_cleanup_close_ int go_read = -1, report_write = -1;
	pid_t parent = getpid();
	int go[2], out[2], error;

	if (pipe2(go, O_CLOEXEC) < 0)
		goto failed;
	go_read = go[0];
	launch.go_fd = go[1];
	if (pipe2(out, O_CLOEXEC) < 0)
		goto failed;
	launch.report_fd = out[0];
	report_write = out[1];
	launch.pid = fork_into(cgroup);
	if (launch.pid < 0)
		goto failed;
	if (!launch.pid)
		child(target, argv, signals, parent, go_read, report_write);
	close(TAKE_FD(report_write));
	launch.pidfd = pidfd_open(launch.pid, 0);
	if (launch.pidfd < 0)
		goto failed;
	error = await_ready(&launch, target, diag);
	if (error)
		return error;
	*ret = launch;
	launch = LAUNCH_NONE;
	return 0;

failed:
	error = -errno;
	ambit_diag_set(
		diag, NULL, 0, 0, "cannot start a process for the command: %s", strerror(-error));
	return error;
}

int ambit_launch_go(struct launch *launch)
{
	int error = write(launch->go_fd, "", 1) == 1 ? 0 : -errno;

	close(TAKE_FD(launch->go_fd));
	return error;
}

int ambit_launch_exec_error(const struct launch *launch)
{
	struct pollfd poll_fd = {.fd = launch->report_fd, .events = POLLIN};
	struct report text;

	if (poll(&poll_fd, 1, 0) <= 0 || read_report(launch->report_fd, &text))
		return 0;
	return text.error;
}

void ambit_launch_clear(struct launch *launch)
{
	if (launch->pid > 0) {
		kill(launch->pid, SIGKILL);
		waitpid(launch->pid, NULL, 0);
	}
	if (launch->pidfd >= 0)
		close(launch->pidfd);
	if (launch->go_fd >= 0)
		close(launch->go_fd);
	if (launch->report_fd >= 0)
		close(launch->report_fd);
	*launch = LAUNCH_NONE;
}
