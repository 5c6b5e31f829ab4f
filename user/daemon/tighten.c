/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy became narrower: what tasks of the cell hold open from before, and could not open any more. They
 * are frozen meanwhile (docs/notes/2026-11-28-tighten.md), so none is in the middle of opening something.
 *
 * What the policy before did not allow either was there before the cell was, and stays as it did then.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include "base/util.h"
#include "daemon/hold.h"
#include "policy/text.h"

#define DELETED " (deleted)"
/* What it holds cannot be seen: files that are registered, and what a request waits for. */
#define RING	"anon_inode:[io_uring]"

struct tightening {
	struct hold *hold;
	const struct ready *before; /* no tables: not known, so it allowed everything */
	const struct ready *now;
	/* The process that is looked at. */
	pid_t pid;
	int pidfd;
	bool ended;
	int error;
};

static void dir_cleanup(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* --- what became narrower --- */

static bool allowed_before(const struct tightening *tight, enum ambit_op op, const char *path, size_t length)
{
	return !tight->before->tables ||
	       ambit_tables_path(tight->before->tables, op, path, length).verdict == VERDICT_ALLOW;
}

static bool path_narrowed(const struct tightening *tight, enum ambit_op op, const char *path, size_t length)
{
	/* In the tables the root is the empty path. */
	if (length == 1 && *path == '/')
		length = 0;
	return ambit_tables_path(tight->now->tables, op, path, length).verdict != VERDICT_ALLOW &&
	       allowed_before(tight, op, path, length);
}

/* A file that is denied by what it is. Of a file system without a disk of its own (btrfs) stat(2) may have
 * another device than the kernel's: then the number of the file alone decides. */
static bool identity_denies(const struct identities *links, const struct stat *file, enum ambit_op op)
{
	const uint32_t device = major(file->st_dev) << 20 | minor(file->st_dev);

	for (size_t i = 0; i < links->count; i++) {
		const struct ambit_identity_key *key = &links->items[i].key;

		if (key->inode == file->st_ino && links->items[i].value.deny[op] &&
			(key->device == device || (!major(file->st_dev) && !(key->device >> 20))))
			return true;
	}
	return false;
}

/* One's own entry of /proc is /proc/self in a policy (bpf/lib/proc.bpf.h). */
static char *as_decided(const struct tightening *tight, const char *path)
{
	char own[32];
	const int length = snprintf(own, sizeof(own), "/proc/%d/", tight->pid);

	return strncmp(path, own, (size_t)length) == 0 ? text_format("/proc/self/%s", path + length)
						       : strdup(path);
}

/* Whether a file that is held for `op` is one that became narrower. A name that ends like that of a file that
 * was unlinked may be such a name, or be called so: both are asked for. */
static bool file_narrowed(
	const struct tightening *tight, enum ambit_op op, const char *path, const struct stat *file)
{
	_cleanup_free_ char *decided = as_decided(tight, path);
	const size_t length = decided ? strlen(decided) : 0, tail = strlen(DELETED);

	if (!decided)
		return true;
	if (path_narrowed(tight, op, decided, length) ||
		(length > tail && strcmp(decided + length - tail, DELETED) == 0 &&
			path_narrowed(tight, op, decided, length - tail)))
		return true;
	return identity_denies(&tight->now->links, file, op) &&
	       !identity_denies(&tight->before->links, file, op);
}

struct address {
	uint8_t family, bytes[16];
	uint16_t port;
};

/* The address of IPv4 that stands in one of IPv6, as the programs take it (address_v6() of
 * bpf/lib/address.bpf.h): v4-mapped, NAT64, 6to4. NULL: none. */
static const uint8_t *v4_inside(const uint8_t *v6)
{
	static const struct {
		uint8_t bytes[12], length, at;
	} forms[] = {
		{{[10] = 0xff, [11] = 0xff}, 12, 12},
		{{0x00, 0x64, 0xff, 0x9b}, 12, 12},
		{{0x20, 0x02}, 2, 2},
	};

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		if (memcmp(v6, forms[i].bytes, forms[i].length) == 0)
			return v6 + forms[i].at;
	return NULL;
}

/* False: no address of IP. */
static bool address_read(const struct sockaddr_storage *from, struct address *ret)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;
	const uint8_t *inside = from->ss_family == AF_INET6 ? v4_inside(v6->sin6_addr.s6_addr)
							    : (const uint8_t *)&v4->sin_addr;

	*ret = (struct address){.port = ntohs(v4->sin_port),
		.family = inside ? AMBIT_FAMILY_V4 : AMBIT_FAMILY_V6};
	memcpy(ret->bytes, inside ?: v6->sin6_addr.s6_addr, inside ? 4 : 16);
	return from->ss_family == AF_INET || from->ss_family == AF_INET6;
}

static bool peer_narrowed(
	const struct tightening *tight, enum ambit_op op, uint8_t proto, const struct address *peer)
{
	const struct tables *before = tight->before->tables;

	return ambit_tables_peer(tight->now->tables, op, proto, peer->family, peer->bytes, peer->port)
			       .verdict != VERDICT_ALLOW &&
	       (!before || ambit_tables_peer(before, op, proto, peer->family, peer->bytes, peer->port)
					   .verdict == VERDICT_ALLOW);
}

/* --- what is done about it --- */

static void record(const struct tightening *tight, const char *what, const char *op, const char *object)
{
	_cleanup_free_ char *clean = text_clean(object);
	_cleanup_free_ char *detail = text_format("%s %s  by process %d", op, clean ?: "", tight->pid);

	ambit_hold_mark(tight->hold, what, detail);
}

/* A descriptor of another task cannot be closed, and memory of it not be taken away: it ends. It is frozen,
 * and a task that is killed does not come back from there to its program. */
static void end(struct tightening *tight, const char *op, const char *object)
{
	if (tight->ended)
		return;
	if (pidfd_send_signal(tight->pidfd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
		tight->error = -errno;
	tight->ended = true;
	record(tight, "ended", op, object);
}

/* Where something cannot be opened, by errno: one that is gone holds nothing. */
static void unseen(struct tightening *tight, const char *object)
{
	const int error = errno;

	if (error == ENOENT || error == ESRCH)
		return;
	end(tight, "read", object);
	tight->error = -error;
}

/* The connection ends, at once and with what was not sent yet, and the socket is as if it were new: what it is
 * used for next is decided anew. Of those that cannot do so (unix) nothing is sent or received any more. */
static void cut(struct tightening *tight, int fd, const char *op, const char *object)
{
	const struct sockaddr nobody = {.sa_family = AF_UNSPEC};

	if (connect(fd, &nobody, sizeof(nobody)) < 0 && shutdown(fd, SHUT_RDWR) < 0 && errno != ENOTCONN)
		end(tight, op, object);
	else
		record(tight, "cut", op, object);
}

/* --- sockets --- */

static char *address_text(const struct address *address)
{
	const bool v4 = address->family == AMBIT_FAMILY_V4;
	char text[INET6_ADDRSTRLEN] = "";

	inet_ntop(v4 ? AF_INET : AF_INET6, address->bytes, text, sizeof(text));
	return text_format(v4 ? "%s:%u" : "[%s]:%u", text, address->port);
}

/* Whom it is connected to, and where it listens or was accepted. */
static void inet_look(struct tightening *tight, int fd, int protocol)
{
	static const struct {
		enum ambit_op op;
		const char *text;
		int (*name)(int fd, struct sockaddr *restrict address, socklen_t *restrict size);
	} ends[] = {{OP_LISTEN, "listen", getsockname}, {OP_CONNECT, "connect", getpeername}};

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		struct sockaddr_storage name = {0};
		socklen_t size = sizeof(name);
		struct address address;

		if (ends[i].name(fd, (struct sockaddr *)&name, &size) < 0 || !address_read(&name, &address) ||
			!address.port || !peer_narrowed(tight, ends[i].op, (uint8_t)protocol, &address))
			continue;
		_cleanup_free_ char *text = address_text(&address);
		/* Datagrams come in by the port alone, which one that was bound to it keeps through a cut. */
		if (ends[i].op == OP_LISTEN && protocol != IPPROTO_TCP)
			end(tight, ends[i].text, text ?: "");
		else
			cut(tight, fd, ends[i].text, text ?: "");
		return;
	}
}

/* The name is the one that the server gave, and what was decided on was the path of the socket: one that leads
 * there by a link, or to no socket any more, does not tell what was allowed before. */
static bool unix_narrowed(const struct tightening *tight, const char *name)
{
	_cleanup_free_ char *path = realpath(name, NULL);
	struct stat file;

	if (!path || stat(path, &file) < 0 || !S_ISSOCK(file.st_mode) ||
		path_narrowed(tight, OP_UNIX, name, strlen(name)))
		return true;
	return strcmp(path, name) != 0 &&
	       ambit_tables_path(tight->now->tables, OP_UNIX, path, strlen(path)).verdict != VERDICT_ALLOW;
}

/* A relative name is of a place that is not known here, so it is taken for one that became narrower. */
static void unix_look(struct tightening *tight, int fd)
{
	struct sockaddr_un name = {0};
	socklen_t size = sizeof(name) - 1;
	_cleanup_free_ char *peer = NULL;

	if (getpeername(fd, (struct sockaddr *)&name, &size) < 0 ||
		size <= offsetof(struct sockaddr_un, sun_path) + 1)
		return;
	peer = name.sun_path[0] ? strdup(name.sun_path)
				: text_format("abstract:%.*s",
					  (int)(size - offsetof(struct sockaddr_un, sun_path) - 1),
					  name.sun_path + 1);
	if (!peer || (name.sun_path[0] ? *peer != '/' || unix_narrowed(tight, peer)
					 : path_narrowed(tight, OP_UNIX, peer, strlen(peer))))
		cut(tight, fd, "unix", peer ?: "");
}

/* The descriptor is that of the task itself, so it is looked at by another of the same socket. */
static void socket_look(struct tightening *tight, pid_t tid, int number)
{
	_cleanup_close_ int task = tid == tight->pid ? -1 : pidfd_open(tid, 0x80 /* PIDFD_THREAD, since 6.9 */);
	_cleanup_close_ int fd = pidfd_getfd(task >= 0 ? task : tight->pidfd, number, 0);
	int domain = 0, protocol = 0;
	socklen_t size = sizeof(int);

	/* A thread that shares no descriptors, where such a thread cannot be named. */
	if (tid != tight->pid && task < 0) {
		end(tight, "read", "a socket of a thread that has descriptors of its own");
		return;
	}
	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0 ||
		getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) < 0) {
		end(tight, "read", "a socket that could not be looked at");
		return;
	}
	if (domain == AF_INET || domain == AF_INET6)
		inet_look(tight, fd, protocol);
	else if (domain == AF_UNIX)
		unix_look(tight, fd);
}

/* --- files --- */

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
	if (mode != O_WRONLY && file_narrowed(tight, OP_READ, path, file))
		end(tight, "read", path);
	else if (mode != O_RDONLY && file_narrowed(tight, OP_WRITE, path, file))
		end(tight, "write", path);
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
		end(tight, "read", "a descriptor that could not be looked at");
		return;
	}
	path[length] = '\0';
	/* Nobody can look at those, and of a socket nothing more than whose it is decides when it is received. */
	if (waiting)
		end(tight, "read", "descriptors that wait in a unix socket");
	else if (strncmp(path, "socket:", 7) == 0)
		socket_look(tight, tid, number);
	else if (strcmp(path, RING) == 0)
		end(tight, "read", RING);
	else if (flags & O_PATH || stat(link, &file) == 0)
		file_look(tight, flags, path, &file);
	else
		end(tight, "read", path);
}

static void descriptors_look(struct tightening *tight, pid_t tid)
{
	_cleanup_free_ char *task = text_format("/proc/%d/task/%d", tight->pid, tid);
	_cleanup_free_ char *path = task ? text_format("%s/fd", task) : NULL;
	_cleanup_(dir_cleanup) DIR *dir = path ? opendir(path) : NULL;
	struct dirent *entry;

	if (!dir)
		unseen(tight, "descriptors that could not be looked at");
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
	if (length < 0 || stat(link, &file) < 0) {
		end(tight, "read", "memory that could not be looked at");
		return;
	}
	path[length] = '\0';
	if (strcmp(path, RING) == 0)
		end(tight, "read", RING);
	if (*path != '/')
		return;
	/* By what it may become: mprotect(2) asks again for code alone. */
	if (file_narrowed(tight, OP_READ, path, &file))
		end(tight, "read", path);
	else if (rights[3] == 's' && file_narrowed(tight, OP_WRITE, path, &file))
		end(tight, "write", path);
	else if (rights[2] == 'x' && file_narrowed(tight, OP_EXEC, path, &file))
		end(tight, "exec", path);
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
static bool maps_look(struct tightening *tight, pid_t tid, bool *ret_seen)
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

/* --- all of it --- */

/* Threads that share their descriptors with the first are looked at once. */
static void process_look(pid_t pid, int pidfd, void *data)
{
	struct tightening *tight = data;
	_cleanup_free_ char *path = text_format("/proc/%d/task", pid);
	_cleanup_(dir_cleanup) DIR *dir = path ? opendir(path) : NULL;
	struct dirent *entry;
	bool seen = false;

	tight->pid = pid;
	tight->pidfd = pidfd;
	tight->ended = false;
	if (!dir)
		unseen(tight, "threads that could not be looked at");
	notify("WATCHDOG=1");
	while (dir && !tight->ended && (entry = readdir(dir))) {
		const pid_t tid = atoi(entry->d_name);

		if (tid > 0 && (tid == pid || syscall(SYS_kcmp, pid, tid, KCMP_FILES, 0, 0) != 0))
			descriptors_look(tight, tid);
		if (tid > 0 && !seen && !maps_look(tight, tid, &seen))
			end(tight, "read", "memory that could not be looked at");
	}
}

int hold_tighten(struct hold *hold, const struct ready *before, const struct ready *now)
{
	struct tightening tight = {.hold = hold, .before = before, .now = now};
	int result = ambit_cell_processes(hold->cell, process_look, &tight);

	return result < 0 ? result : tight.error;
}
