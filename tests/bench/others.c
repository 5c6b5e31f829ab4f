/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One operation for each family of hooks that ambit takes, for tasks outside of cells: what the rest
 * of the machine pays. They work on a tmpfs, as root.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "bench.h"

#define WORK BENCH_TREE "/out"
#define FILE_NAME BENCH_OUT
#define OTHER	  WORK "/other"

#define OP(name) static int name(unsigned index __attribute__((unused)))
#define TRY(call)                      \
	do {                           \
		if ((call) < 0)        \
			return -errno; \
	} while (0)

static int file_fd(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = open(FILE_NAME, O_RDWR | O_CLOEXEC);
	return fd;
}

OP(run_mkdir)
{
	TRY(mkdir(OTHER, 0755));
	TRY(rmdir(OTHER));
	return 0;
}

OP(run_create)
{
	int fd = open(OTHER, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	TRY(fd);
	close(fd);
	TRY(unlink(OTHER));
	return 0;
}

/* There and back: what is renamed is the same each time. */
OP(run_rename)
{
	TRY(rename(FILE_NAME, OTHER));
	TRY(rename(OTHER, FILE_NAME));
	return 0;
}

OP(run_link)
{
	TRY(link(FILE_NAME, OTHER));
	TRY(unlink(OTHER));
	return 0;
}

OP(run_symlink)
{
	TRY(symlink("file", OTHER));
	TRY(unlink(OTHER));
	return 0;
}

OP(run_chmod)
{
	TRY(chmod(FILE_NAME, 0755));
	return 0;
}

OP(run_chown)
{
	TRY(chown(FILE_NAME, 0, 0));
	return 0;
}

OP(run_truncate)
{
	TRY(truncate(FILE_NAME, 4096));
	return 0;
}

OP(run_utimes)
{
	TRY(utimensat(AT_FDCWD, FILE_NAME, NULL, 0));
	return 0;
}

OP(run_xattr)
{
	TRY(setxattr(FILE_NAME, "trusted.bench", "x", 1, 0));
	TRY(removexattr(FILE_NAME, "trusted.bench"));
	return 0;
}

OP(run_mmap)
{
	void *at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, file_fd(), 0);

	if (at == MAP_FAILED)
		return -errno;
	munmap(at, 4096);
	return 0;
}

OP(run_mmap_anon)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return -errno;
	munmap(at, 4096);
	return 0;
}

OP(run_mprotect)
{
	static void *at;
	static int protection = PROT_READ;

	if (!at)
		at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	protection ^= PROT_WRITE;
	TRY(mprotect(at, 4096, protection));
	return 0;
}

OP(run_socket)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	TRY(fd);
	close(fd);
	return 0;
}

/* A socket can be bound once: the figure holds its making too. */
OP(run_bind)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(4097)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	TRY(fd);
	any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	TRY(bind(fd, (struct sockaddr *)&any, sizeof(any)));
	close(fd);
	return 0;
}

OP(run_sendto)
{
	static int fd = -1;
	struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(9)};

	if (fd < 0)
		fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	TRY(sendto(fd, "x", 1, 0, (struct sockaddr *)&peer, sizeof(peer)));
	return 0;
}

OP(run_setsockopt)
{
	static int fd = -1;
	int one = 1;

	if (fd < 0)
		fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	TRY(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)));
	return 0;
}

OP(run_unix_pair)
{
	int fds[2];

	TRY(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
	close(fds[0]);
	close(fds[1]);
	return 0;
}

OP(run_unix_send)
{
	static int fds[2] = {-1, -1};
	char byte = 'x';

	if (fds[0] < 0)
		TRY(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds));
	TRY(send(fds[0], &byte, 1, 0));
	TRY(recv(fds[1], &byte, 1, 0));
	return 0;
}

OP(run_unix_connect)
{
	static int server = -1;
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "\0bench"};
	socklen_t length = offsetof(struct sockaddr_un, sun_path) + 6;
	int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), accepted;

	if (server < 0) {
		server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		TRY(bind(server, (struct sockaddr *)&address, length));
		TRY(listen(server, 1));
	}
	TRY(connect(client, (struct sockaddr *)&address, length));
	TRY(accepted = accept(server, NULL, NULL));
	close(client);
	close(accepted);
	return 0;
}

OP(run_kill_zero)
{
	TRY(kill(getpid(), 0));
	return 0;
}

OP(run_kill_self)
{
	static bool ignored;

	if (!ignored)
		signal(SIGUSR1, SIG_IGN);
	ignored = true;
	TRY(kill(getpid(), SIGUSR1));
	return 0;
}

OP(run_ioctl)
{
	static int fds[2] = {-1, -1};
	int waiting;

	if (fds[0] < 0)
		TRY(pipe(fds));
	TRY(ioctl(fds[0], FIONREAD, &waiting));
	return 0;
}

OP(run_fcntl)
{
	TRY(fcntl(file_fd(), F_GETFL));
	return 0;
}

OP(run_pipe)
{
	int fds[2];

	TRY(pipe2(fds, O_CLOEXEC));
	close(fds[0]);
	close(fds[1]);
	return 0;
}

OP(run_eventfd)
{
	int fd = eventfd(0, EFD_CLOEXEC);

	TRY(fd);
	close(fd);
	return 0;
}

OP(run_inotify)
{
	static int fd = -1;
	int watch;

	if (fd < 0)
		fd = inotify_init1(IN_CLOEXEC);
	TRY(watch = inotify_add_watch(fd, FILE_NAME, IN_MODIFY));
	TRY(inotify_rm_watch(fd, watch));
	return 0;
}

OP(run_shm)
{
	int id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);

	TRY(id);
	TRY(shmctl(id, IPC_RMID, NULL));
	return 0;
}

OP(run_sem)
{
	int id = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);

	TRY(id);
	TRY(semctl(id, 0, IPC_RMID));
	return 0;
}

OP(run_nice)
{
	TRY(setpriority(PRIO_PROCESS, 0, 0));
	return 0;
}

OP(run_rlimit)
{
	struct rlimit limit;

	TRY(getrlimit(RLIMIT_CORE, &limit));
	TRY(setrlimit(RLIMIT_CORE, &limit));
	return 0;
}

OP(run_scheduler)
{
	struct sched_param param = {};

	TRY(sched_setscheduler(0, SCHED_OTHER, &param));
	return 0;
}

#define ROW(name, run) {name, run, 51, 10, false, CLOCK_WALL, true, GROUP_OTHERS}
const struct bench_op bench_others[] = {
	ROW("mkdir+rmdir", run_mkdir),
	ROW("create+unlink", run_create),
	ROW("rename twice", run_rename),
	ROW("link+unlink", run_link),
	ROW("symlink+unlink", run_symlink),
	ROW("chmod", run_chmod),
	ROW("chown", run_chown),
	ROW("truncate", run_truncate),
	ROW("utimes", run_utimes),
	ROW("setxattr+removexattr", run_xattr),
	ROW("mmap file+munmap", run_mmap),
	ROW("mmap memory+munmap", run_mmap_anon),
	ROW("mprotect", run_mprotect),
	ROW("socket+close", run_socket),
	ROW("socket+bind+close", run_bind),
	ROW("udp sendto", run_sendto),
	ROW("setsockopt", run_setsockopt),
	ROW("unix socketpair", run_unix_pair),
	ROW("unix send+recv", run_unix_send),
	ROW("unix connect+accept", run_unix_connect),
	ROW("kill 0", run_kill_zero),
	ROW("kill self", run_kill_self),
	ROW("ioctl", run_ioctl),
	ROW("fcntl", run_fcntl),
	ROW("pipe+close", run_pipe),
	ROW("eventfd+close", run_eventfd),
	ROW("inotify add+remove", run_inotify),
	ROW("shmget+remove", run_shm),
	ROW("semget+remove", run_sem),
	ROW("setpriority", run_nice),
	ROW("setrlimit", run_rlimit),
	ROW("sched_setscheduler", run_scheduler),
};
const size_t bench_others_count = sizeof(bench_others) / sizeof(bench_others[0]);
