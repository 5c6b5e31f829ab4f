/* SPDX-License-Identifier: Apache-2.0 */
#include "trail/room.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STAMP	 16 /* "20260102T030405Z" */
#define FILES	 3  /* of a trail, the one that is written and two before it */
#define OVERHEAD 1  /* and one that is compressed just now is there twice */

void ambit_room_mark(uid_t uid, char ret[16])
{
	snprintf(ret, 16, "-u%u-", uid);
}

static int sum(int at, const char *name, const char *mark, uint64_t *ret)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int result = dir ? 0 : -errno;

	if (!dir && fd >= 0)
		close(fd);
	while (dir && result == 0 && (entry = readdir(dir))) {
		struct stat status;

		if (entry->d_name[0] == '.' || (mark && (strnlen(entry->d_name, STAMP) < STAMP ||
							       strncmp(entry->d_name + STAMP, mark, strlen(mark)))))
			continue;
		/* It may go meanwhile. */
		if (fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISDIR(status.st_mode) && mark)
			result = sum(fd, entry->d_name, NULL, ret);
		else
			*ret += (uint64_t)status.st_size;
		result = result == -ENOENT ? 0 : result;
	}
	if (dir)
		closedir(dir);
	return result;
}

int ambit_room_used(const char *directory, uid_t uid, uint64_t *ret)
{
	uint64_t used = 0;
	char mark[16];
	int result;

	ambit_room_mark(uid, mark);
	result = sum(AT_FDCWD, directory, mark, &used);
	if (result < 0 && result != -ENOENT)
		return result;
	*ret = used;
	return 0;
}

void ambit_room_keep(struct trail_keep *keep, uint64_t share)
{
	const uint64_t size = share / (FILES + OVERHEAD);

	if (!keep->rotate_size || keep->rotate_size > size)
		keep->rotate_size = size;
	if (!keep->keep_files || keep->keep_files > FILES - 1)
		keep->keep_files = FILES - 1;
}
