/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors and memory that a task holds while its policy becomes narrower, as /proc shows them. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include "base/util.h"
#include "daemon/tighten.h"
#include "policy/text.h"

/* Of which file a link in /proc is; without asking a server, which may not answer. */
static int file_find(const char *link, struct stat *ret)
{
	struct statx found;

	if (statx(AT_FDCWD, link, AT_STATX_DONT_SYNC, STATX_INO, &found) < 0)
		return -errno;
	*ret = (struct stat){
		.st_dev = makedev(found.stx_dev_major, found.stx_dev_minor),
		.st_ino = found.stx_ino,
	};
	return 0;
}

/* Reads the octal number behind "flags:", and how many descriptors wait in a unix socket to be received. */
static int info_read(const char *path, unsigned *ret_flags, unsigned *ret_waiting)
{
	FILE *in = fopen(path, "re");
	char line[256];

	*ret_waiting = 0;
	if (!in)
		return -errno;
	*ret_flags = O_RDWR;
	while (fgets(line, sizeof(line), in)) {
		sscanf(line, "flags: %o", ret_flags);
		sscanf(line, "scm_fds: %u", ret_waiting);
	}
	fclose(in);
	return 0;
}

static void file_look(struct tightening *tight, unsigned flags, const char *path, const struct stat *file)
{
	const unsigned mode = flags & O_ACCMODE;

	if (*path != '/' || flags & O_PATH)
		return;
	if (mode != O_WRONLY && narrower_file(tight, OP_READ, path, file))
		tighten_end(tight, "read", path);
	else if (mode != O_RDONLY && narrower_file(tight, OP_WRITE, path, file))
		tighten_end(tight, "write", path);
}

static void descriptor_look(struct tightening *tight, const char *task, pid_t tid, int number)
{
	_cleanup_free_ char *link = text_format("%s/fd/%d", task, number);
	_cleanup_free_ char *info = text_format("%s/fdinfo/%d", task, number);
	char path[AMBIT_PATH_SIZE + sizeof(DELETED)];
	ssize_t length = link ? readlink(link, path, sizeof(path) - 1) : -1;
	unsigned flags, waiting;
	struct stat file;

	if (length < 0 || !info || info_read(info, &flags, &waiting) < 0) {
		tighten_end(tight, "read", "a descriptor that could not be looked at");
		return;
	}
	path[length] = '\0';
	/* Nobody can look at those, and of a socket nothing more than whose it is decides when it is received. */
	if (waiting)
		tighten_end(tight, "read", "descriptors that wait in a unix socket");
	else if (strncmp(path, "socket:", 7) == 0)
		tighten_socket(tight, tid, number);
	else if (strcmp(path, RING) == 0)
		tighten_end(tight, "read", RING);
	else if (flags & O_PATH || file_find(link, &file) == 0)
		file_look(tight, flags, path, &file);
	else
		tighten_end(tight, "read", path);
}

void tighten_descriptors(struct tightening *tight, pid_t tid)
{
	_cleanup_free_ char *task = text_format("/proc/%d/task/%d", tight->pid, tid);
	_cleanup_free_ char *path = task ? text_format("%s/fd", task) : NULL;
	_cleanup_(dir_cleanup) DIR *dir = path ? opendir(path) : NULL;
	struct dirent *entry;

	if (!dir)
		tighten_unseen(tight, "descriptors that could not be looked at");
	while (dir && !tight->ended && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			descriptor_look(tight, task, tid, atoi(entry->d_name));
}

/* --- memory --- */

/* What stands in front of the path of a line of /proc/PID/maps is enough to name it in map_files, which /proc
 * has for each thread under its own number, and not beneath task. */
static void map_look(struct tightening *tight, pid_t tid, const char *line)
{
	unsigned long from, to;
	char rights[5], path[AMBIT_PATH_SIZE + sizeof(DELETED)];
	unsigned long inode;
	_cleanup_free_ char *link = NULL;
	struct stat file;
	ssize_t length;

	if (sscanf(line, "%lx-%lx %4s %*s %*s %lu", &from, &to, rights, &inode) != 4 || !inode)
		return;
	link = text_format("/proc/%d/map_files/%lx-%lx", tid, from, to);
	length = link ? readlink(link, path, sizeof(path) - 1) : -1;
	if (length < 0 || file_find(link, &file) < 0) {
		tighten_end(tight, "read", "memory that could not be looked at");
		return;
	}
	path[length] = '\0';
	if (strcmp(path, RING) == 0)
		tighten_end(tight, "read", RING);
	if (*path != '/')
		return;
	/* By what it may become: mprotect(2) asks again for code alone. */
	if (narrower_file(tight, OP_READ, path, &file))
		tighten_end(tight, "read", path);
	else if (rights[3] == 's' && narrower_file(tight, OP_WRITE, path, &file))
		tighten_end(tight, "write", path);
	else if (rights[2] == 'x' && narrower_file(tight, OP_EXEC, path, &file))
		tighten_end(tight, "exec", path);
}

/* Whether a thread has no memory: it is exiting, or dead and kept by the others (a leader), or the kernel's.
 * The flags are those of include/linux/sched.h. */
static bool is_without_memory(pid_t pid, pid_t tid)
{
	_cleanup_free_ char *path = text_format("/proc/%d/task/%d/stat", pid, tid);
	FILE *in = path ? fopen(path, "re") : NULL;
	bool gone = path && !in && errno == ENOENT;
	char line[512] = "";
	const char *name_end;
	unsigned flags = 0;

	if (in) {
		line[fread(line, 1, sizeof(line) - 1, in)] = '\0';
		gone = ferror(in) && errno == ESRCH;
		fclose(in);
	}
	name_end = strrchr(line, ')');
	if (name_end)
		sscanf(name_end, ") %*c %*d %*d %*d %*d %*d %u", &flags);
	return gone || flags & (0x4 /* PF_EXITING */ | 0x200000 /* PF_KTHREAD */);
}

/* All threads have the same memory, but one that is dead, and be it the leader, does not tell of it. False:
 * it should have. */
bool tighten_memory(struct tightening *tight, pid_t tid, bool *ret_seen)
{
	_cleanup_free_ char *path = text_format("/proc/%d/task/%d/maps", tight->pid, tid);
	FILE *in = path ? fopen(path, "re") : NULL;
	char *line = NULL;
	size_t room = 0;

	*ret_seen = false;
	while (in && !tight->ended && getline(&line, &room, in) > 0) {
		*ret_seen = true;
		map_look(tight, tid, line);
	}
	if (in && ferror(in))
		*ret_seen = false;
	free(line);
	if (in)
		fclose(in);
	return *ret_seen || is_without_memory(tight->pid, tid);
}
