/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts: a file system, or a part of one, is shown at several places (bind mounts, subvolumes), and
 * a file is decided by the place that it was reached through. So what is denied at one place has to
 * be denied at the others.
 */
#ifndef AMBIT_POLICY_MOUNTS_H
#define AMBIT_POLICY_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mount {
	uint64_t device; /* major << 32 | minor */
	uint64_t id;	 /* as statx(2) has it */
	char *root;	 /* directory of the file system that is shown; owned, like all here */
	char *point;	 /* where */
	char *type;	 /* of the file system */
};

/* Those of one mount namespace, sorted by device and root. Zero-initialise, free with
 * mounts_clear(). */
struct mounts {
	struct mount *items;
	size_t items_room, count;
};

/* Reads the text of /proc/PID/mountinfo (proc_pid_mountinfo(5)). Lines that are none, and mounts of
 * what has no path, are passed over. -ENOMEM. */
int mounts_parse(const char *text, size_t size, struct mounts *ret);
void mounts_clear(struct mounts *mounts);

/* True for file systems in which the kernel shows its settings. */
bool mount_is_kernel(const struct mount *mount);

/* True for file systems that may keep one waiting: those of other machines and of programs. */
bool mount_is_remote(const struct mount *mount);

/* Patterns, beside `pattern` (a normal absolute glob), for the other places where what it covers is
 * shown. The time it takes grows with the number of mounts, not with its square. -ENOMEM; -E2BIG when
 * there are more than ALIASES_MAX. */
struct aliases {
	char **items; /* owned, like what they point to */
	size_t items_room, count;
};
#define ALIASES_MAX 4096
int mounts_aliases(const struct mounts *mounts, const char *pattern, struct aliases *ret);
void aliases_clear(struct aliases *aliases);

#endif
