/* SPDX-License-Identifier: Apache-2.0 */
/* A trail's file ends and another begins under its name; how long those are kept that were before. */
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>
#include "base/array.h"
#include "base/util.h"
#include "trail/clock.h"
#include "trail/file.h"
#include "trail/pieces.h"

/* How long a file stays at least that could not be rotated. */
#define TURN_AGAIN_NS 10000000000U

void ambit_trail_keep(struct trail *trail, const struct trail_keep *keep)
{
	trail->keep = *keep;
}

uint64_t ambit_trail_due(const struct trail *trail)
{
	return trail->unsynced && trail->keep.sync_ns ? trail->unsynced_since + trail->keep.sync_ns : 0;
}

int ambit_trail_sync(struct trail *trail, uint64_t now)
{
	uint64_t due = ambit_trail_due(trail);

	if (trail->unsynced && (now == UINT64_MAX || (due && due <= now))) {
		ambit_keeper_sync(trail->keeper, trail->fd);
		trail->unsynced = 0;
	}
	return ambit_keeper_error(trail->keeper);
}

static bool is_full(const struct trail *trail, const struct stat *st)
{
	const struct trail_keep *keep = &trail->keep;

	if (!st->st_size || trail->torn || trail->unended ||
		clock_ns(CLOCK_MONOTONIC) < trail->turn_after)
		return false;
	return (keep->rotate_size && (uint64_t)st->st_size >= keep->rotate_size) ||
	       (keep->rotate_age && clock_ns(CLOCK_REALTIME) >= trail->began + keep->rotate_age);
}

enum trail_state ambit_trail_state(struct trail *trail)
{
	struct stat st;

	if (fstat(trail->fd, &st) < 0)
		return TRAIL_STANDS;
	if (!st.st_nlink)
		return TRAIL_GONE;
	/* Others would go on writing to it under its new name. */
	return is_full(trail, &st) && !trail_lock(trail->fd, F_OFD_SETLK, F_WRLCK) ? TRAIL_FULL
										   : TRAIL_STANDS;
}

void ambit_trail_stay(struct trail *trail)
{
	trail->turn_after = clock_ns(CLOCK_MONOTONIC) + TURN_AGAIN_NS;
	trail_lock(trail->fd, F_OFD_SETLK, F_RDLCK);
}

int ambit_trail_next(const struct trail *trail, char **ret)
{
	struct pieces pieces = {0};
	int error = ambit_pieces_list(trail->path, &pieces);
	char *path;

	if (!error) {
		path = ambit_piece_path(trail->path,
			pieces.count ? pieces.items[pieces.count - 1].number + 1 : 1);
		if (path)
			*ret = path;
		else
			error = -ENOMEM;
	}
	ambit_pieces_clear(&pieces);
	return error;
}

/* A name is on the disk only when its directory is. */
static void sync_directory(const char *path)
{
	_cleanup_free_ char *copy = strdup(path);
	_cleanup_close_ int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (fd >= 0)
		fsync(fd);
}

/* `fd` is ours, empty and under the trail's name. */
static void take_file(struct trail *trail, int fd, bool alone)
{
	close(trail->fd);
	trail->fd = fd;
	trail->new = alone;
	trail->torn = 0;
	trail->unended = false;
	trail->unsynced = 0;
	trail->began = clock_ns(CLOCK_REALTIME);
	sync_directory(trail->path);
}

/* Where the trail itself lies others may make directories, too. */
static int make_directory(const struct trail *trail)
{
	_cleanup_free_ char *path = ambit_pieces_directory(trail->path);
	struct stat st;

	if (!path)
		return -ENOMEM;
	if ((mkdir(path, 0700) < 0 && errno != EEXIST) || lstat(path, &st) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & 022) ? 0 : -EPERM;
}

static int give_name(const struct trail *trail, const char *piece)
{
	int error = make_directory(trail);

	if (!error && (fdatasync(trail->fd) < 0 || rename(trail->path, piece) < 0))
		error = -errno;
	return error;
}

int ambit_trail_turn(struct trail *trail, const char *piece)
{
	bool alone = false;
	int fd, error = give_name(trail, piece);

	if (error) {
		ambit_trail_stay(trail);
		return error;
	}
	fd = trail_file_open(trail->path, O_EXCL, &alone);
	if (fd < 0) {
		rename(piece, trail->path);
		ambit_trail_stay(trail);
		return fd;
	}
	sync_directory(piece);
	take_file(trail, fd, alone);
	return 0;
}

static int copy_all(int from, int to)
{
	char bytes[65536];
	off_t at = 0;
	ssize_t count;

	while ((count = pread(from, bytes, sizeof(bytes), at)) > 0) {
		for (ssize_t done = 0, more; done < count; done += more) {
			more = write(to, bytes + done, (size_t)(count - done));
			if (more <= 0)
				return more < 0 ? -errno : -ENOSPC;
		}
		at += count;
	}
	return count < 0 ? -errno : 0;
}

int ambit_trail_again(struct trail *trail)
{
	_cleanup_free_ char *copy = strdup(trail->path);
	struct trail before = *trail;
	bool alone = false;
	int fd, error;

	if (!copy)
		return -ENOMEM;
	if (mkdir(dirname(copy), 0700) < 0 && errno != EEXIST)
		return -errno;
	/* Not one that somebody made meanwhile: who knows what is in it. */
	fd = trail_file_open(trail->path, O_EXCL, &alone);
	if (fd < 0)
		return fd;
	error = copy_all(trail->fd, fd);
	if (error) {
		unlink(trail->path);
		close(fd);
		return error;
	}
	take_file(trail, fd, alone);
	trail->torn = before.torn;
	trail->torn_hash = before.torn_hash;
	trail->unended = before.unended;
	trail->began = before.began;
	return fdatasync(fd) < 0 ? -errno : 0;
}

/* Of the pieces, the oldest first, how many are too many or too old. */
static size_t surplus_count(const struct trail *trail, const struct pieces *pieces)
{
	const struct trail_keep *keep = &trail->keep;
	uint64_t now = clock_ns(CLOCK_REALTIME);
	uint64_t written;
	size_t count = 0;

	if (keep->keep_files && pieces->count > keep->keep_files)
		count = pieces->count - keep->keep_files;
	while (keep->keep_age && count < pieces->count &&
		!ambit_piece_age(pieces->items[count].path, &written) && written + keep->keep_age < now)
		count++;
	return count;
}

int ambit_trail_surplus(const struct trail *trail, struct trail_surplus *ret)
{
	struct pieces pieces = {0};
	int error = ambit_pieces_list(trail->path, &pieces);
	size_t count = error ? 0 : surplus_count(trail, &pieces);

	if (count)
		error = ambit_piece_prev(
			count < pieces.count ? pieces.items[count].path : trail->path, ret->until);
	if (!error && count)
		error = ARRAY_GROW(ret, paths, count);
	for (size_t i = 0; !error && i < count; i++)
		ret->paths[ret->count++] = TAKE_PTR(pieces.items[i].path);
	ambit_pieces_clear(&pieces);
	return error;
}

void ambit_trail_retire(struct trail *trail, const struct trail_surplus *surplus)
{
	for (size_t i = 0; i < surplus->count; i++)
		ambit_piece_remove(surplus->paths[i]);
	ambit_keeper_squeeze(trail->keeper, trail->path);
}

void ambit_trail_surplus_clear(struct trail_surplus *surplus)
{
	for (size_t i = 0; i < surplus->count; i++)
		free(surplus->paths[i]);
	free(surplus->paths);
	*surplus = (struct trail_surplus){0};
}
