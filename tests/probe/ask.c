// SPDX-License-Identifier: Apache-2.0
/* Clients of a resolver, that take whatever comes from whoever sends it. */
#include <poll.h>
#include <stddef.h>
#include <sys/random.h>
#include <unistd.h>
#include "dns.h"
#include "probe.h"

#define PATIENCE 20000 /* ms for an answer that has to come */

static void query(struct message *message, const char *name)
{
	unsigned char address[16], id[2];

	if (getrandom(id, sizeof(id), 0) != sizeof(id))
		id[0] = 1;
	message->size = 0;
	put(message, id, sizeof(id));
	put16(message, 0x0100);
	put16(message, 1);
	for (int i = 0; i < 3; i++)
		put16(message, 0);
	put_name(message, name);
	put16(message, address_of(name, address) == AF_INET6 ? TYPE_AAAA : TYPE_A);
	put16(message, 1);
	message->bytes[0] = (unsigned char)(message->size >> 8);
	message->bytes[1] = (unsigned char)message->size;
}

/* Waits for anything from anybody. */
static int await(int fd, int patience)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};
	static unsigned char bytes[MESSAGE];
	int ready = poll(&pollfd, 1, patience);

	if (ready < 1)
		return ready < 0 ? -errno : -ETIMEDOUT;
	return result_of(recv(fd, bytes, sizeof(bytes), 0));
}

static int ask_udp(const char *resolver, const struct message *message)
{
	union address peer;
	socklen_t length = address_parse(&peer, resolver, "53");
	int fd = socket(peer.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), result;

	result = result_of(sendto(fd, message->bytes + 2, message->size, 0, &peer.any, length));
	if (result == 0)
		result = await(fd, PATIENCE);
	close(fd);
	return result;
}

/* In pieces of `piece` bytes. */
static int ask_tcp(const struct message *message, size_t piece, int patience)
{
	union address peer;
	socklen_t length = address_parse(&peer, RESOLVER, "53");
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
	int result = result_of(connect(fd, &peer.any, length));

	setsockopt(fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &yes, sizeof(yes));
	for (size_t at = 0; result == 0 && at < message->size + 2; at += piece) {
		size_t rest = message->size + 2 - at;

		result = result_of(send(
			fd, message->bytes + at, rest < piece ? rest : piece, MSG_NOSIGNAL));
	}
	if (result == 0)
		result = await(fd, patience);
	close(fd);
	return result;
}

static int act_query(int argc, char **argv)
{
	static struct message message;

	query(&message, argv[0]);
	return ask_udp(argc > 1 ? argv[1] : RESOLVER, &message);
}

static int act_query_tcp(int argc, char **argv)
{
	static struct message message;

	query(&message, argv[0]);
	return ask_tcp(&message, argc > 1 ? (size_t)atoi(argv[1]) : MESSAGE, 3000);
}

/* What is no plain question, by a change at an offset: AT VALUE NAME. */
static int act_odd(int argc, char **argv)
{
	static struct message message;

	(void)argc;
	query(&message, argv[2]);
	body(&message)[atoi(argv[0])] = (unsigned char)atoi(argv[1]);
	return ask_udp(RESOLVER, &message);
}

static int connect_to(const char *name, const char *port, const char *proto)
{
	union address peer = {};
	unsigned char bytes[16];
	int family = address_of(name, bytes), fd, result;

	peer.any.sa_family = (sa_family_t)family;
	peer.v4.sin_port = htons((uint16_t)atoi(port)); /* where IPv6 has it, too */
	if (family == AF_INET)
		memcpy(&peer.v4.sin_addr, bytes, 4);
	else
		memcpy(&peer.v6.sin6_addr, bytes, 16);
	fd = socket(family, address_type(proto), 0);
	result = fd < 0 ? -errno : result_of(connect(fd, &peer.any, sizeof(peer)));
	if (fd >= 0)
		close(fd);
	return result;
}

int look_up(const char *how, const char *name)
{
	static struct message message;

	query(&message, name);
	return strcmp(how, "tcp") == 0 ? ask_tcp(&message, MESSAGE, PATIENCE)
				       : ask_udp(RESOLVER, &message);
}

static int act_lookup(int argc, char **argv)
{
	int result = look_up(argv[0], argv[1]);

	return result < 0 ? result : connect_to(argv[1], argv[2], argc > 3 ? argv[3] : "tcp");
}

/* Goes on connecting until that is denied, or for so long that it never will be. */
static int act_lookup_late(int argc, char **argv)
{
	int result = look_up("udp", argv[0]);

	(void)argc;
	for (int i = 0; i < 50 && result == 0; i++) {
		result = connect_to(argv[0], argv[1], "tcp");
		poll(NULL, 0, 100);
	}
	return result;
}

/* Connects twice by another name of the same address, which has "ok.test" behind its first two labels; asks for
 * NAME, and connects once more. */
static int act_lookup_more(int argc, char **argv)
{
	size_t labels = strcspn(argv[0], ".") + 1;
	char other[256];
	int result;

	(void)argc;
	labels += strcspn(argv[0] + labels, ".");
	snprintf(other, sizeof(other), "%.*s.ok.test", (int)labels, argv[0]);
	result = look_up("udp", other);
	for (int i = 0; i < 2 && result == 0; i++)
		result = connect_to(other, argv[1], "tcp");
	if (result < 0 || look_up("udp", argv[0]) < 0)
		return -EIO;
	return connect_to(other, argv[1], "tcp");
}

/* COUNT questions. The first has to pass. */
static int act_flood(int argc, char **argv)
{
	static struct message message;
	int result = 0;

	(void)argc;
	query(&message, argv[1]);
	for (int i = 0; i < atoi(argv[0]) && result == 0; i++) {
		result = ask_udp(RESOLVER, &message);
		if (i == 0 && result < 0)
			return -EIO;
	}
	return result;
}

const struct verb ask_verbs[] = {
	{"query", "NAME [RESOLVER]: asks for it", 1, EPERM, act_query},
	{"query-tcp", "NAME [PIECE]: the same over TCP, in pieces", 1, ETIMEDOUT, act_query_tcp},
	{"query-odd", "AT VALUE NAME: with a byte changed", 3, EPERM, act_odd},
	{"lookup", "udp|tcp NAME PORT [udp]: asks, and connects to where NAME says", 3, EPERM, act_lookup},
	{"lookup-late", "NAME PORT: asks, and connects over and over", 2, EPERM, act_lookup_late},
	{"lookup-more", "NAME PORT: connects before and after it asks", 2, EPERM, act_lookup_more},
	{"flood", "COUNT NAME: questions", 2, EPERM, act_flood},
	{0},
};
