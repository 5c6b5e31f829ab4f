// SPDX-License-Identifier: Apache-2.0
/* The first bytes of connections: what a name led to, and what is said there. */
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>
#include "dns.h"
#include "probe.h"

#define SPEECH_MAX 120000
#define PATIENCE   20000 /* ms for what has to come */

struct speech {
	unsigned char bytes[SPEECH_MAX];
	size_t size, head; /* what was said, and where its first part ends */
};

static void add(struct speech *speech, const void *bytes, size_t size)
{
	memcpy(speech->bytes + speech->size, bytes, size);
	speech->size += size;
}

static void add_text(struct speech *speech, const char *text)
{
	add(speech, text, strlen(text));
}

static void add_number(struct speech *speech, unsigned long value, unsigned size)
{
	for (unsigned i = size; i-- > 0;)
		speech->bytes[speech->size++] = (unsigned char)(value >> i * 8);
}

/* An extension server_name of one name or two (RFC 6066). */
static void add_names(struct speech *speech, const char *first, const char *second)
{
	size_t list = 3 + strlen(first) + (second ? 3 + strlen(second) : 0);

	add_number(speech, 0, 2);
	add_number(speech, list + 2, 2);
	add_number(speech, list, 2);
	for (const char *name = first; name; name = name == first ? second : NULL) {
		add_number(speech, 0, 1);
		add_number(speech, strlen(name), 2);
		add_text(speech, name);
	}
}

/* A ClientHello (RFC 8446) with these extensions, in records of `record` bytes. `between` goes between the
 * first two. */
static void add_hello(
	struct speech *speech, const struct speech *extensions, size_t record, const char *between)
{
	static const unsigned char random[32] = {22, 3, 1};
	static struct speech body;
	size_t length = 2 + 32 + 1 + 4 + 2 + 2 + extensions->size;

	body.size = 0;
	add_number(&body, 1, 1);
	add_number(&body, length, 3);
	add_number(&body, 0x0303, 2);
	add(&body, random, sizeof(random));
	add_number(&body, 0, 1);
	add_number(&body, 2, 2);
	add_number(&body, 0x1301, 2);
	add_number(&body, 0x0100, 2);
	add_number(&body, extensions->size, 2);
	add(&body, extensions->bytes, extensions->size);
	for (size_t at = 0; at < body.size; at += record) {
		size_t size = body.size - at < record ? body.size - at : record;

		if (at == record && between)
			add(speech, between, 6);
		add_number(speech, 22, 1);
		add_number(speech, 0x0301, 2);
		add_number(speech, size, 2);
		add(speech, body.bytes + at, size);
	}
}

/* What is said: by whose name the address was found, and which is named. */
struct about {
	const char *found, *named;
	size_t record; /* bytes of a record */
	size_t large;  /* bytes of a key share */
	const char *between;
	bool twice, list, none;
	bool again; /* what is named is named in a second hello */
	bool tls13, early, ech;
};

static void say_hello(struct speech *speech, const struct about *about)
{
	static struct speech extensions;

	extensions.size = 0;
	if (about->twice)
		add_names(&extensions, about->found, NULL);
	if (about->large) {
		add_number(&extensions, 51, 2);
		add_number(&extensions, about->large, 2);
		memset(extensions.bytes + extensions.size, 7, about->large);
		extensions.size += about->large;
	}
	if (about->tls13) {
		add_number(&extensions, 43, 2); /* supported_versions */
		add_number(&extensions, 0x0003020304UL, 5);
	}
	if (about->early)
		add_number(&extensions, 42UL << 16, 4); /* early_data */
	if (about->ech) {
		/* encrypted_client_hello (RFC 9849): outer, ciphers, configuration, and nothing that is encrypted */
		add_number(&extensions, 0xfe0d, 2);
		add_number(&extensions, 10, 2);
		add(&extensions, "\0\0\1\0\1\7\0\0\0", 10);
	}
	if (!about->none)
		add_names(&extensions, about->list ? about->found : about->named,
			about->list ? about->named : NULL);
	add_hello(speech, &extensions, about->record ?: 16384, about->between);
}

/* What looks encrypted, in two records. All that is said fits the window that a receiver opens with (64 KiB): what
 * waits for an answer is sent by whoever takes that one in, so the event would name nobody. More of it has
 * tests/bpf/test_connections.c. */
static void say_early(struct speech *speech)
{
	static unsigned char record[5 + 16384] = {23, 3, 3, 0x40, 0};

	for (unsigned i = 0; i < 2; i++)
		add(speech, record, sizeof(record));
}

/* Once, or as who was asked for another hello. */
static void say_tls(struct speech *speech, const struct about *about)
{
	struct about first = *about;

	first.named = about->found;
	if (about->again)
		say_hello(speech, &first);
	if (about->early)
		say_early(speech);
	if (about->again && about->tls13)
		add(speech, "\x14\x03\x03\x00\x01\x01", 6);
	say_hello(speech, about);
}

static void say_format(struct speech *speech, const struct about *about, const char *format)
{
	for (; *format; format++) {
		if (*format == '&')
			add_text(speech, about->found);
		else if (*format == '%')
			add_text(speech, about->named);
		else
			add(speech, format, 1);
	}
}

/* How it is sent. */
enum way { WHOLE, BYTES, HALVES, FASTOPEN, FILE_PAGES, ZEROCOPY, URGENT, AGAIN };

static const struct manner {
	const char *name;
	const char *http; /* '&': the name that was found, '%': the one that is named */
	struct about tls;
	enum way way;
} manners[] = {
	{.name = "tls"},
	{.name = "tls-bytes", .way = BYTES},
	{.name = "tls-halves", .way = HALVES, .tls = {.large = 1700}},
	{.name = "tls-large", .tls = {.large = 12000}},
	{.name = "tls-records", .tls = {.record = 3}},
	{.name = "tls-between", .tls = {.record = 40, .between = "\x14\x03\x03\x00\x01\x01"}},
	{.name = "tls-list", .tls = {.list = true}},
	{.name = "tls-twice", .tls = {.twice = true}},
	{.name = "tls-none", .tls = {.none = true}},
	{.name = "tls-retry", .tls = {.again = true, .tls13 = true, .large = 200}},
	{.name = "tls-early", .tls = {.again = true, .tls13 = true, .early = true, .large = 200}},
	{.name = "tls-second", .tls = {.again = true}}, /* of TLS 1.2 */
	{.name = "tls-ech", .tls = {.tls13 = true, .ech = true}},
	{.name = "tls-fastopen", .way = FASTOPEN},
	{.name = "tls-file", .way = FILE_PAGES},
	{.name = "tls-zerocopy", .way = ZEROCOPY},
	{.name = "tls-again", .way = AGAIN},
	{.name = "http", .http = "GET / HTTP/1.1\r\nAccept: */*\r\nHost: %\r\n\r\n"},
	{.name = "http-bytes", .http = "GET / HTTP/1.1\r\nhOST:%:7446 \r\n\r\n", .way = BYTES},
	{.name = "http-absolute", .http = "GET http://%/ HTTP/1.1\r\nHost: %\r\n\r\n"},
	{.name = "http-differs", .http = "GET http://&/ HTTP/1.1\r\nHost: %\r\n\r\n"},
	{.name = "http-twice", .http = "GET / HTTP/1.1\r\nHost: &\r\nX: y\r\nHost: %\r\n\r\n"},
	{.name = "http-fold", .http = "GET / HTTP/1.1\r\nX: y\r\n Host: &\r\nHost: %\r\n\r\n"},
	{.name = "http-user", .http = "GET / HTTP/1.1\r\nHost: &@%\r\n\r\n"},
	{.name = "http-space", .http = "GET / HTTP/1.1\r\nHost : &\r\nHost: %\r\n\r\n"},
	{.name = "http-bare", .http = "GET / HTTP/1.1\nHost: %\r\n\r\n"},
	{.name = "http-lines", .http = "\r\nGET / HTTP/1.1\r\nHost: %\r\n\r\n"},
	{.name = "http-none", .http = "GET / HTTP/1.0\r\n\r\n"},
	{.name = "http-urgent", .http = "GET / HTTP/1.1\r\nHost: %\r\n\r\n", .way = URGENT},
	{.name = "http2", .http = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
	{.name = "connect", .http = "CONNECT %:443 HTTP/1.1\r\nHost: %:443\r\n\r\n"},
	{.name = "words", .http = "SSH-2.0-%\r\n"},
	{0},
};

static int send_all(int fd, const struct speech *speech, size_t piece)
{
	int result = 0;

	for (size_t at = 0; result == 0 && at < speech->size; at += piece) {
		size_t rest = speech->size - at;

		result = result_of(
			send(fd, speech->bytes + at, rest < piece ? rest : piece, MSG_NOSIGNAL));
	}
	return result;
}

/* By pages of a file, which can be written to while they are sent. */
static int send_file(int fd, const struct speech *speech)
{
	int file = memfd_create("said", MFD_CLOEXEC);
	off_t from = 0;

	if (file < 0 || write(file, speech->bytes, speech->size) < 0)
		return -errno;
	return result_of(sendfile(fd, file, &from, speech->size));
}

static int speak(int fd, const struct speech *speech, enum way way)
{
	int yes = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	switch (way) {
	case BYTES:
		return send_all(fd, speech, 1);
	case HALVES:
		return send_all(fd, speech, speech->size / 2 + 1);
	case FILE_PAGES:
		return send_file(fd, speech);
	case ZEROCOPY:
		if (setsockopt(fd, SOL_SOCKET, 60 /* SO_ZEROCOPY */, &yes, sizeof(yes)) < 0)
			return -errno;
		return result_of(send(fd, speech->bytes, speech->size, MSG_NOSIGNAL | 0x4000000));
	case URGENT:
		return result_of(send(fd, speech->bytes, speech->size, MSG_NOSIGNAL | MSG_OOB));
	case WHOLE:
	case FASTOPEN:
	case AGAIN:
		break;
	}
	return send_all(fd, speech, speech->size);
}

/* Waits until all that was said has come back. */
static int await_echo(int fd, size_t size)
{
	static unsigned char bytes[SPEECH_MAX];
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};

	while (size) {
		ssize_t got;

		if (poll(&pollfd, 1, PATIENCE) < 1)
			return -EAGAIN;
		got = recv(fd, bytes, sizeof(bytes), 0);
		if (got < 1)
			return got ? -errno : -ECONNRESET;
		size -= (size_t)got < size ? (size_t)got : size;
	}
	return 0;
}

static int peer_of(union address *peer, const char *name, const char *port)
{
	unsigned char bytes[16];
	int family = address_of(name, bytes);

	*peer = (union address){};
	peer->any.sa_family = (sa_family_t)family;
	peer->v4.sin_port = htons((uint16_t)atoi(port)); /* where IPv6 has it, too */
	if (family == AF_INET)
		memcpy(&peer->v4.sin_addr, bytes, 4);
	else
		memcpy(&peer->v6.sin6_addr, bytes, 16);
	return family;
}

/* A socket that has said something elsewhere, where an address is allowed, and goes on to another peer. */
static int speak_elsewhere(int fd, const char *port)
{
	const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
	union address elsewhere;
	int result;

	peer_of(&elsewhere, "x.203-0-113-200.test", port);
	result = result_of(connect(fd, &elsewhere.any, sizeof(elsewhere)));
	if (result == 0)
		result = result_of(send(fd, "x", 1, MSG_NOSIGNAL));
	if (result == 0)
		result = await_echo(fd, 1);
	return result ?: result_of(connect(fd, &nobody, sizeof(nobody)));
}

static int say(int fd, const union address *peer, const char *port, const struct speech *speech, enum way way)
{
	int result = way == AGAIN ? speak_elsewhere(fd, port) : 0;

	if (result == 0 && way == FASTOPEN)
		result = result_of(sendto(fd, speech->bytes, speech->size, MSG_FASTOPEN | MSG_NOSIGNAL,
			&peer->any, sizeof(*peer)));
	else if (result == 0)
		result = result_of(connect(fd, &peer->any, sizeof(*peer))) ?: speak(fd, speech, way);
	/* What is cut while it is being said is told to who says more, and then by the socket. */
	return result && result != -EPERM ? result
					  : await_echo(fd, speech->size - (way == URGENT)); /* no part of the stream */
}

/* FOUND PORT MANNER NAMED: asks for FOUND, connects to where it leads, says NAMED there and hears the same. */
static int act_say(int argc, char **argv)
{
	static struct speech speech;
	const struct manner *manner = manners;
	struct about about;
	union address peer;
	int fd, result;

	(void)argc;
	while (manner->name && strcmp(manner->name, argv[2]) != 0)
		manner++;
	if (!manner->name)
		return -EINVAL;
	about = manner->tls;
	about.found = argv[0];
	about.named = argv[3];
	if (manner->http)
		say_format(&speech, &about, manner->http);
	else
		say_tls(&speech, &about);
	result = look_up("udp", argv[0]);
	if (result < 0)
		return result;
	fd = socket(peer_of(&peer, argv[0], argv[1]), SOCK_STREAM | SOCK_CLOEXEC, 0);
	result = fd < 0 ? -errno : say(fd, &peer, argv[1], &speech, manner->way);
	if (fd >= 0)
		close(fd);
	return result;
}

const struct verb say_verbs[] = {
	{"say", "FOUND PORT MANNER NAMED: asks for FOUND, and says NAMED where it leads", 4, ETIMEDOUT,
		act_say},
	{0},
};
