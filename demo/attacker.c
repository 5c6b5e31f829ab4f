/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attacker ADDRESS PORT FILE   takes what anybody sends and appends it to FILE. Says "listening" on
 * stdout when it is ready. On SIGTERM it takes what still waits, then ends.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void on_term(int number)
{
	(void)number; /* only to interrupt ppoll() */
}

static int fail(const char *what)
{
	fprintf(stderr, "attacker: %s: %s\n", what, strerror(errno));
	return EXIT_FAILURE;
}

static int listen_at(const char *address, const char *port)
{
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0 || inet_pton(AF_INET, address, &here.sin_addr) != 1 ||
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
		bind(fd, (struct sockaddr *)&here, sizeof(here)) < 0 || listen(fd, 8) < 0)
		return -1;
	return fd;
}

/* Everything that one sender sends, to its end. */
static bool take(int from, int to)
{
	char bytes[4096];
	ssize_t size;

	while ((size = read(from, bytes, sizeof(bytes))) > 0)
		if (write(to, bytes, (size_t)size) != size)
			return false;
	close(from);
	return size == 0;
}

static int serve(int fd, int to)
{
	const struct timespec now = {};
	struct pollfd waiting = {.fd = fd, .events = POLLIN};
	bool told = false;
	sigset_t none;

	sigemptyset(&none);
	for (;;) {
		/* SIGTERM gets through in here alone, so that no sender is cut off. */
		int count = ppoll(&waiting, 1, told ? &now : NULL, &none);

		if (count == 0)
			return EXIT_SUCCESS;
		if (count < 0 && errno != EINTR)
			return fail("poll");
		if (count < 0)
			told = true;
		else if (!take(accept(fd, NULL, NULL), to))
			return fail("receive");
	}
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_term};
	sigset_t term;

	if (argc != 4) {
		fprintf(stderr, "usage: attacker ADDRESS PORT FILE\n");
		return 2;
	}
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	sigaction(SIGTERM, &action, NULL);

	int to = open(argv[3], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	int fd = listen_at(argv[1], argv[2]);

	if (to < 0)
		return fail(argv[3]);
	if (fd < 0)
		return fail(argv[1]);
	if (puts("listening") < 0 || fflush(stdout) != 0)
		return fail("stdout");
	return serve(fd, to);
}
