/* SPDX-License-Identifier: Apache-2.0 */
#include "trail/tail.h"

#include <string.h>
#include <sys/stat.h>
#include "base/util.h"
#include "trail/trail.h"

/* A line, and a part of one behind it. */
#define TAIL_MAX (2 * AMBIT_TRAIL_LINE_MAX + 2)
/* What holds them nearly always. */
#define TAIL_MOST 4096

static int read_all(int fd, char *bytes, size_t size, off_t from)
{
	for (size_t done = 0; done < size;) {
		ssize_t count = pread(fd, bytes + done, size - done, from + (off_t)done);

		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			return count < 0 ? -errno : -EIO; /* it became shorter meanwhile */
		done += (size_t)count;
	}
	return 0;
}

/* `begins`: nothing of the file is in front of `tail`. */
static int find_line(struct tail *tail, bool begins)
{
	const char *end = memrchr(tail->bytes, '\n', tail->size), *before;

	if (!end) {
		tail->rest = tail->size;
		return begins ? 0 : -EFBIG;
	}
	before = memrchr(tail->bytes, '\n', (size_t)(end - tail->bytes));
	if (!before && !begins)
		return -EFBIG;
	tail->has_line = true;
	tail->line = before ? (size_t)(before + 1 - tail->bytes) : 0;
	tail->line_size = (size_t)(end - tail->bytes) - tail->line;
	tail->rest = tail->size - (size_t)(end + 1 - tail->bytes);
	return 0;
}

/* The last bytes of a file of `size`, `most` of them. -EFBIG: the last line begins before them. */
static int read_last(int fd, off_t size, off_t most, struct tail *ret)
{
	_cleanup_(tail_cleanup) struct tail tail = {0};
	const off_t from = size > most ? size - most : 0;
	int error;

	tail.size = (size_t)(size - from);
	tail.bytes = malloc(tail.size);
	if (!tail.bytes)
		return -ENOMEM;
	error = read_all(fd, tail.bytes, tail.size, from);
	if (!error)
		error = find_line(&tail, !from);
	if (error)
		return error;
	*ret = tail;
	tail = (struct tail){0};
	return 0;
}

int ambit_tail_read(int fd, struct tail *ret)
{
	struct stat st;
	int error;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!st.st_size)
		return 0;
	error = read_last(fd, st.st_size, TAIL_MOST, ret);
	return error == -EFBIG ? read_last(fd, st.st_size, TAIL_MAX, ret) : error;
}
