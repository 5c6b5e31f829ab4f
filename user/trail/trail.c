/* SPDX-License-Identifier: Apache-2.0 */
/* The trail's file: appended to, whole lines in one write, so that those of two writers never mix. */
#include "trail/trail.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include "base/util.h"

struct trail {
	int fd;
	bool torn; /* the file ends in the middle of a line */
};

int ambit_trail_open(const char *path, struct trail **ret, struct diag *diag)
{
	/* O_NONBLOCK: opening a fifo must not wait for a reader before it is refused. */
	_cleanup_close_ int fd = open(path,
		O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK,
		0600);
	struct trail *trail;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		int error = -errno;

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
	trail = malloc(sizeof(*trail));
	if (!trail)
		return -ENOMEM;
	*trail = (struct trail){.fd = TAKE_FD(fd)};
	*ret = trail;
	return 0;
}

static uint64_t newlines(const char *bytes, size_t size)
{
	const char *end = bytes + size;
	uint64_t count = 0;

	for (; (bytes = memchr(bytes, '\n', (size_t)(end - bytes))); bytes++)
		count++;
	return count;
}

int ambit_trail_write(struct trail *trail, const char *lines, size_t size, uint64_t *ret_whole)
{
	struct iovec parts[] = {
		{.iov_base = (void *)"\n", .iov_len = trail->torn},
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
	written = (size_t)done - trail->torn;
	trail->torn = written && lines[written - 1] != '\n';
	*ret_whole = newlines(lines, written);
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
	free(trail);
	return error;
}
