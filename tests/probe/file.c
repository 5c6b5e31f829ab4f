// SPDX-License-Identifier: Apache-2.0
/* Opening files in every way, and changing what an object carries. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "probe.h"

static int open_with(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0644);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int act_read(int argc, char **argv)
{
	int fd = open(argv[0], O_RDONLY | O_CLOEXEC), result;
	char byte;

	(void)argc;
	if (fd < 0)
		return -errno;
	result = result_of(read(fd, &byte, 1));
	close(fd);
	return result;
}

static int act_read_parent(int argc, char **argv)
{
	char path[64], *read_it[] = {path};

	if (snprintf(path, sizeof(path), "/proc/%d/%s", getppid(), argv[0]) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	return act_read(argc, read_it);
}

#define OPEN_ACT(name, flags)                     \
	static int act_##name(int argc, char **argv) \
	{                                         \
		(void)argc;                       \
		return open_with(argv[0], flags); \
	}

OPEN_ACT(write, O_WRONLY)
OPEN_ACT(rdwr, O_RDWR)
OPEN_ACT(append, O_WRONLY | O_APPEND)
OPEN_ACT(trunc, O_WRONLY | O_TRUNC)
OPEN_ACT(read_trunc, O_RDONLY | O_TRUNC)
OPEN_ACT(mode3, 3)
OPEN_ACT(create, O_WRONLY | O_CREAT | O_EXCL)
OPEN_ACT(tmpfile, O_TMPFILE | O_RDWR)

static int act_list(int argc, char **argv)
{
	DIR *dir = opendir(argv[0]);
	int result;

	(void)argc;
	if (!dir)
		return -errno;
	errno = 0;
	result = readdir(dir) ? 0 : -errno;
	closedir(dir);
	return result;
}

static int act_watch(int argc, char **argv)
{
	int fd = inotify_init1(IN_CLOEXEC);

	(void)argc;
	return fd < 0 ? -errno : result_of(inotify_add_watch(fd, argv[0], IN_ALL_EVENTS));
}

/* As who has no privileges may do it. */
static int act_watch_fan(int argc, char **argv)
{
	int fd = fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_FID | FAN_CLOEXEC, O_RDONLY);

	(void)argc;
	return fd < 0 ? -errno : result_of(fanotify_mark(fd, FAN_MARK_ADD, FAN_OPEN, AT_FDCWD, argv[0]));
}

/* Opens `path` again through /proc/self/fd of a descriptor that no hook saw. */
static int act_reopen(int argc, char **argv)
{
	int fd = open(argv[0], O_PATH | O_CLOEXEC), result;
	char link[64];

	(void)argc;
	if (fd < 0)
		return -errno;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	result = open_with(link, O_RDONLY);
	close(fd);
	return result;
}

static int act_read_at(int argc, char **argv)
{
	int dir = open(argv[0], O_PATH | O_DIRECTORY | O_CLOEXEC), fd;

	(void)argc;
	if (dir < 0)
		return -errno;
	fd = openat(dir, argv[1], O_RDONLY | O_CLOEXEC);
	return result_of(fd);
}

static int act_read_cwd(int argc, char **argv)
{
	char path[PATH_MAX];

	(void)argc;
	if (chdir(argv[0]) < 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/self/cwd/%s", argv[1]);
	return open_with(path, O_RDONLY);
}

static int act_tmplink(int argc, char **argv)
{
	int fd = open(argv[0], O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char link[64];

	(void)argc;
	if (fd < 0)
		return -errno;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return result_of(linkat(AT_FDCWD, link, AT_FDCWD, argv[1], AT_SYMLINK_FOLLOW));
}

static int act_truncate(int argc, char **argv)
{
	(void)argc;
	return result_of(truncate(argv[0], 1));
}

static int act_chmod(int argc, char **argv)
{
	(void)argc;
	return result_of(chmod(argv[0], 0640));
}

/* Through a descriptor that was opened for reading alone. */
static int act_fchmod(int argc, char **argv)
{
	int fd = open(argv[0], O_RDONLY | O_CLOEXEC);

	(void)argc;
	return fd < 0 ? -errno : result_of(fchmod(fd, 0640));
}

static int act_chown(int argc, char **argv)
{
	(void)argc;
	return result_of(chown(argv[0], 1, 1));
}

static int act_utimes(int argc, char **argv)
{
	struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};

	(void)argc;
	return result_of(utimensat(AT_FDCWD, argv[0], times, 0));
}

static int act_touch(int argc, char **argv)
{
	(void)argc;
	return result_of(utimensat(AT_FDCWD, argv[0], NULL, 0));
}

/* tmpfs has these since 6.6; "trusted" ones take a privilege that no cell has. */
static int act_setxattr(int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		if (setxattr(argv[i], "user.probe", "x", 1, 0) < 0)
			return -errno;
	}
	return 0;
}

static int act_rmxattr(int argc, char **argv)
{
	(void)argc;
	return result_of(removexattr(argv[0], "user.probe"));
}

/* An ACL that says what mode 0640 says; the layout is linux/posix_acl_xattr.h. */
static int act_setacl(int argc, char **argv)
{
	static const struct {
		unsigned int version;
		struct {
			unsigned short tag, perm;
			unsigned int id;
		} entries[3];
	} acl = {2, {{1, 6, -1U}, {4, 4, -1U}, {0x20, 0, -1U}}};

	(void)argc;
	return result_of(setxattr(argv[0], "system.posix_acl_access", &acl, sizeof(acl), 0));
}

static int act_stat(int argc, char **argv)
{
	struct stat status;

	(void)argc;
	return result_of(stat(argv[0], &status));
}

static int act_fallocate(int argc, char **argv)
{
	int fd = open(argv[0], O_RDWR | O_CLOEXEC);

	(void)argc;
	return fd < 0 ? -errno : result_of(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1));
}

/* Size, mode and times through a descriptor, as temporary files and shared memory have them set. */
static int change(int fd)
{
	int result = fd < 0 || ftruncate(fd, 4096) < 0 || fchmod(fd, 0600) < 0 ||
				     futimens(fd, NULL) < 0
			     ? -errno
			     : 0;

	if (fd >= 0)
		close(fd);
	return result;
}

static int act_orphan(int argc, char **argv)
{
	int fd = open(argv[0], O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	(void)argc;
	if (fd >= 0 && unlink(argv[0]) < 0)
		return -errno;
	return change(fd);
}

static int act_memory(int argc, char **argv)
{
	(void)argc;
	return change(memfd_create(argv[0], MFD_CLOEXEC));
}

/* By a handle, which says nothing of a path. */
static int act_handle(int argc, char **argv)
{
	union {
		struct file_handle handle;
		char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} file = {.handle.handle_bytes = MAX_HANDLE_SZ};
	int mount = open(argv[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC), id;

	(void)argc;
	if (mount < 0 || name_to_handle_at(AT_FDCWD, argv[1], &file.handle, &id, 0) < 0)
		return -errno;
	return result_of(open_by_handle_at(mount, &file.handle, O_RDONLY | O_CLOEXEC));
}

const struct verb file_verbs[] = {
	{"read", "PATH", 1, EACCES, act_read},
	{"read-parent", "NAME: of the parent in /proc", 1, EACCES, act_read_parent},
	{"write", "PATH: open for writing", 1, EACCES, act_write},
	{"rdwr", "PATH", 1, EACCES, act_rdwr},
	{"append", "PATH", 1, EACCES, act_append},
	{"trunc", "PATH: O_WRONLY and O_TRUNC", 1, EACCES, act_trunc},
	{"read-trunc", "PATH: O_RDONLY and O_TRUNC", 1, EACCES, act_read_trunc},
	{"mode3", "PATH: access mode 3", 1, EACCES, act_mode3},
	{"create", "PATH: O_CREAT and O_EXCL", 1, EACCES, act_create},
	{"tmpfile", "DIR: O_TMPFILE", 1, EACCES, act_tmpfile},
	{"tmplink", "DIR PATH: O_TMPFILE, then linkat", 2, EACCES, act_tmplink},
	{"list", "DIR", 1, EACCES, act_list},
	{"reopen", "PATH: O_PATH, then open of /proc/self/fd", 1, EACCES, act_reopen},
	{"watch", "PATH: by inotify", 1, EACCES, act_watch},
	{"watch-fan", "PATH: by fanotify", 1, EACCES, act_watch_fan},
	{"read-at", "DIR NAME: openat", 2, EACCES, act_read_at},
	{"handle", "DIR PATH: open_by_handle_at, on the file system of DIR", 2, EACCES, act_handle},
	{"read-cwd", "DIR NAME: through /proc/self/cwd", 2, EACCES, act_read_cwd},
	{"truncate", "PATH", 1, EACCES, act_truncate},
	{"fallocate", "PATH", 1, EACCES, act_fallocate},
	{"chmod", "PATH", 1, EACCES, act_chmod},
	{"fchmod", "PATH", 1, EACCES, act_fchmod},
	{"chown", "PATH", 1, EACCES, act_chown},
	{"utimes", "PATH: to a time", 1, EACCES, act_utimes},
	{"touch", "PATH: to now", 1, EACCES, act_touch},
	{"setxattr", "PATH...", 1, EACCES, act_setxattr},
	{"rmxattr", "PATH", 1, EACCES, act_rmxattr},
	{"setacl", "PATH", 1, EACCES, act_setacl},
	{"stat", "PATH", 1, EACCES, act_stat},
	{"orphan", "PATH: size, mode and times of an unlinked file", 1, EACCES, act_orphan},
	{"memory", "NAME: size, mode and times of a memfd", 1, EACCES, act_memory},
	{0},
};
