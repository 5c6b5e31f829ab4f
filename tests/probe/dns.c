// SPDX-License-Identifier: Apache-2.0
/* A resolver that answers as the name asks it to (dns.h, and `answers` below). */
#include <ctype.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>
#include "dns.h"
#include "probe.h"

#define OTHER "127.0.0.54"

/* A record of the asked name (`name` NULL) or of another. */
static void put_record(
	struct message *message, const char *name, int family, const unsigned char *address, unsigned ttl)
{
	unsigned size = family == AF_INET ? 4 : 16;

	if (name)
		put_name(message, name);
	else
		put16(message, 0xc00c);
	put16(message, family == AF_INET ? TYPE_A : TYPE_AAAA);
	put16(message, 1);
	put16(message, ttl >> 16);
	put16(message, ttl);
	put16(message, size);
	put(message, address, size);
	set16(message, 6, (unsigned)(body(message)[6] << 8 | body(message)[7]) + 1);
}

static void put_alias(struct message *message, const char *from, const char *to)
{
	size_t at;

	if (from)
		put_name(message, from);
	else
		put16(message, 0xc00c);
	put16(message, TYPE_CNAME);
	put16(message, 1);
	put16(message, 0);
	put16(message, 3600);
	at = message->size;
	put16(message, 0);
	put_name(message, to);
	set16(message, at, (unsigned)(message->size - at - 2));
	set16(message, 6, (unsigned)(body(message)[6] << 8 | body(message)[7]) + 1);
}

struct answer {
	struct message *message; /* header and question */
	int family;
	unsigned char address[16];
	unsigned ttl;
	const char *from; /* whom it comes from; NULL: the resolver */
	int port;
};

static void answer_good(struct answer *answer)
{
	put_record(answer->message, NULL, answer->family, answer->address, answer->ttl);
}
static void answer_short(struct answer *answer)
{
	answer->ttl = 0;
	answer_good(answer);
}
static void answer_alias(struct answer *answer)
{
	put_alias(answer->message, NULL, "edge.elsewhere.test");
	put_alias(answer->message, "edge.elsewhere.test", "far.test");
	put_record(answer->message, "far.test", answer->family, answer->address, answer->ttl);
}
static void answer_foreign(struct answer *answer)
{
	put_record(answer->message, "victim.test", answer->family, answer->address, answer->ttl);
}
/* An alias of another name than the one that was asked. */
static void answer_beside(struct answer *answer)
{
	put_alias(answer->message, "victim.test", "far.test");
	put_record(answer->message, "far.test", answer->family, answer->address, answer->ttl);
}
static void answer_id(struct answer *answer)
{
	answer_good(answer);
	body(answer->message)[1] ^= 1;
}
static void answer_type(struct answer *answer)
{
	answer_good(answer);
	body(answer->message)[12 + strlen((char *)body(answer->message) + 12) + 2] ^= 1;
}
static void answer_question(struct answer *answer)
{
	answer_good(answer);
	body(answer->message)[13] ^= 1;
}
static void answer_query(struct answer *answer)
{
	answer_good(answer);
	body(answer->message)[2] &= 0x7f;
}
static void answer_port(struct answer *answer)
{
	answer_good(answer);
	answer->port = 5353;
}
static void answer_source(struct answer *answer)
{
	answer_good(answer);
	answer->from = OTHER;
}
/* The owner is a pointer to itself. */
static void answer_loop(struct answer *answer)
{
	size_t at = answer->message->size;

	answer_good(answer);
	set16(answer->message, at, 0xc000 | (unsigned)at);
}
/* A good record, and then half of one. */
static void answer_cut(struct answer *answer)
{
	answer_good(answer);
	answer_good(answer);
	answer->message->size -= 3;
}
/* A record that says it is longer than the message. */
static void answer_long(struct answer *answer)
{
	answer_good(answer);
	set16(answer->message, answer->message->size - (answer->family == AF_INET ? 6 : 18), 0xffff);
}
static void answer_class(struct answer *answer)
{
	size_t at = answer->message->size;

	answer_good(answer);
	set16(answer->message, at + 4, 3);
}
/* More than any message that is read. */
static void answer_big(struct answer *answer)
{
	while (answer->message->size < 60000)
		answer_good(answer);
}

static const struct {
	const char *how;
	void (*fill)(struct answer *answer);
} answers[] = {{"good", answer_good}, {"short", answer_short}, {"alias", answer_alias},
	{"foreign", answer_foreign}, {"beside", answer_beside}, {"id", answer_id},
	{"type", answer_type}, {"question", answer_question}, {"query", answer_query},
	{"port", answer_port}, {"source", answer_source}, {"loop", answer_loop}, {"cut", answer_cut},
	{"long", answer_long}, {"class", answer_class}, {"big", answer_big}};

/* The question's name as text; false for what is none. */
static bool name_read(const struct message *query, char ret[256])
{
	const unsigned char *at = query->bytes + 2 + 12, *end = query->bytes + 2 + query->size;
	size_t size = 0;

	while (at < end && *at && *at < 64 && size + *at < 254 && at + *at < end) {
		if (size)
			ret[size++] = '.';
		for (unsigned char length = *at++; length; length--)
			ret[size++] = (char)tolower(*at++);
	}
	ret[size] = '\0';
	return at + 4 < end && !*at;
}

/* Turns a question into its answer. */
static void respond(struct message *message, struct answer *answer)
{
	char name[256];

	*answer = (struct answer){.message = message, .ttl = 3600, .port = 53};
	if (message->size < 17 || !name_read(message, name))
		return;
	message->size = 12 + strlen(name) + 2 + 4;
	set16(message, 2, 0x8180);
	set16(message, 6, 0);
	set16(message, 8, 0);
	set16(message, 10, 0);
	answer->family = address_of(name, answer->address);
	for (size_t i = 0; answer->family && i < ARRAY_SIZE(answers); i++)
		if (!strncmp(name, answers[i].how, strcspn(name, ".")))
			answers[i].fill(answer);
}

static int bound(int type, const char *address, int port)
{
	union address local;
	char text[8];
	socklen_t length;
	int fd, yes = 1;

	snprintf(text, sizeof(text), "%d", port);
	length = address_parse(&local, address, text);
	fd = socket(local.any.sa_family, type | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
		bind(fd, &local.any, length) < 0)
		return -1;
	return fd;
}

enum { UDP, UDP_OTHER, UDP_PORT, TCP, SOCKETS };

static void serve_udp(const int fds[SOCKETS], int fd)
{
	static struct message message;
	struct answer answer;
	union address peer;
	socklen_t length = sizeof(peer);
	ssize_t size = recvfrom(fd, body(&message), MESSAGE, 0, &peer.any, &length);

	if (size < 0)
		return;
	message.size = (size_t)size;
	respond(&message, &answer);
	if (answer.from)
		fd = fds[UDP_OTHER];
	if (answer.port != 53)
		fd = fds[UDP_PORT];
	sendto(fd, body(&message), message.size > 60000 ? 60000 : message.size, 0, &peer.any, length);
}

static void serve_tcp(int listener)
{
	static struct message message;
	struct answer answer;
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	/* One that says nothing is not waited for. */
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};
	size_t size = 0, wanted = 2;
	ssize_t got = 1;

	while (fd >= 0 && size < wanted && got > 0 && poll(&pollfd, 1, 5000) > 0) {
		got = recv(fd, message.bytes + size, wanted - size, 0);
		size += got > 0 ? (size_t)got : 0;
		if (size == 2)
			wanted = 2 + (size_t)(message.bytes[0] << 8 | message.bytes[1]);
	}
	if (size > 2 && size == wanted) {
		message.size = size - 2;
		respond(&message, &answer);
		message.bytes[0] = (unsigned char)(message.size >> 8);
		message.bytes[1] = (unsigned char)message.size;
		send(fd, message.bytes, message.size + 2, MSG_NOSIGNAL);
	}
	if (fd >= 0)
		close(fd);
}

static int act_serve(int argc, char **argv)
{
	int fds[SOCKETS] = {bound(SOCK_DGRAM, RESOLVER, 53), bound(SOCK_DGRAM, OTHER, 53),
		bound(SOCK_DGRAM, RESOLVER, 5353), bound(SOCK_STREAM, RESOLVER, 53)};
	struct pollfd polls[SOCKETS];
	pid_t child;

	(void)argc;
	(void)argv;
	for (int i = 0; i < SOCKETS; i++)
		polls[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
	if (fds[UDP] < 0 || fds[UDP_OTHER] < 0 || fds[UDP_PORT] < 0 || fds[TCP] < 0 ||
		listen(fds[TCP], 64) < 0)
		return -errno;
	child = fork();
	if (child) {
		printf("%d\n", child);
		return result_of(child);
	}
	setsid();
	for (int fd = 0; fd < 3; fd++)
		dup2(open("/dev/null", O_RDWR | O_CLOEXEC), fd);
	while (poll(polls, SOCKETS, -1) > 0) {
		for (int i = 0; i < SOCKETS; i++) {
			if (polls[i].revents && i == TCP)
				serve_tcp(fds[i]);
			else if (polls[i].revents)
				serve_udp(fds, fds[i]);
		}
	}
	_exit(1);
}

const struct verb dns_verbs[] = {
	{"serve-dns", "a resolver on " RESOLVER ", TCP and UDP", 0, 0, act_serve},
	{0},
};
