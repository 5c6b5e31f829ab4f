// SPDX-License-Identifier: Apache-2.0
/*
 * `probe obey`: does what the lines of stdin say, "VERB ARG...", each in a child of its own. For
 * each line it answers "PID" when the child is there; after a further line the child acts; then
 * comes "STATUS", 0 or the errno (256 + the signal that ended it). So whoever asks can change the
 * world between the fork and the act.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "probe.h"

#define WORDS_MAX 8

/* A line of stdin without its end; not buffered, because parent and child read by turns. */
static int line_read(char *line, size_t size)
{
	size_t length = 0;

	while (length < size && read(STDIN_FILENO, line + length, 1) == 1) {
		if (line[length] == '\n') {
			line[length] = '\0';
			return 0;
		}
		length++;
	}
	return -EPIPE;
}

static int words_act(char *line)
{
	char *words[WORDS_MAX], *rest = line;
	const struct verb *verb;
	int count = 0;

	while (count < WORDS_MAX && (words[count] = strsep(&rest, " ")))
		count++;
	verb = verb_find(words[0]);
	return verb && count > verb->arguments ? verb->act(count - 1, words + 1) : -EINVAL;
}

static int status_of(pid_t child)
{
	int status;

	if (waitpid(child, &status, 0) < 0)
		return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

static int act_obey(int argc, char **argv)
{
	char line[1024], go[16];

	(void)argc;
	(void)argv;
	setpgid(0, 0);
	signal(SIGWINCH, SIG_IGN);
	while (line_read(line, sizeof(line)) == 0) {
		pid_t child = fork();

		if (child < 0)
			return -errno;
		if (child == 0)
			_exit(line_read(go, sizeof(go)) < 0 ? EPIPE : -words_act(line));
		dprintf(STDOUT_FILENO, "%d\n", child);
		dprintf(STDOUT_FILENO, "%d\n", status_of(child));
	}
	return 0;
}

const struct verb obey_verbs[] = {
	{"obey", "does what the lines of stdin say", 0, 0, act_obey},
	{0},
};
