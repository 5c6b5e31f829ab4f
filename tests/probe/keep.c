/* SPDX-License-Identifier: Apache-2.0 */
/* What is held open while something else changes, and used once more behind it. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/io_uring.h>
#include "probe.h"
#include "address.h"

static const char *ready, *go;

/* Says that it is held, and waits until it may be used. */
static int held(void)
{
	int fd = open(ready, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	char byte;

	if (fd < 0)
		return -errno;
	close(fd);
	fd = open(go, O_RDONLY | O_CLOEXEC); /* a fifo */
	return fd < 0 || read(fd, &byte, 1) < 0 ? -errno : 0;
}

static int keep_descriptor(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), result = fd < 0 ? -errno : held();
	char byte;

	return result < 0 ? result : result_of(pread(fd, &byte, 1, 0));
}

static int keep_map(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), result;
	volatile char *memory = fd < 0 ? MAP_FAILED : mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

	if (memory == MAP_FAILED)
		return -errno;
	close(fd);
	result = held();
	return result < 0 ? result : memory[0] ? 0 : -EIO;
}

static void *alone(void *path)
{
	return (void *)(intptr_t)(unshare(CLONE_FILES) < 0 ? -errno : keep_descriptor(path));
}

/* By a thread that shares its descriptors with none. */
static int keep_thread(const char *path)
{
	char *copy = strdup(path);
	pthread_t thread;
	void *result = NULL;
	int error = pthread_create(&thread, NULL, alone, copy);

	if (error)
		return -error;
	pthread_join(thread, &result);
	free(copy);
	return (int)(intptr_t)result;
}

/* By io_uring, and by no descriptor. */
static int keep_uring(const char *path)
{
	struct io_uring_params params = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int ring = fd < 0 ? -1 : (int)syscall(SYS_io_uring_setup, 4, &params);

	if (ring < 0 || syscall(SYS_io_uring_register, ring, IORING_REGISTER_FILES, &fd, 1) < 0)
		return -errno;
	close(fd);
	return held();
}

static int keep_connection(const char *port)
{
	union address peer;
	socklen_t length = address_parse(&peer, "127.0.0.1", port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), result;
	char byte = 'x';

	if (fd < 0 || connect(fd, &peer.any, length) < 0)
		return -errno;
	result = held();
	if (result == 0 && (send(fd, &byte, 1, MSG_NOSIGNAL) != 1 || recv(fd, &byte, 1, 0) != 1))
		result = -EPIPE;
	return result;
}

static int act_keep(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*keep)(const char *object);
	} manners[] = {{"descriptor", keep_descriptor}, {"map", keep_map}, {"thread", keep_thread},
		{"uring", keep_uring}, {"connection", keep_connection}};

	(void)argc;
	ready = argv[2];
	go = argv[3];
	for (size_t i = 0; i < sizeof(manners) / sizeof(*manners); i++)
		if (strcmp(manners[i].name, argv[0]) == 0)
			return manners[i].keep(argv[1]);
	return -EINVAL;
}

const struct verb keep_verbs[] = {
	{"keep", "descriptor|map|thread|uring PATH READY GO, connection PORT READY GO: uses it again after GO", 4,
		EPIPE, act_keep},
	{0},
};
