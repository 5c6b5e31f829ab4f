/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The part of abi.h that is about limits. */
#ifndef AMBIT_LIMITS_ABI_H
#define AMBIT_LIMITS_ABI_H

#ifndef __bpf__
#include <linux/bpf.h>
#endif

/* Bits of `flags` of struct ambit_cell: it has limits of this kind, and so a row in `limits`. */
#define AMBIT_CELL_CONNECTS  32
#define AMBIT_CELL_EGRESS    64
#define AMBIT_CELL_FILE_SIZE 128
/* And some rule for names has limits of its own. */
#define AMBIT_CELL_NAMED 4096

/*
 * Limits of rate and volume: X(name, key in the policy, seconds that the whole of it comes back in).
 * Connects are counted one by one, what is sent in bytes (bpf/egress.bpf.c).
 */
#define AMBIT_LIMITS(X)                              \
	X(CONNECTS, "connectsPerMinute", 60)         \
	X(EGRESS_HOUR, "egressPerHour", 60 * 60)     \
	X(EGRESS_DAY, "egressPerDay", 24 * 60 * 60)

enum ambit_limit {
#define X(name, key, seconds) LIMIT_##name,
	AMBIT_LIMITS(X)
#undef X
	LIMIT_MAX,
};

/* A token bucket (bpf/lib/bucket.h). */
struct ambit_bucket {
	__u64 limit; /* the most that it holds; 0: there is no such limit */
	__u64 room;  /* what it holds, in parts of a unit */
	__u64 time;  /* as of when: CLOCK_MONOTONIC, ns */
	__u64 told;  /* when it was last reported that it is empty; 0: never */
};

/*
 * Peers that one rule limits: as `struct peer` of user/policy has them. Of a name (AMBIT_FAMILY_NAME)
 * `address` is its hash (bpf/lib/destination.h), and whether what lies beneath it is meant; `mask` its bit.
 */
struct ambit_destination {
	__u64 address[2]; /* as normalised addresses are (bpf/lib/address.bpf.h), under the mask */
	__u64 mask[2];
	__u16 port_low, port_high; /* host order, inclusive */
	__u8 family; /* AMBIT_FAMILY_* */
	__u8 tcp, udp;
	__u8 group; /* of buckets */
};

/* Groups of buckets: the first is of the whole cell, the others of one rule each. */
#define AMBIT_LIMIT_GROUPS     17
#define AMBIT_DESTINATIONS_MAX 32 /* a bit each, in leases and in `named` */

/*
 * Map `limits`: u32 id -> limits of a cell. Cells without any have no row. Written by user space once,
 * before the cell begins; then the programs change `buckets`, under the lock. The row outlives the cell
 * as long as a socket of it may send what was given to it before.
 */
struct ambit_limits {
	struct bpf_spin_lock lock;
	__u32 mode; /* enum ambit_mode */
	__u64 cgroup; /* of the cell, for who takes the row away */
	__u64 file_size; /* bytes; 0: no such limit */
	__u32 destination_count;
	__u32 rules[AMBIT_LIMIT_GROUPS]; /* ids; 0: of the cell */
	__u32 lines[AMBIT_LIMIT_GROUPS]; /* in the policy, for people */
	__u32 named; /* bits of the destinations that are names */
	struct ambit_destination destinations[AMBIT_DESTINATIONS_MAX];
	struct ambit_bucket buckets[AMBIT_LIMIT_GROUPS][LIMIT_MAX];
};

_Static_assert(sizeof(struct ambit_destination) == 40, "destination");
_Static_assert(sizeof(struct ambit_limits) ==
		       24 + 4 * (2 + 2 * AMBIT_LIMIT_GROUPS) + 40 * AMBIT_DESTINATIONS_MAX +
			       32 * AMBIT_LIMIT_GROUPS * LIMIT_MAX,
	"limits");
_Static_assert(REASON_EGRESS_DAY - REASON_CONNECTS == (int)LIMIT_EGRESS_DAY, "reasons of limits");

#endif
