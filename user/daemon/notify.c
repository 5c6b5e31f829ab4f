/* SPDX-License-Identifier: Apache-2.0 */
/* The part of sd_notify(3) and sd_listen_fds(3) that a service needs: a datagram, and two
 * variables. */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "base/util.h"
#include "daemon/serve.h"

#define FIRST_SOCKET 3 /* SD_LISTEN_FDS_START */

void notify(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = path ? strlen(path) : 0;
	_cleanup_close_ int fd = -1;

	if (!length || length >= sizeof(address.sun_path))
		return;
	memcpy(address.sun_path, path, length);
	if (*path == '@')
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address,
			(socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
}

/* A variable that counts if another one names us. */
static uint64_t number_for_us(const char *name, const char *pid_name)
{
	const char *value = getenv(name), *pid = getenv(pid_name);

	if (!value || (pid && strtoul(pid, NULL, 10) != (unsigned long)getpid()))
		return 0;
	return strtoull(value, NULL, 10);
}

uint64_t notify_interval(void)
{
	return number_for_us("WATCHDOG_USEC", "WATCHDOG_PID") / 2;
}

int notify_socket(void)
{
	int yes = 0;
	socklen_t size = sizeof(yes);

	if (!getenv("LISTEN_PID") || number_for_us("LISTEN_FDS", "LISTEN_PID") != 1 ||
		getsockopt(FIRST_SOCKET, SOL_SOCKET, SO_ACCEPTCONN, &yes, &size) < 0 || !yes)
		return -1;
	fcntl(FIRST_SOCKET, F_SETFD, FD_CLOEXEC);
	fcntl(FIRST_SOCKET, F_SETFL, O_NONBLOCK);
	return FIRST_SOCKET;
}
