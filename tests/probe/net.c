// SPDX-License-Identifier: Apache-2.0
/* IPv4 and IPv6, TCP and UDP, and sockets of every other kind. */
#include <stddef.h>
#include <unistd.h>
#include "address.h"
#include "probe.h"

/* A socket for PROTO ADDR PORT, in argv[0] to argv[2]. */
static int open_for(char **argv, union address *peer, socklen_t *length)
{
	*length = address_parse(peer, argv[1], argv[2]);
	if (!*length)
		return -EINVAL;
	return socket(peer->any.sa_family, address_type(argv[0]), 0);
}

static int act_connect(int argc, char **argv)
{
	union address peer;
	socklen_t length;
	int fd = open_for(argv, &peer, &length);

	(void)argc;
	return fd < 0 ? -errno : result_of(connect(fd, &peer.any, length));
}

static int act_sendto(int argc, char **argv)
{
	union address peer;
	socklen_t length;
	int fd = open_for(argv, &peer, &length);

	(void)argc;
	return fd < 0 ? -errno : result_of(sendto(fd, "x", 1, 0, &peer.any, length));
}

static int act_sendmsg(int argc, char **argv)
{
	struct iovec data = {.iov_base = "x", .iov_len = 1};
	union address peer;
	socklen_t length;
	int fd = open_for(argv, &peer, &length);
	struct msghdr message = {
		.msg_name = &peer, .msg_namelen = length, .msg_iov = &data, .msg_iovlen = 1};

	(void)argc;
	return fd < 0 ? -errno : result_of(sendmsg(fd, &message, 0));
}

/* Two messages, so that the second call into the hook counts too: ADDR PORT is the second. */
static int act_sendmmsg(int argc, char **argv)
{
	struct iovec data = {.iov_base = "x", .iov_len = 1};
	union address first, second;
	socklen_t length;
	int fd = open_for(argv, &second, &length), sent;
	struct mmsghdr messages[2] = {
		{.msg_hdr = {&first, 0, &data, 1, NULL, 0, 0}},
		{.msg_hdr = {&second, length, &data, 1, NULL, 0, 0}},
	};

	(void)argc;
	messages[0].msg_hdr.msg_namelen = address_parse(&first, argv[3], argv[4]);
	if (fd < 0)
		return -errno;
	sent = sendmmsg(fd, messages, 2, 0);
	if (sent < 0)
		return -errno;
	/* The error of the second is told by the next call. */
	return sent == 2 ? 0 : result_of(sendmsg(fd, &messages[1].msg_hdr, 0));
}

static int act_fastopen(int argc, char **argv)
{
	union address peer;
	char *tcp[] = {"tcp", argv[0], argv[1]};
	socklen_t length;
	int fd = open_for(tcp, &peer, &length);

	(void)argc;
	return fd < 0 ? -errno : result_of(sendto(fd, "x", 1, MSG_FASTOPEN, &peer.any, length));
}

/* AF_UNSPEC in the address: for an IPv4 datagram socket it means AF_INET. */
static int act_send_unspec(int argc, char **argv)
{
	union address peer;
	char *udp[] = {"udp", argv[0], argv[1]};
	socklen_t length;
	int fd = open_for(udp, &peer, &length);

	(void)argc;
	peer.any.sa_family = AF_UNSPEC;
	return fd < 0 ? -errno : result_of(sendto(fd, "x", 1, 0, &peer.any, length));
}

/* Connects to ADDR PORT, then sends to OTHER OTHERPORT on the same socket. */
static int act_connected_send(int argc, char **argv)
{
	char *udp[] = {"udp", argv[0], argv[1]};
	union address peer, other;
	socklen_t length, other_length = address_parse(&other, argv[2], argv[3]);
	int fd = open_for(udp, &peer, &length);

	(void)argc;
	if (fd < 0 || connect(fd, &peer.any, length) < 0)
		return -errno;
	return result_of(sendto(fd, "x", 1, 0, &other.any, other_length));
}

/* An IPv6 socket and an IPv4 address in it. */
static int act_v4_in_v6(int argc, char **argv)
{
	int fd = socket(AF_INET6, address_type(argv[0]), 0);
	union address peer;
	socklen_t length = address_parse(&peer, argv[1], argv[2]);

	(void)argc;
	if (fd < 0)
		return -errno;
	if (strcmp(argv[0], "udp") == 0)
		return result_of(sendto(fd, "x", 1, 0, &peer.any, length));
	return result_of(connect(fd, &peer.any, length));
}

static int act_bind(int argc, char **argv)
{
	union address local;
	socklen_t length;
	int fd = open_for(argv, &local, &length);

	(void)argc;
	return fd < 0 ? -errno : result_of(bind(fd, &local.any, length));
}

/* ADDR SCOPE: a datagram socket on any port, on the interface that SCOPE numbers. */
static int act_bind_scope(int argc, char **argv)
{
	char *words[] = {"udp", argv[0], "0"};
	union address local;
	socklen_t length;
	int fd = open_for(words, &local, &length);

	(void)argc;
	local.v6.sin6_scope_id = (unsigned)atoi(argv[1]);
	return fd < 0 ? -errno : result_of(bind(fd, &local.any, length));
}

static int act_listen(int argc, char **argv)
{
	union address local;
	socklen_t length;
	int fd = open_for(argv, &local, &length);

	(void)argc;
	if (fd < 0 || bind(fd, &local.any, length) < 0)
		return -errno;
	return result_of(listen(fd, 1));
}

/* PROTO SOURCE ADDR PORT: from a source address of its own. */
static int act_bound(int argc, char **argv)
{
	char *words[] = {argv[0], argv[2], argv[3]}, any[] = "0";
	union address source, peer;
	socklen_t length, source_length = address_parse(&source, argv[1], any);
	int fd = open_for(words, &peer, &length);

	(void)argc;
	if (fd < 0 || bind(fd, &source.any, source_length) < 0)
		return -errno;
	if (strcmp(argv[0], "udp") == 0)
		return result_of(sendto(fd, "x", 1, 0, &peer.any, length));
	return result_of(connect(fd, &peer.any, length));
}

/* Without bind the kernel picks a port on every address. */
static int act_autolisten(int argc, char **argv)
{
	int fd = socket(strcmp(argv[0], "v6") == 0 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)argc;
	return fd < 0 ? -errno : result_of(listen(fd, 1));
}

/* Disconnecting sends nothing anywhere. */
static int act_dissolve(int argc, char **argv)
{
	struct sockaddr none = {.sa_family = AF_UNSPEC};
	union address peer;
	socklen_t length;
	int fd = open_for(argv, &peer, &length);

	(void)argc;
	if (fd < 0 || connect(fd, &peer.any, length) < 0)
		return -errno;
	return result_of(connect(fd, &none, sizeof(none)));
}

static int act_socket(int argc, char **argv)
{
	int fd = socket(atoi(argv[0]), atoi(argv[1]) | SOCK_CLOEXEC, argc > 2 ? atoi(argv[2]) : 0);

	return result_of(fd);
}

const struct verb net_verbs[] = {
	{"connect", "tcp|udp ADDR PORT", 3, EPERM, act_connect},
	{"sendto", "tcp|udp ADDR PORT: without connect", 3, EPERM, act_sendto},
	{"sendmsg", "udp ADDR PORT", 3, EPERM, act_sendmsg},
	{"sendmmsg", "udp ADDR PORT FIRST FIRSTPORT: two messages", 5, EPERM, act_sendmmsg},
	{"fastopen", "ADDR PORT", 2, EPERM, act_fastopen},
	{"send-unspec", "ADDR PORT: AF_UNSPEC in the address", 2, EPERM, act_send_unspec},
	{"connected-send", "ADDR PORT OTHER OTHERPORT", 4, EPERM, act_connected_send},
	{"v4-in-v6", "tcp|udp ADDR PORT: an IPv6 socket", 3, EPERM, act_v4_in_v6},
	{"bound", "tcp|udp SOURCE ADDR PORT: from a source address", 4, EPERM, act_bound},
	{"bind", "tcp|udp ADDR PORT", 3, EPERM, act_bind},
	{"bind-scope", "ADDR SCOPE: port 0 of an IPv6 address", 2, EPERM, act_bind_scope},
	{"listen", "tcp ADDR PORT", 3, EPERM, act_listen},
	{"autolisten", "v4|v6: without bind", 1, EPERM, act_autolisten},
	{"dissolve", "udp ADDR PORT: connect to AF_UNSPEC", 3, EPERM, act_dissolve},
	{"socket", "FAMILY TYPE [PROTOCOL], in numbers", 2, EPERM, act_socket},
	{0},
};
