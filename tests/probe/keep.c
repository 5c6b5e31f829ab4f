/* SPDX-License-Identifier: Apache-2.0 */
/* What is held open while something else changes, and used once more behind it. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
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

/* By a mapping that nothing can be read through while it is held. */
static int keep_shaded(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), result;
	volatile char *memory = fd < 0 ? MAP_FAILED : mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

	if (memory == MAP_FAILED || mprotect((void *)memory, 4096, PROT_NONE) < 0)
		return -errno;
	close(fd);
	result = held();
	if (result == 0)
		result = result_of(mprotect((void *)memory, 4096, PROT_READ));
	return result < 0 ? result : memory[0] ? 0 : -EIO;
}

static pthread_t leader;
static const char *leader_path;

static void *without_leader(void *data)
{
	(void)data;
	pthread_join(leader, NULL);
	_exit(keep_map(leader_path) == 0 ? 0 : 3);
}

/* By a mapping of a process whose first thread is gone. */
static int keep_leaderless(const char *path)
{
	pthread_t thread;

	leader = pthread_self();
	leader_path = path;
	if (pthread_create(&thread, NULL, without_leader, NULL))
		return -EAGAIN;
	return (int)syscall(SYS_exit, 0); /* of the thread alone */
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

/* By an io_uring that it registered with itself, and that has no descriptor and no mapping. */
static int keep_registered(const char *path)
{
	struct io_uring_params params = {0};
	struct io_uring_rsrc_update update = {.offset = -1U};
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int ring = fd < 0 ? -1 : (int)syscall(SYS_io_uring_setup, 4, &params);

	update.data = (unsigned)ring;
	if (ring < 0 || syscall(SYS_io_uring_register, ring, IORING_REGISTER_FILES, &fd, 1) < 0 ||
		syscall(SYS_io_uring_register, ring, 20 /* IORING_REGISTER_RING_FDS */, &update, 1) != 1)
		return -errno;
	close(fd);
	close(ring);
	return held();
}

/* Memory that has no name, of each kind; the path is not used. */
static int keep_memory(const char *path)
{
	volatile char *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int fd = memfd_create("name", MFD_CLOEXEC), id = shmget(IPC_PRIVATE, 4096, 0600), result;
	volatile char *segment = id < 0 ? (void *)-1 : shmat(id, NULL, 0);
	char byte = 'x';

	(void)path;
	if (id >= 0)
		shmctl(id, IPC_RMID, NULL);
	if (shared == MAP_FAILED || fd < 0 || segment == (void *)-1 || write(fd, &byte, 1) != 1)
		return -errno;
	*shared = *segment = byte;
	result = held();
	if (result == 0 && (pread(fd, &byte, 1, 0) != 1 || *shared != *segment))
		result = -EIO;
	return result;
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

/* By nobody, for it waits in a socket to be received. */
static int keep_parked(const char *port)
{
	union address peer;
	socklen_t length = address_parse(&peer, "127.0.0.1", port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), pair[2], result;
	char byte = 'x';
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct iovec data = {&byte, 1};
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};

	if (fd < 0 || connect(fd, &peer.any, length) < 0 ||
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	if (sendmsg(pair[0], &message, 0) < 0)
		return -errno;
	close(fd);
	result = held();
	if (result < 0 || recvmsg(pair[1], &message, 0) < 0)
		return result < 0 ? result : -errno;
	memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
	return send(fd, &byte, 1, MSG_NOSIGNAL) == 1 && recv(fd, &byte, 1, 0) == 1 ? 0 : -EPIPE;
}

/* What comes to a port, from itself. */
static int keep_datagrams(const char *port)
{
	union address local;
	socklen_t length = address_parse(&local, "127.0.0.1", port);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), result;
	char byte = 'x';

	if (fd < 0 || bind(fd, &local.any, length) < 0)
		return -errno;
	result = held();
	if (result == 0 && (sendto(fd, &byte, 1, 0, &local.any, length) != 1 || recv(fd, &byte, 1, 0) != 1))
		result = -errno;
	return result;
}

/* A peer of unix. */
static int keep_peer(const char *path)
{
	struct sockaddr_un peer;
	socklen_t length = unix_parse(&peer, path);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), result;

	if (fd < 0 || connect(fd, (struct sockaddr *)&peer, length) < 0)
		return -errno;
	result = held();
	return result < 0 ? result : result_of(send(fd, "x", 1, MSG_NOSIGNAL));
}

static int act_keep(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*keep)(const char *object);
	} manners[] = {{"descriptor", keep_descriptor}, {"map", keep_map}, {"thread", keep_thread},
		{"shaded", keep_shaded}, {"leaderless", keep_leaderless}, {"uring", keep_uring},
		{"registered", keep_registered}, {"memory", keep_memory},
		{"connection", keep_connection}, {"parked", keep_parked}, {"datagrams", keep_datagrams},
		{"peer", keep_peer}};

	(void)argc;
	ready = argv[2];
	go = argv[3];
	for (size_t i = 0; i < sizeof(manners) / sizeof(*manners); i++)
		if (strcmp(manners[i].name, argv[0]) == 0)
			return manners[i].keep(argv[1]);
	return -EINVAL;
}

const struct verb keep_verbs[] = {
	{"keep",
		"descriptor|map|shaded|leaderless|thread|uring|registered|memory|peer PATH READY "
		"GO, "
		"connection|parked|datagrams PORT READY GO: uses it again after GO",
		4, EPIPE, act_keep},
	{0},
};
