// SPDX-License-Identifier: Apache-2.0
/*
 * Peers to talk to. A server returns as soon as it can be reached and stays behind in the
 * background, with its process id on stdout.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>
#include "address.h"
#include "probe.h"

#define SERVED_MAX 32

/* Takes whatever comes and throws it away. */
static void serve(const struct pollfd *fds, nfds_t count)
{
	struct pollfd waiting[SERVED_MAX];
	char buffer[4096];

	for (;;) {
		memcpy(waiting, fds, count * sizeof(*fds));
		if (poll(waiting, count, -1) < 0)
			_exit(1);
		for (nfds_t i = 0; i < count; i++) {
			int peer;

			if (!waiting[i].revents)
				continue;
			peer = accept4(waiting[i].fd, NULL, NULL, SOCK_CLOEXEC);
			if (peer >= 0)
				close(peer);
			else if (recv(waiting[i].fd, buffer, sizeof(buffer), MSG_DONTWAIT) < 0 &&
				 errno != EAGAIN)
				_exit(1);
		}
	}
}

static int serve_behind(const struct pollfd *fds, nfds_t count)
{
	pid_t child = fork();
	int null;

	if (child < 0)
		return -errno;
	if (child > 0) {
		printf("%d\n", child);
		return 0;
	}
	null = open("/dev/null", O_RDWR);
	setsid();
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	serve(fds, count);
	return 0;
}

static int listen_on(int fd, const struct sockaddr *address, socklen_t length, int type)
{
	if (fd < 0 || bind(fd, address, length) < 0)
		return -errno;
	return type == SOCK_DGRAM ? 0 : result_of(listen(fd, 64));
}

/* On TCP and UDP, for each pair ADDR PORT. */
static int act_net(int argc, char **argv)
{
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM};
	struct pollfd fds[SERVED_MAX] = {};
	nfds_t count = 0;

	for (int i = 0; i + 1 < argc && count + 2 <= SERVED_MAX; i += 2) {
		union address local;
		socklen_t length = address_parse(&local, argv[i], argv[i + 1]);

		for (size_t j = 0; j < ARRAY_SIZE(types); j++) {
			int fd = socket(local.any.sa_family, types[j] | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
			int result = listen_on(fd, &local.any, length, types[j]);

			if (result < 0)
				return result;
			fds[count++] = (struct pollfd){.fd = fd, .events = POLLIN};
		}
	}
	return serve_behind(fds, count);
}

/* A stream, a seqpacket and a datagram socket each: NAME.stream, NAME.seqpacket, NAME.dgram. */
static int act_unix(int argc, char **argv)
{
	static const struct {
		const char *name;
		int type;
	} kinds[] = {{"stream", SOCK_STREAM}, {"seqpacket", SOCK_SEQPACKET}, {"dgram", SOCK_DGRAM}};
	struct pollfd fds[SERVED_MAX] = {};
	nfds_t count = 0;

	for (int i = 0; i < argc && count + 3 <= SERVED_MAX; i++) {
		for (size_t j = 0; j < ARRAY_SIZE(kinds); j++) {
			int fd = socket(AF_UNIX, kinds[j].type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
			struct sockaddr_un local;
			char name[sizeof(local.sun_path)];
			socklen_t length;
			int result;

			snprintf(name, sizeof(name), "%s.%s", argv[i], kinds[j].name);
			length = unix_parse(&local, name);
			result = listen_on(fd, (struct sockaddr *)&local, length, kinds[j].type);
			if (result < 0)
				return result;
			fds[count++] = (struct pollfd){.fd = fd, .events = POLLIN};
		}
	}
	return serve_behind(fds, count);
}

/* Holds a terminal too, the first of the guest: /dev/pts/0. */
static int act_victim(int argc, char **argv)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY);

	(void)argc;
	(void)argv;
	if (master < 0 || unlockpt(master) < 0)
		return -errno;
	return serve_behind(NULL, 0);
}

/* Says everything back. A peer that was cut never says that it is gone: a thread that waits for it is no
 * process that a case could take for a leftover. */
static void *echo_one(void *data)
{
	int peer = (int)(intptr_t)data;
	char buffer[4096];
	ssize_t size;

	while ((size = recv(peer, buffer, sizeof(buffer), 0)) > 0)
		if (send(peer, buffer, (size_t)size, MSG_NOSIGNAL) < 0)
			break;
	close(peer);
	return NULL;
}

/* To each peer on its own. */
static void echo(int fd)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, 65536);
	for (;;) {
		int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (peer < 0 || pthread_create(&thread, &attributes, echo_one, (void *)(intptr_t)peer))
			_exit(1);
	}
}

static int act_echo(int argc, char **argv)
{
	union address local;
	socklen_t length = address_parse(&local, argv[0], argv[1]);
	int fd = socket(local.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), queue = 16;
	int result = listen_on(fd, &local.any, length, SOCK_STREAM);
	pid_t child;

	(void)argc;
	if (result < 0)
		return result;
	setsockopt(fd, 6 /* TCP */, 23 /* TCP_FASTOPEN */, &queue, sizeof(queue));
	child = fork();
	if (child)
		return child < 0 ? -errno : 0;
	setsid();
	for (int null = open("/dev/null", O_RDWR), at = 0; at < 3; at++)
		dup2(null, at);
	echo(fd);
	return 0;
}

static bool is_frozen(const char *cgroup)
{
	char path[256], text = '0';
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.freeze", cgroup);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, &text, 1) != 1)
		_exit(2);
	close(fd);
	return text == '1';
}

/* What systemd is to a service that tells of itself, until a cgroup is frozen: from then on nothing is read, so
 * that the service waits. SOCKET has room for as many datagrams as net.unix.max_dgram_qlen says. */
static int act_notified(int argc, char **argv)
{
	struct sockaddr_un local;
	socklen_t length = unix_parse(&local, argv[0]);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char text[256];

	(void)argc;
	if (fd < 0 || bind(fd, (struct sockaddr *)&local, length) < 0)
		return -errno;
	puts("ready");
	do {
		fflush(stdout);
		if (recv(fd, text, sizeof(text), 0) < 0)
			return -errno;
	} while (!is_frozen(argv[1]));
	puts("frozen");
	fflush(stdout);
	pause();
	return 0;
}

const struct verb serve_verbs[] = {
	{"serve", "ADDR PORT...: TCP and UDP", 2, 0, act_net},
	{"serve-unix", "NAME...: NAME.stream, NAME.seqpacket, NAME.dgram", 1, 0, act_unix},
	{"serve-echo", "ADDR PORT: says back what comes by TCP", 2, 0, act_echo},
	{"serve-notify", "SOCKET CGROUP: what systemd is to a service, until a cgroup is frozen", 2, 0, act_notified},
	{"serve-nothing", "a process to be reached for", 0, 0, act_victim},
	{0},
};
