/* SPDX-License-Identifier: Apache-2.0 */
/* The socket: root may ask, and who is in a group for less, outside of every cell. */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include "base/util.h"
#include "daemon/serve.h"
#include "trail/clock.h"

#define CLIENTS_MAX 64
#define ANSWER_USUAL (64U << 10)

static int fail(struct diag *diag, int result)
{
	ambit_diag_set(
		diag, NULL, 0, 0, "cannot listen on \"" AMBIT_CONTROL "\": %s", strerror(-result));
	return result;
}

int control_open(struct service *service, struct diag *diag)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = AMBIT_CONTROL};
	int fd = notify_socket();

	if (fd < 0) {
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (fd < 0)
			return fail(diag, -errno);
		/* We have the lock, so it is of one that is gone. */
		unlink(AMBIT_CONTROL);
		if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
			chmod(AMBIT_CONTROL, 0600) < 0 || listen(fd, CLIENTS_MAX) < 0) {
			int result = -errno;

			close(fd);
			return fail(diag, result);
		}
	}
	users_open(service);
	service->listener = (struct source){SOURCE_LISTEN, fd};
	return service_watch(service, &service->listener);
}

/* Who could not be told from a task of a cell counts as one. */
static bool may_ask(const struct service *service, int fd, struct ucred *ret)
{
	socklen_t size = sizeof(*ret);
	_cleanup_close_ int pidfd = -1;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret, &size) < 0)
		return false;
	pidfd = peer_pidfd(fd, ret->pid);
	return pidfd >= 0 && !ambit_process_is_inside(service->kernel, pidfd) &&
	       (ret->uid == 0 || users_may_ask(service, fd, ret));
}

void client_free(struct service *service, struct client *client)
{
	struct client **at = &service->clients;

	while (*at && *at != client)
		at = &(*at)->next;
	if (*at)
		*at = client->next;
	service_unwatch(service, &client->source);
	free(client->bytes);
	free(client);
}

void control_accept(struct service *service)
{
	int fd = accept4(service->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct client *client;
	struct ucred peer;
	unsigned count = 0;

	if (fd < 0)
		return;
	for (client = service->clients; client; client = client->next)
		count++;
	client = count < CLIENTS_MAX && may_ask(service, fd, &peer) ? calloc(1, sizeof(*client)) : NULL;
	if (!client) {
		close(fd);
		return;
	}
	client->source = (struct source){SOURCE_CLIENT, fd};
	client->uid = peer.uid;
	client->gid = peer.gid;
	client->pid = peer.pid;
	client->since = clock_ns(CLOCK_MONOTONIC);
	client->bytes = malloc(VARLINK_MAX);
	client->next = service->clients;
	service->clients = client;
	if (!client->bytes || service_watch(service, &client->source) < 0)
		client_free(service, client);
}

/* Room in the socket for a list of thousands of cells. To others no answer is long. */
static void room_make(const struct client *client, size_t size)
{
	const int room = (int)(2 * size);

	if (client->uid == 0 && size > ANSWER_USUAL)
		setsockopt(client->source.fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
}

/* Answers fit the socket's buffer, or whoever asked does not read: then he is let go. So is, here, who was
 * handed over to another process. */
static int answer(struct service *service, struct client *client, const char *bytes, size_t size)
{
	bool taken = false;
	struct varlink_call call = {0};
	_cleanup_free_ char *reply = NULL;
	size_t reply_size = 0;

	if (varlink_parse(bytes, size, &call) < 0)
		return -EBADMSG;
	reply = client->uid ? users_answer(service, client, &call, &taken, &reply_size)
			    : methods_answer(service, &call, &reply_size);
	if (reply)
		room_make(client, reply_size);
	if (reply && !call.oneway &&
		send(client->source.fd, reply, reply_size, MSG_NOSIGNAL) != (ssize_t)reply_size)
		reply_size = 0;
	varlink_clear(&call);
	return reply_size ? 0 : -EIO;
}

void control_read(struct service *service, struct client *client)
{
	ssize_t length =
		read(client->source.fd, client->bytes + client->size, VARLINK_MAX - client->size);
	char *end;
	int result = length > 0 ? 0 : -EIO;

	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	client->size += length > 0 ? (size_t)length : 0;
	while (result == 0 && (end = memchr(client->bytes, '\0', client->size))) {
		const size_t size = (size_t)(end - client->bytes);

		result = answer(service, client, client->bytes, size);
		client->size -= size + 1;
		memmove(client->bytes, end + 1, client->size);
	}
	if (result < 0 || client->size == VARLINK_MAX)
		client_free(service, client);
}

void control_close(struct service *service)
{
	while (service->clients)
		client_free(service, service->clients);
	if (service->listener.fd >= 0)
		close(service->listener.fd);
}
