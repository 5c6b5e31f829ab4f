/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prober COUNTS ALLOWED DENIED [STOP]   opens one file that it may read and one that it may not, in turn and
 * in a child now and then, until the file STOP is there (without STOP: once). COUNTS gets what came of
 * it: "allowed N denied N wrong N". Wrong is whatever is not as it should be in a cell, also another
 * error than EACCES. Exit status 1 if something was.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define FORK_EACH 64 /* rounds: a task that is new has a label of its own */

static unsigned long allowed, denied, wrong;

static int opens(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static unsigned probe(const char *good, const char *bad)
{
	return (opens(good) != 0) + (opens(bad) != -EACCES);
}

int main(int argc, char **argv)
{
	FILE *counts;
	int status;

	if (argc < 4)
		return 2;
	for (unsigned long round = 0; round == 0 || (argc > 4 && access(argv[4], F_OK) < 0); round++) {
		wrong += probe(argv[2], argv[3]);
		if (round % FORK_EACH == 0) {
			pid_t child = fork();

			if (child == 0)
				_exit((int)probe(argv[2], argv[3]));
			if (child < 0 || waitpid(child, &status, 0) < 0 || !WIFEXITED(status))
				return 2;
			wrong += (unsigned)WEXITSTATUS(status);
			allowed++;
			denied++;
		}
		allowed++;
		denied++;
	}
	counts = fopen(argv[1], "we");
	if (!counts || fprintf(counts, "allowed %lu denied %lu wrong %lu\n", allowed, denied, wrong) < 0 ||
		fclose(counts))
		return 2;
	return wrong ? 1 : 0;
}
