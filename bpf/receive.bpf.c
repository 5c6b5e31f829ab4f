/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Descriptors that a task did not open: received by SCM_RIGHTS, taken by pidfd_getfd, put there by
 * a seccomp listener. Tasks of one cell pass each other what they like, as far as it can be known
 * that it was theirs:
 *
 *   files         by the path, for what the descriptor can do, as if they were opened here. A file
 *                 that lost its name, or never had one (O_TMPFILE), is decided by the name that
 *                 its dentry keeps.
 *   sockets       those that carry the label of the cell: made (net.bpf.c) or accepted in it
 *   O_PATH        pass: they are decided where they are used
 *   the rest      by kind (below), since it carries no label
 */
#include "lib/address.bpf.h"
#include "lib/decide.bpf.h"
#include "lib/handle.bpf.h"
#include "lib/terminal.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* include/uapi/asm-generic/fcntl.h */
#define OPEN_PATH 010000000
/* include/uapi/linux/magic.h */
#define ANON_INODE_MAGIC 0x09041934
#define TMPFS_MAGIC	 0x01021994
#define HUGETLBFS_MAGIC	 0x958458f6
#define SECRETMEM_MAGIC	 0x5345434d

#define ANON_NAME_SIZE 16

/*
 * What anon_inode_getfile() calls the kinds that reach for nothing by themselves. The kernel chose
 * the names, nobody else can.
 *   [eventfd]    a counter
 *   [eventpoll]  tells which of the descriptors that its maker put there are ready
 *   [signalfd]   reads the signals of whoever reads
 *   [timerfd]    a clock
 *   [pidfd]      each use has a hook of its own (before 6.9; since, a file of pidfs)
 * Everything else does something for its maker: io_uring, bpf-*, [perf_event], [userfaultfd],
 * kvm-*, inotify, [fanotify], "seccomp notify", [fscontext], [landlock-ruleset], and what is yet to
 * come.
 */
static const char anon_names[][ANON_NAME_SIZE] __attribute__((aligned(8))) = {
	"[eventfd]", "[eventpoll]", "[signalfd]", "[timerfd]", "[pidfd]"};

static __always_inline bool anon_known(struct file *file)
{
	const __u64 *known = (const __u64 *)anon_names;
	__u64 name[ANON_NAME_SIZE / 8] = {};
	const unsigned char *text = BPF_CORE_READ(file, f_path.dentry, d_name.name);

	if (FAULT(RECEIVED_NAME, -EFAULT, bpf_probe_read_kernel_str(name, sizeof(name), text)) <= 0)
		return false;
	for (__u32 i = 0; i < sizeof(anon_names) / ANON_NAME_SIZE; i++) {
		if (name[0] == known[2 * i] && name[1] == known[2 * i + 1])
			return true;
	}
	return false;
}

/* Memory without a name: memfd_create, memfd_secret. What is in it was given with it, and nameless
 * files never become code (exec.bpf.c). */
static __always_inline bool is_memory(struct file *file)
{
	unsigned long magic = file->f_inode->i_sb->s_magic;

	return magic == TMPFS_MAGIC || magic == HUGETLBFS_MAGIC || magic == SECRETMEM_MAGIC;
}

static __always_inline int foreign(__u32 cell, enum ambit_op op)
{
	return deny(cell, HOOK_file_receive, op, REASON_FOREIGN) ? -EPERM : 0;
}

/* A connected socket is a peer that no rule was asked about, and one that listens is somebody's
 * service: of all sockets only the cell's own are taken. */
static __always_inline int decide_socket(__u32 cell, struct file *file)
{
	struct socket *socket = FAULT(RECEIVED_SOCKET, NULL, bpf_sock_from_file(file));
	struct sock *sk = socket ? socket->sk : NULL;

	return sk && label_of_socket(sk) == cell ? 0 : foreign(cell, OP_SOCKET);
}

static __always_inline int decide_file(__u32 cell, struct file *file)
{
	struct path_request request = {
		.cell = cell,
		.dentry = (__u64)file->f_path.dentry,
		.mnt = (__u64)file->f_path.mnt,
		.hook = HOOK_file_receive,
		.flags = REQUEST_UNHASHED,
	};

	if (file->f_mode & FMODE_READ)
		request.ops |= BIT(OP_READ);
	if (file->f_mode & FMODE_WRITE)
		request.ops |= BIT(OP_WRITE);
	/* Access mode 3 has neither bit. */
	if (!request.ops)
		request.ops = BIT(OP_READ) | BIT(OP_WRITE);
	return decide_path(&request) ? -EACCES : 0;
}

SEC("lsm/file_receive")
int INSIDE_PROG(receive_file_receive, struct file *file)
{
	__u32 cell = cell_current();

	if (!cell || file->f_flags & OPEN_PATH)
		return 0;
	if (file_type(file) == MODE_SOCKET)
		return decide_socket(cell, file);
	if (is_handle(file) || is_own_terminal(file))
		return 0;
	if (file->f_inode->i_sb->s_magic == ANON_INODE_MAGIC)
		return anon_known(file) ? 0 : foreign(cell, OP_SYSTEM);
	if (is_internal((__u64)file->f_path.dentry))
		return is_memory(file) ? 0 : foreign(cell, OP_SYSTEM);
	return decide_file(cell, file);
}

/* An accepted socket is not made by socket(2). Without memory for the label it stays a foreign one,
 * which can be used but not passed on. */
SEC("lsm/sock_graft")
int INSIDE_PROG(receive_sock_graft, struct sock *sk, struct socket *parent)
{
	__u32 cell = cell_current();
	__u16 family;

	if (!cell || cell == CELL_UNKNOWN)
		return 0;
	label_socket(sk, cell);
	/* Of a listener from before a cell that is bound, or that it was given, connection_listens() saw nothing. */
	family = sk->__sk_common.skc_family;
	if (LOOK(kept.limited) && (family == FAMILY_INET || family == FAMILY_INET6) && cell_is_bound(cell))
		socket_frees(sk);
	return 0;
}
