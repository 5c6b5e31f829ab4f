/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What names add: connects to an address that a name leads to, and data on a connection to it. In a cell
 * whose policy has names the address has to be looked up first; the guest's resolver is tests/probe.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include "bench.h"

#define ADDRESS "203.0.113.1"
#define NAME	"good.203-0-113-1.ok.test"

static struct sockaddr_in peer(int port)
{
	struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

	inet_pton(AF_INET, ADDRESS, &peer.sin_addr);
	return peer;
}

/* Asks for the name, once. The answer counts for an hour. */
static int look_up(void)
{
	static bool asked;
	pid_t pid = asked ? 0 : fork();

	if (asked)
		return 0;
	if (pid == 0) {
		execl(BENCH_TREE "/probe", "probe", "query", NAME, NULL);
		_exit(127);
	}
	asked = true;
	return pid < 0 ? -errno : bench_wait(pid) ? -ENOENT : 0;
}

static int connect_to(int *fd, int type, int port)
{
	struct sockaddr_in to = peer(port);
	int r = look_up();

	if (*fd < 0)
		*fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	return r < 0 ? r : connect(*fd, (struct sockaddr *)&to, sizeof(to)) < 0 ? -errno : 0;
}

static int run_udp(unsigned index)
{
	static int fd = -1;

	(void)index;
	return connect_to(&fd, SOCK_DGRAM, 9);
}

/* Nobody serves port 10. */
static int run_tcp(unsigned index)
{
	static int fd = -1;
	int r = connect_to(&fd, SOCK_STREAM, 10);

	(void)index;
	return r == -ECONNREFUSED ? 0 : r ?: -EISCONN;
}

static int served(void)
{
	struct sockaddr_in here = peer(9);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	return bind(fd, (struct sockaddr *)&here, sizeof(here)) < 0 || listen(fd, 1) < 0 ? -errno : fd;
}

/* A segment with data from one end of a connection to the other, which are both here, after first bytes that
 * say the name. */
static int run_segment(unsigned index)
{
	static const char head[] = "GET / HTTP/1.1\r\nHost: " NAME "\r\n\r\n";
	static int one = -1, other = -1;
	char bytes[1000] = {};

	(void)index;
	if (other < 0) {
		int listener = served(), r = listener < 0 ? listener : connect_to(&one, SOCK_STREAM, 9);

		if (r < 0)
			return r;
		other = accept(listener, NULL, NULL);
		close(listener);
		if (send(one, head, sizeof(head) - 1, MSG_NOSIGNAL) < 0 ||
			recv(other, bytes, sizeof(head) - 1, MSG_WAITALL) != sizeof(head) - 1)
			return -EPROTO;
	}
	if (send(one, bytes, sizeof(bytes), MSG_NOSIGNAL) < 0)
		return -errno;
	return recv(other, bytes, sizeof(bytes), MSG_WAITALL) < 0 ? -errno : 0;
}

const struct bench_op bench_names[] = {
	{"udp connect to a name", run_udp, 101, 50, false, CLOCK_WALL, false, GROUP_NAMES},
	{"tcp connect to a name", run_tcp, 101, 20, false, CLOCK_WALL, false, GROUP_NAMES},
	{"tcp segment", run_segment, 101, 20, false, CLOCK_WALL, false, GROUP_NAMES},
};
const size_t bench_names_count = sizeof(bench_names) / sizeof(bench_names[0]);
