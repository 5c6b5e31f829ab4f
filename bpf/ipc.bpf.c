/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * SysV shared memory, semaphores and message queues: free among the tasks of one cell, denied where
 * they were made outside. Their names are numbers, which no policy could mean. POSIX message queues
 * are denied.
 */
#include "lib/emit.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Objects made in cells; the kernel's own limits are lower (ipc/util.h: IPCMNI, a namespace). */
#define IPC_MAX 65536

/* Address of a kern_ipc_perm -> the cell that made it; taken away when the object is freed. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, IPC_MAX);
	__type(key, __u64);
	__type(value, __u32);
} ipc_labels SEC(".maps");

/*
 * Whether any object may be labelled: an entry is counted before it is made and until it is taken away,
 * so the count can be too high and is never too low. While it is 0, nobody outside looks for entries.
 */
static __always_inline bool ipc_any(void)
{
	return __builtin_expect(kept.ipc_objects != 0, 0);
}

FRAME int ipc_gone(__u64 object)
{
	if (!bpf_map_delete_elem(&ipc_labels, &object))
		__sync_fetch_and_add(&kept.ipc_objects, -1);
	return 0;
}

/* A new object. Outside, an entry that was left behind at this address would open it to a cell. */
FRAME int ipc_made(__u64 object, enum ambit_hook hook)
{
	__u32 cell = cell_current();

	if (!cell)
		return ipc_gone(object);
	if (cell != CELL_UNKNOWN) {
		__sync_fetch_and_add(&kept.ipc_objects, 1);
		if (!FAULT(LABEL_IPC, -E2BIG,
			    bpf_map_update_elem(&ipc_labels, &object, &cell, BPF_ANY)))
			return 0;
		__sync_fetch_and_add(&kept.ipc_objects, -1);
	}
	return deny(cell, hook, OP_SYSTEM, REASON_NO_LABEL) ? -EACCES : 0;
}

static __always_inline int ipc_used(__u64 object, enum ambit_hook hook)
{
	__u32 cell = cell_current(), *owner;

	if (!cell)
		return 0;
	owner = FAULT(LABEL_IPC_OWNER, NULL, bpf_map_lookup_elem(&ipc_labels, &object));
	if (owner && *owner == cell)
		return 0;
	return deny(cell, hook, OP_SYSTEM, REASON_OUTSIDE_IPC) ? -EACCES : 0;
}

#define MQUEUE_MAGIC 0x19800202 /* ipc/mqueue.c */

/* POSIX message queues: opening one is a file_open, which no path allows, but mq_open(2) makes it
 * before, and mq_unlink(2) is no path_unlink. */
static __always_inline int queue_entry(const struct inode *dir, enum ambit_hook hook)
{
	__u32 cell = cell_current();

	if (!cell || READS(struct inode, dir)->i_sb->s_magic != MQUEUE_MAGIC)
		return 0;
	return deny(cell, hook, OP_SYSTEM, REASON_OUTSIDE_IPC) ? -EACCES : 0;
}

SEC("lsm/inode_create")
int INSIDE_PROG(ipc_inode_create, struct inode *dir)
{
	return queue_entry(dir, HOOK_inode_create);
}

SEC("lsm/inode_unlink")
int INSIDE_PROG(ipc_inode_unlink, struct inode *dir)
{
	return queue_entry(dir, HOOK_inode_unlink);
}

/* include/uapi/linux/{ipc,msg,shm,sem}.h: these ask for the limits, of no object. */
#define IPC_INFO 3
#define MSG_INFO 12
#define SHM_INFO 14
#define SEM_INFO 19

#define IPC_MADE(hook)                                        \
	SEC("lsm/" #hook)                                     \
	int BPF_PROG(ipc_##hook)                              \
	{                                                     \
		if (!storage_of_current() && !ipc_any())      \
			return zero();                        \
		return ipc_made(ctx[0], HOOK_##hook);         \
	}

#define IPC_FREED(hook)                                       \
	SEC("lsm/" #hook)                                     \
	int BPF_PROG(ipc_##hook)                              \
	{                                                     \
		return ipc_any() ? ipc_gone(ctx[0]) : zero(); \
	}

/* The owner may remove an object without asking ipc_permission (ipc/util.c: ipcctl_obtain_check). */
#define IPC_CONTROL(hook, info)                                                   \
	SEC("lsm/" #hook)                                                         \
	int INSIDE_PROG(ipc_##hook)                                               \
	{                                                                         \
		int command = ctx[1];                                             \
                                                                                  \
		if (command == IPC_INFO || command == info)                       \
			return 0;                                                 \
		return ipc_used(ctx[0], HOOK_##hook);                             \
	}

IPC_MADE(msg_queue_alloc_security)
IPC_MADE(shm_alloc_security)
IPC_MADE(sem_alloc_security)
IPC_FREED(msg_queue_free_security)
IPC_FREED(shm_free_security)
IPC_FREED(sem_free_security)
IPC_CONTROL(msg_queue_msgctl, MSG_INFO)
IPC_CONTROL(shm_shmctl, SHM_INFO)
IPC_CONTROL(sem_semctl, SEM_INFO)

SEC("lsm/ipc_permission")
int INSIDE_PROG(ipc_ipc_permission)
{
	return ipc_used(ctx[0], HOOK_ipc_permission);
}
