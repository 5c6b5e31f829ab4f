/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams whose message is the line as it stands in the trail. Over UDP the head is that of RFC 5424. What reads
 * /dev/log (journald, and rsyslog behind it or in its place) takes that for text: there it is what syslog(3) writes,
 * less the time, which the line has.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include "base/util.h"
#include "trail/sink.h"

/* Facility 10, security; severities of RFC 5424. */
#define FACILITY 10
#define WARNING	 4
#define INFO	 6
/* How long a full socket is waited for at a time. */
#define WAIT_MS 5000

int sink_connect_unix(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(addr.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(addr.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		close_cleanup(&fd);
		return -1;
	}
	return fd;
}

/* ADDRESS:PORT, [ADDRESS]:PORT. Names are not looked up: that could take for ever. */
static int connect_udp(const char *text)
{
	const struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_DGRAM};
	const char *colon = strrchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : 0;
	struct addrinfo *found = NULL;
	char host[64];
	int fd = -1;

	if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
		text++;
		length -= 2;
	}
	if (!length || length >= sizeof(host)) {
		errno = EINVAL;
		return -1;
	}
	memcpy(host, text, length);
	host[length] = '\0';
	if (getaddrinfo(host, colon + 1, &hints, &found)) {
		errno = EINVAL;
		return -1;
	}
	fd = socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) < 0) {
		close_cleanup(&fd);
		fd = -1;
	}
	freeaddrinfo(found);
	return fd;
}

/* ADDRESS:PORT, or NULL for a socket of this machine. */
static const char *udp_of(const struct sink *sink)
{
	const char *to = sink->config->to;

	return to && !strncmp(to, "udp:", 4) ? to + 4 : NULL;
}

static int syslog_open(struct sink *sink)
{
	const char *udp = udp_of(sink);

	sink->fd = udp ? connect_udp(udp) : sink_connect_unix(sink->config->to ?: "/dev/log");
	return sink->fd < 0 ? -errno : 0;
}

static void syslog_close(struct sink *sink)
{
	if (sink->fd >= 0)
		close(sink->fd);
	sink->fd = -1;
}

/* A text of the line that ambit itself wrote: no quote in it has a backslash. */
static int value_at(const char *line, size_t size, const char *key, const char **ret)
{
	const char *at = memmem(line, size, key, strlen(key)), *end;

	if (!at)
		return 0;
	at += strlen(key);
	end = memchr(at, '"', (size_t)(line + size - at));
	*ret = at;
	return end && end - at <= 48 ? (int)(end - at) : 0;
}

/* "<84>1 TIME HOST ambit PID TYPE - " */
static size_t put_rfc5424(char *out, size_t room, int priority, const char *line, size_t size)
{
	const char *time = "-", *type = "-";
	int time_size = value_at(line, size, ",\"time_dt\":\"", &time);
	int type_size = value_at(line, size, ",\"type\":\"", &type);
	char host[65] = "-";

	gethostname(host, sizeof(host) - 1);
	/* TIME-SECFRAC has six digits at most: of nine the last three and the Z go. */
	return (size_t)snprintf(out, room, "<%d>1 %.*s%s %s ambit %d %.*s - ",
		priority, time_size == 30 ? 26 : 1, time_size == 30 ? time : "-",
		time_size == 30 ? "Z" : "", host, getpid(), type_size ?: 1, type_size ? type : "-");
}

static size_t put_header(const struct sink *sink, char *out, size_t room, const char *line, size_t size)
{
	const int priority = FACILITY * 8 + (sink_is_denied(line, size) ? WARNING : INFO);

	if (udp_of(sink))
		return put_rfc5424(out, room, priority, line, size);
	return (size_t)snprintf(out, room, "<%d>ambit[%d]: ", priority, getpid());
}

static int send_line(struct sink *sink, const char *line, size_t size)
{
	char header[256];
	struct iovec parts[] = {
		{.iov_base = header, .iov_len = put_header(sink, header, sizeof(header), line, size)},
		{.iov_base = (void *)line, .iov_len = size},
	};
	const struct msghdr message = {.msg_iov = parts, .msg_iovlen = ARRAY_SIZE(parts)};

	if (parts[0].iov_len >= sizeof(header))
		return -EMSGSIZE;
	while (sendmsg(sink->fd, &message, MSG_NOSIGNAL) < 0) {
		int error = -errno;

		if (error == -EAGAIN)
			error = sink_wait(sink, sink->fd, POLLOUT, WAIT_MS);
		if (error && error != -EINTR)
			return error;
	}
	return 0;
}

static int syslog_send(
	struct sink *sink, const char *lines, size_t size, size_t *ret_done, uint64_t *ret_refused)
{
	const char *end = memchr(lines, '\n', size);
	size_t length = (size_t)(end - lines);
	int error = send_line(sink, lines, length);

	/* What is larger than a datagram is never taken. */
	if (error == -EMSGSIZE) {
		sink_explain(sink, "a line is larger than a datagram");
		*ret_refused = 1;
		error = 0;
	}
	*ret_done = error ? 0 : length + 1;
	return error;
}

const struct sink_type sink_syslog = {.open = syslog_open, .send = syslog_send, .close = syslog_close};
