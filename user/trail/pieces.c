/* SPDX-License-Identifier: Apache-2.0 */
#include "trail/pieces.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/array.h"
#include "base/util.h"
#include "trail/squeeze.h"
#include "trail/trail.h"

/* So many digits at least, so that `ls` sorts them. */
#define DIGITS 6

static void closedir_cleanup(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* DIGITS or DIGITS.zst. */
static bool is_piece(const char *entry, uint64_t *ret_number, bool *ret_squeezed)
{
	size_t digits = strspn(entry, "0123456789");
	char *end;

	if (digits < DIGITS || digits > 18)
		return false;
	*ret_number = strtoull(entry, &end, 10);
	*ret_squeezed = !strcmp(end, SQUEEZE_SUFFIX);
	return !*end || *ret_squeezed;
}

/* By number; of the same one the file that is not compressed first: it goes only after the other is whole. */
static int oldest_first(const void *a, const void *b)
{
	const struct piece *left = a, *right = b;

	if (left->number != right->number)
		return left->number < right->number ? -1 : 1;
	return left->squeezed - right->squeezed;
}

static void drop_doubles(struct pieces *pieces)
{
	size_t kept = 0;

	for (size_t i = 0; i < pieces->count; i++)
		if (kept && pieces->items[kept - 1].number == pieces->items[i].number)
			free(pieces->items[i].path);
		else
			pieces->items[kept++] = pieces->items[i];
	pieces->count = kept;
}

static int add(struct pieces *pieces, const char *where, const char *entry, uint64_t number, bool squeezed)
{
	char *path;

	if (ARRAY_GROW(pieces, items, pieces->count + 1) || asprintf(&path, "%s/%s", where, entry) < 0)
		return -ENOMEM;
	pieces->items[pieces->count++] =
		(struct piece){.number = number, .path = path, .squeezed = squeezed};
	return 0;
}

int ambit_pieces_list(const char *path, struct pieces *ret)
{
	_cleanup_free_ char *where = ambit_pieces_directory(path);
	_cleanup_(closedir_cleanup) DIR *dir = NULL;
	struct dirent *entry;
	uint64_t number;
	bool squeezed;
	int error = 0;

	if (!where)
		return -ENOMEM;
	dir = opendir(where);
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while (!error && (entry = readdir(dir)))
		if (is_piece(entry->d_name, &number, &squeezed))
			error = add(ret, where, entry->d_name, number, squeezed);
	if (error)
		return error;
	if (ret->count)
		qsort(ret->items, ret->count, sizeof(*ret->items), oldest_first);
	drop_doubles(ret);
	return 0;
}

void ambit_pieces_clear(struct pieces *pieces)
{
	for (size_t i = 0; i < pieces->count; i++)
		free(pieces->items[i].path);
	free(pieces->items);
	*pieces = (struct pieces){0};
}

char *ambit_pieces_directory(const char *path)
{
	char *directory;

	return asprintf(&directory, "%s" PIECES_SUFFIX, path) < 0 ? NULL : directory;
}

char *ambit_piece_path(const char *path, uint64_t number)
{
	char *piece;

	return asprintf(&piece, "%s" PIECES_SUFFIX "/%0*" PRIu64, path, DIGITS, number) < 0 ? NULL : piece;
}

/* The first line of a file, which is not read further. */
struct first {
	char *bytes;
	size_t size;
	bool whole;
};

static int take_first(const char *bytes, size_t size, void *data)
{
	struct first *first = data;
	const char *end = memchr(bytes, '\n', size);
	size_t length = end ? (size_t)(end - bytes) : size;

	if (first->size + length > AMBIT_TRAIL_LINE_MAX)
		return -EBADMSG;
	memcpy(first->bytes + first->size, bytes, length);
	first->size += length;
	first->whole = end;
	return end ? -ECANCELED : 0;
}

static int read_first(int fd, struct first *first)
{
	char bytes[4096];
	ssize_t count;
	int error;

	do {
		count = read(fd, bytes, sizeof(bytes));
		error = count > 0 ? take_first(bytes, (size_t)count, first) : 0;
	} while (!error && (count > 0 || (count < 0 && errno == EINTR)));
	return error;
}

static bool is_squeezed(const char *path)
{
	const size_t length = strlen(path), end = sizeof(SQUEEZE_SUFFIX) - 1;

	return length > end && !strcmp(path + length - end, SQUEEZE_SUFFIX);
}

static int file_prev(const char *path, uint8_t ret[SEAL_HASH])
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	_cleanup_free_ char *bytes = malloc(AMBIT_TRAIL_LINE_MAX);
	struct first first = {.bytes = bytes};
	struct seal seal;

	if (fd < 0 || !bytes)
		return fd < 0 ? -errno : -ENOMEM;
	if (is_squeezed(path))
		ambit_unsqueeze(fd, take_first, &first);
	else
		read_first(fd, &first);
	if (!first.whole || ambit_seal_parse(bytes, first.size, &seal))
		return -EBADMSG;
	memcpy(ret, seal.prev, SEAL_HASH);
	return 0;
}

/* It is compressed under its other name before it goes. */
static char *squeezed_name(const char *path)
{
	char *name;

	return asprintf(&name, "%s" SQUEEZE_SUFFIX, path) < 0 ? NULL : name;
}

int ambit_piece_prev(const char *path, uint8_t ret[SEAL_HASH])
{
	_cleanup_free_ char *squeezed = squeezed_name(path);
	int error = file_prev(path, ret);

	return error == -ENOENT && squeezed ? file_prev(squeezed, ret) : error;
}

int ambit_piece_age(const char *path, uint64_t *ret)
{
	_cleanup_free_ char *squeezed = squeezed_name(path);
	struct stat st;

	if (stat(path, &st) < 0 && (!squeezed || stat(squeezed, &st) < 0))
		return -errno;
	*ret = (uint64_t)st.st_mtim.tv_sec * 1000000000U + (uint64_t)st.st_mtim.tv_nsec;
	return 0;
}

void ambit_piece_remove(const char *path)
{
	_cleanup_free_ char *squeezed = squeezed_name(path);

	/* In this order: who compresses it finds that it is gone, and takes the other away. */
	unlink(path);
	if (squeezed)
		unlink(squeezed);
}
