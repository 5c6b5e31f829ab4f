/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The path of the program that the current process runs, for events. It is the same for every event
 * of a process, and for what that forks, so it is kept and not walked again.
 *
 * A kept path has an owner, a process that runs the program, and holds for whoever runs the same
 * `struct file`, as long as
 *
 *   the owner still holds this file as its program. It did so when the path was kept and has not
 *   executed anything since (`self_exec_id`), so the file was never freed meanwhile and its address
 *   means the same file. (Who may name another file by PR_SET_MM_EXE_FILE says itself what its
 *   program is called);
 *   no rename and no mount went on since (path.bpf.h).
 *
 * The owner is the parent where it runs the same file, as before an exec, else the process itself.
 * A process whose first thread has ended has no owner, and its path is walked each time.
 */
#ifndef AMBIT_EXE_H
#define AMBIT_EXE_H

#include "path.bpf.h"

/* A power of two. Two processes with the same slot take it from each other and walk. */
#define EXE_SLOTS 1024
/* A longer path is walked each time. A power of two. */
#define EXE_SIZE 256

struct exe_key {
	__u64 file;
	__u64 start_time; /* with the pid it names the owner for good */
	__u64 execs;
	__u32 pid;
	__u32 renames;
	__u32 mounts;
	__u32 reserved;
};

struct exe {
	__u64 busy; /* claimed as a scratch slot is; who comes second walks */
	struct exe_key key;
	__u64 length;
	char bytes[EXE_SIZE];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, EXE_SLOTS);
	__type(key, __u32);
	__type(value, struct exe);
} exes SEC(".maps") __weak;

/* What is asked for, by the scratch slot of who asks: the stack has no room for it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SCRATCH_SLOTS);
	__type(key, __u32);
	__type(value, struct exe_key);
} exe_keys SEC(".maps") __weak;

/* Before the path is built: a rename or mount that comes later makes it one that nobody finds. */
static __always_inline void exe_ask(struct exe_key *key, struct file *file)
{
	struct task_struct *task = task_read();
	struct task_struct *owner = task->real_parent->group_leader;

	key->renames = sequence(rename_lock_address);
	key->mounts = sequence(mount_lock_address);
	if (owner->mm->exe_file != file)
		owner = task->group_leader;
	key->start_time = owner->start_boottime;
	key->pid = owner->tgid;
	key->execs = owner->self_exec_id;
	/* After the count of its execs: an exec changes the file first. */
	key->file = owner->mm->exe_file == file ? (__u64)file : 0;
}

static __always_inline bool exe_is(const struct exe_key *a, const struct exe_key *b)
{
	return b->file && a->file == b->file && a->start_time == b->start_time &&
	       a->execs == b->execs && a->pid == b->pid && a->renames == b->renames &&
	       a->mounts == b->mounts;
}

/* The place of a key, claimed until exe_release(); NULL while somebody else has it. */
static __always_inline struct exe *exe_claim(const struct exe_key *key)
{
	__u32 index = key->pid % EXE_SLOTS;
	struct exe *exe = FAULT(EXE_PLACE, NULL, bpf_map_lookup_elem(&exes, &index));

	return exe && !__sync_lock_test_and_set(&exe->busy, 1) ? exe : NULL;
}

static __always_inline void exe_release(struct exe *exe)
{
	__sync_lock_test_and_set(&exe->busy, 0);
}

/* Puts the path at `strings[at]` of the scratch slot if it is kept; its length, or -1. */
GLOBAL int exe_find(__u32 slot, __u32 at)
{
	struct exe_key *key = FAULT(EXE_KEY, NULL, bpf_map_lookup_elem(&exe_keys, &slot));
	struct scratch *scratch = FAULT(SLOT_EXE, NULL, bpf_map_lookup_elem(&scratches, &slot));
	struct file *file = task_read()->mm->exe_file;
	struct exe *exe;
	__u32 length;
	int result = -1;

	if (!key || !scratch)
		return -1;
	exe_ask(key, file);
	exe = exe_claim(key);
	if (!exe)
		return -1;
	length = exe->length & (EXE_SIZE - 1);
	if (exe_is(&exe->key, key) &&
		!bpf_probe_read_kernel(&scratch->strings[at & PATH_MASK], length,
			FAULT(EXE_KEPT, NULL, exe->bytes)))
		result = length;
	exe_release(exe);
	return result;
}

/* Keeps the path at `strings[at]` as that of the key of the scratch slot. */
GLOBAL int exe_keep(__u32 slot, __u32 at, __u32 length)
{
	struct exe_key *key = FAULT(EXE_KEY, NULL, bpf_map_lookup_elem(&exe_keys, &slot));
	struct scratch *scratch = FAULT(SLOT_EXE, NULL, bpf_map_lookup_elem(&scratches, &slot));
	struct exe *exe;

	if (!key || !scratch || length >= EXE_SIZE || (key->renames | key->mounts) & 1)
		return 0;
	exe = exe_claim(key);
	if (!exe)
		return 0;
	exe->key.file = 0;
	exe->length = length;
	barrier_var(length); /* clang knows the bound and would leave the mask out */
	if (!bpf_probe_read_kernel(exe->bytes, length & (EXE_SIZE - 1),
		    FAULT(EXE_KEEP, NULL, &scratch->strings[at & PATH_MASK])))
		exe->key = *key;
	exe_release(exe);
	return 0;
}

/* Puts the path at `strings[at]` of the scratch slot and returns its length; 0 where there is none. */
static __always_inline __u32 exe_put(struct scratch *scratch, __u32 slot, __u32 mnt_ns, __u32 at)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct file *file;
	int kept = exe_find(slot, at);
	__u32 length;

	if (kept >= 0)
		return kept & (EXE_SIZE - 1);
	file = BPF_CORE_READ(task, mm, exe_file);
	if (!file)
		return 0;
	/* Programs are files of any namespace, so a walk that fails leaves the name out. */
	if (path_build(slot, BUFFER_EXE, (__u64)BPF_CORE_READ(file, f_path.dentry),
		    (__u64)BPF_CORE_READ(file, f_path.mnt), mnt_ns) != PATH_DONE)
		return 0;
	length = (PATH_END - scratch->exe.start) & PATH_MASK;
	if (bpf_probe_read_kernel(&scratch->strings[at & PATH_MASK], length,
		    FAULT(STRING_EXE, NULL,
			    &scratch->exe.bytes[scratch->exe.start & PATH_MASK])))
		return 0;
	exe_keep(slot, at, length);
	return length;
}

#endif
