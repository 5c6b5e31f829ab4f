// SPDX-License-Identifier: Apache-2.0
/* How often, how much and how large: what limits are for. */
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <time.h>
#include <unistd.h>
#include "address.h"
#include "probe.h"

#define THREADS_MAX 64
#define CHUNK_MAX   65507

/* Threads that do the same, all at once. */
struct rush {
	char **peer; /* PROTO ADDR PORT */
	int rounds;
	size_t size; /* bytes of a datagram; 0: connect */
	pthread_barrier_t start;
	atomic_int done, denied, failed;
};

static int rush_once(struct rush *rush, int fd)
{
	static const char bytes[CHUNK_MAX];
	union address peer;
	socklen_t length = address_parse(&peer, rush->peer[1], rush->peer[2]);

	if (rush->size)
		return result_of(send(fd, bytes, rush->size, 0));
	return result_of(connect(fd, &peer.any, length));
}

/* A connect takes a socket of its own, and datagrams one that is connected before the rush. */
static void *rush_main(void *data)
{
	struct rush *rush = data;
	union address peer;
	socklen_t length = address_parse(&peer, rush->peer[1], rush->peer[2]);
	int own = socket(peer.any.sa_family, address_type(rush->peer[0]), 0);

	if (rush->size && connect(own, &peer.any, length) < 0)
		rush->failed++;
	pthread_barrier_wait(&rush->start);
	for (int i = 0; i < rush->rounds; i++) {
		int fd = rush->size ? own
				    : socket(peer.any.sa_family, address_type(rush->peer[0]), 0);
		int result = rush_once(rush, fd);

		if (result == 0)
			rush->done++;
		else if (result == -EPERM)
			rush->denied++;
		else
			rush->failed++;
		if (!rush->size)
			close(fd);
	}
	close(own);
	return NULL;
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/*
 * As many threads as there are in `threads`. LIMIT units come back in SECONDS, and each act costs COST:
 * so many succeed as the limit has, and no more than came back while the rush went on. -EPERM then, if
 * any was denied; -ERANGE where the count is another one.
 */
static int rush_run(struct rush *rush, int threads, char **limits, double cost)
{
	double limit = atof(limits[0]), seconds = atof(limits[1]), begin, took, most;
	pthread_t ids[THREADS_MAX];

	if (threads < 1 || threads > THREADS_MAX)
		return -EINVAL;
	pthread_barrier_init(&rush->start, NULL, (unsigned)threads + 1);
	for (int i = 0; i < threads; i++)
		if (pthread_create(&ids[i], NULL, rush_main, rush))
			return -EAGAIN;
	begin = now_s();
	pthread_barrier_wait(&rush->start);
	for (int i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	took = now_s() - begin;
	most = limit + limit * took / seconds;
	fprintf(stderr, "%d done, %d denied, %d failed in %.3f s\n", rush->done, rush->denied,
		rush->failed, took);
	if (rush->failed || (rush->denied && (rush->done * cost > most || (rush->done + 1) * cost <= limit)))
		return -ERANGE;
	return rush->denied ? -EPERM : 0;
}

static int act_connect_rush(int argc, char **argv)
{
	struct rush rush = {.peer = argv, .rounds = atoi(argv[4])};

	(void)argc;
	return rush_run(&rush, atoi(argv[3]), argv + 5, 1);
}

#define HEADERS 28 /* of IPv4 and UDP */

static int act_send_rush(int argc, char **argv)
{
	char *peer[] = {"udp", argv[0], argv[1]};
	struct rush rush = {.peer = peer, .rounds = atoi(argv[3]), .size = (size_t)atoi(argv[4])};

	(void)argc;
	return rush_run(&rush, atoi(argv[2]), argv + 5, (double)rush.size + HEADERS);
}

/* A part of a stream, by one of the ways to hand it over. */
static ssize_t stream_write(int fd, int file, size_t size)
{
	static const char bytes[CHUNK_MAX];

	(void)file;
	return write(fd, bytes, size);
}

static ssize_t stream_sendfile(int fd, int file, size_t size)
{
	off_t from = 0;

	return sendfile(fd, file, &from, size);
}

static ssize_t stream_splice(int fd, int file, size_t size)
{
	loff_t from = 0;
	int ends[2];
	ssize_t done;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	done = splice(file, &from, ends[1], NULL, size, 0);
	if (done > 0)
		done = splice(ends[0], NULL, fd, NULL, (size_t)done, 0);
	close(ends[0]);
	close(ends[1]);
	return done;
}

/* Until COUNT parts of SIZE are handed over, or one is refused. What the kernel keeps back is given up
 * after a while (TCP_USER_TIMEOUT), with ETIMEDOUT. */
static int act_stream(int argc, char **argv)
{
	static const struct {
		const char *name;
		ssize_t (*hand)(int fd, int file, size_t size);
	} ways[] = {{"write", stream_write}, {"sendfile", stream_sendfile}, {"splice", stream_splice}};
	int fd, file = open(argv[5], O_RDONLY | O_CLOEXEC), patience = 2000;
	ssize_t (*hand)(int fd, int file, size_t size) = NULL;
	union address peer;
	socklen_t length = address_parse(&peer, argv[1], argv[2]);
	long handed = 0;
	ssize_t done = 0;

	(void)argc;
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
		hand = strcmp(argv[0], ways[i].name) == 0 ? ways[i].hand : hand;
	fd = socket(peer.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!hand || file < 0 || connect(fd, &peer.any, length) < 0)
		return hand ? -errno : -EINVAL;
	if (setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience, sizeof(patience)) < 0)
		return -ENOPROTOOPT;
	for (int i = 0; done >= 0 && i < atoi(argv[4]); i++) {
		done = hand(fd, file, (size_t)atoi(argv[3]));
		handed += done > 0 ? done : 0;
	}
	fprintf(stderr, "%ld bytes handed over\n", handed);
	if (done < 0)
		return -errno;
	/* Not before the peer has read all of it, and closed. */
	shutdown(fd, SHUT_WR);
	return result_of(recv(fd, &done, sizeof(done), 0));
}

/* Adds up what comes at ADDR PORT, by TCP and UDP, in FILE. */
static void count_all(int tcp, int udp, int file)
{
	struct pollfd fds[64] = {{.fd = tcp, .events = POLLIN}, {.fd = udp, .events = POLLIN}};
	static char buffer[CHUNK_MAX];
	unsigned long long total = 0;
	nfds_t count = 2;
	char text[32];

	while (poll(fds, count, -1) > 0) {
		for (nfds_t i = 0; i < count; i++) {
			ssize_t got;

			if (!fds[i].revents)
				continue;
			if (i == 0 && count < ARRAY_SIZE(fds)) {
				fds[count].fd = accept4(tcp, NULL, NULL, SOCK_CLOEXEC);
				fds[count++].events = POLLIN;
				continue;
			}
			got = recv(fds[i].fd, buffer, sizeof(buffer), 0);
			if (got <= 0 && i > 1) {
				close(fds[i].fd);
				fds[i--] = fds[--count];
				continue;
			}
			total += got > 0 ? (unsigned long long)got : 0;
			snprintf(text, sizeof(text), "%020llu\n", total);
			if (pwrite(file, text, strlen(text), 0) < 0)
				_exit(1);
		}
	}
	_exit(1);
}

static int act_serve_count(int argc, char **argv)
{
	int file = open(argv[2], O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644), tcp, udp;
	union address local;
	socklen_t length = address_parse(&local, argv[0], argv[1]);
	pid_t child;

	(void)argc;
	tcp = socket(local.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	udp = socket(local.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	/* Connections of the server before may be waiting for their end. */
	setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	if (file < 0 || bind(tcp, &local.any, length) < 0 || bind(udp, &local.any, length) < 0 ||
		listen(tcp, THREADS_MAX) < 0)
		return -errno;
	child = fork();
	if (child < 0)
		return -errno;
	if (child > 0) {
		printf("%d\n", child);
		return 0;
	}
	setsid();
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	count_all(tcp, udp, file);
	return 0;
}

/* Writes SIZE bytes to FILE, a KiB at a time. */
static int act_grow(int argc, char **argv)
{
	int fd = open(argv[0], O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
	static const char bytes[1024];
	ssize_t done = 0;

	(void)argc;
	if (fd < 0)
		return -errno;
	for (long left = atol(argv[1]); left > 0 && done >= 0; left -= done)
		done = write(fd, bytes, left < 1024 ? (size_t)left : 1024);
	return result_of(done);
}

static int act_ftruncate(int argc, char **argv)
{
	int fd = open(argv[0], O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

	(void)argc;
	return fd < 0 ? -errno : result_of(ftruncate(fd, atol(argv[1])));
}

static int act_allocate(int argc, char **argv)
{
	int fd = open(argv[0], O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

	(void)argc;
	return fd < 0 ? -errno : result_of(fallocate(fd, 0, 0, atol(argv[1])));
}

static int act_copy_range(int argc, char **argv)
{
	int from = open(argv[0], O_RDONLY | O_CLOEXEC);
	int to = open(argv[1], O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
	ssize_t done = 1;

	(void)argc;
	if (from < 0 || to < 0)
		return -errno;
	while (done > 0)
		done = copy_file_range(from, NULL, to, NULL, 1 << 20, 0);
	return result_of(done);
}

static int act_raise(int argc, char **argv)
{
	const struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};

	(void)argc;
	(void)argv;
	return result_of(setrlimit(RLIMIT_FSIZE, &none));
}

const struct verb rate_verbs[] = {
	{"connect-rush", "PROTO ADDR PORT THREADS ROUNDS LIMIT SECONDS", 7, EPERM, act_connect_rush},
	{"send-rush", "ADDR PORT THREADS ROUNDS SIZE LIMIT SECONDS: datagrams", 7, EPERM, act_send_rush},
	{"stream", "write|sendfile|splice ADDR PORT SIZE COUNT FILE: over TCP", 6, EPERM, act_stream},
	{"serve-count", "ADDR PORT FILE: TCP and UDP, the bytes that came", 3, 0, act_serve_count},
	{"grow", "FILE SIZE", 2, EFBIG, act_grow},
	{"ftruncate", "FILE SIZE", 2, EACCES, act_ftruncate},
	{"allocate", "FILE SIZE", 2, EFBIG, act_allocate},
	{"copy-range", "FROM TO", 2, EFBIG, act_copy_range},
	{"raise-fsize", "", 0, EPERM, act_raise},
	{0},
};
