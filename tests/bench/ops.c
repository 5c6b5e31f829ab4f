/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations that are counted inside and outside of cells. Many come twice: always on the same
 * object, which is what caches are good at, and on a fresh object each time.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "bench.h"

bool bench_confined;

static int run_nothing(unsigned index)
{
	(void)bench_object("file", index);
	return 0;
}

static int open_close(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int run_open(unsigned index)
{
	return open_close(bench_object("file", index));
}

/* Seven components too, but of the last four nobody has seen any: the directories are fresh. */
static int run_open_new(unsigned index)
{
	static char path[] = BENCH_TREE "/new/d0000/five/six/file";
	char *digits = path + sizeof(BENCH_TREE "/new/d") - 1;

	for (int digit = 3; digit >= 0; digit--, index /= 10)
		digits[digit] = (char)('0' + index % 10);
	return open_close(path);
}

static int run_open_denied(unsigned index)
{
	int r = open_close(BENCH_SECRET "/file");

	(void)index;
	if (!bench_confined)
		return r;
	return r == -EACCES ? 0 : r == 0 ? -EBADE : r;
}

static int run_stat(unsigned index)
{
	struct stat st;

	return stat(bench_object("file", index), &st) < 0 ? -errno : 0;
}

static int run_access(unsigned index)
{
	return access(bench_object("file", index), R_OK) < 0 ? -errno : 0;
}

/* What is opened once, for operations on an open file. */
static int opened(const char *path, int flags, int *fd)
{
	if (*fd < 0)
		*fd = open(path, flags | O_CLOEXEC);
	return *fd < 0 ? -errno : *fd;
}

static int run_read(unsigned index)
{
	static int file = -1;
	int fd = opened(BENCH_OUT, O_RDONLY, &file);
	char byte;

	(void)index;
	return fd < 0 ? fd : pread(fd, &byte, 1, 0) < 0 ? -errno : 0;
}

static int run_write(unsigned index)
{
	static int file = -1;
	int fd = opened(BENCH_OUT, O_WRONLY, &file);

	(void)index;
	return fd < 0 ? fd : pwrite(fd, "x", 1, 0) < 0 ? -errno : 0;
}

static int run_fstat(unsigned index)
{
	static int file = -1;
	int fd = opened(BENCH_OUT, O_RDONLY, &file);
	struct stat st;

	(void)index;
	return fd < 0 ? fd : fstat(fd, &st) < 0 ? -errno : 0;
}

/* Every address of 127.0.0.0/8 is there without anybody having set it up. Nobody serves port 9. */
static int connect_to(int fd, unsigned index)
{
	struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(9)};

	peer.sin_addr.s_addr = htonl(0x7f000001 + index);
	return connect(fd, (struct sockaddr *)&peer, sizeof(peer)) < 0 ? -errno : 0;
}

/* Connecting a UDP socket sends nothing. */
static int run_udp(unsigned index)
{
	static int fd = -1;

	if (fd < 0)
		fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return connect_to(fd, index);
}

/* A TCP connection is refused, and the socket can try again. */
static int run_tcp(unsigned index)
{
	static int fd = -1;
	int r;

	if (fd < 0)
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	r = connect_to(fd, index);
	return r == -ECONNREFUSED ? 0 : r ?: -EISCONN;
}

/* 0 for a child that ended well. */
static int ended(pid_t pid)
{
	int status = pid < 0 ? -errno : bench_wait(pid);

	return status > 0 ? -EACCES : status;
}

static int run_fork(unsigned index)
{
	pid_t pid = fork();

	(void)index;
	if (pid == 0)
		_exit(0);
	return ended(pid);
}

/* A task is made, and nothing is copied for it: the hook is the same, and the figure repeats better. The
 * child has a stack of its own, so it does not need vfork()'s care. */
static int child_exit(void *data)
{
	(void)data;
	_exit(0);
}

static int run_vfork(unsigned index)
{
	static char stack[16384] __attribute__((aligned(16)));

	(void)index;
	return ended(clone(child_exit, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, NULL));
}

static int run_exec(unsigned index)
{
	const char *path = bench_object("prog", index);
	char *argv[] = {(char *)path, NULL};
	pid_t pid = fork();

	if (pid == 0) {
		execve(path, argv, NULL);
		_exit(127);
	}
	return ended(pid);
}

const struct bench_op bench_nothing = {"nothing", run_nothing, 101, 50, false, CLOCK_WALL, false, 0};

#define CORE GROUP_CORE
#define GATE (GROUP_CORE | GROUP_GATE)
#define ALL  (GATE | GROUP_DEPTH)
const struct bench_op bench_core[] = {
	{"open+close", run_open, 101, 50, false, CLOCK_WALL, false, ALL},
	{"open+close first", run_open, 25, 20, true, CLOCK_WALL, false, ALL},
	{"open+close new", run_open_new, 25, 20, true, CLOCK_WALL, false, GATE},
	{"open denied", run_open_denied, 101, 20, false, CLOCK_OWN, true, GATE},
	{"open denied (all)", run_open_denied, 101, 20, false, CLOCK_WALL, false, CORE},
	{"stat", run_stat, 101, 50, false, CLOCK_WALL, false, GATE},
	{"access", run_access, 101, 50, false, CLOCK_WALL, false, GATE},
	{"read", run_read, 101, 50, false, CLOCK_WALL, false, GATE},
	{"write", run_write, 101, 50, false, CLOCK_WALL, false, GATE},
	{"fstat", run_fstat, 101, 50, false, CLOCK_WALL, false, GATE},
	{"udp connect", run_udp, 101, 50, false, CLOCK_WALL, false, GATE},
	{"udp connect first", run_udp, 25, 20, true, CLOCK_WALL, false, GATE},
	{"tcp connect", run_tcp, 101, 20, false, CLOCK_WALL, false, GATE},
	{"tcp connect first", run_tcp, 25, 20, true, CLOCK_WALL, false, CORE},
	{"vfork", run_vfork, 101, 1, false, CLOCK_OWN, true, GATE},
	{"fork", run_fork, 101, 1, false, CLOCK_OWN, true, GATE},
	{"fork+exec", run_exec, 101, 1, false, CLOCK_OWN, true, GATE},
	{"fork+exec first", run_exec, 101, 1, true, CLOCK_OWN, true, CORE},
	{"fork+exec (all)", run_exec, 20, 25, false, CLOCK_WALL, false, CORE},
};
const size_t bench_core_count = sizeof(bench_core) / sizeof(bench_core[0]);
