// SPDX-License-Identifier: Apache-2.0
/* Netlink: questions about interfaces and routes, and what is no question. */
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "probe.h"

struct question {
	struct nlmsghdr head;
	struct rtgenmsg body;
};

static struct question question_of(int type)
{
	return (struct question){
		.head = {.nlmsg_len = sizeof(struct question),
			.nlmsg_type = (unsigned short)type,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
			.nlmsg_seq = 1},
		.body = {.rtgen_family = AF_INET},
	};
}

/* Sends to a port id; 0 is the kernel. */
static int send_to(int fd, const void *bytes, size_t size, unsigned port)
{
	struct sockaddr_nl peer = {.nl_family = AF_NETLINK, .nl_pid = port};

	return result_of(sendto(fd, bytes, size, 0, (struct sockaddr *)&peer, sizeof(peer)));
}

static int netlink_socket(void)
{
	return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
}

/* That it was sent: what the kernel answers differs. */
static int act_message(int argc, char **argv)
{
	struct question question = question_of(atoi(argv[0]));
	int fd = netlink_socket();

	(void)argc;
	return fd < 0 ? -errno : send_to(fd, &question, sizeof(question), 0);
}

/* A question, and another message behind it. */
static int act_second(int argc, char **argv)
{
	struct question questions[2] = {question_of(RTM_GETLINK), question_of(atoi(argv[0]))};
	int fd = netlink_socket();

	(void)argc;
	return fd < 0 ? -errno : send_to(fd, questions, sizeof(questions), 0);
}

/* As `ip` sends its questions. */
static int act_padded(int argc, char **argv)
{
	struct {
		struct question question;
		char zeroes[128];
	} padded = {.question = question_of((unsigned short)atoi(argv[0]))};
	int fd = netlink_socket();

	(void)argc;
	return fd < 0 ? -errno : send_to(fd, &padded, sizeof(padded), 0);
}

static int act_many(int argc, char **argv)
{
	struct question questions[64];
	int fd = netlink_socket(), count = atoi(argv[0]);

	(void)argc;
	for (int i = 0; i < (int)ARRAY_SIZE(questions); i++)
		questions[i] = question_of(RTM_GETLINK);
	return fd < 0 ? -errno : send_to(fd, questions, (size_t)count * sizeof(questions[0]), 0);
}

/* To another socket of this process instead of the kernel. */
static int act_other(int argc, char **argv)
{
	struct question question = question_of(RTM_GETLINK);
	struct sockaddr_nl local = {.nl_family = AF_NETLINK};
	socklen_t length = sizeof(local);
	int fd = netlink_socket(), other = netlink_socket();

	(void)argc;
	(void)argv;
	if (fd < 0 || other < 0 || bind(other, (struct sockaddr *)&local, length) < 0 ||
		getsockname(other, (struct sockaddr *)&local, &length) < 0)
		return -errno;
	return send_to(fd, &question, sizeof(question), local.nl_pid);
}

/* Makes a dummy interface's worth of a change: a route to nowhere in the loopback net. */
static int act_newaddr(int argc, char **argv)
{
	struct {
		struct nlmsghdr head;
		struct ifaddrmsg body;
		struct rtattr attribute;
		unsigned char address[4];
	} request = {
		.head = {.nlmsg_len = sizeof(request),
			.nlmsg_type = RTM_NEWADDR,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE},
		.body = {.ifa_family = AF_INET, .ifa_prefixlen = 32},
		.attribute = {.rta_len = sizeof(struct rtattr) + 4, .rta_type = IFA_LOCAL},
		.address = {127, 0, 0, 99},
	};
	struct {
		struct nlmsghdr head;
		struct nlmsgerr error;
	} answer;
	int fd = netlink_socket(), result;

	(void)argc;
	(void)argv;
	request.body.ifa_index = if_nametoindex("lo");
	if (fd < 0)
		return -errno;
	result = send_to(fd, &request, sizeof(request), 0);
	if (result < 0)
		return result;
	if (recv(fd, &answer, sizeof(answer), 0) < 0)
		return -errno;
	return answer.error.error;
}

/* The loopback address is there. */
static int act_interfaces(int argc, char **argv)
{
	struct ifaddrs *all, *one;
	int result = -ENOENT;

	(void)argc;
	(void)argv;
	if (getifaddrs(&all) < 0)
		return -errno;
	for (one = all; one; one = one->ifa_next) {
		if (one->ifa_addr && one->ifa_addr->sa_family == AF_INET)
			result = 0;
	}
	freeifaddrs(all);
	return result;
}

const struct verb netlink_verbs[] = {
	{"interfaces", "getifaddrs", 0, EPERM, act_interfaces},
	{"nl-message", "TYPE", 1, EPERM, act_message},
	{"nl-second", "TYPE: behind a question", 1, EPERM, act_second},
	{"nl-padded", "TYPE: and zeroes behind", 1, EPERM, act_padded},
	{"nl-many", "COUNT: questions in one datagram", 1, EPERM, act_many},
	{"nl-other", "to another socket", 0, EPERM, act_other},
	{"nl-newaddr", "an address of the loopback", 0, EPERM, act_newaddr},
	{0},
};
