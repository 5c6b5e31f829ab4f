// SPDX-License-Identifier: Apache-2.0
/*
 * Deep paths: BASE, then DEPTH directories whose names have LENGTH bytes, then a file "end". Walked
 * one directory at a time, so that a path may be longer than PATH_MAX.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "probe.h"

/* Descriptor of the deepest directory or a negative errno. */
static int walk(char **argv, bool make)
{
	int dir = open(argv[0], O_PATH | O_DIRECTORY | O_CLOEXEC), depth = atoi(argv[1]);
	size_t length = strtoul(argv[2], NULL, 10);
	char name[NAME_MAX + 1];

	if (dir < 0)
		return -errno;
	if (length < 1 || length > NAME_MAX)
		return -EINVAL;
	memset(name, 'd', length);
	name[length] = '\0';
	for (int i = 0; i < depth; i++) {
		int next;

		if (make && mkdirat(dir, name, 0755) < 0 && errno != EEXIST)
			return -errno;
		next = openat(dir, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (next < 0)
			return -errno;
		close(dir);
		dir = next;
	}
	return dir;
}

static int act_deep_make(int argc, char **argv)
{
	int dir = walk(argv, true);

	(void)argc;
	return dir < 0 ? dir : result_of(openat(dir, "end", O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
}

static int act_deep_read(int argc, char **argv)
{
	int dir = walk(argv, false);

	(void)argc;
	return dir < 0 ? dir : result_of(openat(dir, "end", O_RDONLY | O_CLOEXEC));
}

static int act_deep_mkdir(int argc, char **argv)
{
	int dir = walk(argv, false);

	(void)argc;
	if (dir < 0 || mkdirat(dir, "new", 0755) < 0)
		return dir < 0 ? dir : -errno;
	return result_of(unlinkat(dir, "new", AT_REMOVEDIR)); /* for the next one */
}

const struct verb long_verbs[] = {
	{"deep-make", "BASE DEPTH LENGTH", 3, EACCES, act_deep_make},
	{"deep-read", "BASE DEPTH LENGTH", 3, EACCES, act_deep_read},
	{"deep-mkdir", "BASE DEPTH LENGTH", 3, EACCES, act_deep_mkdir},
	{0},
};
