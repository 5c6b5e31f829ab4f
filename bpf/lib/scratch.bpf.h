/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Scratch memory for one decision: a path and an event do not fit on the stack.
 *
 * LSM programs can be preempted, so per-CPU memory would be shared by two decisions. A slot is
 * claimed by an atomic exchange and released at the end of the same program, which always comes;
 * without a free slot the verdict is a deny (REASON_NO_SCRATCH).
 */
#ifndef AMBIT_SCRATCH_H
#define AMBIT_SCRATCH_H

#include "dns.h"
#include "fault.bpf.h"

#define SCRATCH_SLOTS 256
/* Where a path ends in its buffer; it is built from there towards the front. */
#define PATH_END (AMBIT_PATH_SIZE - 1)
#define PATH_MASK (AMBIT_PATH_SIZE - 1)
/* Flags, parent and name of a dentry lie within its first cache line; where they do not, the
 * verifier refuses the program. */
#define DENTRY_SIZE 64

/* Dentries of one walk that can be noted; no more of them, because each slot has the room twice. */
#define WALK_NOTES 64

/* A dentry and its d_seq before it was read (path.bpf.h). */
struct walk_note {
	__u64 dentry;
	__u32 sequence;
	__u32 reserved;
};

/*
 * A path: bytes [start, PATH_END), and where the walk that builds it is (path.bpf.h). The walk keeps
 * its state here because the stack of nested loops is short. Objects are addresses, read with probe
 * reads: a mount is found from its vfsmount by a negative offset, which the verifier does not let
 * typed pointers do. The slack behind the path is for the verifier: a masked offset plus a whole
 * name stays inside.
 */
struct path_buffer {
	__u64 from_dentry;
	__u64 from_mnt; /* struct vfsmount */
	__u64 dentry;
	__u64 child; /* the dentry before it; 0: none on this mount */
	__u64 mount; /* struct mount */
	__u64 root;  /* mnt_root of `mount` */
	__u64 parent, name; /* of the dentry that was read last */
	__u64 held; /* a dentry that was being renamed when it was noted; 0: none */
	__u64 dir; /* the dentry above the last component, and its struct mount */
	__u64 dir_mount;
	__u64 epoch; /* of the cell's row that `policy` is of; 0: none was read */
	__u32 mnt_ns;
	__s32 result; /* PATH_MORE, PATH_DONE, or the reason of a deny */
	__u32 start;
	__u32 walks; /* so far, for one path */
	__u32 outside; /* it leads through the /proc entry of a task that is not of the cell */
	__u32 transient; /* not to be kept: it leads through a procfs, or is proved by notes */
	__u32 last; /* where the last component begins, at its '/'; PATH_END: there is none */
	__u32 renames, mounts; /* the sequence numbers that the walk saw */
	/* Of what is kept (kept.bpf.h): for which cell, and how old. */
	__u32 cell;
	__u32 fence;
	__u32 wanted; /* operations of which the state behind a directory will do; 0: the whole path */
	__u32 prefix; /* length of the path that such states stand for, + 1; 0: none was found */
	__u32 states[AMBIT_COLUMNS]; /* those states, for `wanted`; then those behind `dir` */
	__u32 length, flags; /* of the dentry that was read last */
	__u32 policy, links; /* of the cell's row (struct ambit_cell) */
	__u32 noting; /* the walk notes what it meets */
	__u32 noted;  /* how many it did; WALK_NOTES + 1: they prove nothing */
	__u32 above;  /* the state behind the last directory, while it is looked for (match.bpf.h) */
	struct walk_note notes[WALK_NOTES];
	char raw[DENTRY_SIZE]; /* the beginning of the dentry that the walk is at */
	char bytes[AMBIT_PATH_SIZE + AMBIT_NAME_SIZE];
};

/* What the policy says of one operation on a path. */
struct right {
	__u32 allow; /* rule, 0: none */
	__u32 deny;
	__u32 beneath; /* state after a further '/': what holds for everything beneath */
};

/* What came out for one path; only the asked operations are filled. */
struct path_rights {
	struct right rights[AMBIT_COLUMNS];
	__u32 policy;
};

/* Mounts of a cell's namespace that show one object (mounts.bpf.h); more are a deny. A power of
 * two. */
#define SHOWN_MAX 8

/* What is asked about a path. */
struct path_request {
	__u64 dentry;
	__u64 mnt; /* struct vfsmount */
	__u32 cell;
	__u32 ops; /* bits of OP_READ … OP_UNIX: all have to be allowed */
	__u16 hook;
	__u16 flags; /* REQUEST_* */
	__u32 reserved;
	__u64 key; /* of the verdict, if it may be kept (kept.bpf.h) */
};
#define REQUEST_KEPT	 2 /* the verdict may be kept under `key` */
#define REQUEST_PEER	 4 /* the peer's cell is allowed: what nothing denies needs no rule of its own */
#define REQUEST_UNHASHED 1 /* a dentry without a place in the cache is meant (O_TMPFILE, create) */

struct scratch {
	__u64 busy;
	struct path_request request;
	__u64 shown[SHOWN_MAX]; /* struct vfsmount */
	struct path_rights rights[2]; /* of the path; of the old and the new name */
	struct path_buffer path;
	union {
		struct path_buffer exe;
		struct dns dns; /* a message, until it is reported */
	};
	struct ambit_event event;
	char strings[2 * AMBIT_PATH_SIZE]; /* directly behind the event: they leave together */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SCRATCH_SLOTS);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps") __weak;

/* How many slots a task looks at: with 256 slots and a start that differs by CPU, 16 are all busy
 * only when that many decisions were preempted in the middle. */
#define SCRATCH_TRIES 16

/* Claims a slot: its number, or -1. A function that is verified for itself, since its loop would be followed
 * again for each state of who calls it. */
GLOBAL int scratch_find(void)
{
	__u32 first = bpf_get_smp_processor_id() * 8;

	for (int i = 0; i < SCRATCH_TRIES; i++) {
		__u32 slot = (first + i) % SCRATCH_SLOTS;
		struct scratch *scratch =
			FAULT(SLOT_CLAIM, NULL, bpf_map_lookup_elem(&scratches, &slot));

		if (scratch &&
			!FAULT(SCRATCH_BUSY, 1, __sync_lock_test_and_set(&scratch->busy, 1)))
			return slot;
	}
	return -1;
}

/* A slot that is ours until scratch_release(), and its number; or NULL. */
static __always_inline struct scratch *scratch_claim(__u32 *ret_slot)
{
	int slot = scratch_find();
	struct scratch *scratch = NULL;

	if (slot >= 0) {
		*ret_slot = slot;
		/* NULL is an answer: there is none, as below. */
		scratch = bpf_map_lookup_elem(&scratches, ret_slot);
	}
	if (scratch)
		scratch->path.epoch = 0;
	/* Whoever asks later whether there is one has to look at the pointer, as the verifier does. */
	barrier_var(scratch);
	return scratch;
}

static __always_inline void scratch_release(struct scratch *scratch)
{
	__sync_lock_test_and_set(&scratch->busy, 0);
}

#endif
