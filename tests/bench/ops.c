/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations that are timed and the tree that they work on. Each comes twice: always on the
 * same object, which is what caches are good at, and on a fresh object each time.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bench.h"

/* The name of one object; a static buffer, because the time to make the name has to be small and
 * the same for every case. Four digits, since BENCH_FRESH has three. */
static const char *object(const char *kind, unsigned index)
{
	static char path[sizeof(BENCH_DIR) + 16];
	char *end = stpcpy(stpcpy(path, BENCH_DIR "/"), kind);

	for (int digit = 3; digit >= 0; digit--, index /= 10)
		end[digit] = (char)('0' + index % 10);
	end[4] = '\0';
	return path;
}

static int run_nothing(unsigned index)
{
	(void)object("file", index);
	return 0;
}

static int run_open(unsigned index)
{
	int fd = open(object("file", index), O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int run_stat(unsigned index)
{
	struct stat st;

	return stat(object("file", index), &st) < 0 ? -errno : 0;
}

/* Connecting a UDP socket sends nothing. Every address of 127.0.0.0/8 is there without anybody
 * having set it up. */
static int run_connect(unsigned index)
{
	static int fd = -1;
	struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(9)};

	if (fd < 0)
		fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	peer.sin_addr.s_addr = htonl(0x7f000001 + index);
	if (connect(fd, (struct sockaddr *)&peer, sizeof(peer)) < 0)
		return -errno;
	return 0;
}

static int run_exec(unsigned index)
{
	const char *path = object("prog", index);
	char *argv[] = {(char *)path, NULL};
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execve(path, argv, NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -errno;
	return status == 0 ? 0 : -EACCES;
}

const struct bench_op bench_ops[] = {
	/* The first row is what the others are reduced by: the loop and the making of a name. */
	{"nothing", run_nothing, 101, 50, false},
	{"open+close", run_open, 101, 50, false},
	{"open+close first", run_open, 25, 20, true},
	{"stat", run_stat, 101, 50, false},
	{"stat first", run_stat, 25, 20, true},
	{"connect", run_connect, 101, 50, false},
	{"connect first", run_connect, 25, 20, true},
	{"fork+exec", run_exec, 50, 10, false},
	{"fork+exec first", run_exec, 50, 10, true},
};
const size_t bench_op_count = sizeof(bench_ops) / sizeof(bench_ops[0]);

/* mkdir -p. 0 or a negative errno. */
static int make_directories(const char *path)
{
	char part[256];

	if (strlen(path) >= sizeof(part))
		return -ENAMETOOLONG;
	strcpy(part, path);
	for (char *slash = strchr(part + 1, '/');; slash = strchr(slash + 1, '/')) {
		if (slash)
			*slash = '\0';
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			return -errno;
		if (!slash)
			return 0;
		*slash = '/';
	}
}

/* A new file at `path`, with the bytes of `from` (-1: empty); what was there is removed first, so
 * that neither its inode nor its dentry is used again. */
static int make_file(const char *path, int from)
{
	struct stat st = {};
	off_t offset = 0;
	int r = 0;

	if (unlink(path) < 0 && errno != ENOENT)
		return -errno;
	int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);

	if (to < 0)
		return -errno;
	if (from >= 0 && fstat(from, &st) < 0)
		r = -errno;
	if (r == 0 && st.st_size > 0 && sendfile(to, from, &offset, (size_t)st.st_size) < 0)
		r = -errno;
	close(to);
	return r;
}

int bench_prepare(const char *program, unsigned rules)
{
	char path[sizeof(BENCH_RULES) + 16];
	int from = open(program, O_RDONLY | O_CLOEXEC);
	int r = from < 0 ? -errno : make_directories(BENCH_DIR);

	if (r == 0)
		r = make_directories(BENCH_RULES);
	for (unsigned i = 0; r == 0 && i < BENCH_FRESH; i++) {
		r = make_file(object("file", i), -1);
		if (r == 0)
			r = make_file(object("prog", i), from);
	}
	for (unsigned i = 1; r == 0 && i <= rules; i++) {
		snprintf(path, sizeof(path), BENCH_RULES "/r%u", i);
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			r = -errno;
	}
	if (from >= 0)
		close(from);
	return r;
}
