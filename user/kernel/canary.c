/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The canary: proves that the armed kernel denies. Programs that attach without an error enforce
 * nothing when `bpf` is missing from the active LSM list, so only a denial that was seen counts.
 *
 * A child makes one attempt for each operation in a throw-away cell whose policy allows nothing. Each has to
 * fail with the errno of a denial, and ambit's own program has to have counted it, for that cell and operation: so
 * it was not somebody else who denied it, be it a container's seccomp or another LSM, before whom or without
 * whom nothing would be counted. The first time after arming, and where somebody asks, the same child makes the
 * same attempts outside of every cell before, where each has to be possible: an attempt that could not work anyway
 * is no proof that anything is denied.
 */
#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <linux/netlink.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include "base/util.h"
#include "kernel/internal.h"

#define STACK_SIZE 16384 /* of the child, which calls nothing but the kernel */

#define SCRATCH_FILE AMBIT_RUN_DIR "/canary"

/* What the attempts share; made by the parent, outside. */
struct stage {
	struct sockaddr_un unix_peer;
	socklen_t unix_length;
};

static int attempt_open(int flags)
{
	_cleanup_close_ int fd = open(
		flags == O_RDONLY ? "/proc/self/exe" : SCRATCH_FILE, flags | O_CLOEXEC, 0600);

	return fd < 0 ? errno : 0;
}

static int attempt_read(const struct stage *stage)
{
	(void)stage;
	return attempt_open(O_RDONLY);
}

static int attempt_write(const struct stage *stage)
{
	(void)stage;
	return attempt_open(O_WRONLY | O_CREAT);
}

/*
 * In a child of its own, because it does not come back where it works. vfork(2) returns when the child
 * has executed the program or has ended; what it would do as that program is of no interest, so it stops
 * there for its tracer. Where it may not be traced it runs for the moment until it is killed.
 */
static int attempt_exec(const struct stage *stage)
{
	char *const arguments[] = {"ambit", "--version", NULL}, *const environment[] = {NULL};
	int status = 0;
	pid_t child = vfork();

	(void)stage;
	if (child < 0)
		return errno;
	if (child == 0) {
		close_range(0, ~0U, 0);
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		execve("/proc/self/exe", arguments, environment);
		_exit(errno == EACCES ? 100 : 101);
	}
	kill(child, SIGKILL);
	do {
		if (waitpid(child, &status, 0) < 0)
			return errno;
	} while (WIFSTOPPED(status)); /* once: it has been killed */
	if (!WIFEXITED(status))
		return WTERMSIG(status) == SIGKILL ? 0 : EIO;
	return WEXITSTATUS(status) == 100 ? EACCES : WEXITSTATUS(status) == 101 ? EIO : 0;
}

static int attempt_unix(const struct stage *stage)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return errno;
	return connect(fd, (const struct sockaddr *)&stage->unix_peer, stage->unix_length) < 0
		       ? errno
		       : 0;
}

/* UDP, so that no packet leaves and nobody has to listen; sendto() without connect goes through
 * the other hook. */
static int attempt_connect(const struct stage *stage)
{
	struct sockaddr_in peer = {
		.sin_family = AF_INET,
		.sin_port = htons(9),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	_cleanup_close_ int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	_cleanup_close_ int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	_cleanup_close_ int other = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int first, second, third;

	(void)stage;
	if (udp < 0 || tcp < 0 || other < 0)
		return errno;
	first = connect(udp, (struct sockaddr *)&peer, sizeof(peer)) < 0 ? errno : 0;
	second = connect(tcp, (struct sockaddr *)&peer, sizeof(peer)) < 0 ? errno : 0;
	third = sendto(other, "", 0, 0, (struct sockaddr *)&peer, sizeof(peer)) < 0 ? errno : 0;
	/* Denied means all three; outside nothing but "nobody listens" may come. */
	if (first == EPERM && second == EPERM && third == EPERM)
		return EPERM;
	if (first == EPERM || second == EPERM || third == EPERM)
		return EIO;
	return first && first != ECONNREFUSED ? first : 0;
}

static int attempt_listen(const struct stage *stage)
{
	struct sockaddr_in any = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)stage;
	if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0)
		return errno == EPERM ? EIO : errno;
	return listen(fd, 1) < 0 ? errno : 0;
}

static int attempt_socket(const struct stage *stage)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);

	(void)stage;
	return fd < 0 ? errno : 0;
}

static int attempt_task(const struct stage *stage)
{
	(void)stage;
	/* SIGWINCH: ignored unless somebody asked for it, and then harmless. */
	return kill(getppid(), SIGWINCH) < 0 ? errno : 0;
}

static int attempt_system(const struct stage *stage)
{
	union bpf_attr attributes = {
		.map_type = BPF_MAP_TYPE_ARRAY,
		.key_size = 4,
		.value_size = 4,
		.max_entries = 1,
	};
	_cleanup_close_ int fd = syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof(attributes));

	(void)stage;
	return fd < 0 ? errno : 0;
}

static const struct {
	int (*attempt)(const struct stage *stage); /* 0 or an errno */
	int denied;				   /* the errno of a denial */
	uint64_t times;				   /* that ambit has to have counted */
} attempts[] = {
	[OP_READ] = {attempt_read, EACCES, 1},
	[OP_WRITE] = {attempt_write, EACCES, 1},
	[OP_EXEC] = {attempt_exec, EACCES, 1},
	[OP_UNIX] = {attempt_unix, EPERM, 1},
	[OP_CONNECT] = {attempt_connect, EPERM, 3},
	[OP_LISTEN] = {attempt_listen, EPERM, 1},
	[OP_SOCKET] = {attempt_socket, EPERM, 1},
	[OP_TASK] = {attempt_task, EPERM, 1},
	[OP_SYSTEM] = {attempt_system, EPERM, 1},
};
_Static_assert(ARRAY_SIZE(attempts) == OP_MAX, "one attempt for each operation");

/* The child: tries, if it is asked to, and writes what it saw; waits until it was put into the cell, and does it
 * again. */
struct child {
	const struct stage *stage;
	unsigned ops;
	bool outside;
	int start[2], report;
};

static void seen_write(const struct child *child, const int seen[OP_MAX])
{
	if (write(child->report, seen, sizeof(int[OP_MAX])) != sizeof(int[OP_MAX]))
		_exit(1);
}

static void attempts_make(const struct child *child, unsigned ops, int seen[OP_MAX])
{
	for (int op = 0; op < OP_MAX; op++)
		if (child->ops & ops & (1U << op))
			seen[op] = attempts[op].attempt(child->stage);
}

/*
 * In the cell no child of its own is needed: the program is executed last, and who comes back was denied it. Who
 * does not has written before that it worked.
 */
static void attempts_inside(const struct child *child)
{
	char *const arguments[] = {"ambit", "--version", NULL}, *const environment[] = {NULL};
	int seen[OP_MAX] = {};

	attempts_make(child, ~(1U << OP_EXEC), seen);
	seen_write(child, seen);
	if (!(child->ops & 1U << OP_EXEC))
		return;
	close_range(STDIN_FILENO, STDERR_FILENO, 0);
	execve("/proc/self/exe", arguments, environment);
	seen[OP_EXEC] = errno;
	seen_write(child, seen);
}

/*
 * It has the parent's memory, which is not copied for two attempts (clone(2) with CLONE_VM), and so its errno:
 * what the parent does meanwhile is to wait for a pipe, or the child waits for one.
 */
static int child_run(void *data)
{
	const struct child *child = data;
	char go;

	close(child->start[1]); /* else it would wait for itself */
	if (child->outside) {
		int seen[OP_MAX] = {};

		attempts_make(child, ~0U, seen);
		seen_write(child, seen);
	}
	if (read(child->start[0], &go, 1) != 1)
		_exit(1);
	attempts_inside(child);
	_exit(0);
}

static void close_pair(int (*pair)[2])
{
	for (int i = 0; i < 2; i++) {
		if ((*pair)[i] >= 0)
			close((*pair)[i]);
	}
}

static int seen_read(int fd, int seen[OP_MAX])
{
	return read(fd, seen, sizeof(int[OP_MAX])) == sizeof(int[OP_MAX]) ? 0 : -EIO;
}

/* What the child sees outside, and then in `cell`. */
static int rounds_run(struct cell *cell, const struct child *by, pid_t child, int report,
	int outside[OP_MAX], int inside[OP_MAX], struct diag *diag)
{
	_cleanup_close_ int pidfd = pidfd_open(child, 0);
	int result = pidfd < 0 ? -errno : 0;

	if (result == 0 && by->outside)
		result = seen_read(report, outside);
	if (result == 0)
		result = ambit_cell_enter(cell, child, pidfd, diag);
	if (result == 0 && write(by->start[1], "", 1) != 1)
		result = -EIO;
	if (result == 0)
		result = seen_read(report, inside);
	/* The second time with what it was told when it executed a program; nothing comes if that worked. */
	if (result == 0 && by->ops & 1U << OP_EXEC)
		seen_read(report, inside);
	return result;
}

/* Runs the attempts in a child. */
static int attempts_run(struct cell *cell, const struct stage *stage, unsigned ops, bool outside_too,
	int outside[OP_MAX], int inside[OP_MAX], struct diag *diag)
{
	_cleanup_(close_pair) int start[2] = {-1, -1};
	_cleanup_(close_pair) int report[2] = {-1, -1};
	struct child attempts_by = {.stage = stage, .ops = ops, .outside = outside_too};
	char stack[STACK_SIZE] __attribute__((aligned(16)));
	int status, result;
	pid_t child;

	if (pipe2(start, O_CLOEXEC) < 0 || pipe2(report, O_CLOEXEC) < 0)
		return -errno;
	/* Where standard input and output were closed it could be one that the child closes. */
	if (report[1] <= STDERR_FILENO) {
		const int other = fcntl(report[1], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

		if (other < 0)
			return -errno;
		close(report[1]);
		report[1] = other;
	}
	memcpy(attempts_by.start, start, sizeof(start));
	attempts_by.report = report[1];
	child = clone(child_run, stack + sizeof(stack), CLONE_VM | SIGCHLD, &attempts_by);
	if (child < 0)
		return -errno;
	close(TAKE_FD(report[1]));
	result = rounds_run(cell, &attempts_by, child, report[0], outside, inside, diag);
	close(TAKE_FD(start[1])); /* a child that was not told to go ends */
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		; /* its stack is ours */
	return result;
}

/* A unix socket outside, abstract, named by the kernel. */
static int stage_set(struct stage *stage, int *ret_fd)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	stage->unix_peer.sun_family = AF_UNIX;
	stage->unix_length = sizeof(stage->unix_peer);
	if (fd < 0 || bind(fd, (struct sockaddr *)&stage->unix_peer, sizeof(sa_family_t)) < 0 ||
		listen(fd, 8) < 0 ||
		getsockname(fd, (struct sockaddr *)&stage->unix_peer, &stage->unix_length) < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* Compares what was seen inside and outside, and what was counted; the first that does not prove a denial is
 * named. */
static int attempts_judge(unsigned ops, const int outside[OP_MAX], const int inside[OP_MAX],
	const struct ambit_counters *counters, int results[OP_MAX], struct diag *diag)
{
	static const char *const names[] = {
#define X(name, text) text,
		AMBIT_OPS(X)
#undef X
	};
	int result = 0;

	for (int op = 0; op < OP_MAX; op++) {
		results[op] = 0;
		if (!(ops & (1U << op)))
			continue;
		if (outside[op] == 0 && inside[op] == attempts[op].denied &&
			counters->denied[op] >= attempts[op].times) {
			results[op] = 1;
			continue;
		}
		results[op] = -EPROTO;
		if (result == 0)
			ambit_diag_set(diag, NULL, 0, 0,
				"the canary for \"%s\" was not denied: outside a cell \"%s\", inside "
				"\"%s\" (expected \"%s\"), denied by ambit %llu times (expected %llu); this kernel does not "
				"enforce, see `ambit doctor`",
				names[op], strerror(outside[op]), strerror(inside[op]),
				strerror(attempts[op].denied), (unsigned long long)counters->denied[op],
				(unsigned long long)attempts[op].times);
		result = -EPROTO;
	}
	return result;
}

/* The cell that allows nothing: by the policy that was loaded for it when the kernel was armed. Without a
 * ring there are no events of it. */
static int canary_cell(struct kernel *kernel, struct cell **ret, struct diag *diag)
{
	const struct cell_options options = {.mode = MODE_ENFORCE, .flags = AMBIT_CELL_CANARY};

	return ambit_cell_new(kernel, &options, ret, diag);
}

/* That the attempts are possible is said once; where it cannot be they are made again. */
static void note_tried(struct kernel *kernel)
{
	struct diag ignored = {};
	_cleanup_close_ int lock = policies_lock(&ignored);
	struct ambit_arming arming;
	const uint32_t row = 0;

	ambit_diag_clear(&ignored);
	if (lock < 0 || bpf_map_lookup_elem(kernel->arming, &row, &arming) < 0)
		return;
	arming.flags |= AMBIT_ARMING_TRIED;
	bpf_map_update_elem(kernel->arming, &row, &arming, BPF_EXIST);
}

int ambit_kernel_canary(struct kernel *kernel, unsigned ops, bool outside_too, int results[OP_MAX],
	struct diag *diag)
{
	_cleanup_close_ int peer = -1;
	int outside[OP_MAX] = {}, inside[OP_MAX] = {}, result;
	struct ambit_counters counters;
	struct stage stage = {};
	struct diag ignored = {};
	struct cell *cell = NULL;

	result = stage_set(&stage, &peer);
	if (result < 0) {
		ambit_diag_set(diag, NULL, 0, 0, "cannot set up the canary: %s", strerror(-result));
		return result;
	}
	result = canary_cell(kernel, &cell, diag);
	if (result < 0)
		return result;
	outside_too = outside_too || !kernel->attached || !kernel->attached->tried;
	ambit_diag_set(diag, NULL, 0, 0, "the canary's child could not be run");
	result = attempts_run(cell, &stage, ops, outside_too, outside, inside, diag);
	if (result == 0)
		result = ambit_cell_counters(cell, &counters);
	if (result == 0) {
		ambit_diag_clear(diag);
		result = attempts_judge(ops, outside, inside, &counters, results, diag);
	}
	if (result == 0 && outside_too)
		note_tried(kernel);
	ambit_cell_free(cell, &ignored);
	ambit_diag_clear(&ignored);
	/* In the cell it is not made, unless something is wrong. */
	if (outside_too || result < 0)
		unlink(SCRATCH_FILE);
	return result;
}
