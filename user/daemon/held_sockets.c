/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets that a task holds while its policy becomes narrower. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "base/util.h"
#include "daemon/tighten.h"
#include "policy/text.h"

static char *address_text(const struct address *address)
{
	const bool v4 = address->family == AMBIT_FAMILY_V4;
	char text[INET6_ADDRSTRLEN] = "";

	inet_ntop(v4 ? AF_INET : AF_INET6, address->bytes, text, sizeof(text));
	return text_format(v4 ? "%s:%u" : "[%s]:%u", text, address->port);
}

/* Whom it is connected to, and where it listens or was accepted. */
static void inet_look(struct tightening *tight, int fd, int protocol)
{
	static const struct {
		enum ambit_op op;
		const char *text;
		int (*name)(int fd, struct sockaddr *restrict address, socklen_t *restrict size);
	} ends[] = {{OP_LISTEN, "listen", getsockname}, {OP_CONNECT, "connect", getpeername}};

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		struct sockaddr_storage name = {0};
		socklen_t size = sizeof(name);
		struct address address;

		if (ends[i].name(fd, (struct sockaddr *)&name, &size) < 0 || !narrower_address(&name, &address) ||
			!address.port || !narrower_peer(tight, ends[i].op, (uint8_t)protocol, &address))
			continue;
		_cleanup_free_ char *text = address_text(&address);
		/* Datagrams come in by the port alone, which one that was bound to it keeps through a cut. */
		if (ends[i].op == OP_LISTEN && protocol != IPPROTO_TCP)
			tighten_end(tight, ends[i].text, text ?: "");
		else
			tighten_cut(tight, fd, ends[i].text, text ?: "");
		return;
	}
}

/* A relative name is of a place that is not known here, so it is taken for one that became narrower. */
static void unix_look(struct tightening *tight, int fd)
{
	struct sockaddr_un name = {0};
	socklen_t size = sizeof(name) - 1;
	_cleanup_free_ char *peer = NULL;

	if (getpeername(fd, (struct sockaddr *)&name, &size) < 0 ||
		size <= offsetof(struct sockaddr_un, sun_path) + 1)
		return;
	peer = name.sun_path[0] ? strdup(name.sun_path)
				: text_format("abstract:%.*s",
					  (int)(size - offsetof(struct sockaddr_un, sun_path) - 1),
					  name.sun_path + 1);
	if (!peer || (name.sun_path[0] ? *peer != '/' || narrower_unix(tight, peer)
					 : narrower_path(tight, OP_UNIX, peer, strlen(peer))))
		tighten_cut(tight, fd, "unix", peer ?: "");
}

/* The descriptor is that of the task itself, so it is looked at by another of the same socket. */
void tighten_socket(struct tightening *tight, pid_t tid, int number)
{
	_cleanup_close_ int task = tid == tight->pid ? -1 : pidfd_open(tid, 0x80 /* PIDFD_THREAD, since 6.9 */);
	_cleanup_close_ int fd = pidfd_getfd(task >= 0 ? task : tight->pidfd, number, 0);
	int domain = 0, protocol = 0;
	socklen_t size = sizeof(int);

	/* A thread that shares no descriptors, where such a thread cannot be named. */
	if (tid != tight->pid && task < 0) {
		tighten_end(tight, "read", "a socket of a thread that has descriptors of its own");
		return;
	}
	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0 ||
		getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) < 0) {
		tighten_end(tight, "read", "a socket that could not be looked at");
		return;
	}
	if (domain == AF_INET || domain == AF_INET6)
		inet_look(tight, fd, protocol);
	else if (domain == AF_UNIX)
		unix_look(tight, fd);
}
