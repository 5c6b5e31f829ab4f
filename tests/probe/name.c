// SPDX-License-Identifier: Apache-2.0
/* Directory entries: making, moving and removing them. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "probe.h"

static int act_mkdir(int argc, char **argv)
{
	(void)argc;
	return result_of(mkdir(argv[0], 0755));
}

static int act_rmdir(int argc, char **argv)
{
	(void)argc;
	return result_of(rmdir(argv[0]));
}

static int act_unlink(int argc, char **argv)
{
	(void)argc;
	return result_of(unlink(argv[0]));
}

static int act_mkfifo(int argc, char **argv)
{
	(void)argc;
	return result_of(mkfifo(argv[0], 0644));
}

static int act_mkreg(int argc, char **argv)
{
	(void)argc;
	return result_of(mknod(argv[0], S_IFREG | 0644, 0));
}

/* /dev/null of its own. */
static int act_mkchar(int argc, char **argv)
{
	(void)argc;
	return result_of(mknod(argv[0], S_IFCHR | 0666, makedev(1, 3)));
}

static int act_mkblock(int argc, char **argv)
{
	(void)argc;
	return result_of(mknod(argv[0], S_IFBLK | 0666, makedev(7, 0)));
}

static int act_rename(int argc, char **argv)
{
	(void)argc;
	return result_of(rename(argv[0], argv[1]));
}

static int act_exchange(int argc, char **argv)
{
	(void)argc;
	return result_of(renameat2(AT_FDCWD, argv[0], AT_FDCWD, argv[1], RENAME_EXCHANGE));
}

static int act_whiteout(int argc, char **argv)
{
	(void)argc;
	return result_of(renameat2(AT_FDCWD, argv[0], AT_FDCWD, argv[1], RENAME_WHITEOUT));
}

static int act_link(int argc, char **argv)
{
	(void)argc;
	return result_of(link(argv[0], argv[1]));
}

/* The old name is a descriptor that no hook saw. */
static int act_link_fd(int argc, char **argv)
{
	int fd = open(argv[0], O_PATH | O_CLOEXEC);
	char name[64];

	(void)argc;
	if (fd < 0)
		return -errno;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	return result_of(linkat(AT_FDCWD, name, AT_FDCWD, argv[1], AT_SYMLINK_FOLLOW));
}

static int act_symlink(int argc, char **argv)
{
	(void)argc;
	return result_of(symlink(argv[0], argv[1]));
}

const struct verb name_verbs[] = {
	{"mkdir", "PATH", 1, EACCES, act_mkdir},
	{"rmdir", "PATH", 1, EACCES, act_rmdir},
	{"unlink", "PATH", 1, EACCES, act_unlink},
	{"mkfifo", "PATH", 1, EACCES, act_mkfifo},
	{"mkreg", "PATH: a regular file by mknod", 1, EACCES, act_mkreg},
	{"mkchar", "PATH: a character device", 1, EACCES, act_mkchar},
	{"mkblock", "PATH: a block device", 1, EACCES, act_mkblock},
	{"rename", "FROM TO", 2, EACCES, act_rename},
	{"exchange", "ONE OTHER", 2, EACCES, act_exchange},
	{"whiteout", "FROM TO", 2, EACCES, act_whiteout},
	{"link", "OLD NEW", 2, EACCES, act_link},
	{"link-fd", "OLD NEW: the old one by descriptor", 2, EACCES, act_link_fd},
	{"symlink", "TARGET NEW", 2, EACCES, act_symlink},
	{0},
};
