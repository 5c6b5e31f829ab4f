// SPDX-License-Identifier: Apache-2.0
/* Descriptors that are handed over: from a server outside, and from task to task. */
#include <fcntl.h>
#include <linux/io_uring.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <stddef.h>
#include <unistd.h>
#include "address.h"
#include "probe.h"

static int make_read(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC);
}

static int make_write(const char *path)
{
	return open(path, O_WRONLY | O_CLOEXEC);
}

static int make_both(const char *path)
{
	return open(path, O_RDWR | O_CLOEXEC);
}

static int make_path(const char *path)
{
	return open(path, O_PATH | O_CLOEXEC);
}

static int make_unnamed(const char *directory)
{
	return open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

static int make_unlinked(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd >= 0)
		unlink(path);
	return fd;
}

/* To a port of the loopback. */
static int make_tcp(const char *port)
{
	union address peer;
	socklen_t length = address_parse(&peer, "127.0.0.1", port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return connect(fd, &peer.any, length) < 0 ? -1 : fd;
}

static int make_udp(const char *port)
{
	(void)port;
	return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static int listener_on(const char *port)
{
	union address local;
	socklen_t length = address_parse(&local, "127.0.0.1", port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, &local.any, length) < 0 || listen(fd, 8) < 0)
		return -1;
	return fd;
}

/* A connection that came in on a port of the loopback. */
static int make_accepted(const char *port)
{
	int listener = listener_on(port);
	pid_t child;

	if (listener < 0)
		return -1;
	child = fork();
	if (child == 0)
		_exit(make_tcp(port) < 0);
	return accept4(listener, NULL, NULL, SOCK_CLOEXEC);
}

static int make_listener(const char *port)
{
	return listener_on(port);
}

static int make_unix(const char *path)
{
	struct sockaddr_un peer;
	socklen_t length = unix_parse(&peer, path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return connect(fd, (struct sockaddr *)&peer, length) < 0 ? -1 : fd;
}

static int make_pair(const char *unused)
{
	int pair[2];

	(void)unused;
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ? -1 : pair[0];
}

static int make_pipe(const char *unused)
{
	int ends[2];

	(void)unused;
	return pipe2(ends, O_CLOEXEC) < 0 ? -1 : ends[1];
}

static int make_memory(const char *unused)
{
	(void)unused;
	return memfd_create("probe", MFD_CLOEXEC);
}

static int make_eventfd(const char *unused)
{
	(void)unused;
	return eventfd(0, EFD_CLOEXEC);
}

static int make_epoll(const char *unused)
{
	(void)unused;
	return epoll_create1(EPOLL_CLOEXEC);
}

static int make_timerfd(const char *unused)
{
	(void)unused;
	return timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
}

static int make_signalfd(const char *unused)
{
	sigset_t set;

	(void)unused;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static int make_pidfd(const char *unused)
{
	(void)unused;
	return (int)syscall(SYS_pidfd_open, getpid(), 0);
}

static int make_inotify(const char *unused)
{
	(void)unused;
	return inotify_init1(IN_CLOEXEC);
}

static int make_uring(const char *unused)
{
	struct io_uring_params params = {};

	(void)unused;
	return (int)syscall(SYS_io_uring_setup, 1, &params);
}

static int make_userfault(const char *unused)
{
	(void)unused;
	return (int)syscall(SYS_userfaultfd, O_CLOEXEC);
}

static const struct {
	const char *name;
	int (*make)(const char *argument);
} kinds[] = {
	{"read", make_read},
	{"write", make_write},
	{"both", make_both},
	{"path", make_path},
	{"unnamed", make_unnamed},
	{"unlinked", make_unlinked},
	{"tcp", make_tcp},
	{"udp", make_udp},
	{"accepted", make_accepted},
	{"listener", make_listener},
	{"unix", make_unix},
	{"pair", make_pair},
	{"pipe", make_pipe},
	{"memory", make_memory},
	{"eventfd", make_eventfd},
	{"epoll", make_epoll},
	{"timerfd", make_timerfd},
	{"signalfd", make_signalfd},
	{"pidfd", make_pidfd},
	{"inotify", make_inotify},
	{"uring", make_uring},
	{"userfault", make_userfault},
};

static int make(const char *kind, const char *argument)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(kinds[i].name, kind) == 0)
			return kinds[i].make(argument);
	}
	errno = EINVAL;
	return -1;
}

union one_fd {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(sizeof(int))];
};

static int fd_send(int to, int fd)
{
	struct iovec data = {.iov_base = "f", .iov_len = 1};
	union one_fd control = {.head = {CMSG_LEN(sizeof(fd)), SOL_SOCKET, SCM_RIGHTS}};
	struct msghdr message = {.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};

	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	return result_of(sendmsg(to, &message, 0));
}

/* A message without the descriptor that it was sent with (MSG_CTRUNC) is a denial: the errno of the
 * hook goes nowhere. */
static int fd_receive(int from)
{
	char byte;
	struct iovec data = {.iov_base = &byte, .iov_len = 1};
	union one_fd control;
	struct msghdr message = {.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	ssize_t got = recvmsg(from, &message, MSG_CMSG_CLOEXEC);

	if (got < 0)
		return -errno;
	if (got == 0)
		return -EPIPE; /* nothing was sent */
	return CMSG_FIRSTHDR(&message) ? 0 : -EPERM;
}

struct wish {
	char kind[16], argument[256];
};

static void wish_grant(int peer)
{
	struct wish wish;
	int fd;

	if (read(peer, &wish, sizeof(wish)) == sizeof(wish)) {
		fd = make(wish.kind, wish.argument);
		if (fd >= 0)
			fd_send(peer, fd);
		close(fd);
	}
	close(peer);
}

/* Makes what it is asked for, and hands it over. */
static int act_serve(int argc, char **argv)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), null;
	struct sockaddr_un local;
	socklen_t length = unix_parse(&local, argv[0]);
	pid_t child;

	(void)argc;
	if (bind(fd, (struct sockaddr *)&local, length) < 0 || listen(fd, 64) < 0)
		return -errno;
	child = fork();
	if (child != 0) {
		printf("%d\n", child);
		return child < 0 ? -errno : 0;
	}
	setsid();
	signal(SIGCHLD, SIG_IGN);
	null = open("/dev/null", O_RDWR);
	for (int stream = 0; stream < 3; stream++)
		dup2(null, stream);
	for (;;) {
		int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (peer >= 0)
			wish_grant(peer);
	}
}

static int act_receive(int argc, char **argv)
{
	struct wish wish = {};
	int fd = make_unix(argv[0]);

	snprintf(wish.kind, sizeof(wish.kind), "%s", argv[1]);
	snprintf(wish.argument, sizeof(wish.argument), "%s", argc > 2 ? argv[2] : "");
	if (fd < 0 || write(fd, &wish, sizeof(wish)) != sizeof(wish))
		return -errno;
	return fd_receive(fd);
}

/* From a child of one's own. */
static int act_pass(int argc, char **argv)
{
	int pair[2], fd, result;
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	child = fork();
	if (child == 0) {
		fd = make(argv[0], argc > 1 ? argv[1] : "");
		_exit(fd < 0 ? errno : -fd_send(pair[1], fd));
	}
	close(pair[1]);
	result = child < 0 ? -errno : fd_receive(pair[0]);
	waitpid(child, &fd, 0);
	/* Where nothing was made, why not. */
	return result == -EPIPE && WIFEXITED(fd) ? -WEXITSTATUS(fd) : result;
}

/* Likewise, taken instead of given. */
static int act_take(int argc, char **argv)
{
	int ready[2], fd, pidfd, result;
	pid_t child;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return -errno;
	child = fork();
	if (child == 0) {
		fd = make(argv[0], argc > 1 ? argv[1] : "");
		if (write(ready[1], &fd, sizeof(fd)) == sizeof(fd))
			pause();
		_exit(1);
	}
	if (child < 0 || read(ready[0], &fd, sizeof(fd)) != sizeof(fd))
		return -errno;
	pidfd = (int)syscall(SYS_pidfd_open, child, 0);
	result = result_of(syscall(SYS_pidfd_getfd, pidfd, fd, 0));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return result;
}

const struct verb pass_verbs[] = {
	{"serve-fds", "NAME: makes what `receive` asks for", 1, 0, act_serve},
	{"receive", "NAME KIND [ARGUMENT]: from serve-fds", 2, EPERM, act_receive},
	{"pass", "KIND [ARGUMENT]: from a child", 1, EPERM, act_pass},
	{"take", "KIND [ARGUMENT]: from a child, by pidfd_getfd", 1, EPERM, act_take},
	{0},
};
