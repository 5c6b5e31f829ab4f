// SPDX-License-Identifier: Apache-2.0
/* What a socket is told besides addresses: options and control data. */
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>
#include "address.h"
#include "probe.h"

/* "tcp4", "udp4", "tcp6", "udp6", "unix", "netlink" */
static int socket_named(const char *name)
{
	static const struct {
		const char *name;
		int family, type;
	} kinds[] = {{"tcp4", AF_INET, SOCK_STREAM}, {"udp4", AF_INET, SOCK_DGRAM},
		{"tcp6", AF_INET6, SOCK_STREAM}, {"udp6", AF_INET6, SOCK_DGRAM},
		{"unix", AF_UNIX, SOCK_STREAM}, {"netlink", AF_NETLINK, SOCK_RAW}};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(kinds[i].name, name) == 0)
			return socket(kinds[i].family, kinds[i].type | SOCK_CLOEXEC, 0);
	}
	errno = EINVAL;
	return -1;
}

/* Two hexadecimal digits a byte; the number of bytes. */
static socklen_t bytes_parse(const char *text, unsigned char *bytes, size_t size)
{
	socklen_t length = 0;

	for (; text[0] && text[1] && length < size; text += 2) {
		char digits[3] = {text[0], text[1], '\0'};

		bytes[length++] = (unsigned char)strtoul(digits, NULL, 16);
	}
	return length;
}

static int act_option(int argc, char **argv)
{
	unsigned char value[256];
	socklen_t length = bytes_parse(argv[3], value, sizeof(value));
	int fd = socket_named(argv[0]);

	(void)argc;
	if (fd < 0)
		return -errno;
	return result_of(setsockopt(fd, atoi(argv[1]), atoi(argv[2]), value, length));
}

/* What programs set on every day; the first that fails tells. */
static int act_options(int argc, char **argv)
{
	static const struct {
		const char *socket;
		int level, option;
	} every_day[] = {{"tcp4", SOL_SOCKET, SO_REUSEADDR}, {"tcp4", SOL_SOCKET, SO_REUSEPORT},
		{"tcp4", SOL_SOCKET, SO_KEEPALIVE}, {"tcp4", SOL_SOCKET, SO_SNDBUF},
		{"tcp4", SOL_SOCKET, SO_RCVBUF}, {"udp4", SOL_SOCKET, SO_BROADCAST},
		{"tcp4", IPPROTO_TCP, TCP_NODELAY}, {"tcp4", IPPROTO_TCP, TCP_CORK},
		{"tcp4", IPPROTO_TCP, TCP_KEEPIDLE}, {"tcp4", IPPROTO_TCP, TCP_KEEPINTVL},
		{"tcp4", IPPROTO_TCP, TCP_KEEPCNT}, {"tcp4", IPPROTO_TCP, TCP_USER_TIMEOUT},
		{"tcp4", IPPROTO_TCP, TCP_QUICKACK}, {"tcp4", IPPROTO_TCP, TCP_FASTOPEN},
		{"tcp4", IPPROTO_TCP, TCP_FASTOPEN_CONNECT}, {"tcp4", IPPROTO_IP, IP_TOS},
		{"udp4", IPPROTO_IP, IP_RECVERR}, {"udp4", IPPROTO_IP, IP_PKTINFO},
		{"udp4", IPPROTO_IP, IP_MULTICAST_TTL}, {"udp4", IPPROTO_UDP, UDP_GRO},
		{"udp6", IPPROTO_IPV6, IPV6_V6ONLY}, {"udp6", IPPROTO_IPV6, IPV6_RECVERR},
		{"udp6", IPPROTO_IPV6, IPV6_RECVPKTINFO}, {"tcp6", IPPROTO_IPV6, IPV6_TCLASS},
		{"unix", SOL_SOCKET, SO_PASSCRED}};

	(void)argc;
	(void)argv;
	for (size_t i = 0; i < ARRAY_SIZE(every_day); i++) {
		int fd = socket_named(every_day[i].socket), one = 1;

		if (fd < 0 || setsockopt(fd, every_day[i].level, every_day[i].option, &one,
				      sizeof(one)) < 0)
			return -errno;
		close(fd);
	}
	return 0;
}

#define CONTROL_SIZE 1024

struct control {
	union {
		struct cmsghdr align;
		char bytes[CONTROL_SIZE];
	};
	size_t length;
};

static void control_add(struct control *control, int level, int type, const void *data, size_t size)
{
	struct cmsghdr head = {.cmsg_len = CMSG_LEN(size), .cmsg_level = level, .cmsg_type = type};

	if (control->length + CMSG_SPACE(size) > sizeof(control->bytes))
		return;
	memcpy(control->bytes + control->length, &head, sizeof(head));
	memcpy(control->bytes + control->length + CMSG_LEN(0), data, size);
	control->length += CMSG_SPACE(size);
}

static struct msghdr message_with(struct control *control, union address *peer, socklen_t length)
{
	static char byte = 'x';
	static struct iovec data = {.iov_base = &byte, .iov_len = 1};

	return (struct msghdr){.msg_name = length ? peer : NULL,
		.msg_namelen = length,
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control->length ? control->bytes : NULL,
		.msg_controllen = control->length};
}

/* ADDR PORT LEVEL TYPE BYTES */
static int control_parse(
	char **argv, struct control *control, union address *peer, socklen_t *length)
{
	unsigned char value[256];
	size_t size = bytes_parse(argv[4], value, sizeof(value));

	*length = address_parse(peer, argv[0], argv[1]);
	control_add(control, atoi(argv[2]), atoi(argv[3]), value, size);
	return socket(peer->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static int act_control(int argc, char **argv)
{
	struct control control = {};
	union address peer;
	socklen_t length;
	int fd = control_parse(argv, &control, &peer, &length);
	struct msghdr message = message_with(&control, &peer, length);

	(void)argc;
	return fd < 0 ? -errno : result_of(sendmsg(fd, &message, 0));
}

/* On a socket that is connected, so that the message has no address. */
static int act_control_connected(int argc, char **argv)
{
	struct control control = {};
	union address peer;
	socklen_t length;
	int fd = control_parse(argv, &control, &peer, &length);
	struct msghdr message = message_with(&control, &peer, 0);

	(void)argc;
	if (fd < 0 || connect(fd, &peer.any, length) < 0)
		return -errno;
	return result_of(sendmsg(fd, &message, 0));
}

/* The second of two messages to the same address: the kernel does not ask again. */
static int act_control_second(int argc, char **argv)
{
	struct control control = {}, none = {};
	union address peer;
	socklen_t length;
	int fd = control_parse(argv, &control, &peer, &length), sent;
	struct mmsghdr messages[2] = {{.msg_hdr = message_with(&none, &peer, length)},
		{.msg_hdr = message_with(&control, &peer, length)}};

	(void)argc;
	if (fd < 0)
		return -errno;
	sent = sendmmsg(fd, messages, 2, 0);
	if (sent < 0)
		return -errno;
	return sent == 2 ? 0 : result_of(sendmsg(fd, &messages[1].msg_hdr, 0));
}

/* COUNT times the type of service. */
static int act_control_many(int argc, char **argv)
{
	struct control control = {};
	union address peer;
	socklen_t length = address_parse(&peer, argv[0], argv[1]);
	int fd = socket(peer.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), service = 0;
	struct msghdr message;

	(void)argc;
	for (int i = 0; i < atoi(argv[2]); i++)
		control_add(&control, IPPROTO_IP, IP_TOS, &service, sizeof(service));
	message = message_with(&control, &peer, length);
	return fd < 0 ? -errno : result_of(sendmsg(fd, &message, 0));
}

const struct verb option_verbs[] = {
	{"option", "SOCKET LEVEL OPTION BYTES", 4, EPERM, act_option},
	{"options", "those of every day", 0, EPERM, act_options},
	{"control", "ADDR PORT LEVEL TYPE BYTES: with a datagram", 5, EPERM, act_control},
	{"control-conn", "ADDR PORT LEVEL TYPE BYTES: connected", 5, EPERM, act_control_connected},
	{"control-2nd", "ADDR PORT LEVEL TYPE BYTES: with the second", 5, EPERM,
		act_control_second},
	{"control-many", "ADDR PORT COUNT", 3, EPERM, act_control_many},
	{0},
};
