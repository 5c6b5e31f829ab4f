/* SPDX-License-Identifier: Apache-2.0 */
#include "trail/told.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "base/util.h"
#include "trail/file.h"

/* No position of a ring: nothing is known of a turn. */
#define NOWHERE UINT64_MAX

int ambit_told_open(struct told *told, const char *path, const struct told_whose *whose)
{
	*told = (struct told){.whose = *whose, .row = {.whose = *whose, .from = NOWHERE}};
	told->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	return told->fd < 0 ? -errno : 0;
}

/* One page of a file in memory, so no kill leaves half a row. Where it cannot be written the one before stands, which
 * is of another turn, or has fewer lines. */
static void row_write(const struct told *told, const struct told_row *row)
{
	if (pwrite(told->fd, row, sizeof(*row), 0) < 0)
		return;
}

/* Without its newline, or cut short. */
static bool is_event(const char *line, size_t size)
{
	_cleanup_(entry_cleanup) struct trail_entry *entry = NULL;

	return ambit_entry_parse(line, size, &entry) == 0 &&
	       (entry->type == TRAIL_DECISION || entry->type == TRAIL_EXEC);
}

/* Behind `size` bytes of the trail: calls `each` for every line. */
static void each_line(const struct trail *trail, uint64_t size,
	void (*each)(const char *line, size_t length, void *data), void *data)
{
	int fd = dup(trail->fd);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	_cleanup_free_ char *line = NULL;
	size_t room = 0;
	ssize_t length;

	if (!file) {
		if (fd >= 0)
			close(fd);
		return;
	}
	if (fseeko(file, (off_t)size, SEEK_SET) == 0)
		while ((length = getline(&line, &room, file)) > 0)
			each(line, (size_t)length, data);
	fclose(file);
}

static void count_event(const char *line, size_t length, void *data)
{
	uint64_t *count = data;

	*count += is_event(line, length - (line[length - 1] == '\n'));
}

/* One that was cut short has no newline, and is none for sinks. */
static void put_line(const char *line, size_t length, void *data)
{
	ambit_sinks_put(data, line, length, 1);
}

void ambit_told_take(struct told *told, uint64_t at, struct trail *trail, struct sinks *sinks)
{
	struct told_row row;
	struct stat st;

	if (pread(told->fd, &row, sizeof(row), 0) != sizeof(row) || row.from != at ||
		memcmp(&row.whose, &told->whose, sizeof(row.whose)) != 0)
		return;
	if (fstat(trail->fd, &st) < 0)
		st = (struct stat){0};
	if (st.st_ino && st.st_ino == row.file)
		each_line(trail, row.size, count_event, &row.lines);
	/* Without an event it is no turn. */
	if (row.lines && sinks)
		each_line(trail, st.st_ino == row.turn_file ? row.turn_size : 0, put_line, sinks);
	/* Before anything else is written, by which another file may begin. */
	row.file = 0;
	row_write(told, &row);
	told->row = row;
	told->again = row.lines;
}

uint64_t ambit_told_begin(struct told *told, uint64_t at, uint64_t most)
{
	told->skip = told->again ? told->row.lines : 0;
	told->uncertain = false;
	if (!told->again)
		told->row = (struct told_row){.whose = told->whose, .from = at, .events = most};
	told->again = false;
	return told->row.events;
}

void ambit_told_end(struct told *told, uint64_t events)
{
	told->row.events = events;
}

void ambit_told_close(struct told *told)
{
	if (told->fd >= 0)
		close(told->fd);
	told->fd = -1;
}

bool told_before(struct told *told)
{
	if (!told || !told->skip)
		return false;
	told->skip--;
	return true;
}

void told_write(struct told *told, const struct trail *trail)
{
	struct stat st;

	if (!told)
		return;
	if (fstat(trail->fd, &st) < 0)
		st = (struct stat){0};
	told->row.file = st.st_ino;
	told->row.size = (uint64_t)st.st_size;
	if (!told->row.turn_file) {
		told->row.turn_file = told->row.file;
		told->row.turn_size = told->row.size;
	}
	if (told->uncertain)
		told->row.from = NOWHERE;
	row_write(told, &told->row);
}

void told_written(struct told *told, uint64_t lines, bool whole)
{
	if (!told)
		return;
	told->row.lines += lines;
	if (!whole)
		told->uncertain = true;
}
