/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a file and, as `tail -F` does, what becomes of it. */
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include "base/util.h"
#include "cli/log.h"
#include "trail/squeeze.h"

/* The directory is watched for the name to be taken by another file, the file for its content. */
#define DIR_EVENTS  (IN_CREATE | IN_MOVED_TO | IN_ONLYDIR)
#define FILE_EVENTS (IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF)

struct follower {
	const char *path;
	int fd;
	int inotify;
	int watch;
	off_t offset;
	struct lines *lines;
};

static int open_file(const char *path)
{
	/* O_NONBLOCK: a fifo must not make us wait for a writer; it reads as an empty file. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

static int read_on(struct follower *follower)
{
	char bytes[65536];
	ssize_t size;
	int error;

	for (;;) {
		size = read(follower->fd, bytes, sizeof(bytes));
		if (size < 0 && errno == EINTR)
			continue;
		if (size <= 0)
			return size < 0 && errno != EAGAIN ? -errno : 0;
		follower->offset += size;
		error = ambit_lines_feed(follower->lines, bytes, (size_t)size);
		if (error)
			return error;
	}
}

/* Cut short: what is there now is read from its start. */
static int check_length(struct follower *follower)
{
	struct stat st;

	if (fstat(follower->fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size >= follower->offset)
		return 0;
	ambit_lines_reset(follower->lines);
	follower->offset = 0;
	return lseek(follower->fd, 0, SEEK_SET) < 0 ? -errno : 0;
}

/* Another file has taken the name: the old one was read to its end, go on with the new one. */
static int check_name(struct follower *follower, bool *ret_switched)
{
	struct stat now, ours;
	int fd;

	*ret_switched = false;
	if (stat(follower->path, &now) < 0)
		return 0; /* moved away, and nothing new yet */
	if (fstat(follower->fd, &ours) < 0)
		return -errno;
	if (now.st_ino == ours.st_ino && now.st_dev == ours.st_dev)
		return 0;
	fd = open_file(follower->path);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	ambit_lines_reset(follower->lines);
	inotify_rm_watch(follower->inotify, follower->watch);
	close(follower->fd);
	follower->fd = fd;
	follower->offset = 0;
	follower->watch = inotify_add_watch(follower->inotify, follower->path, FILE_EVENTS);
	*ret_switched = true;
	return 0;
}

static int catch_up(struct follower *follower)
{
	bool switched;
	int error;

	do {
		error = check_length(follower);
		if (!error)
			error = read_on(follower);
		if (!error)
			error = check_name(follower, &switched);
	} while (!error && switched);
	fflush(stdout);
	return error;
}

static int watch(struct follower *follower)
{
	_cleanup_free_ char *copy = strdup(follower->path);

	follower->inotify = inotify_init1(IN_CLOEXEC);
	if (!copy || follower->inotify < 0)
		return copy ? -errno : -ENOMEM;
	follower->watch = inotify_add_watch(follower->inotify, follower->path, FILE_EVENTS);
	if (follower->watch < 0 ||
		inotify_add_watch(follower->inotify, dirname(copy), DIR_EVENTS) < 0)
		return -errno;
	return 0;
}

/* Whatever the events say, what they are about is looked at anew: none has to be understood. */
static int follow_on(struct follower *follower)
{
	char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	int error = catch_up(follower);

	while (!error) {
		ssize_t size = read(follower->inotify, events, sizeof(events));

		if (size < 0 && errno != EINTR)
			return -errno;
		error = catch_up(follower);
	}
	return error;
}

static int feed(const char *bytes, size_t size, void *data)
{
	return ambit_lines_feed(data, bytes, size);
}

static bool is_squeezed(const char *path)
{
	size_t length = strlen(path), end = strlen(SQUEEZE_SUFFIX);

	return length > end && !strcmp(path + length - end, SQUEEZE_SUFFIX);
}

static int read_whole(struct follower *follower)
{
	return is_squeezed(follower->path) ? ambit_unsqueeze(follower->fd, feed, follower->lines)
					   : read_on(follower);
}

int ambit_follow(const char *path, bool follow, struct lines *lines, struct diag *diag)
{
	struct follower follower = {
		.path = path, .fd = -1, .inotify = -1, .watch = -1, .lines = lines};
	int error;

	follower.fd = open_file(path);
	error = follower.fd < 0 ? follower.fd : 0;
	if (!error && follow)
		error = watch(&follower);
	if (!error)
		error = follow ? follow_on(&follower) : read_whole(&follower);
	if (error)
		ambit_diag_set(diag, path, 0, 0, "cannot read the trail: %s%s",
			error == -EBADMSG ? "it is damaged, or ends in the middle" : strerror(-error),
			error == -EACCES ? ": trails belong to root, so read it with sudo" : "");
	if (follower.fd >= 0)
		close(follower.fd);
	if (follower.inotify >= 0)
		close(follower.inotify);
	return error;
}
