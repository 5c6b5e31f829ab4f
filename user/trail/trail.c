/* SPDX-License-Identifier: Apache-2.0 */
/* The trail's file: appended to, one write a line, so that lines of two writers never mix. */
#include "trail/trail.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include "base/util.h"

struct trail {
	int fd;
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
	trail->fd = TAKE_FD(fd);
	*ret = trail;
	return 0;
}

int ambit_trail_write(struct trail *trail, const char *json)
{
	struct iovec parts[] = {
		{.iov_base = (void *)json, .iov_len = strlen(json)},
		{.iov_base = (void *)"\n", .iov_len = 1},
	};
	ssize_t done;

	do
		done = writev(trail->fd, parts, ARRAY_SIZE(parts));
	while (done < 0 && errno == EINTR);
	if (done < 0)
		return -errno;
	return (size_t)done == parts[0].iov_len + 1 ? 0 : -ENOSPC;
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
