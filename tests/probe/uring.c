// SPDX-License-Identifier: Apache-2.0
/* Acts by io_uring, from a worker of the kernel's (IOSQE_ASYNC). */
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "address.h"
#include "probe.h"

static void *ring_map(int fd, size_t size, off_t what)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, what);
}

/* The rights that the task has now, as a personality of the ring; then the task gets other ones. */
static int personality_of(int fd)
{
	long id = syscall(SYS_io_uring_register, fd, IORING_REGISTER_PERSONALITY, NULL, 0);

	return id < 0 || prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 ? -errno : (int)id;
}

/* Submits one entry and waits for its result. With IORING_SETUP_SQPOLL a thread of the kernel's takes
 * it from the ring and does it. */
static int submit_to(const struct io_uring_sqe *entry, unsigned setup, unsigned char how)
{
	struct io_uring_params params = {.flags = setup, .sq_thread_idle = 1000};
	int fd = (int)syscall(SYS_io_uring_setup, 1, &params);
	char *submissions, *completions;
	struct io_uring_sqe *entries;

	if (fd < 0)
		return -errno;
	submissions = ring_map(fd, params.sq_off.array + sizeof(uint32_t), IORING_OFF_SQ_RING);
	completions = ring_map(fd,
		params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe),
		IORING_OFF_CQ_RING);
	entries = ring_map(fd, sizeof(*entries), IORING_OFF_SQES);
	if (submissions == MAP_FAILED || completions == MAP_FAILED || entries == MAP_FAILED)
		return -errno;
	entries[0] = *entry;
	entries[0].flags |= how;
	if (entry->personality) {
		int id = personality_of(fd);

		if (id < 0)
			return id;
		entries[0].personality = (uint16_t)id;
	}
	*(uint32_t *)(submissions + params.sq_off.array) = 0;
	__atomic_store_n((uint32_t *)(submissions + params.sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, fd, 1, 1, IORING_ENTER_GETEVENTS | IORING_ENTER_SQ_WAKEUP,
		    NULL, 0) < 0)
		return -errno;
	return ((struct io_uring_cqe *)(completions + params.cq_off.cqes))->res;
}

static int submit(const struct io_uring_sqe *entry)
{
	return submit_to(entry, 0, IOSQE_ASYNC);
}

static int act_read(int argc, char **argv)
{
	struct io_uring_sqe entry = {
		.opcode = IORING_OP_OPENAT,
		.fd = AT_FDCWD,
		.addr = (uintptr_t)argv[0],
		.open_flags = O_RDONLY,
	};
	int result = submit(&entry);

	(void)argc;
	return result < 0 ? result : 0;
}

static int act_unlink(int argc, char **argv)
{
	struct io_uring_sqe entry = {
		.opcode = IORING_OP_UNLINKAT, .fd = AT_FDCWD, .addr = (uintptr_t)argv[0]};

	(void)argc;
	return submit(&entry);
}

static int act_rename(int argc, char **argv)
{
	struct io_uring_sqe entry = {
		.opcode = IORING_OP_RENAMEAT,
		.fd = AT_FDCWD,
		.addr = (uintptr_t)argv[0],
		.len = (uint32_t)AT_FDCWD,
		.addr2 = (uintptr_t)argv[1],
	};

	(void)argc;
	return submit(&entry);
}

static int act_connect(int argc, char **argv)
{
	union address peer;
	socklen_t length = address_parse(&peer, argv[1], argv[2]);
	struct io_uring_sqe entry = {
		.opcode = IORING_OP_CONNECT, .addr = (uintptr_t)&peer, .off = length};

	(void)argc;
	entry.fd = socket(peer.any.sa_family, address_type(argv[0]), 0);
	return entry.fd < 0 ? -errno : submit(&entry);
}

static int act_poll_read(int argc, char **argv)
{
	struct io_uring_sqe entry = {
		.opcode = IORING_OP_OPENAT,
		.fd = AT_FDCWD,
		.addr = (uintptr_t)argv[0],
		.open_flags = O_RDONLY,
	};
	int result = submit_to(&entry, IORING_SETUP_SQPOLL, 0);

	(void)argc;
	return result < 0 ? result : 0;
}

/* /dev/null takes any command, by io_uring alone. */
static int act_command(int argc, char **argv)
{
	struct io_uring_sqe entry = {.opcode = 46 /* IORING_OP_URING_CMD */, .off = 1};

	(void)argc;
	entry.fd = open(argv[0], O_RDWR | O_CLOEXEC);
	return entry.fd < 0 ? -errno : submit_to(&entry, 0, 0);
}

/* With rights that the task has put off: an attribute that takes CAP_SYS_ADMIN. */
static int act_personality(int argc, char **argv)
{
	struct io_uring_sqe entry = {
		.opcode = IORING_OP_SETXATTR,
		.addr = (uintptr_t) "trusted.probe",
		.addr2 = (uintptr_t) "x",
		.addr3 = (uintptr_t)argv[0],
		.len = 1,
		.personality = 1,
	};

	(void)argc;
	return submit_to(&entry, 0, 0);
}

const struct verb uring_verbs[] = {
	{"uring-personality", "PATH: a privilege of earlier rights", 1, EPERM, act_personality},
	{"uring-poll", "PATH: opened by the ring's own thread", 1, EACCES, act_poll_read},
	{"uring-command", "PATH: of a device", 1, EPERM, act_command},
	{"uring-read", "PATH", 1, EACCES, act_read},
	{"uring-unlink", "PATH", 1, EACCES, act_unlink},
	{"uring-rename", "FROM TO", 2, EACCES, act_rename},
	{"uring-connect", "tcp|udp ADDR PORT", 3, EPERM, act_connect},
	{0},
};
