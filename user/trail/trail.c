/* SPDX-License-Identifier: Apache-2.0 */
/* The trail's file: appended to, whole lines in one write, so that those of two writers never mix. */
#include "trail/trail.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include "base/util.h"
#include "trail/clock.h"
#include "trail/file.h"
#include "trail/seal.h"
#include "trail/tail.h"

/* Who has a trail open holds this lock, shared, until the end. It belongs to the open file and not to
 * the process, and only who may write the file can keep others from it. */
int trail_lock(int fd, int command, short type)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
	int result;

	do
		result = fcntl(fd, command, &lock);
	while (result < 0 && errno == EINTR);
	return result < 0 ? -errno : 0;
}

/* Whether the name still leads to the file: who rotates it gives it another. */
static bool is_named(int fd, const char *path)
{
	struct stat named, ours;

	return fstat(fd, &ours) < 0 || (lstat(path, &named) == 0 && named.st_dev == ours.st_dev &&
					       named.st_ino == ours.st_ino);
}

uint64_t trail_file_began(int fd)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &st) < 0 || !(st.stx_mask & STATX_BTIME))
		return clock_ns(CLOCK_REALTIME);
	return (uint64_t)st.stx_btime.tv_sec * 1000000000U + st.stx_btime.tv_nsec;
}

/* Alone: nobody writes to the file, so what it ends in is all there will be of that line, and another
 * who opens it waits until our first line is in it. */
int trail_file_open(const char *path, int flags, bool *ret_alone)
{
	for (;;) {
		/* O_NONBLOCK: opening a fifo must not wait for a reader before it is refused. */
		int fd = open(path,
			O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK |
				flags,
			0600);

		if (fd < 0)
			return -errno;
		*ret_alone = !trail_lock(fd, F_OFD_SETLK, F_WRLCK);
		if (!*ret_alone)
			trail_lock(fd, F_OFD_SETLKW, F_RDLCK);
		/* Each time round somebody has rotated it meanwhile, which takes a file's worth of lines. */
		if (is_named(fd, path))
			return fd;
		close(fd);
	}
}

static void torn_add(struct trail *trail, const char *bytes, size_t size)
{
	if (!trail->torn)
		sha256_init(&trail->torn_hash);
	sha256_update(&trail->torn_hash, size, (const uint8_t *)bytes);
	trail->torn += size;
}

static int read_end(struct trail *trail)
{
	_cleanup_(tail_cleanup) struct tail tail = {0};
	int error = ambit_tail_read(trail->fd, &tail);
	const char *rest = tail.bytes + tail.size - tail.rest;
	struct seal seal;

	if (error)
		return error;
	if (tail.has_line)
		ambit_seal_hash(tail.bytes + tail.line, tail.line_size, trail->before.last);
	/* Beside others it may be the part of a line that is being written. */
	if (!tail.rest || trail->before.beside)
		return 0;
	trail->unended = !ambit_seal_parse(rest, tail.rest, &seal);
	if (trail->unended)
		ambit_seal_hash(rest, tail.rest, trail->before.last);
	else
		torn_add(trail, rest, tail.rest);
	return 0;
}

static void trail_free(struct trail *trail)
{
	if (trail->fd >= 0)
		close(trail->fd);
	ambit_keeper_free(trail->keeper);
	free(trail->path);
	free(trail);
}

/* The trail takes `fd`. */
static int begin(int fd, const char *path, bool alone, struct trail **ret)
{
	struct trail *trail = calloc(1, sizeof(*trail));
	int error;

	if (!trail) {
		close(fd);
		return -ENOMEM;
	}
	trail->fd = fd;
	trail->new = alone;
	trail->before.beside = !alone;
	trail->path = strdup(path);
	trail->keeper = ambit_keeper_new();
	trail->began = trail_file_began(fd);
	error = trail->path && trail->keeper ? read_end(trail) : -ENOMEM;
	if (error) {
		trail_free(trail);
		return error;
	}
	*ret = trail;
	return 0;
}

int ambit_trail_open(const char *path, struct trail **ret, struct diag *diag)
{
	bool alone = false;
	_cleanup_close_ int fd = trail_file_open(path, 0, &alone);
	struct stat st;
	int error;

	if (fd < 0 || fstat(fd, &st) < 0) {
		error = fd < 0 ? fd : -errno;
		ambit_diag_set(diag, NULL, 0, 0, "cannot open the trail \"%s\": %s%s", path,
			strerror(-error),
			error == -ELOOP ? ": name the file, not a link to it" : "");
		return error;
	}
	if (!S_ISREG(st.st_mode)) {
		ambit_diag_set(diag, NULL, 0, 0, "the trail \"%s\" is not a regular file", path);
		return -EINVAL;
	}
	if (st.st_uid != geteuid() || (st.st_mode & 022)) {
		ambit_diag_set(diag, NULL, 0, 0,
			"the trail \"%s\" exists and others could change it: chown it to the user "
			"that ambit runs as and chmod it to 600, or name another file",
			path);
		return -EPERM;
	}
	error = begin(TAKE_FD(fd), path, alone, ret);
	if (error)
		ambit_diag_set(diag, NULL, 0, 0, "cannot read the end of the trail \"%s\": %s", path,
			error == -EFBIG ? "there are no lines in it; name another file"
					: strerror(-error));
	return error;
}

const struct trail_before *ambit_trail_before(const struct trail *trail)
{
	return &trail->before;
}

void ambit_trail_torn(const struct trail *trail, struct trail_torn *ret)
{
	struct sha256_ctx context = trail->torn_hash; /* it may grow yet */

	*ret = (struct trail_torn){.size = trail->torn};
	if (trail->torn)
		sha256_digest(&context, sizeof(ret->hash), ret->hash);
}

static uint64_t newlines(const char *bytes, size_t size)
{
	const char *end = bytes + size;
	uint64_t count = 0;

	for (; (bytes = memchr(bytes, '\n', (size_t)(end - bytes))); bytes++)
		count++;
	return count;
}

/* What a write left at the end, of whose `size` bytes `written` came through, behind a newline if it was
 * to be `ended`; how many lines are whole. The first of them accounts for what was torn before it. */
static uint64_t note_end(
	struct trail *trail, const char *lines, size_t size, size_t written, bool ended)
{
	const char *newline = memrchr(lines, '\n', written);
	const char *rest = newline ? newline + 1 : lines;
	size_t left = (size_t)(lines + written - rest);
	uint64_t whole = newlines(lines, written);

	trail->unended = left && written < size && lines[written] == '\n';
	whole += trail->unended;
	if (whole)
		trail->torn = 0;
	else if (ended && trail->torn)
		torn_add(trail, "\n", 1);
	if (left && !trail->unended)
		torn_add(trail, rest, left);
	return whole;
}

static void note_unsynced(struct trail *trail, uint64_t lines)
{
	if (!lines)
		return;
	if (!trail->unsynced)
		trail->unsynced_since = clock_ns(CLOCK_MONOTONIC);
	trail->unsynced += lines;
	if (trail->keep.sync_lines && trail->unsynced >= trail->keep.sync_lines)
		ambit_trail_sync(trail, UINT64_MAX);
}

int ambit_trail_write(struct trail *trail, const char *lines, size_t size, uint64_t *ret_whole)
{
	struct iovec parts[] = {
		{.iov_base = (void *)"\n", .iov_len = trail->torn || trail->unended},
		{.iov_base = (void *)lines, .iov_len = size},
	};
	size_t written;
	ssize_t done;

	*ret_whole = 0;
	do
		done = writev(trail->fd, parts, ARRAY_SIZE(parts));
	while (done < 0 && errno == EINTR);
	if (done < 0)
		return -errno;
	if (!done)
		return size ? -ENOSPC : 0;
	written = (size_t)done - parts[0].iov_len;
	*ret_whole = note_end(trail, lines, size, written, parts[0].iov_len);
	if (trail->new && *ret_whole) {
		trail_lock(trail->fd, F_OFD_SETLK, F_RDLCK);
		trail->new = false;
	}
	note_unsynced(trail, *ret_whole);
	return written == size ? 0 : -ENOSPC;
}

int ambit_trail_close(struct trail *trail)
{
	int error = 0;

	if (!trail)
		return 0;
	if (fdatasync(trail->fd) < 0)
		error = -errno;
	if (close(trail->fd) < 0 && !error)
		error = -errno;
	trail->fd = -1;
	trail_free(trail);
	return error;
}
