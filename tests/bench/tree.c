/* SPDX-License-Identifier: Apache-2.0 */
/* The tree that the operations work on. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>
#include "bench.h"

#define DEPTH_MAX 30

/* Where objects of the depth lie; empty: in the root. */
static char directory[256] = BENCH_DIR;
static size_t directory_length = sizeof(BENCH_DIR) - 1;

const char *bench_object(const char *kind, unsigned index)
{
	static char path[sizeof(directory) + 32];
	char *end = path + directory_length;

	memcpy(path, directory, directory_length);
	*end++ = '/';
	end = stpcpy(end, kind);
	/* Four digits, since BENCH_FRESH has three. */
	for (int digit = 3; digit >= 0; digit--, index /= 10)
		end[digit] = (char)('0' + index % 10);
	end[4] = '\0';
	return path;
}

/* The components of BENCH_DIR, and more like them. */
int bench_depth(unsigned depth)
{
	static const char *const known[] = {"bench", "tree", "three", "four", "five", "six"};
	char *end = directory;

	if (depth < 1 || depth > DEPTH_MAX)
		return -EINVAL;
	*end = '\0';
	for (unsigned i = 0; i < depth - 1; i++) {
		*end++ = '/';
		end = i < 6 ? stpcpy(end, known[i]) : end + sprintf(end, "at%02u", i);
	}
	directory_length = (size_t)(end - directory);
	return 0;
}

/* mkdir -p. 0 or a negative errno. */
static int make_directories(const char *path)
{
	char part[256];

	if (strlen(path) >= sizeof(part))
		return -ENAMETOOLONG;
	if (!*path)
		return 0;
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

/* What "open+close first" needs at a depth. */
static int prepare_depth(unsigned depth)
{
	int r = bench_depth(depth);

	if (r == 0)
		r = make_directories(directory);
	for (unsigned i = 0; r == 0 && i < BENCH_FRESH; i++)
		r = make_file(bench_object("file", i), -1);
	return r;
}

/* Taken away first, so that the directories are new as well. */
static int prepare_new(void)
{
	static const char *const parts[] = {"/five/six/file", "/five/six", "/five", ""};
	char path[128];
	int r = 0;

	for (unsigned i = 0; r == 0 && i < BENCH_FRESH; i++) {
		for (size_t part = 0; part < sizeof(parts) / sizeof(parts[0]); part++) {
			snprintf(path, sizeof(path), BENCH_TREE "/new/d%04u%s", i, parts[part]);
			if (remove(path) < 0 && errno != ENOENT)
				return -errno;
		}
		strcat(path, "/five/six");
		r = make_directories(path);
		strcat(path, "/file");
		if (r == 0)
			r = make_file(path, -1);
	}
	return r;
}

static int prepare_rules(unsigned rules)
{
	char path[sizeof(BENCH_RULES) + 16];
	int r = make_directories(BENCH_RULES);

	for (unsigned i = 1; r == 0 && i <= rules; i++) {
		snprintf(path, sizeof(path), BENCH_RULES "/r%u", i);
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			r = -errno;
	}
	return r;
}

static int prepare_single(void)
{
	int r = make_directories(BENCH_SECRET);

	if (r == 0)
		r = make_file(BENCH_SECRET "/file", -1);
	if (r == 0)
		r = make_directories(BENCH_TREE "/out");
	return r ?: make_file(BENCH_OUT, -1);
}

int bench_prepare(const char *program, unsigned rules)
{
	static const unsigned depths[] = {1, 3, 15, 30, 7};
	int from = open(program, O_RDONLY | O_CLOEXEC);
	int r = from < 0 ? -errno : 0;

	for (size_t i = 0; r == 0 && i < sizeof(depths) / sizeof(depths[0]); i++)
		r = prepare_depth(depths[i]);
	for (unsigned i = 0; r == 0 && i < BENCH_FRESH; i++)
		r = make_file(bench_object("prog", i), from);
	if (r == 0)
		r = prepare_new();
	if (r == 0)
		r = prepare_single();
	if (r == 0)
		r = prepare_rules(rules);
	if (from >= 0)
		close(from);
	return r;
}
