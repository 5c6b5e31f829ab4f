/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What no policy allows, because it would undo the decisions on paths, peers and tasks: changing
 * mounts and namespaces, the kernel and its configuration, keys, most privileges of root, and
 * reaching for tasks outside.
 */
#include "lib/emit.bpf.h"
#include "lib/handle.bpf.h"
#include "lib/overlay.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline int refuse(enum ambit_hook hook, enum ambit_reason reason)
{
	__u32 cell = cell_current();

	return cell && deny(cell, hook, OP_SYSTEM, reason) ? -EPERM : 0;
}

/* Maps, programs and links of ambit can be opened by id: no bpf(2) at all. */
SEC("lsm/bpf")
int INSIDE_PROG(guard_bpf)
{
	return refuse(HOOK_bpf, REASON_GUARD);
}

#define REFUSE(hook, reason)             \
	SEC("lsm/" #hook)                \
	int INSIDE_PROG(guard_##hook)       \
	{                                \
		return refuse(HOOK_##hook, reason); \
	}

REFUSE(sb_mount, REASON_MOUNT)
REFUSE(sb_remount, REASON_MOUNT)
REFUSE(sb_umount, REASON_MOUNT)
REFUSE(sb_pivotroot, REASON_MOUNT)
REFUSE(move_mount, REASON_MOUNT)
REFUSE(path_chroot, REASON_MOUNT)
REFUSE(userns_create, REASON_MOUNT)

REFUSE(perf_event_open, REASON_GUARD)
REFUSE(syslog, REASON_GUARD)
REFUSE(settime, REASON_GUARD)
REFUSE(quotactl, REASON_GUARD)
REFUSE(quota_on, REASON_GUARD)
/* Code and configuration of the kernel: modules by either system call or on demand, kexec images,
 * firmware, policies; and all that lockdown knows of, such as /dev/mem, MSRs and I/O ports. */
REFUSE(kernel_module_request, REASON_GUARD)
REFUSE(kernel_read_file, REASON_GUARD)
REFUSE(kernel_load_data, REASON_GUARD)
REFUSE(locked_down, REASON_GUARD)
/* A user's keyrings are one for all of the user's processes. */
REFUSE(key_alloc, REASON_KEY)
REFUSE(key_permission, REASON_KEY)

/*
 * Privileges that root keeps in a cell (include/uapi/linux/capability.h): what concerns the file
 * permissions, the ids and the tasks that the other hooks decide on. All others act on the whole
 * machine, on every file system or on the network, where no rule is asked. A capability that the
 * task lacks is refused before this hook is called.
 */
#define PRIVILEGES_KEPT                                                                        \
	(1ULL << 0 | 1ULL << 1 | 1ULL << 2 | 1ULL << 3 | /* chown, dac_override, dac_read_search, \
							    fowner */                            \
		1ULL << 4 | 1ULL << 5 | 1ULL << 6 | /* fsetid, kill, setgid */                  \
		1ULL << 7 | 1ULL << 8 | 1ULL << 10 | /* setuid, setpcap, net_bind_service */     \
		1ULL << 14 | 1ULL << 18 | 1ULL << 19 | /* ipc_lock, sys_chroot, sys_ptrace */     \
		1ULL << 23 | 1ULL << 29) /* sys_nice, audit_write */
#define PRIVILEGE_SYS_ADMIN 21
#define PRIVILEGE_SETFCAP   31
#define CAPABLE_QUIET 2 /* CAP_OPT_NOAUDIT of include/linux/security.h: only a question */

SEC("lsm/capable")
int INSIDE_PROG(guard_capable, const struct cred *cred, struct user_namespace *ns, int capability,
	unsigned int options)
{
	struct verdict v = {
		.op = OP_SYSTEM,
		.reason = REASON_PRIVILEGE,
		.verdict = VERDICT_DENY,
		.hook = HOOK_capable,
		.slot = -1,
	};

	v.cell = cell_current();
	if (!v.cell || (capability < 64 && PRIVILEGES_KEPT >> (capability & 63) & 1))
		return 0;
	/* For the attributes in which overlayfs keeps its books, and those of files that it copies. */
	if ((capability == PRIVILEGE_SYS_ADMIN || capability == PRIVILEGE_SETFCAP) &&
		lent_rights(v.cell))
		return 0;
	v.detail = capability;
	if (!(options & CAPABLE_QUIET))
		report(&v);
	return enforce(v.cell) ? -EPERM : 0;
}

/* Another task: free among the tasks of one cell. */
static __always_inline int other_task(
	struct task_struct *task, enum ambit_hook hook, __u8 detail, bool silent)
{
	struct verdict v = {
		.op = OP_TASK,
		.reason = REASON_OUTSIDE,
		.verdict = VERDICT_DENY,
		.hook = hook,
		.detail = detail,
		.silent = silent,
		.slot = -1,
	};

	v.cell = cell_current();
	if (!v.cell || cell_of(task) == v.cell)
		return 0;
	report(&v);
	return enforce(v.cell) ? -EPERM : 0;
}

#define PTRACE_QUIET 4 /* PTRACE_MODE_NOAUDIT of include/linux/ptrace.h: `ps` asks of every task */

SEC("lsm/ptrace_access_check")
int INSIDE_PROG(guard_ptrace_access_check, struct task_struct *child, unsigned int mode)
{
	return other_task(child, HOOK_ptrace_access_check, 0, mode & PTRACE_QUIET);
}

SEC("lsm/ptrace_traceme")
int INSIDE_PROG(guard_ptrace_traceme, struct task_struct *parent)
{
	return other_task(parent, HOOK_ptrace_traceme, 0, false);
}

/* Signal 0 asks whether a process exists, which /proc shows to everybody; lock files depend on it. */
SEC("lsm/task_kill")
int INSIDE_PROG(guard_task_kill, struct task_struct *task, struct kernel_siginfo *info, int signal)
{
	return signal ? other_task(task, HOOK_task_kill, signal, false) : 0;
}

#define OTHER_TASK(hook)                                                \
	SEC("lsm/" #hook)                                               \
	int INSIDE_PROG(guard_##hook, struct task_struct *task)            \
	{                                                               \
		return other_task(task, HOOK_##hook, 0, false);         \
	}

OTHER_TASK(task_setnice)
OTHER_TASK(task_setioprio)
OTHER_TASK(task_setscheduler)
OTHER_TASK(task_setrlimit)
OTHER_TASK(task_movememory)

/* include/uapi/asm-generic/fcntl.h */
#define SET_FLAGS    4
#define SET_OWNER    8
#define SET_OWNER_EX 15
#define OPEN_ASYNC   020000

/* A terminal that is to send signals makes the foreground process group the owner, whoever that is
 * (__tty_fasync() in drivers/tty/tty_io.c); FIOASYNC does the same (ioctl.bpf.c). */
static __always_inline int terminal_owner(void)
{
	__u32 cell = cell_current();

	return cell && deny(cell, HOOK_file_fcntl, OP_TASK, REASON_OUTSIDE) ? -EPERM : 0;
}

/*
 * The owner of a descriptor gets any signal that F_SETSIG names, from the kernel, in the context of
 * whoever makes it ready: so it is decided when the owner is set. What F_SETOWN_EX names lies in user
 * memory, which can change after it was looked at.
 */
SEC("lsm/file_fcntl")
int INSIDE_PROG(guard_file_fcntl, struct file *file, unsigned int command, unsigned long argument)
{
	struct task_struct *task;
	struct pid *pid;
	__u32 level = 0;
	__u32 cell;
	int number = 0;

	if (command == SET_FLAGS)
		return argument & OPEN_ASYNC && file_type(file) == MODE_CHAR ? terminal_owner() : 0;
	if (command != SET_OWNER && command != SET_OWNER_EX)
		return 0;
	cell = cell_current();
	if (!cell || (command == SET_OWNER && (int)argument == 0))
		return 0;
	task = bpf_get_current_task_btf();
	pid = BPF_CORE_READ(task, signal, pids[PIDTYPE_TGID]);
	level = BPF_CORE_READ(pid, level);
	if (bpf_probe_read_kernel(&number, sizeof(number),
		    FAULT(READ_upid, NULL,
			    (void *)pid + bpf_core_field_offset(struct pid, numbers) +
				    level * bpf_core_type_size(struct upid) +
				    bpf_core_field_offset(struct upid, nr))))
		return deny(cell, HOOK_file_fcntl, OP_TASK, REASON_UNREADABLE) ? -EPERM : 0;
	if (command == SET_OWNER && number && (int)argument == number)
		return 0;
	return deny(cell, HOOK_file_fcntl, OP_TASK, REASON_OUTSIDE) ? -EPERM : 0;
}
