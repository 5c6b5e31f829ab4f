// SPDX-License-Identifier: Apache-2.0
/* Code that is made in memory: each act writes a function of one instruction and calls it. */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "probe.h"

#define PAGE 4096
#define READ_WRITE (PROT_READ | PROT_WRITE)
#define READ_EXEC  (PROT_READ | PROT_EXEC)

static void code_write(void *memory)
{
	*(volatile uint8_t *)memory = 0xc3; /* ret */
}

static void code_call(void *memory)
{
	((void (*)(void))(uintptr_t)memory)();
}

/* Maps, writes code, changes to `then` unless that is 0, calls. */
static int map_call(int fd, int type, int first, int then)
{
	void *memory = mmap(NULL, PAGE, first, type | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);

	if (memory == MAP_FAILED)
		return -errno;
	code_write(memory);
	if (then && mprotect(memory, PAGE, then) < 0)
		return -errno;
	code_call(memory);
	return 0;
}

static int act_rwx(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return map_call(-1, MAP_PRIVATE, READ_WRITE | PROT_EXEC, 0);
}

static int act_rwx_shared(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return map_call(-1, MAP_SHARED, READ_WRITE | PROT_EXEC, 0);
}

static int act_then(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return map_call(-1, MAP_PRIVATE, READ_WRITE, READ_EXEC);
}

static int act_then_shared(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return map_call(-1, MAP_SHARED, READ_WRITE, READ_EXEC);
}

static int file_call(const char *path, int first, int then)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : map_call(fd, MAP_PRIVATE, first, then);
}

static int act_file_rwx(int argc, char **argv)
{
	(void)argc;
	return file_call(argv[0], READ_WRITE | PROT_EXEC, 0);
}

static int act_file_shared(int argc, char **argv)
{
	int fd = open(argv[0], O_RDWR | O_CLOEXEC);

	(void)argc;
	return fd < 0 ? -errno : map_call(fd, MAP_SHARED, READ_WRITE | PROT_EXEC, 0);
}

static int act_file_then(int argc, char **argv)
{
	(void)argc;
	return file_call(argv[0], READ_WRITE, READ_EXEC);
}

/* Mapped as the file has it, as code, before it becomes writable too. */
static int act_file_late(int argc, char **argv)
{
	int fd = open(argv[0], O_RDONLY | O_CLOEXEC);
	void *memory;

	(void)argc;
	if (fd < 0)
		return -errno;
	memory = mmap(NULL, PAGE, READ_EXEC, MAP_PRIVATE, fd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	if (mprotect(memory, PAGE, READ_WRITE | PROT_EXEC) < 0)
		return -errno;
	code_write(memory);
	code_call(memory);
	return 0;
}

static int act_memfd(int argc, char **argv)
{
	int fd = memfd_create("probe", MFD_CLOEXEC);

	(void)argc;
	(void)argv;
	if (fd < 0 || ftruncate(fd, PAGE) < 0)
		return -errno;
	return map_call(fd, MAP_SHARED, READ_WRITE | PROT_EXEC, 0);
}

static int protect_call(void *memory)
{
	void *page = (void *)((uintptr_t)memory & ~(uintptr_t)(PAGE - 1));

	code_write(memory);
	if (mprotect(page, PAGE, READ_WRITE | PROT_EXEC) < 0)
		return -errno;
	code_call(memory);
	return 0;
}

static int act_stack(int argc, char **argv)
{
	uint8_t code[16];

	(void)argc;
	(void)argv;
	return protect_call(code);
}

static int act_heap(int argc, char **argv)
{
	void *memory = sbrk(2 * PAGE);

	(void)argc;
	(void)argv;
	return memory == (void *)-1 ? -errno : protect_call(memory);
}

static int act_shm(int argc, char **argv)
{
	int id = shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0700), error = 0;
	void *writable, *code;

	(void)argc;
	(void)argv;
	if (id < 0)
		return -errno;
	writable = shmat(id, NULL, 0);
	code = shmat(id, NULL, SHM_EXEC | SHM_RDONLY);
	if (writable == (void *)-1 || code == (void *)-1)
		error = -errno;
	shmctl(id, IPC_RMID, NULL);
	if (error)
		return error;
	code_write(writable);
	code_call(code);
	return 0;
}

/* With READ_IMPLIES_EXEC what can be read can be executed; also the heap. */
static int implied(void *(*get)(void))
{
	int before = personality(0xffffffff), error = 0;
	void *memory;

	if (before < 0 || personality((unsigned)before | READ_IMPLIES_EXEC) < 0)
		return -errno;
	memory = get();
	if (memory == (void *)-1)
		error = -errno;
	personality((unsigned)before);
	if (error)
		return error;
	code_write(memory);
	code_call(memory);
	return 0;
}

static void *get_map(void)
{
	return mmap(NULL, PAGE, READ_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* Large enough to be pages of its own: those that were there keep what they had. */
static void *get_heap(void)
{
	uint8_t *memory = sbrk(4 * PAGE);

	return memory == (void *)-1 ? memory : memory + 2 * PAGE;
}

static int act_implied_map(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return implied(get_map);
}

static int act_implied_heap(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return implied(get_heap);
}

static int act_userfault(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return result_of(syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY));
}

const struct verb memory_verbs[] = {
	{"code-map", "writable and executable", 0, EACCES, act_rwx},
	{"code-map-shared", "the same, shared", 0, EACCES, act_rwx_shared},
	{"code-protect", "written, then made executable", 0, EACCES, act_then},
	{"code-protect-shared", "the same, shared", 0, EACCES, act_then_shared},
	{"code-file", "PATH: a private mapping, writable and executable", 1, EACCES, act_file_rwx},
	{"code-file-shared", "PATH: the same, shared", 1, EACCES, act_file_shared},
	{"code-file-protect", "PATH: written, then made executable", 1, EACCES, act_file_then},
	{"code-file-late", "PATH: executable, then made writable", 1, EACCES, act_file_late},
	{"code-memfd", "writable and executable", 0, EACCES, act_memfd},
	{"code-stack", "mprotect", 0, EACCES, act_stack},
	{"code-heap", "mprotect", 0, EACCES, act_heap},
	{"userfault", "userfaultfd(2): fills private mappings", 0, EACCES, act_userfault},
	{"code-shm", "SHM_EXEC", 0, EACCES, act_shm},
	{"code-implied", "READ_IMPLIES_EXEC, then mmap", 0, EACCES, act_implied_map},
	{"code-implied-heap", "READ_IMPLIES_EXEC, then brk", 0, ENOMEM, act_implied_heap},
	{0},
};
