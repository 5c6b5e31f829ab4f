// SPDX-License-Identifier: Apache-2.0
/* What only the machine's owner should do, and reaching for tasks outside in other ways than signals. */
#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <linux/sockios.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/quota.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "probe.h"

/* "self" for the probe itself. */
static pid_t task_parse(const char *text)
{
	return strcmp(text, "self") ? (pid_t)atoi(text) : getpid();
}

static int act_nice(int argc, char **argv)
{
	(void)argc;
	return result_of(setpriority(PRIO_PROCESS, (id_t)task_parse(argv[0]), 1));
}

static int act_ioprio(int argc, char **argv)
{
	(void)argc;
	/* IOPRIO_WHO_PROCESS, IOPRIO_CLASS_BE 5 (include/uapi/linux/ioprio.h) */
	return result_of(syscall(SYS_ioprio_set, 1, task_parse(argv[0]), 2 << 13 | 5));
}

static int act_scheduler(int argc, char **argv)
{
	struct sched_param parameters = {0};

	(void)argc;
	return result_of(sched_setscheduler(task_parse(argv[0]), SCHED_BATCH, &parameters));
}

static int act_affinity(int argc, char **argv)
{
	pid_t task = task_parse(argv[0]);
	cpu_set_t set;

	(void)argc;
	if (sched_getaffinity(task, sizeof(set), &set) < 0)
		return -errno;
	return result_of(sched_setaffinity(task, sizeof(set), &set));
}

static int act_limit(int argc, char **argv)
{
	pid_t task = task_parse(argv[0]);
	struct rlimit limit;

	(void)argc;
	if (prlimit(task, RLIMIT_CORE, NULL, &limit) < 0)
		return -errno;
	return result_of(prlimit(task, RLIMIT_CORE, &limit, NULL));
}

static int act_pages(int argc, char **argv)
{
	unsigned long nodes = 1;

	(void)argc;
	return result_of(syscall(SYS_migrate_pages, task_parse(argv[0]), 2, &nodes, &nodes));
}

/* Who gets the signals of a descriptor, any signal. */
static int act_own(int argc, char **argv)
{
	int ends[2];

	(void)argc;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	return result_of(fcntl(ends[0], F_SETOWN, task_parse(argv[0])));
}

/* What a terminal, or a pipe, is to send signals by. */
static int async_open(const char *what)
{
	int ends[2];

	if (strcmp(what, "pipe") == 0)
		return pipe2(ends, O_CLOEXEC) < 0 ? -1 : ends[0];
	return open(what, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

static int act_async_flag(int argc, char **argv)
{
	int fd = async_open(argv[0]);

	(void)argc;
	return fd < 0 ? -errno : result_of(fcntl(fd, F_SETFL, O_ASYNC));
}

static int act_async_ioctl(int argc, char **argv)
{
	int fd = async_open(argv[0]), on = 1;

	(void)argc;
	return fd < 0 ? -errno : result_of(ioctl(fd, FIOASYNC, &on));
}

static int act_own_ex(int argc, char **argv)
{
	struct f_owner_ex owner = {.type = F_OWNER_PID, .pid = task_parse(argv[0])};
	int ends[2];

	(void)argc;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	return result_of(fcntl(ends[0], F_SETOWN_EX, &owner));
}

/* The same by an ioctl of sockets. */
static int act_own_socket(int argc, char **argv)
{
	pid_t task = task_parse(argv[0]);
	int ends[2];

	(void)argc;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	return result_of(ioctl(ends[0], FIOSETOWN, &task));
}

static int act_key(int argc, char **argv)
{
	(void)argc;
	return result_of(syscall(SYS_add_key, "user", argv[0], "x", 1, KEY_SPEC_USER_KEYRING));
}

static int act_key_read(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return result_of(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 1));
}

static int act_perf(int argc, char **argv)
{
	struct perf_event_attr attributes = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attributes),
		.config = PERF_COUNT_SW_TASK_CLOCK,
		.exclude_kernel = 1,
		.exclude_hv = 1,
	};

	(void)argc;
	(void)argv;
	return result_of(syscall(SYS_perf_event_open, &attributes, 0, -1, -1, PERF_FLAG_FD_CLOEXEC));
}

static int act_klog(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return result_of(klogctl(10 /* SYSLOG_ACTION_SIZE_BUFFER */, NULL, 0));
}

/* To what it is already. */
static int act_clock(int argc, char **argv)
{
	struct timespec now;

	(void)argc;
	(void)argv;
	clock_gettime(CLOCK_REALTIME, &now);
	return result_of(clock_settime(CLOCK_REALTIME, &now));
}

static int act_hostname(int argc, char **argv)
{
	char name[65];

	(void)argc;
	(void)argv;
	if (gethostname(name, sizeof(name)) < 0)
		return -errno;
	return result_of(sethostname(name, strlen(name)));
}

/* What Ctrl-Alt-Del does. */
static int act_reboot(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return result_of(reboot(RB_DISABLE_CAD));
}

static int act_ports(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return result_of(ioperm(0x80, 1, 1));
}

/* An empty module: that its text is read is enough. */
static int act_module(int argc, char **argv)
{
	int result = result_of(syscall(SYS_init_module, "nothing", 7, ""));

	(void)argc;
	(void)argv;
	return result == -ENOEXEC ? 0 : result;
}

static int act_module_file(int argc, char **argv)
{
	int fd = open(argv[0], O_RDONLY | O_CLOEXEC), result;

	(void)argc;
	if (fd < 0)
		return -errno;
	result = result_of(syscall(SYS_finit_module, fd, "", 0));
	close(fd);
	return result == -ENOEXEC ? 0 : result;
}

/* No segments: takes away what was never loaded. */
static int act_kexec(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return result_of(syscall(SYS_kexec_load, 0, 0, NULL, 0));
}

static int act_quota(int argc, char **argv)
{
	int result = result_of(quotactl(QCMD(Q_SYNC, USRQUOTA), NULL, 0, NULL));

	(void)argc;
	(void)argv;
	return result == -ESRCH ? 0 : result; /* granted, but there are no quotas */
}

static int act_unshare(int argc, char **argv)
{
	static const struct {
		const char *name;
		int flag;
	} kinds[] = {{"mnt", CLONE_NEWNS}, {"net", CLONE_NEWNET}, {"ipc", CLONE_NEWIPC},
		{"uts", CLONE_NEWUTS}, {"pid", CLONE_NEWPID}, {"cgroup", CLONE_NEWCGROUP},
		{"time", 0x80 /* CLONE_NEWTIME */}};

	(void)argc;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(argv[0], kinds[i].name) == 0)
			return result_of(unshare(kinds[i].flag));
	return -EINVAL;
}

/* Any attribute of the mount at DIR; the call has no hook of its own. */
static int act_mount_attributes(int argc, char **argv)
{
	struct {
		unsigned long long set, clear, propagation, userns;
	} attributes = {.set = 0x80 /* MOUNT_ATTR_NODIRATIME */};

	(void)argc;
	return result_of(syscall(
		SYS_mount_setattr, AT_FDCWD, argv[0], 0, &attributes, sizeof(attributes)));
}

static int act_fsopen(int argc, char **argv)
{
	(void)argc;
	return result_of(syscall(SYS_fsopen, argv[0], 1 /* FSOPEN_CLOEXEC */));
}

union semun {
	int value;
	struct semid_ds *buffer;
};

/* Objects that others find by KEY. They stay. */
static int act_ipc_make(int argc, char **argv)
{
	key_t key = atoi(argv[0]);
	union semun one = {.value = 1};
	int sem;

	(void)argc;
	if (shmget(key, 4096, IPC_CREAT | 0666) < 0 || msgget(key, IPC_CREAT | 0666) < 0)
		return -errno;
	sem = semget(key, 1, IPC_CREAT | 0666);
	return sem < 0 ? -errno : result_of(semctl(sem, 0, SETVAL, one));
}

static int use_memory(int id)
{
	char *memory = shmat(id, NULL, 0);

	if (memory == (void *)-1)
		return -errno;
	memory[0] = 'x';
	return result_of(shmdt(memory));
}

static int use_semaphore(int id)
{
	struct sembuf up = {.sem_op = 1};

	return result_of(semop(id, &up, 1));
}

static int use_queue(int id)
{
	struct {
		long type;
		char text[1];
	} message = {.type = 1};

	if (msgsnd(id, &message, 1, IPC_NOWAIT) < 0)
		return -errno;
	return result_of(msgrcv(id, &message, 1, 0, IPC_NOWAIT));
}

static int act_ipc_shm(int argc, char **argv)
{
	int id = shmget(atoi(argv[0]), 0, 0);

	(void)argc;
	return id < 0 ? -errno : use_memory(id);
}

static int act_ipc_sem(int argc, char **argv)
{
	int id = semget(atoi(argv[0]), 0, 0);

	(void)argc;
	return id < 0 ? -errno : use_semaphore(id);
}

static int act_ipc_msg(int argc, char **argv)
{
	int id = msgget(atoi(argv[0]), 0);

	(void)argc;
	return id < 0 ? -errno : use_queue(id);
}

/* What the owner may do without the permission to use it: by the id, which is a small number. The
 * owner is set to what it is. */
static int act_ipc_set(int argc, char **argv)
{
	struct shmid_ds status = {.shm_perm = {.mode = 0666}};

	(void)argc;
	(void)argv;
	return result_of(shmctl(0, IPC_SET, &status));
}

static int act_ipc_unlock(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return result_of(shmctl(0, SHM_UNLOCK, NULL));
}

/* Made, used and removed within the cell. */
static int act_ipc_own(int argc, char **argv)
{
	int shm = shmget(IPC_PRIVATE, 4096, 0600), sem = semget(IPC_PRIVATE, 1, 0600);
	int msg = msgget(IPC_PRIVATE, 0600), result;

	(void)argc;
	(void)argv;
	if (shm < 0 || sem < 0 || msg < 0)
		return -errno;
	result = use_memory(shm);
	if (result == 0)
		result = use_semaphore(sem);
	if (result == 0)
		result = use_queue(msg);
	if (result == 0 && (shmctl(shm, IPC_RMID, NULL) < 0 || semctl(sem, 0, IPC_RMID) < 0 ||
				   msgctl(msg, IPC_RMID, NULL) < 0))
		result = -errno;
	return result;
}

/* What root needs in a container: other ids, and files of others. */
static int act_root(int argc, char **argv)
{
	(void)argc;
	if (chown(argv[0], 12, 34) < 0 || chmod(argv[0], 0600) < 0 || setgid(34) < 0)
		return -errno;
	return result_of(setuid(12));
}

const struct verb guard_verbs[] = {
	{"nice", "PID", 1, EPERM, act_nice},
	{"ioprio", "PID", 1, EPERM, act_ioprio},
	{"scheduler", "PID", 1, EPERM, act_scheduler},
	{"affinity", "PID", 1, EPERM, act_affinity},
	{"limit", "PID: prlimit", 1, EPERM, act_limit},
	{"pages", "PID: migrate_pages", 1, EPERM, act_pages},
	{"own", "PID: F_SETOWN", 1, EPERM, act_own},
	{"own-ex", "PID: F_SETOWN_EX", 1, EPERM, act_own_ex},
	{"async-flag", "TERMINAL|pipe: O_ASYNC", 1, EPERM, act_async_flag},
	{"async-ioctl", "TERMINAL|pipe: FIOASYNC", 1, EPERM, act_async_ioctl},
	{"own-socket", "PID: FIOSETOWN", 1, EPERM, act_own_socket},
	{"add-key", "NAME", 1, ENOKEY, act_key},
	{"key-read", "the user's keyring", 0, ENOKEY, act_key_read},
	{"perf", "perf_event_open of the own task", 0, EPERM, act_perf},
	{"klog", "the kernel's log", 0, EPERM, act_klog},
	{"clock", "set the clock", 0, EPERM, act_clock},
	{"hostname", "set the host's name", 0, EPERM, act_hostname},
	{"reboot", "what Ctrl-Alt-Del does", 0, EPERM, act_reboot},
	{"ports", "ioperm", 0, EPERM, act_ports},
	{"module", "init_module", 0, EPERM, act_module},
	{"module-file", "FILE: finit_module", 1, EPERM, act_module_file},
	{"kexec", "kexec_load", 0, EPERM, act_kexec},
	{"quota", "quotactl", 0, EPERM, act_quota},
	{"unshare", "mnt|net|ipc|uts|pid|cgroup|time", 1, EPERM, act_unshare},
	{"mount-attr", "DIR: mount_setattr", 1, EPERM, act_mount_attributes},
	{"fsopen", "TYPE", 1, EPERM, act_fsopen},
	{"ipc-make", "KEY: shared memory, a semaphore, a queue", 1, 0, act_ipc_make},
	{"ipc-shm", "KEY", 1, EACCES, act_ipc_shm},
	{"ipc-sem", "KEY", 1, EACCES, act_ipc_sem},
	{"ipc-msg", "KEY", 1, EACCES, act_ipc_msg},
	{"ipc-set", "shmctl IPC_SET on the first there is", 0, EACCES, act_ipc_set},
	{"ipc-unlock", "shmctl SHM_UNLOCK on the first there is", 0, EACCES, act_ipc_unlock},
	{"ipc-own", "all three, its own", 0, EACCES, act_ipc_own},
	{"root", "FILE: chown, setgid, setuid", 1, EPERM, act_root},
	{0},
};
