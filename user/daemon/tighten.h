/* SPDX-License-Identifier: Apache-2.0 */
/* What tighten.c, narrower.c, held_files.c and held_sockets.c share: one policy that became narrower. */
#ifndef AMBIT_TIGHTEN_H
#define AMBIT_TIGHTEN_H

#include <dirent.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include "daemon/hold.h"

/* Of which it cannot be seen what it holds: files that are registered, and what a request waits for. */
#define RING "anon_inode:[io_uring]"

#define DELETED " (deleted)" /* which /proc puts behind the name of a file that was unlinked */

/* Page sizes of memory without a name: the usual one, and those of hugetlbfs that machines have most. */
#define NAMELESS 4

struct tightening {
	struct hold *hold;
	const struct ready *before; /* no tables: not known, so it allowed everything */
	const struct ready *now;
	dev_t nameless[NAMELESS]; /* where the kernel has such memory; 0: nowhere */
	pid_t *rings; /* processes that have an io_uring which /proc does not show; owned */
	size_t ring_count;
	/* The process that is looked at. */
	pid_t pid;
	int pidfd;
	bool ended;
	int error;
	/* What was ended or cut so far, and whether this pass found more (tighten.c). */
	uint64_t *done;
	size_t done_room, done_count;
	bool more;
};

static inline void dir_cleanup(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* --- narrower.c: whether that was allowed before and is not now --- */

/* Finds out where memory without a name lies; once, before files are asked for. */
void narrower_begin(struct tightening *tight);
/* A path as it is decided on. */
bool narrower_path(const struct tightening *tight, enum ambit_op op, const char *path, size_t length);
/* A file that is held for `op`, by its name in /proc and by what it is. */
bool narrower_file(
	const struct tightening *tight, enum ambit_op op, const char *path, const struct stat *file);
struct address {
	uint8_t family, bytes[16];
	uint16_t port;
};
/* False: no address of IP. */
bool narrower_address(const struct sockaddr_storage *from, struct address *ret);
bool narrower_peer(
	const struct tightening *tight, enum ambit_op op, uint8_t proto, const struct address *peer);
/* A peer of unix, by an absolute name. */
bool narrower_unix(const struct tightening *tight, const char *name);

/* --- tighten.c: what is done about it, for the process that is looked at --- */

/* Ends it; `op` and `object` are for the trail. */
void tighten_end(struct tightening *tight, const char *op, const char *object);
/* Ends it where something of it cannot be opened, by errno: one that is gone holds nothing. */
void tighten_unseen(struct tightening *tight, const char *object);
/* Cuts a connection, by a descriptor of our own. */
void tighten_cut(struct tightening *tight, int fd, const char *op, const char *object);

/* --- held_files.c and held_sockets.c: what is held --- */

/* By a thread's descriptors. */
void tighten_descriptors(struct tightening *tight, pid_t tid);
/* By memory, which all threads share, but one that is dead, and be it the leader, does not tell of it. False: it
 * should have. */
bool tighten_memory(struct tightening *tight, pid_t tid, bool *ret_seen);
/* A socket, the descriptor `number` of a thread. */
void tighten_socket(struct tightening *tight, pid_t tid, int number);

#endif
