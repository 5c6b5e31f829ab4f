// SPDX-License-Identifier: Apache-2.0
/* Programs, and mappings that make code of a file. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "probe.h"

/* Runs `start` in a child; a program that started has succeeded when it exits with 0. */
static int run(int (*start)(char **argv), char **argv)
{
	int report[2], error = 0, status;
	pid_t child;

	if (pipe2(report, O_CLOEXEC) < 0)
		return -errno;
	child = fork();
	if (child < 0)
		return -errno;
	if (child == 0) {
		error = start(argv);
		_exit(write(report[1], &error, sizeof(error)) == sizeof(error) ? 0 : 1);
	}
	close(report[1]);
	if (read(report[0], &error, sizeof(error)) < 0 || waitpid(child, &status, 0) < 0)
		return -errno;
	if (error)
		return error;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -ECHILD;
}

static int start_path(char **argv)
{
	execv(argv[0], argv);
	return -errno;
}

static int start_fd(char **argv)
{
	int fd = open(argv[0], O_PATH | O_CLOEXEC);

	if (fd >= 0)
		execveat(fd, "", argv, environ, AT_EMPTY_PATH);
	return -errno;
}

/* Copies the program to `fd` and starts it from there; `fd` has to be read-only by then. */
static int start_copy(char **argv, int fd)
{
	int from = open(argv[0], O_RDONLY | O_CLOEXEC), again;
	struct stat status;
	char link[64];

	if (from < 0 || fstat(from, &status) < 0)
		return -errno;
	if (sendfile(fd, from, NULL, (size_t)status.st_size) != status.st_size)
		return -EIO;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	again = open(link, O_RDONLY | O_CLOEXEC);
	if (again < 0)
		return -errno;
	close(fd);
	execveat(again, "", argv, environ, AT_EMPTY_PATH);
	return -errno;
}

static int start_memfd(char **argv)
{
	int fd = memfd_create("probe", MFD_CLOEXEC);

	return fd < 0 ? -errno : start_copy(argv, fd);
}

/* Straight from the writable memfd, which the kernel allows: nothing is opened by a path. */
static int start_memfd_direct(char **argv)
{
	int fd = memfd_create("probe", MFD_CLOEXEC), from = open(argv[0], O_RDONLY | O_CLOEXEC);
	struct stat status;

	if (fd < 0 || from < 0 || fstat(from, &status) < 0)
		return -errno;
	if (sendfile(fd, from, NULL, (size_t)status.st_size) != status.st_size)
		return -EIO;
	execveat(fd, "", argv, environ, AT_EMPTY_PATH);
	return -errno;
}

/* A copy at argv[1] that has lost its name. */
static int start_unlinked(char **argv)
{
	int fd = open(argv[1], O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0755);

	if (fd < 0 || unlink(argv[1]) < 0)
		return -errno;
	return start_copy(argv, fd);
}

#define EXEC_ACT(name)                               \
	static int act_##name(int argc, char **argv) \
	{                                            \
		(void)argc;                          \
		return run(start_##name, argv);      \
	}

EXEC_ACT(path)
EXEC_ACT(fd)
EXEC_ACT(memfd)
EXEC_ACT(memfd_direct)
EXEC_ACT(unlinked)

/* The loader that may not map the program says so itself, and ends with a status. */
static int act_loader(int argc, char **argv)
{
	int result = run(start_path, argv);

	(void)argc;
	return result == -ECHILD ? -EACCES : result;
}

static int map(const char *path, int first, int then)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *memory;

	if (fd < 0)
		return -errno;
	memory = mmap(NULL, 4096, first, MAP_PRIVATE, fd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	return then ? result_of(mprotect(memory, 4096, then)) : 0;
}

static int act_mmap(int argc, char **argv)
{
	(void)argc;
	return map(argv[0], PROT_READ | PROT_EXEC, 0);
}

static int act_mprotect(int argc, char **argv)
{
	(void)argc;
	return map(argv[0], PROT_READ, PROT_READ | PROT_EXEC);
}

const struct verb exec_verbs[] = {
	{"exec", "PATH [ARG...]", 1, EACCES, act_path},
	{"exec-fd", "PATH [ARG...]: O_PATH, then execveat", 1, EACCES, act_fd},
	{"exec-loader", "LOADER PATH [ARG...]", 2, EACCES, act_loader},
	{"exec-memfd", "PATH [ARG...]: a copy in a memfd, reopened", 1, EACCES, act_memfd},
	{"exec-memfd-rw", "PATH [ARG...]: a copy in a memfd", 1, EACCES, act_memfd_direct},
	{"exec-unlinked", "PATH COPY: a copy without a name", 2, EACCES, act_unlinked},
	{"mmap-exec", "PATH", 1, EACCES, act_mmap},
	{"mprotect-exec", "PATH", 1, EACCES, act_mprotect},
	{0},
};
