/* SPDX-License-Identifier: Apache-2.0 */
#include "trail/squeeze.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <zstd.h>
#include "base/util.h"

/* A trail shrinks to a tenth or less at the fastest levels, and higher ones gain little. */
#define LEVEL 3
#define CHUNK (128U << 10)

static void compress_free(ZSTD_CCtx **context)
{
	ZSTD_freeCCtx(*context);
}

static void decompress_free(ZSTD_DCtx **context)
{
	ZSTD_freeDCtx(*context);
}

static ssize_t read_some(int fd, char *bytes, size_t size)
{
	ssize_t count;

	do
		count = read(fd, bytes, size);
	while (count < 0 && errno == EINTR);
	return count < 0 ? -errno : count;
}

static int write_all(int fd, const char *bytes, size_t size)
{
	while (size) {
		ssize_t count = write(fd, bytes, size);

		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			return count < 0 ? -errno : -ENOSPC;
		bytes += count;
		size -= (size_t)count;
	}
	return 0;
}

/* One chunk, or with `last` the end of the frame. */
static int put_chunk(ZSTD_CCtx *context, int to, ZSTD_inBuffer *in, bool last, char *room)
{
	size_t left;
	int error;

	do {
		ZSTD_outBuffer out = {.dst = room, .size = CHUNK};

		left = ZSTD_compressStream2(context, &out, in, last ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left))
			return -ENOMEM;
		error = write_all(to, room, out.pos);
		if (error)
			return error;
	} while (last ? left : in->pos < in->size);
	return 0;
}

static int compress_to(int from, int to)
{
	_cleanup_(compress_free) ZSTD_CCtx *context = ZSTD_createCCtx();
	_cleanup_free_ char *bytes = malloc(2 * CHUNK);
	ssize_t count;
	int error;

	if (!context || !bytes)
		return -ENOMEM;
	ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, LEVEL);
	/* A bit that was lost on the disk is told from an edit. */
	ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
	do {
		ZSTD_inBuffer in = {.src = bytes};

		count = read_some(from, bytes, CHUNK);
		if (count < 0)
			return (int)count;
		in.size = (size_t)count;
		error = put_chunk(context, to, &in, !count, bytes + CHUNK);
		if (error)
			return error;
	} while (count);
	return fsync(to) < 0 ? -errno : 0;
}

int ambit_squeeze(const char *path)
{
	char half[PATH_MAX], whole[PATH_MAX];
	_cleanup_close_ int from = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), to = -1;
	int error;

	if (from < 0)
		return -errno;
	if (snprintf(half, sizeof(half), "%s" SQUEEZE_SUFFIX ".half", path) >= (int)sizeof(half))
		return -ENAMETOOLONG;
	snprintf(whole, sizeof(whole), "%s" SQUEEZE_SUFFIX, path);
	to = open(half, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (to < 0)
		return -errno;
	error = compress_to(from, to);
	if (!error && rename(half, whole) < 0)
		error = -errno;
	if (error) {
		unlink(half);
		return error;
	}
	if (unlink(path) == 0)
		return 0;
	error = -errno;
	if (error == -ENOENT)
		unlink(whole);
	return error;
}

/* `ret_left`: 0 when a frame has just ended. */
static int get_chunk(ZSTD_DCtx *context, ZSTD_inBuffer *in, char *room, size_t *ret_left,
	int (*feed)(const char *bytes, size_t size, void *data), void *data)
{
	ZSTD_outBuffer out;
	int error;

	do {
		out = (ZSTD_outBuffer){.dst = room, .size = CHUNK};
		*ret_left = ZSTD_decompressStream(context, &out, in);
		if (ZSTD_isError(*ret_left))
			return -EBADMSG;
		error = out.pos ? feed(room, out.pos, data) : 0;
		if (error < 0)
			return error;
		/* A buffer that was filled may have left some behind. */
	} while (in->pos < in->size || (*ret_left && out.pos == out.size));
	return 0;
}

int ambit_unsqueeze(int fd, int (*feed)(const char *bytes, size_t size, void *data), void *data)
{
	_cleanup_(decompress_free) ZSTD_DCtx *context = ZSTD_createDCtx();
	_cleanup_free_ char *bytes = malloc(2 * CHUNK);
	size_t left = 1; /* a file without a frame is none */
	ssize_t count;
	int error;

	if (!context || !bytes)
		return -ENOMEM;
	while ((count = read_some(fd, bytes, CHUNK)) > 0) {
		ZSTD_inBuffer in = {.src = bytes, .size = (size_t)count};

		error = get_chunk(context, &in, bytes + CHUNK, &left, feed, data);
		if (error)
			return error;
	}
	if (count < 0)
		return (int)count;
	return left ? -EBADMSG : 0;
}
