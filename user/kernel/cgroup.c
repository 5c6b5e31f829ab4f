/* SPDX-License-Identifier: Apache-2.0 */
/* The cgroup v2 hierarchy: where cells live. */
#include <fcntl.h>
#include <ftw.h>
#include <linux/magic.h>
#include <mntent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include "base/util.h"
#include "kernel/internal.h"

/* PROC_CGROUP_INIT_INO of include/linux/proc_ns.h: the cgroup namespace of the machine itself. */
#define CGROUP_INIT_INODE 0xEFFFFFFBU
#define CGROUP_USUAL	  "/sys/fs/cgroup"

/* Where cgroup v2 is mounted: /sys/fs/cgroup, or /sys/fs/cgroup/unified on hybrid hosts. */
static int cgroup_mount(char *ret, size_t size)
{
	struct statfs status;
	struct mntent *entry;
	FILE *mounts;
	int found = -ENOENT;

	if (statfs(CGROUP_USUAL, &status) == 0 && status.f_type == CGROUP2_SUPER_MAGIC &&
		(size_t)snprintf(ret, size, "%s", CGROUP_USUAL) < size)
		return 0;
	mounts = setmntent("/proc/self/mounts", "re");
	if (!mounts)
		return -errno;
	while (found && (entry = getmntent(mounts))) {
		if (strcmp(entry->mnt_type, "cgroup2") == 0 &&
			(size_t)snprintf(ret, size, "%s", entry->mnt_dir) < size)
			found = 0;
	}
	endmntent(mounts);
	return found;
}

int cgroup_id(const char *path, uint64_t *ret)
{
	union {
		struct file_handle handle;
		char bytes[sizeof(struct file_handle) + sizeof(uint64_t)];
	} buffer = {.handle.handle_bytes = sizeof(uint64_t)};
	int mount;

	/* The file handle of a cgroup is its id (kernfs_encode_fh). */
	if (name_to_handle_at(AT_FDCWD, path, &buffer.handle, &mount, 0) < 0)
		return -errno;
	memcpy(ret, buffer.handle.f_handle, sizeof(*ret));
	return 0;
}

int cgroup_base_path(char *ret_path, size_t size, struct diag *diag)
{
	static char mount[512]; /* looked for once: whoever runs a cell comes here four times */
	int result = mount[0] ? 0 : cgroup_mount(mount, sizeof(mount));

	if (result < 0) {
		ambit_diag_set(diag, NULL, 0, 0,
			"no cgroup v2 hierarchy is mounted; mount one: "
			"mount -t cgroup2 none /sys/fs/cgroup");
		return result;
	}
	return (size_t)snprintf(ret_path, size, "%s/%s", mount, AMBIT_CGROUP) < size ? 0 : -ENAMETOOLONG;
}

int cgroup_base(char *ret_path, size_t size, uint64_t *ret_id, uint32_t *ret_level,
	struct diag *diag)
{
	struct stat namespace;
	int result = cgroup_base_path(ret_path, size, diag);

	if (result < 0)
		return result;
	if (mkdir(ret_path, 0755) < 0 && errno != EEXIST) {
		result = -errno;
		ambit_diag_set(diag, NULL, 0, 0, "cannot make the cgroup \"%s\": %s", ret_path,
			strerror(-result));
		return result;
	}
	result = cgroup_id(ret_path, ret_id);
	if (result < 0) {
		ambit_diag_set(diag, NULL, 0, 0, "cannot read the id of the cgroup \"%s\": %s",
			ret_path, strerror(-result));
		return result;
	}
	/* In a cgroup namespace the depth is not known: 0 says so. */
	*ret_level = stat("/proc/self/ns/cgroup", &namespace) == 0 &&
				     namespace.st_ino == CGROUP_INIT_INODE
			     ? 1
			     : 0;
	return 0;
}

int cgroup_add(const char *path, struct diag *diag)
{
	char base[512];
	uint64_t id;
	uint32_t level;
	int result = mkdir(path, 0755) < 0 ? -errno : 0;

	if (result != -ENOENT)
		return result;
	/* It is the first one. */
	result = cgroup_base(base, sizeof(base), &id, &level, diag);
	return result == 0 && mkdir(path, 0755) < 0 ? -errno : result;
}

int cgroup_write(const char *path, const char *file, const char *text)
{
	_cleanup_close_ int fd = -1;
	char name[1024];

	if ((size_t)snprintf(name, sizeof(name), "%s/%s", path, file) >= sizeof(name))
		return -ENAMETOOLONG;
	fd = open(name, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return -errno;
	return 0;
}

bool cgroup_has(const char *path, pid_t pid)
{
	_cleanup_close_ int fd = -1;
	char name[1024], text[32];
	ssize_t length;

	if ((size_t)snprintf(name, sizeof(name), "%s/cgroup.procs", path) >= sizeof(name))
		return false;
	fd = open(name, O_RDONLY | O_CLOEXEC);
	length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (length <= 0)
		return false;
	text[length] = '\0';
	return atoi(text) == pid;
}

/* Waits until cgroup.events says `what`, for so many seconds; the kernel wakes us. */
static int wait_event(const char *path, const char *what, int seconds)
{
	_cleanup_close_ int fd = -1;
	char name[1024], text[256];
	struct pollfd pollfd;
	ssize_t length;

	if ((size_t)snprintf(name, sizeof(name), "%s/cgroup.events", path) >= sizeof(name))
		return -ENAMETOOLONG;
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	for (int rounds = 0; rounds < seconds; rounds++) {
		length = pread(fd, text, sizeof(text) - 1, 0);
		if (length < 0)
			return -errno;
		text[length] = '\0';
		if (strstr(text, what))
			return 0;
		pollfd = (struct pollfd){.fd = fd, .events = POLLPRI};
		if (poll(&pollfd, 1, 1000) < 0 && errno != EINTR)
			return -errno;
	}
	return -ETIMEDOUT;
}

int cgroup_kill(const char *path)
{
	int result = cgroup_write(path, "cgroup.kill", "1");

	return result < 0 ? result : wait_event(path, "populated 0", 100);
}

/* A task that sits in a file system which does not answer is not frozen. */
#define FREEZE_SECONDS 10

int ambit_cgroup_freeze(const char *path, bool freeze)
{
	int result = cgroup_write(path, "cgroup.freeze", freeze ? "1" : "0");

	return result < 0 || !freeze ? result : wait_event(path, "frozen 1", FREEZE_SECONDS);
}

bool ambit_cgroup_is_frozen(const char *path)
{
	_cleanup_close_ int fd = -1;
	char name[1024], text = '0';

	if ((size_t)snprintf(name, sizeof(name), "%s/cgroup.freeze", path) >= sizeof(name))
		return false;
	fd = open(name, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, &text, 1) == 1 && text == '1';
}

/* Removes a cgroup and those that a task made beneath it; nftw() calls depth first. */
static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *where)
{
	(void)stat;
	(void)where;
	return type == FTW_DP && rmdir(path) < 0 && errno != ENOENT ? -errno : 0;
}

int cgroup_destroy(const char *path, struct diag *diag)
{
	int result;

	if (access(path, F_OK) < 0)
		return 0;
	result = cgroup_kill(path);
	if (result == 0 && rmdir(path) < 0) /* it has others beneath it */
		result = nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	if (result < 0)
		ambit_diag_set(diag, NULL, 0, 0,
			"cannot take away the cgroup \"%s\": %s; see which processes hold it: "
			"cat %s/cgroup.procs",
			path, strerror(-result), path);
	return result;
}
