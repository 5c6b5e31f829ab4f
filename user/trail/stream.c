/* SPDX-License-Identifier: Apache-2.0 */
/* Lines as they are: to stdout, or to a program that reads them from a pipe. */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "base/util.h"
#include "trail/sink.h"

/* A pipe that is ready takes so much without making us wait. */
#define PIECE	PIPE_BUF
#define WAIT_MS 5000
/* How long a program may take to end when there is nothing more to read. */
#define END_MS	2000

extern char **environ;

static int stream_open(struct sink *sink)
{
	sink->fd = STDOUT_FILENO;
	return 0;
}

static void stream_close(struct sink *sink)
{
	sink->fd = -1;
}

/* All of one line: what is half written cannot be taken back. The rest of one that a reader left is lost
 * with it. */
static int write_line(struct sink *sink, const char *line, size_t size)
{
	while (size) {
		int error = sink_wait(sink, sink->fd, POLLOUT, WAIT_MS);
		ssize_t done;

		if (error)
			return error;
		done = write(sink->fd, line, size < PIECE ? size : PIECE);
		if (done < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (done > 0) {
			line += done;
			size -= (size_t)done;
		}
	}
	return 0;
}

static int stream_send(
	struct sink *sink, const char *lines, size_t size, size_t *ret_done, uint64_t *ret_refused)
{
	const char *end = memchr(lines, '\n', size);
	size_t length = (size_t)(end + 1 - lines);
	int error = write_line(sink, lines, length);

	(void)ret_refused;
	*ret_done = error ? 0 : length;
	return error;
}

/* With the signals as a program expects them: ours are blocked in this thread. */
static int spawn(struct sink *sink, int from)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, pipe_only;
	int error;

	sigemptyset(&none);
	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &pipe_only);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawn_file_actions_adddup2(&actions, from, STDIN_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	error = posix_spawn(
		&sink->pid, sink->config->argv[0], &actions, &attributes, sink->config->argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return -error;
}

static int program_open(struct sink *sink)
{
	int ends[2], error;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	error = spawn(sink, ends[0]);
	close(ends[0]);
	if (error) {
		sink->pid = 0;
		close(ends[1]);
		sink_explain(sink, "cannot execute \"%s\": %s", sink->config->argv[0], strerror(-error));
		return error;
	}
	fcntl(ends[1], F_SETFL, O_NONBLOCK);
	sink->fd = ends[1];
	return 0;
}

/* It reads its end. Who does not end then is ended. */
static void program_close(struct sink *sink)
{
	struct pollfd ended = {.events = POLLIN};

	if (sink->fd >= 0)
		close(sink->fd);
	sink->fd = -1;
	if (!sink->pid)
		return;
	ended.fd = (int)syscall(SYS_pidfd_open, sink->pid, 0);
	if (ended.fd < 0 || poll(&ended, 1, sink_patience(sink, END_MS)) <= 0)
		kill(sink->pid, SIGKILL);
	if (ended.fd >= 0)
		close(ended.fd);
	waitpid(sink->pid, NULL, 0);
	sink->pid = 0;
}

const struct sink_type sink_stream = {.open = stream_open, .send = stream_send, .close = stream_close};
const struct sink_type sink_program = {.open = program_open, .send = stream_send, .close = program_close};
