/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Files: opening them, and every change of a directory entry.
 *
 *   file_open                              read, write (and exec, for what execve opens)
 *   d_instantiate                          nothing: counts what kept verdicts are dated by
 *   path_truncate, path_chmod, path_chown  write on the object
 *   path_notify                            read
 *   path_mknod … path_unlink               write on the name
 *   path_link, path_rename                 write on the names, and no more rights than before
 */
#include "lib/decide.bpf.h"
#include "lib/handle.bpf.h"
#include "lib/limits.bpf.h"
#include "lib/near.bpf.h"
#include "lib/overlay.bpf.h"
#include "lib/refer.bpf.h"
#include "lib/terminal.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct ambit_kept kept; /* maps.bpf.h */

#define OPEN_EXEC 0x20 /* __FMODE_EXEC in f_flags: opened by execve (include/linux/fs.h) */
/* include/uapi/asm-generic/fcntl.h */
#define OPEN_ACCESS  3
#define OPEN_TRUNC   01000
#define OPEN_TMPFILE 020000000

static __always_inline __u32 open_ops(struct file *file)
{
	__u32 mode = file->f_mode & (FMODE_READ | FMODE_WRITE), ops = 0;

	if (file->f_flags & OPEN_EXEC)
		return BIT(OP_EXEC);
	if (mode & FMODE_READ)
		ops |= BIT(OP_READ);
	if (mode & FMODE_WRITE || file->f_flags & OPEN_TRUNC)
		ops |= BIT(OP_WRITE);
	/* Access mode 3 has neither bit: open(2) asks for both permissions. */
	return ops ?: BIT(OP_READ) | BIT(OP_WRITE);
}

/* In the key of a kept verdict: all that open_ops() looks at. The access mode of f_flags is where the
 * bits in f_mode come from (OPEN_FMODE() of include/linux/fs.h, alloc_empty_file()). */
static __always_inline __u32 open_asked(struct file *file)
{
	return (file->f_flags & (OPEN_ACCESS | OPEN_EXEC | OPEN_TRUNC | OPEN_TMPFILE));
}

/*
 * What `fileSize` says about a file that is opened to be read: whether it is larger, at this moment. A
 * verdict is not kept then, because the file may grow.
 */
FRAME __u32 open_limited(struct file *file, __u32 id, __u32 flags)
{
	/* NULL is an answer: the decision that follows denies for it. */
	struct ambit_cell *cell = cell_row(id);
	struct ambit_limits *row;

	if (!cell || !(cell->flags & AMBIT_CELL_FILE_SIZE))
		return flags;
	flags &= ~REQUEST_KEPT;
	if (!(open_ops(file) & BIT(OP_READ)) || file_type(file) != MODE_REGULAR)
		return flags;
	row = FAULT(LIMITS_FILE, NULL, limits_row(id));
	return row && (__u64)file->f_inode->i_size <= row->file_size ? flags : flags | REQUEST_LARGE;
}

/* What no verdict is kept for. */
FRAME int open_decide(struct file *file, __u64 key)
{
	struct path_request request = {};

	if (is_handle(file) || is_own_terminal(file))
		return 0;
	request.mnt = (__u64)file->f_path.mnt;
	/* Opened by overlayfs for a file of its own, which was decided just before, or to copy one. */
	if (is_layer(mount_of(request.mnt)))
		return 0;
	request.cell = key;
	request.dentry = (__u64)file->f_path.dentry;
	request.ops = open_ops(file);
	request.hook = HOOK_file_open;
	/* O_TMPFILE has two bits, one of them O_DIRECTORY. */
	request.flags = file->f_flags & OPEN_TMPFILE ? REQUEST_UNHASHED : REQUEST_KEPT;
	request.key = key;
	if (LOOK(kept.limited))
		request.flags = open_limited(file, key, request.flags);
	if (near_allows(&request))
		return 0;
	return decide_path(&request) ? -EACCES : 0;
}

/* The order saves registers, which everybody outside would pay for: first what is called, then what is
 * compared. The sequence numbers are taken before the row is looked at. */
SEC("lsm/file_open")
int BPF_PROG(file_file_open, struct file *unused)
{
	struct bpf_local_storage *storage = storage_of_current();
	struct sequences now;
	struct dentry *dentry;
	struct file *file;
	__u64 key;

	if (__builtin_expect(!storage, 1))
		return zero();
	key = cell_of_storage(storage);
	if (!key)
		return zero();
	now = sequences_now();
	file = (struct file *)ctx[0];
	key |= (__u64)open_asked(file) << 32;
	barrier_var(key); /* the cell is in it: one register less */
	dentry = file->f_path.dentry;
	if (dentry->d_hash.pprev && verdict_kept(number_of(dentry, kept.origin),
					    (__u64)file->f_path.mnt, key, now))
		return zero();
	return open_decide(file, key);
}

/* What is done to the object itself, through a descriptor also after its name is gone: then the name
 * it had decides. */
static __always_inline int object_decide(
	const struct path *path, enum ambit_op op, enum ambit_hook hook)
{
	struct path_request request = {};
	__u32 cell = cell_current();

	if (!cell)
		return 0;
	path = READS(struct path, path);
	if (is_internal((__u64)path->dentry))
		return 0;
	request.cell = cell;
	request.dentry = (__u64)path->dentry;
	request.mnt = (__u64)path->mnt;
	request.ops = BIT(op);
	request.hook = hook;
	request.flags = REQUEST_UNHASHED;
	return decide_path(&request) ? -EACCES : 0;
}

/* A change of the entry `dentry` in directory `dir`; a dentry that is being made is not hashed. */
static __always_inline int entry_write(
	const struct path *dir, struct dentry *dentry, enum ambit_hook hook)
{
	struct path_request request = {};
	__u32 cell = cell_current();

	if (!cell)
		return 0;
	request.cell = cell;
	request.dentry = (__u64)dentry;
	request.mnt = (__u64)READS(struct path, dir)->mnt;
	request.ops = BIT(OP_WRITE);
	request.hook = hook;
	request.flags = REQUEST_UNHASHED;
	return decide_path(&request) ? -EACCES : 0;
}

SEC("lsm/path_truncate")
int INSIDE_PROG(file_path_truncate, const struct path *path)
{
	return object_decide(path, OP_WRITE, HOOK_path_truncate);
}

/* inotify and fanotify tell what happens to an object, and in a directory to which names. */
SEC("lsm/path_notify")
int INSIDE_PROG(file_path_notify, const struct path *path)
{
	return object_decide(path, OP_READ, HOOK_path_notify);
}

SEC("lsm/path_chmod")
int INSIDE_PROG(file_path_chmod, const struct path *path, umode_t mode)
{
	return object_decide(path, OP_WRITE, HOOK_path_chmod);
}

SEC("lsm/path_chown")
int INSIDE_PROG(file_path_chown, const struct path *path)
{
	return object_decide(path, OP_WRITE, HOOK_path_chown);
}

SEC("lsm/path_mknod")
int INSIDE_PROG(file_path_mknod, const struct path *dir, struct dentry *dentry, umode_t mode)
{
	__u32 type = mode & MODE_TYPE, cell;

	if (type == MODE_CHAR || type == MODE_BLOCK) {
		cell = cell_current();
		return cell && deny(cell, HOOK_path_mknod, OP_WRITE, REASON_DEVICE) ? -EACCES : 0;
	}
	return entry_write(dir, dentry, HOOK_path_mknod);
}

SEC("lsm/path_mkdir")
int INSIDE_PROG(file_path_mkdir, const struct path *dir, struct dentry *dentry)
{
	return entry_write(dir, dentry, HOOK_path_mkdir);
}

SEC("lsm/path_rmdir")
int INSIDE_PROG(file_path_rmdir, const struct path *dir, struct dentry *dentry)
{
	return entry_write(dir, dentry, HOOK_path_rmdir);
}

SEC("lsm/path_symlink")
int INSIDE_PROG(file_path_symlink, const struct path *dir, struct dentry *dentry)
{
	return entry_write(dir, dentry, HOOK_path_symlink);
}

SEC("lsm/path_unlink")
int INSIDE_PROG(file_path_unlink, const struct path *dir, struct dentry *dentry)
{
	return entry_write(dir, dentry, HOOK_path_unlink);
}

/* A hard link is within one mount (fs/namei.c: do_linkat), so the new directory's mount serves for
 * both names. The old name need not be writable; the new one must not give more. */
SEC("lsm/path_link")
int INSIDE_PROG(file_path_link, struct dentry *old_dentry, const struct path *new_dir,
	struct dentry *new_dentry)
{
	struct refer_request request = {};
	__u32 cell = cell_current();

	if (!cell)
		return 0;
	request.path.cell = cell;
	request.path.mnt = (__u64)READS(struct path, new_dir)->mnt;
	request.path.dentry = (__u64)old_dentry;
	request.path.hook = HOOK_path_link;
	request.path.flags = REQUEST_UNHASHED;
	request.target = (__u64)new_dentry;
	return decide_refer(&request) ? -EACCES : 0;
}

/* What cannot be told is taken for a directory, of which more is asked. */
static __always_inline bool is_directory(struct dentry *dentry)
{
	__u64 inode = 0;
	umode_t mode = 0;

	if (READ_FIELD(inode, dentry, (__u64)dentry, d_inode))
		return true;
	return inode && (READ_FIELD(mode, inode, inode, i_mode) ||
				(mode & MODE_TYPE) == MODE_DIRECTORY);
}

/* Both directories are on one mount (fs/namei.c: do_renameat2). */
SEC("lsm/path_rename")
int INSIDE_PROG(file_path_rename, const struct path *old_dir, struct dentry *old_dentry,
	const struct path *new_dir, struct dentry *new_dentry, unsigned int flags)
{
	struct refer_request request = {};
	__u32 cell = cell_current();

	if (!cell)
		return 0;
	kept_moved();
	request.path.cell = cell;
	request.path.mnt = (__u64)READS(struct path, old_dir)->mnt;
	request.path.dentry = (__u64)old_dentry;
	request.path.ops = BIT(OP_WRITE);
	request.path.hook = HOOK_path_rename;
	request.path.flags = REQUEST_UNHASHED;
	request.target = (__u64)new_dentry;
	request.exchange = !!(flags & REFER_EXCHANGE);
	request.directory = is_directory(old_dentry) ||
			    (request.exchange && is_directory(new_dentry));
	return decide_refer(&request) ? -EACCES : 0;
}

/* For everybody, in a cell or not: the memory of a dentry becomes that of another one (kept.bpf.h). */
SEC("lsm/d_instantiate")
int BPF_PROG(file_d_instantiate, struct dentry *dentry)
{
	__sync_fetch_and_add(birth_of(&kept, number_of(dentry, kept.origin)), 1);
	return 0;
}

/* Run once, before anything is attached: the numbers that number_of() calculates with. */
SEC("syscall")
int kept_begin(void *unused)
{
	struct bpf_local_storage_map *map = (struct bpf_local_storage_map *)&labels;
	__u64 word;

	kept.origin = (__u64)&labels;
	/* Read back, it is a number. Where labels lie elsewhere than label_peek() thinks, it is one that
	 * leads nowhere (no address of x86 begins with 01). */
	kept.label_origin = *(volatile __u64 *)&kept.origin + bpf_core_field_offset(struct bpf_local_storage, cache) +
			    map->cache_idx * sizeof(__u64);
	if (bpf_core_field_offset(struct bpf_local_storage_data, smap) != 0 ||
		bpf_core_field_offset(struct bpf_local_storage_data, data) != sizeof(__u64))
		kept.label_origin = 1ULL << 62;
	/* They are read by peek() from now on, which must not fail. */
	return bpf_probe_read_kernel(&word, sizeof(word),
		       FAULT(SEQUENCE, NULL, (const void *)rename_lock_address)) ||
	       bpf_probe_read_kernel(&word, sizeof(word),
		       FAULT(SEQUENCE, NULL, (const void *)mount_lock_address));
}
