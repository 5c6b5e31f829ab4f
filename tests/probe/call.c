// SPDX-License-Identifier: Apache-2.0
/* Calls of a varlink service, as anybody may write them. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "probe.h"

static void *wait_thread(void *data)
{
	pause();
	return data;
}

/* The process that a call names: `self`, a number, or a child that waits, as it is (`plain`), without ever a way
 * to more privileges (`safe`), or with two threads besides that (`threads`). */
static pid_t process_of(const char *kind)
{
	pthread_t thread;
	int ready[2];
	char byte = 0;
	pid_t pid;

	if (strcmp(kind, "self") == 0)
		return getpid();
	if (atoi(kind))
		return atoi(kind);
	if (pipe(ready) < 0)
		return -1;
	pid = fork();
	if (pid)
		return read(ready[0], &byte, 1) == 1 ? pid : -1;
	prctl(PR_SET_PDEATHSIG, 9);
	if (strcmp(kind, "plain"))
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (strcmp(kind, "threads") == 0)
		pthread_create(&thread, NULL, wait_thread, NULL);
	if (write(ready[1], &byte, 1) == 1)
		pause();
	_exit(1);
}

/* call SOCKET KIND MESSAGE...: sends each message with a NUL behind it, "@PID@" being the number of the process,
 * and prints what is answered, a message a line, until the other end has had enough. */
static int call(int argc, char **argv)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char bytes[4096];
	ssize_t length;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), result;
	pid_t pid = process_of(argv[1]);

	strncpy(address.sun_path, argv[0], sizeof(address.sun_path) - 1);
	result = result_of(connect(fd, (struct sockaddr *)&address, sizeof(address)));
	for (int i = 2; result == 0 && i < argc; i++) {
		char *at = strstr(argv[i], "@PID@");

		if (at)
			dprintf(fd, "%.*s%d%s", (int)(at - argv[i]), argv[i], pid, at + 5);
		else
			dprintf(fd, "%s", argv[i]);
		result = result_of(write(fd, "", 1));
	}
	if (result < 0)
		return result;
	while ((length = read(fd, bytes, sizeof(bytes))) > 0) {
		for (ssize_t i = 0; i < length; i++)
			putchar(bytes[i] ? bytes[i] : '\n');
		fflush(stdout);
		/* The last answer to a call is the one that says of no other. */
		if (!bytes[length - 1] && !memmem(bytes, (size_t)length, "\"continues\"", 11))
			return 0;
	}
	return result_of(length);
}

const struct verb call_verbs[] = {
	{"call", "SOCKET PID|self|plain|safe|threads MESSAGE...  a call of varlink", 3, EPERM, call},
	{NULL, NULL, 0, 0, NULL},
};
