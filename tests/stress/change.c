// SPDX-License-Identifier: Apache-2.0
/*
 * What changes under a cell: names, links, mounts, cgroups. Every step is done and undone, so that
 * the world is in the end as it was. Ends after its time or by SIGTERM; prints how often it was round.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include "stress.h"

static int step_rename(const char *one, const char *other)
{
	return rename(one, other) < 0 || rename(other, one) < 0 ? -errno : 0;
}

static int step_exchange(const char *one, const char *other)
{
	return renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE) < 0 ? -errno : 0;
}

static int step_link(const char *one, const char *other)
{
	return link(one, other) < 0 || unlink(other) < 0 ? -errno : 0;
}

static int step_bind(const char *one, const char *other)
{
	return mount(one, other, NULL, MS_BIND, NULL) < 0 || umount2(other, MNT_DETACH) < 0 ? -errno
											    : 0;
}

/* An empty file system over one directory, then over the other. */
static int step_cover(const char *one, const char *other)
{
	if (mount("none", one, "tmpfs", 0, NULL) < 0 || umount2(one, MNT_DETACH) < 0)
		return -errno;
	return mount("none", other, "tmpfs", 0, NULL) < 0 || umount2(other, MNT_DETACH) < 0 ? -errno
											    : 0;
}

/* Moves what is in one cgroup to another; a task that has ended meanwhile is none of our business.
 */
static int move_all(const char *from, const char *to)
{
	char path[512], pid[32];
	FILE *list;
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.procs", to);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "%s/cgroup.procs", from);
	list = fopen(path, "re");
	if (fd < 0 || !list)
		return -errno;
	while (fgets(pid, sizeof(pid), list)) {
		if (write(fd, pid, strlen(pid)) < 0 && errno != ESRCH)
			return -errno;
	}
	fclose(list);
	close(fd);
	return 0;
}

/* Into a cgroup that was made a moment ago, and back until the last is back. */
static int step_move(const char *one, const char *other)
{
	int error = mkdir(other, 0755) < 0 ? -errno : move_all(one, other);

	while (!error && rmdir(other) < 0)
		error = errno == EBUSY ? move_all(other, one) : -errno;
	return error;
}

static const struct {
	const char *name;
	int (*step)(const char *one, const char *other);
} kinds[] = {
	{"rename", step_rename},
	{"exchange", step_exchange},
	{"link", step_link},
	{"bind", step_bind},
	{"cover", step_cover},
	{"move", step_move},
};

static atomic_bool over;

static void be_over(int signal)
{
	(void)signal;
	over = true;
}

static int change(double end, int kind, const char *one, const char *other)
{
	unsigned long rounds = 0;

	while (!(over || instant_is_past(end)) ||
		(kinds[kind].step == step_exchange && rounds % 2)) {
		int error = kinds[kind].step(one, other);

		if (error) {
			fprintf(stderr, "stress: %s \"%s\" \"%s\": %s\n", kinds[kind].name, one,
				other, strerror(-error));
			return 2;
		}
		rounds++;
	}
	printf("%s %s %s: %lu rounds\n", kinds[kind].name, one, other, rounds);
	return rounds ? 0 : 2;
}

static int run_change(int argc, char **argv)
{
	(void)argc;
	signal(SIGTERM, be_over);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(kinds[i].name, argv[1]) == 0)
			return change(instant_after(argv[0]), (int)i, argv[2], argv[3]);
	}
	return 2;
}

const struct verb change_verbs[] = {
	{"change", "SECONDS rename|exchange|link|bind|cover|move ONE OTHER", 4, run_change},
	{0},
};
