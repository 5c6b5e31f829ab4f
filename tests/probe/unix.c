// SPDX-License-Identifier: Apache-2.0
/* Unix sockets: by path, abstract ("@name"), unnamed. */
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>
#include "address.h"
#include "probe.h"

static int connect_as(int type, const char *name)
{
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	struct sockaddr_un peer;
	socklen_t length = unix_parse(&peer, name);

	return fd < 0 ? -errno : result_of(connect(fd, (struct sockaddr *)&peer, length));
}

static int act_stream(int argc, char **argv)
{
	(void)argc;
	return connect_as(SOCK_STREAM, argv[0]);
}

static int act_seqpacket(int argc, char **argv)
{
	(void)argc;
	return connect_as(SOCK_SEQPACKET, argv[0]);
}

static int act_dgram(int argc, char **argv)
{
	(void)argc;
	return connect_as(SOCK_DGRAM, argv[0]);
}

static int act_dgram_send(int argc, char **argv)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un peer;
	socklen_t length = unix_parse(&peer, argv[0]);

	(void)argc;
	return fd < 0 ? -errno : result_of(sendto(fd, "x", 1, 0, (struct sockaddr *)&peer, length));
}

static int serve_self(int type, const char *name)
{
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	struct sockaddr_un local;
	socklen_t length = unix_parse(&local, name);

	if (fd < 0 || bind(fd, (struct sockaddr *)&local, length) < 0)
		return -errno;
	if (type == SOCK_STREAM && listen(fd, 1) < 0)
		return -errno;
	return fd;
}

static int act_bind(int argc, char **argv)
{
	int fd = serve_self(SOCK_STREAM, argv[0]);

	(void)argc;
	return fd < 0 ? fd : 0;
}

/* Two tasks of the same cell talk without a rule. */
static int act_among(int argc, char **argv)
{
	int type = strcmp(argv[0], "dgram") == 0 ? SOCK_DGRAM : SOCK_STREAM, status;
	int fd = serve_self(type, argv[1]);
	pid_t child;

	(void)argc;
	if (fd < 0)
		return fd;
	child = fork();
	if (child < 0)
		return -errno;
	if (child == 0)
		_exit(-connect_as(type, argv[1]));
	if (waitpid(child, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -ECHILD;
}

static int act_pair(int argc, char **argv)
{
	int pair[2];

	(void)argc;
	(void)argv;
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	return result_of(write(pair[0], "x", 1));
}

const struct verb unix_verbs[] = {
	{"unix-stream", "NAME", 1, EPERM, act_stream},
	{"unix-seqpacket", "NAME", 1, EPERM, act_seqpacket},
	{"unix-dgram", "NAME: connect", 1, EPERM, act_dgram},
	{"unix-send", "NAME: a datagram without connect", 1, EPERM, act_dgram_send},
	{"unix-bind", "NAME", 1, EACCES, act_bind},
	{"unix-among", "stream|dgram NAME: serves and connects", 2, EPERM, act_among},
	{"unix-pair", "socketpair", 0, EPERM, act_pair},
	{0},
};
