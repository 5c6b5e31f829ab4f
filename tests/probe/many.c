// SPDX-License-Identifier: Apache-2.0
/* The same act many times by one task: what was decided before may be kept. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "probe.h"

/* Files are called DIR/0, DIR/1 … */
static const char *name_of(const char *dir, int number, char path[static 256])
{
	snprintf(path, 256, "%s/%d", dir, number);
	return path;
}

static int read_one(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

/* All have to fare alike. */
static int act_read(int argc, char **argv)
{
	int count = atoi(argv[1]), first = -EINVAL, others = 0;
	char path[256];

	(void)argc;
	for (int i = 0; i < count; i++) {
		int result = read_one(name_of(argv[0], i, path));

		first = i ? first : result;
		others += result != first;
	}
	if (others)
		fprintf(stderr, "%d of %d not like the first\n", others, count);
	return others ? -EBADE : first;
}

static int act_again(int argc, char **argv)
{
	int count = atoi(argv[0]), result = -EINVAL;

	(void)argc;
	for (int i = 0; i < count; i++) {
		result = read_one(argv[1]);
		if (result < 0)
			break;
	}
	return result;
}

static int act_make(int argc, char **argv)
{
	int count = atoi(argv[1]), fd;
	char path[256];

	(void)argc;
	for (int i = 0; i < count; i++) {
		fd = open(name_of(argv[0], i, path), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		if (fd < 0)
			return -errno;
		close(fd);
	}
	return 0;
}

static int act_link(int argc, char **argv)
{
	char one[256], other[256];
	int count = atoi(argv[2]);

	(void)argc;
	for (int i = 0; i < count; i++) {
		if (link(name_of(argv[0], i, one), name_of(argv[1], i, other)) < 0)
			return -errno;
	}
	return 0;
}

static int act_unlink(int argc, char **argv)
{
	int count = atoi(argv[1]);
	char path[256];

	(void)argc;
	for (int i = 0; i < count; i++) {
		if (unlink(name_of(argv[0], i, path)) < 0)
			return -errno;
	}
	return 0;
}

/* All but the last open has to succeed, or the answer says nothing. */
static int act_reopen_unlinked(int argc, char **argv)
{
	int fd = open(argv[0], O_RDONLY | O_CLOEXEC);
	char link[64];

	(void)argc;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (fd < 0 || read_one(link) < 0 || unlink(argv[0]) < 0)
		return -EBADE;
	return read_one(link);
}

const struct verb many_verbs[] = {
	{"many-read", "DIR COUNT: DIR/0, DIR/1 …", 2, EACCES, act_read},
	{"many-make", "DIR COUNT", 2, EACCES, act_make},
	{"many-link", "DIR OTHER COUNT", 3, EACCES, act_link},
	{"many-unlink", "DIR COUNT", 2, EACCES, act_unlink},
	{"again-read", "TIMES PATH", 2, EACCES, act_again},
	{"reopen-unlinked", "PATH: open, unlink, open of /proc/self/fd", 1, EACCES, act_reopen_unlinked},
	{0},
};
