// SPDX-License-Identifier: Apache-2.0
/* Other tasks, namespaces, mounts, bpf(2), the terminal. */
#include <fcntl.h>
#include <linux/bpf.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "probe.h"

static int act_kill(int argc, char **argv)
{
	(void)argc;
	return result_of(kill(atoi(argv[0]), atoi(argv[1])));
}

static int act_ptrace(int argc, char **argv)
{
	(void)argc;
	return result_of(ptrace(PTRACE_SEIZE, atoi(argv[0]), 0, 0));
}

/* Address 1 is mapped nowhere: EFAULT shows that the access itself was granted. */
static int act_vm_read(int argc, char **argv)
{
	char byte;
	struct iovec local = {&byte, 1}, remote = {(void *)1, 1};
	long got = process_vm_readv(atoi(argv[0]), &local, 1, &remote, 1, 0);

	(void)argc;
	return got < 0 && errno != EFAULT ? -errno : 0;
}

/* A task traces its own child. */
static int act_trace_child(int argc, char **argv)
{
	pid_t child = fork();
	int status, result;

	(void)argc;
	(void)argv;
	if (child < 0)
		return -errno;
	if (child == 0) {
		pause();
		_exit(0);
	}
	result = result_of(ptrace(PTRACE_SEIZE, child, 0, 0));
	kill(child, SIGKILL);
	return waitpid(child, &status, 0) < 0 ? -errno : result;
}

static int act_bpf(int argc, char **argv)
{
	union bpf_attr map = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};

	(void)argc;
	(void)argv;
	return result_of(syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof(map)));
}

/* The first map there is, by id. */
static int act_bpf_by_id(int argc, char **argv)
{
	union bpf_attr attributes = {.start_id = 0};

	(void)argc;
	(void)argv;
	if (syscall(SYS_bpf, BPF_MAP_GET_NEXT_ID, &attributes, sizeof(attributes)) < 0)
		return errno == ENOENT ? 0 : -errno;
	attributes = (union bpf_attr){.map_id = attributes.next_id};
	return result_of(syscall(SYS_bpf, BPF_MAP_GET_FD_BY_ID, &attributes, sizeof(attributes)));
}

static int act_userns(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return result_of(unshare(CLONE_NEWUSER));
}

/* So that what is mounted is seen by nobody else. In a cell that is denied already, and the mount is
 * tried all the same. */
static int mounts_own(void)
{
	return unshare(CLONE_NEWNS) < 0 && errno != EPERM ? -1 : 0;
}

static int act_bind_mount(int argc, char **argv)
{
	(void)argc;
	if (mounts_own() < 0)
		return -errno;
	return result_of(mount(argv[0], argv[1], NULL, MS_BIND, NULL));
}

static int act_tmpfs(int argc, char **argv)
{
	(void)argc;
	if (mounts_own() < 0)
		return -errno;
	return result_of(mount("probe", argv[0], "tmpfs", 0, NULL));
}

static int act_umount(int argc, char **argv)
{
	(void)argc;
	if (mounts_own() < 0)
		return -errno;
	return result_of(umount2(argv[0], MNT_DETACH));
}

/* open_tree(2) and move_mount(2) have the same numbers on all architectures. */
static int act_move_mount(int argc, char **argv)
{
	int tree;

	(void)argc;
	if (mounts_own() < 0)
		return -errno;
	tree = (int)syscall(SYS_open_tree, AT_FDCWD, argv[0], 1 /* OPEN_TREE_CLONE */ | O_CLOEXEC);
	if (tree < 0)
		return -errno;
	return result_of(syscall(SYS_move_mount, tree, "", AT_FDCWD, argv[1], 4 /* F_EMPTY_PATH */));
}

/* A file in a copy of the mount tree that hangs nowhere. */
static int act_read_tree(int argc, char **argv)
{
	int tree = (int)syscall(SYS_open_tree, AT_FDCWD, argv[0], 1 | O_CLOEXEC);

	(void)argc;
	return tree < 0 ? -errno : result_of(openat(tree, argv[1], O_RDONLY | O_CLOEXEC));
}

static int act_chroot(int argc, char **argv)
{
	(void)argc;
	return result_of(chroot(argv[0]));
}

/* A line typed into a terminal; the kernel may have that switched off (EIO). */
static int act_type(int argc, char **argv)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave, result;

	(void)argc;
	(void)argv;
	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
		return -errno;
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return -errno;
	result = result_of(ioctl(slave, TIOCSTI, "x"));
	return result == -EIO ? -ENOSYS : result;
}

/* A terminal of its own, opened by name and, where `peer`, through its master. */
static int act_terminal(int argc, char **argv)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave;
	char name[64];

	if (master < 0 || unlockpt(master) < 0 || ptsname_r(master, name, sizeof(name)))
		return -errno;
	if (argc && strcmp(argv[0], "peer") == 0)
		slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	else
		slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	return result_of(slave);
}

/* A file since 6.9, made by the kernel. */
static int act_pidfd(int argc, char **argv)
{
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	(void)argc;
	(void)argv;
	return result_of(fd);
}

const struct verb task_verbs[] = {
	{"kill", "PID SIGNAL", 2, EPERM, act_kill},
	{"ptrace", "PID", 1, EPERM, act_ptrace},
	{"vm-read", "PID: process_vm_readv", 1, EPERM, act_vm_read},
	{"trace-child", "ptrace of an own child", 0, EPERM, act_trace_child},
	{"bpf", "make a map", 0, EPERM, act_bpf},
	{"bpf-by-id", "open the first map there is", 0, EPERM, act_bpf_by_id},
	{"userns", "a user namespace", 0, EPERM, act_userns},
	{"bind-mount", "FROM TO", 2, EPERM, act_bind_mount},
	{"tmpfs", "DIR", 1, EPERM, act_tmpfs},
	{"umount", "DIR", 1, EPERM, act_umount},
	{"move-mount", "FROM TO: open_tree and move_mount", 2, EPERM, act_move_mount},
	{"read-tree", "DIR NAME: through a cloned mount tree", 2, EPERM, act_read_tree},
	{"chroot", "DIR", 1, EPERM, act_chroot},
	{"terminal", "name|peer: an own terminal, opened by name or by its master", 1, EACCES, act_terminal},
	{"type", "TIOCSTI on an own terminal", 0, EPERM, act_type},
	{"pidfd", "x: of its own process", 1, EACCES, act_pidfd},
	{0},
};
