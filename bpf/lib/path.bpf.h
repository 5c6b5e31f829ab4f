/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * dentry + mount -> absolute path, as seen from the root of the mount namespace.
 *
 * bpf_d_path() is not allowed in half of the hooks and starts at the task's root, which chroot
 * changes; so this is an own walk up the dentries and mounts. Objects that it meets stay in memory
 * because programs run in an RCU section; that the names belong together is proved by the kernel's
 * own sequence counters: `rename_lock` changes with every rename and `mount_lock` with every mount,
 * so a walk during which both stood still saw one consistent path. Otherwise it is tried again, soon
 * with a note of each dentry's own counter, which only its own renames change: what others rename
 * elsewhere, however busily, keeps nobody from a verdict.
 */
#ifndef AMBIT_PATH_H
#define AMBIT_PATH_H

#include "proc.bpf.h"
#include "scratch.bpf.h"

/* Addresses of seqlock_t rename_lock (fs/dcache.c) and mount_lock (fs/namespace.c), set when the
 * kernel is armed; the counter is their first word (include/linux/seqlock_types.h). */
const volatile __u64 rename_lock_address __weak = 0;
const volatile __u64 mount_lock_address __weak = 0;

/* Components and mounts of one walk. A path of 4095 bytes has at most 2047 components; the rest is
 * room for mounts, which the kernel limits to 100,000 a namespace but not in depth. */
#define WALK_STEPS 2304
/* Walks that are hit before the next ones take notes, and rounds of waiting for a lock that somebody
 * holds: in peace the first walk is good. */
#define WALKS_PLAIN 2
#define WAITS_PLAIN 64
/* With notes a walk is hit by a mount anywhere, or by the rename of one of its own directories: each
 * takes at least as long as the two microseconds of a walk, so that even with every other CPU at it
 * without a pause 128 walks in a row are not all hit. */
#define WALKS_MAX 128
/* While mount_lock is odd, or the d_seq of a dentry, somebody is at it: for a microsecond, or on a virtual
 * machine for as long as the holder's processor is not running, which on a busy host is tens of
 * milliseconds. A round of waiting takes 15 to 80 ns: this is at least that long. */
#define WALK_ATTEMPTS (1 << 21)

enum { PATH_DONE = -1, PATH_MORE = -2 };

/* Reads a counter that others change; the compiler must neither keep nor move it. */
#define LOOK(value) (*(volatile typeof(value) *)&(value))

/* Set when the kernel is armed: verdicts and prefixes are kept (kept.bpf.h). */
const volatile bool keeps __weak = false;

/* A multiplication spreads what differs in an address over the upper bits (Knuth, TAOCP 6.4). */
#define HASH_FACTOR 0x9e3779b97f4a7c15ULL

static __always_inline __u64 *birth_of(struct ambit_kept *all, __u64 dentry)
{
	return &all->births[dentry * HASH_FACTOR >> (64 - AMBIT_BIRTH_BITS)];
}

static __always_inline struct ambit_prefix *prefix_row(__u32 cell, __u64 dentry)
{
	return &kept.prefixes[(dentry ^ (__u64)cell << 20) * HASH_FACTOR >> (64 - AMBIT_KEPT_BITS)];
}

static __always_inline __u64 mount_of(__u64 vfsmount)
{
	return vfsmount - bpf_core_field_offset(struct mount, mnt);
}

/* A counter of the kernel's: odd while somebody holds the lock. The short way cannot fail, because
 * both were read when the kernel was armed (kept_begin); elsewhere what cannot be read is "being
 * changed". (A read that fails leaves zeroes.) */
static __always_inline __u32 sequence(__u64 lock)
{
	__u32 value;

	if (PEEKS)
		return FAULT(SEQUENCE, 1, peek(lock));
	if (bpf_probe_read_kernel(
		    &value, sizeof(value), FAULT(SEQUENCE, NULL, (const void *)lock)))
		return 1;
	return value;
}

struct sequences {
	__u32 renames, mounts;
};

static __always_inline struct sequences sequences_now(void)
{
	if (PEEKS)
		return (struct sequences){FAULT(SEQUENCE, 1, peek(rename_lock_address)),
			FAULT(SEQUENCE, 1, peek(mount_lock_address))};
	return (struct sequences){
		sequence(rename_lock_address), sequence(mount_lock_address)};
}

static __always_inline bool sequences_are(__u32 renames, __u32 mounts)
{
	return sequence(rename_lock_address) == renames && sequence(mount_lock_address) == mounts;
}

/* Reads a pointer that is never NULL; true if it cannot be read. */
#define READ_POINTER(target, type, base, field)                                                   \
	(PEEKS ? !((target) = FAULT(READ_##field, 0,                                               \
			   peek((base) + bpf_core_field_offset(struct type, field))))              \
	       : READ_FIELD(target, type, base, field))

/* A field of the dentry that was read into walk->raw. */
#define RAW_FIELD(walk, type, field) \
	(*(type *)&(walk)->raw[bpf_core_field_offset(struct dentry, field)])

/* The d_seq of a dentry: odd while it is being renamed. */
static __always_inline __u32 renames_of(__u64 dentry)
{
	return FAULT(HELD, 1, sequence(dentry + bpf_core_field_offset(struct dentry, d_seq)));
}

/* Notes the dentry that the walk is at, before it is read. Of more than there is room for nothing is
 * known: such a walk is not proved by its notes. Nor is one that meets a dentry which is being renamed:
 * the next one waits for that. */
static __always_inline void note_take(struct path_buffer *walk)
{
	__u32 at = walk->noted, then;

	if (at >= WALK_NOTES) {
		walk->noted = WALK_NOTES + 1;
		return;
	}
	then = renames_of(walk->dentry);
	if (then & 1)
		walk->held = walk->dentry;
	walk->notes[at].dentry = walk->dentry;
	walk->notes[at].sequence = then;
	walk->noted = at + 1;
}

/* Looks at a noted dentry again; what is odd was being renamed when it was read. */
static long note_check(__u32 index, struct path_buffer **context)
{
	struct path_buffer *walk = *context;
	__u64 dentry;
	__u32 then;

	if (index >= walk->noted || index >= WALK_NOTES)
		return 1;
	dentry = walk->notes[index].dentry;
	then = walk->notes[index].sequence;
	if (!(then & 1) && FAULT(NOTE, false, renames_of(dentry) == then))
		return 0;
	walk->noted = WALK_NOTES + 1;
	return 1;
}

/*
 * Whether no name that the walk read has changed since. __d_move() in fs/dcache.c, which alone changes
 * a name or a parent, counts d_seq of what it moves up before and after (it is what the kernel's own
 * look-ups without locks go by): a dentry with the number that it had before it was read had this name
 * and this parent all the time until now, and so had all of them at the moment when the walk ended.
 */
static __always_inline bool notes_hold(struct path_buffer **context)
{
	struct path_buffer *walk = *context;

	if (!walk->noting || walk->noted > WALK_NOTES)
		return false;
	/* As many rounds as there can be notes. */
	if (FAULT(LOOP_NOTES, -E2BIG, bpf_loop(WALK_NOTES + 1, note_check, context, 0)) < 0)
		return false;
	return walk->noted <= WALK_NOTES;
}

/* What a step needs of a dentry; false if it cannot be read. */
static __always_inline bool walk_dentry(struct path_buffer *walk)
{
	__u64 at = walk->dentry;

	if (!PEEKS) {
		if (bpf_probe_read_kernel(walk->raw, sizeof(walk->raw),
			    FAULT(READ_dentry, NULL, (const void *)at)))
			return false;
		walk->parent = RAW_FIELD(walk, __u64, d_parent);
		walk->name = RAW_FIELD(walk, __u64, d_name.name);
		walk->length = RAW_FIELD(walk, __u32, d_name.len);
		walk->flags = RAW_FIELD(walk, __u32, d_flags);
		return true;
	}
	walk->parent = FAULT(
		READ_dentry, 0, peek(at + bpf_core_field_offset(struct dentry, d_parent)));
	walk->name = peek(at + bpf_core_field_offset(struct dentry, d_name.name));
	walk->length = peek(at + bpf_core_field_offset(struct dentry, d_name.len));
	walk->flags = peek(at + bpf_core_field_offset(struct dentry, d_flags));
	return walk->parent && walk->name;
}

/*
 * At the root of a procfs, with the buffer at "/PID…": the entry of a process of the cell is called
 * /proc/self, whatever its number and pid namespace, so that a policy can name it; others keep their
 * number and are denied. False if what tells it cannot be read.
 */
static __always_inline bool walk_proc(struct path_buffer *walk)
{
	__u64 super = 0, magic = 0, inode = 0;
	__u32 start;

	if (!walk->child)
		return true;
	if (READ_POINTER(super, dentry, walk->root, d_sb) ||
		READ_POINTER(magic, super_block, super, s_magic))
		return false;
	if (magic != PROC_MAGIC)
		return true;
	walk->transient = 1;
	/* The child is what was read last. */
	if (READ_FIELD(inode, dentry, walk->child, d_inode))
		return false;
	if (!inode)
		return true; /* an entry that is not there */
	switch (proc_owner(inode)) {
	case PROC_NOBODY:
		return true;
	case PROC_OTHER:
		walk->outside = 1;
		return true;
	case PROC_CELL:
		break;
	default:
		return false;
	}
	start = walk->start + 1 + walk->length;
	if (start < 5)
		return true; /* no room: stays a number */
	start -= 5;
	__builtin_memcpy(&walk->bytes[start & PATH_MASK], "/self", 5);
	if (walk->last == walk->start)
		walk->last = start; /* the entry itself is what is asked about */
	walk->start = start;
	return true;
}

/* Where the automata are behind the directory that the walk has come to, if it is kept for all
 * operations that are wanted: then the walk ends here. At the first step there is nothing yet that
 * could follow. */
FRAME bool prefix_find(struct path_buffer *walk)
{
	__u32 wanted = walk->wanted, version, length;
	__u64 *birth;
	struct ambit_prefix *row;

	row = prefix_row(walk->cell, walk->dentry);
	birth = birth_of(&kept, walk->dentry);
	version = LOOK(row->version);
	barrier();
	if (row->dentry != walk->dentry || row->mount != walk->mount || row->cell != walk->cell ||
		row->fence != walk->fence || row->renames != walk->renames ||
		row->mounts != walk->mounts || row->birth != LOOK(*birth) ||
		(row->known & wanted) != wanted)
		return false;
	/* A path that is too long is too long by any way. */
	length = LOOK(row->length);
	if (length > walk->start)
		return false;
	__builtin_memcpy(walk->states, row->states, sizeof(walk->states));
	barrier();
	if (!FAULT(PREFIX_CHANGED, false, LOOK(row->version) == version))
		return false;
	/* Not before: the walk goes on to the root, and what it finds is then matched from the root. */
	walk->prefix = length + 1;
	return true;
}

/* At the root of a mount: go on at its mountpoint, or finish at the root of the namespace. */
static __always_inline void walk_mount(struct path_buffer *walk)
{
	__u64 parent = 0, mountpoint = 0, ns = 0;
	__u32 inum = 0;

	if (READ_POINTER(parent, mount, walk->mount, mnt_parent) ||
		READ_POINTER(mountpoint, mount, walk->mount, mnt_mountpoint) || !walk_proc(walk)) {
		walk->result = REASON_UNREADABLE;
		return;
	}
	if (parent != walk->mount) {
		if (READ_POINTER(walk->root, vfsmount,
			    parent + bpf_core_field_offset(struct mount, mnt), mnt_root)) {
			walk->result = REASON_UNREADABLE;
			return;
		}
		walk->mount = parent;
		walk->dentry = mountpoint;
		walk->child = 0;
		return;
	}
	/* Internal mounts have an error pointer for a namespace, detached ones none: both fail here. */
	if (READ_FIELD(ns, mount, walk->mount, mnt_ns))
		walk->result = REASON_UNREADABLE;
	else if (READ_AT(walk_inum, inum, mnt_namespace, ns, ns.inum) || inum != walk->mnt_ns)
		walk->result = REASON_FOREIGN_MOUNT;
	else
		walk->result = walk->outside ? REASON_OUTSIDE : PATH_DONE;
}

/* Puts "/name" of the dentry that was read before what the buffer holds. */
static __always_inline void walk_name(struct path_buffer *walk)
{
	__u32 length = walk->length, start = walk->start;

	if (length >= AMBIT_NAME_SIZE || length + 1 > start) {
		walk->result = REASON_TOO_LONG;
		return;
	}
	start -= length;
	barrier_var(length); /* clang knows the bound and would leave the mask out; 6.1 does not */
	if (bpf_probe_read_kernel(&walk->bytes[start & PATH_MASK], length & 0xff,
		    FAULT(READ_name, NULL, (const void *)walk->name))) {
		walk->result = REASON_UNREADABLE;
		return;
	}
	start--;
	walk->bytes[start & PATH_MASK] = '/';
	walk->start = start;
}

/* DCACHE_OP_HASH of include/linux/dcache.h: the file system has a hash of its own for names, because
 * it takes several spellings for the same file; a policy knows one of them. */
#define DENTRY_FOLDS 1

/* One component or one mount. */
static long walk_step(__u32 index, struct path_buffer **context)
{
	struct path_buffer *walk = *context;
	__u64 parent;

	/* Above a procfs the whole way has to be gone: whose entry it was is told at its end. */
	if (walk->wanted && !walk->transient && walk->start != PATH_END && prefix_find(walk)) {
		walk->result = PATH_DONE;
		return 1;
	}
	if (walk->dentry == walk->root) {
		walk_mount(walk);
		return walk->result != PATH_MORE;
	}
	if (walk->noting)
		note_take(walk);
	if (!walk_dentry(walk)) {
		walk->result = REASON_UNREADABLE;
		return 1;
	}
	parent = walk->parent;
	if (FAULT(NO_MOUNT, true, parent == walk->dentry)) {
		/* The top of a file system without having met the root of the mount: opened by a
		 * handle, or moved out of a bind mount. */
		walk->result = REASON_NO_PATH;
		return 1;
	}
	if (FAULT(FOLDS, true, walk->flags & DENTRY_FOLDS)) {
		walk->result = REASON_FOLDS;
		return 1;
	}
	walk_name(walk);
	if (walk->last == PATH_END) {
		walk->last = walk->start;
		walk->dir = parent;
		walk->dir_mount = walk->mount;
	}
	walk->child = walk->dentry;
	walk->dentry = parent;
	return walk->result != PATH_MORE;
}

/* One walk from the leaf; true (stop) unless a rename or mount went on meanwhile. */
static long walk_attempt(__u32 index, struct path_buffer **context)
{
	struct path_buffer *walk = *context;
	struct sequences seen = sequences_now();

	walk->noting = walk->walks >= WALKS_PLAIN || index >= WAITS_PLAIN;
	/* Whoever renames a dentry may have lost its processor meanwhile, like the holder of mount_lock. */
	if (walk->held && renames_of(walk->held) & 1)
		return 0;
	walk->held = 0;
	if (seen.mounts & 1 || (seen.renames & 1 && !walk->noting))
		return 0;
	/* What is kept of directories is as old as rename_lock's number, and so without a note. */
	if (walk->noting)
		walk->wanted = 0;
	walk->noted = 0;
	walk->renames = seen.renames;
	walk->mounts = seen.mounts;
	walk->walks++;
	walk->start = walk->last = PATH_END;
	walk->prefix = 0;
	walk->transient = 0;
	walk->dentry = walk->from_dentry;
	walk->child = 0;
	walk->outside = 0;
	walk->mount = mount_of(walk->from_mnt);
	walk->result = PATH_MORE;
	if (READ_POINTER(walk->root, vfsmount, walk->from_mnt, mnt_root)) {
		walk->result = REASON_UNREADABLE;
		return 1;
	}
	(void)FAULT(LOOP_STEPS, -E2BIG, bpf_loop(WALK_STEPS, walk_step, context, 0));
	if (walk->result == PATH_MORE)
		walk->result = REASON_TOO_DEEP;
	if (!(seen.renames & 1) &&
		FAULT(RENAMED, false,
			FAULT(NOTE, false,
				FAULT(HELD, false,
					FAULT(LOOP_NOTES, false,
						sequences_are(seen.renames, seen.mounts))))))
		return 1;
	/* In this order: the mounts are looked at when the notes have been. */
	if (notes_hold(context) && sequence(mount_lock_address) == seen.mounts) {
		walk->transient = 1; /* it has no number to be kept under */
		return 1;
	}
	walk->result = REASON_UNSTABLE;
	return walk->walks >= WALKS_MAX;
}

/* Which buffer of a slot. */
enum { BUFFER_PATH, BUFFER_EXE };
_Static_assert(offsetof(struct scratch, exe) ==
		       offsetof(struct scratch, path) + sizeof(struct path_buffer),
	"one behind the other");

/*
 * Builds the path of (dentry, vfsmount) at the end of a buffer of the scratch slot: "/a/b", the root
 * as "". Returns PATH_DONE or the reason why there is none. Where `wanted` of the buffer was set (with
 * `cell` and `fence`) it may hold the end of the path alone (`prefix`); it is 0 again afterwards.
 */
GLOBAL int path_build(__u32 slot, __u32 which, __u64 dentry, __u64 mnt, __u32 mnt_ns)
{
	struct scratch *scratch =
		FAULT(SLOT_PATH, NULL, bpf_map_lookup_elem(&scratches, &slot));
	struct path_buffer *buffer;

	if (!scratch)
		return REASON_NO_SCRATCH;
	/* Not by a branch: the verifier would follow the whole walk for each of them. */
	buffer = &scratch->path + (which & BUFFER_EXE);
	barrier_var(buffer);
	buffer->from_dentry = dentry;
	buffer->from_mnt = mnt;
	buffer->mnt_ns = mnt_ns;
	buffer->result = REASON_UNSTABLE;
	buffer->held = 0;
	buffer->walks = buffer->noted = 0;
	(void)FAULT(LOOP_ATTEMPTS, -E2BIG, bpf_loop(WALK_ATTEMPTS, walk_attempt, &buffer, 0));
	buffer->wanted = 0;
	return buffer->result;
}

#endif
