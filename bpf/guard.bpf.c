/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What no policy allows, because it would undo the decisions on paths, peers and tasks: changing
 * mounts and namespaces, bpf(2), typing into the terminal, and reaching for tasks outside.
 */
#include "lib/emit.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline int refuse(enum ambit_hook hook, enum ambit_reason reason)
{
	__u32 cell = cell_current();

	return cell && deny(cell, hook, OP_SYSTEM, reason) ? -EPERM : 0;
}

/* Maps, programs and links of ambit can be opened by id: no bpf(2) at all. */
SEC("lsm/bpf")
int BPF_PROG(guard_bpf)
{
	return refuse(HOOK_bpf, REASON_GUARD);
}

/* include/uapi/asm-generic/ioctls.h and tty.h: input for whoever reads the terminal next. */
#define TTY_INPUT 0x5412 /* TIOCSTI */
#define TTY_LINUX 0x541C /* TIOCLINUX: selection and paste */

static __always_inline int ioctl_decide(unsigned int command, enum ambit_hook hook)
{
	if (command != TTY_INPUT && command != TTY_LINUX)
		return 0;
	return refuse(hook, REASON_GUARD);
}

SEC("lsm/file_ioctl")
int BPF_PROG(guard_file_ioctl, struct file *file, unsigned int command)
{
	return ioctl_decide(command, HOOK_file_ioctl);
}

SEC("lsm/file_ioctl_compat")
int BPF_PROG(guard_file_ioctl_compat, struct file *file, unsigned int command)
{
	return ioctl_decide(command, HOOK_file_ioctl_compat);
}

#define REFUSE(hook, reason)             \
	SEC("lsm/" #hook)                \
	int BPF_PROG(guard_##hook)       \
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
int BPF_PROG(guard_ptrace_access_check, struct task_struct *child, unsigned int mode)
{
	return other_task(child, HOOK_ptrace_access_check, 0, mode & PTRACE_QUIET);
}

SEC("lsm/ptrace_traceme")
int BPF_PROG(guard_ptrace_traceme, struct task_struct *parent)
{
	return other_task(parent, HOOK_ptrace_traceme, 0, false);
}

/* Signal 0 asks whether a process exists, which /proc shows to everybody; lock files depend on it. */
SEC("lsm/task_kill")
int BPF_PROG(guard_task_kill, struct task_struct *task, struct kernel_siginfo *info, int signal)
{
	return signal ? other_task(task, HOOK_task_kill, signal, false) : 0;
}
