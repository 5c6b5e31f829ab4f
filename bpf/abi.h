/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the kernel side and the user side of ambit agree on: operations, verdicts, reasons, events,
 * map keys and values. Both include this one header; nothing here is repeated elsewhere.
 *
 * Rules for a change: widest member first, no implicit padding (the asserts at the end see to it),
 * and AMBIT_ABI is raised whenever a layout or a meaning changes, because pinned maps outlive the
 * program that made them.
 */
#ifndef AMBIT_ABI_H
#define AMBIT_ABI_H

#ifndef __bpf__
#include <linux/types.h>
#endif

#include "unix.h"

#define AMBIT_ABI 8

/* PATH_MAX of the kernel: the longest absolute path that is decided; a longer one is denied. */
#define AMBIT_PATH_SIZE 4096
/* NAME_MAX + 1: the longest name of one component, and the slack behind a path buffer. */
#define AMBIT_NAME_SIZE 256
#define AMBIT_COMM_SIZE 16
/*
 * Operations. The first four are decided by path and index the columns of an `accept`; connect and
 * listen are decided by peer. The rest have no rules: they are denied by what they are.
 */
#define AMBIT_OPS(X)         \
	X(READ, "read")      \
	X(WRITE, "write")    \
	X(EXEC, "exec")      \
	X(UNIX, "unix")      \
	X(CONNECT, "connect") \
	X(LISTEN, "listen")  \
	X(SOCKET, "socket")  \
	X(TASK, "task")      \
	X(SYSTEM, "system")

enum ambit_op {
#define X(name, text) OP_##name,
	AMBIT_OPS(X)
#undef X
	OP_MAX,
};

/* Columns of an `accept` in the path half (op itself) and in the peer half (op - OP_CONNECT). */
#define AMBIT_COLUMNS 4
/* The column of the peer half (in `allow`) that says what the first bytes of a connection have to be. */
#define AMBIT_COLUMN_STREAM 2

enum ambit_verdict {
	VERDICT_ALLOW,
	VERDICT_ASK, /* reserved: no policy yields it yet */
	VERDICT_DENY,
	VERDICT_MAX,
};

enum ambit_mode {
	MODE_ENFORCE,
	MODE_AUDIT, /* decide, count and record as in enforce, but let it pass */
	MODE_MAX,
};

/*
 * Why a verdict is what it is: a stable code, and a sentence with the way out. Every path of a BPF
 * program that ends in a deny names one of these.
 */
#define AMBIT_REASONS(X)                                                                            \
	X(RULE, "rule", "a rule of the policy says so")                                             \
	X(NO_RULE, "no-rule", "nothing in the policy allows it")                                    \
	X(SPECIAL, "special-address",                                                               \
		"metadata, multicast and broadcast addresses have to be named; a wider range does "  \
		"not cover them")                                                                   \
	X(FAMILY, "socket-family", "only TCP, UDP, unix and routing netlink sockets exist in a cell")                \
	X(NO_NAME, "unnamed-socket", "the peer is a socket outside the cell that has no name")        \
	X(ADDRESS, "bad-address", "the address is malformed")                                       \
	X(REFER, "refer",                                                                           \
		"a link or rename must not give a file more rights than it had where it was")        \
	X(GUARD, "guard", "a cell must not touch the kernel's configuration or ambit itself")        \
	X(MOUNT, "mount", "a cell must not change mounts or namespaces")                             \
	X(PRIVILEGE, "privilege", "this privilege of root does not exist in a cell")                \
	X(KEY, "key", "keyrings are shared with the user's other processes")                        \
	X(OUTSIDE_IPC, "outside-ipc",                                                               \
		"the shared memory, semaphore or message queue was made outside the cell")           \
	X(OUTSIDE, "outside-task", "the task belongs to another cell or to none")                    \
	X(DEVICE, "device", "a cell must not make device nodes")                                    \
	X(UNLINKED, "unlinked", "the file has no name any more")                                    \
	X(FOREIGN_MOUNT, "foreign-mount", "the file lies outside the cell's mount namespace")        \
	X(NO_PATH, "no-path", "the object has no path in the file system")                          \
	X(FOLDS, "several-spellings",                                                               \
		"the file system takes several spellings of a name for the same file")               \
	X(TOO_LONG, "path-too-long", "the path is longer than 4095 bytes")                          \
	X(TOO_DEEP, "path-too-deep", "the path has too many components or mounts")                  \
	X(UNSTABLE, "path-unstable", "renames or mounts kept changing the path while it was read")   \
	X(UNREADABLE, "unreadable", "kernel memory that describes the object could not be read")     \
	X(NO_SCRATCH, "no-scratch", "no scratch buffer was free")                                   \
	X(NO_LABEL, "no-label", "the task's label could not be read or made")                       \
	X(NO_CELL, "no-cell", "the cell of the task, or of the peer, is gone")                       \
	X(NO_POLICY, "no-policy", "the cell's policy could not be read")                            \
	X(RESERVED, "reserved-place",                                                               \
		"what is written in /proc and /sys has to be named there; a wider pattern does not "  \
		"cover it")                                                                         \
	X(JIT, "jit",                                                                               \
		"code that is made in memory does not run; a program that needs it takes "           \
		"\"jit: allow\" in the policy") \
	X(OPTION, "socket-option",                                                                  \
		"the socket option is not one of those that leave a socket's peers as they are")     \
	X(CONTROL, "control-data",                                                                  \
		"the control data is malformed, or could send the message somewhere else")           \
	X(BATCH, "several-messages",                                                                \
		"of several messages with addresses in one call the kernel asks about the first; "    \
		"send them one by one")                                                             \
	X(NETLINK, "netlink-message",                                                               \
		"of netlink only questions to the kernel about links, addresses and routes exist "   \
		"in a cell")                                                                        \
	X(FOREIGN, "foreign-descriptor",                                                            \
		"the descriptor was made outside the cell, and no path decides what it is for")      \
	X(IOCTL, "ioctl",                                                                           \
		"the ioctl (or io_uring command) is not one of those that no decision depends on")   \
	X(RESOLVER, "resolver",                                                                     \
		"a policy with names has port 53 of its resolvers alone reached: \"resolvers\" in "   \
		"network.dns")                                                                      \
	X(QUESTION, "question",                                                                     \
		"what was sent to a resolver is not one plain question for a name")                  \
	X(RATE, "rate",                                                                             \
		"there were more questions to resolvers than the policy allows: "                    \
		"\"queriesPerMinute\" in network.dns")                                               \
	X(LABEL, "label",                                                                           \
		"a label of the name is longer than the policy allows: \"labelLength\" in "          \
		"network.dns")                                                                      \
	X(LEASE, "lease-over",                                                                      \
		"the name led to this address, but that is too long ago: look it up again")          \
	X(NAMES, "names", "what the cell has looked up could not be read")                          \
	X(STRAY, "stray-socket",                                                                    \
		"the socket was made outside of the cell's cgroup, where nothing it says is read")             \
	X(QUIC, "quic",                                                                             \
		"the name in QUIC cannot be read: allow TCP, or take \"quic: allow\" in the rule")   \
	X(SAID, "other-name",                                                                       \
		"the first bytes say a name that did not lead to this address")                     \
	X(UNNAMED, "unnamed-stream",                                                                \
		"the first bytes are neither TLS nor HTTP/1 with a name; a protocol without one "    \
		"takes \"tls: none\" in the rule")                                                  \
	X(STREAM, "bad-stream",                                                                     \
		"the first bytes say several names, are malformed, urgent, too many or not the "     \
		"kernel's own copy")                                                                \
	X(PROXY, "proxy",                                                                           \
		"a proxy is sent CONNECT to a name that the policy allows, and TLS with that name "  \
		"behind it")                                                                        \
	/* the next ones in the order of AMBIT_LIMITS */                                            \
	X(CONNECTS, "connects-per-minute", "connectsPerMinute of the policy is reached")            \
	X(EGRESS_HOUR, "egress-per-hour", "egressPerHour of the policy is reached")                 \
	X(EGRESS_DAY, "egress-per-day", "egressPerDay of the policy is reached")                    \
	X(FILE_SIZE, "file-size", "the file is larger than fileSize of the policy")                 \
	X(UNCOUNTED, "uncounted-socket",                                                            \
		"the process left the cgroup of its cell, where what a socket sends is counted")     \
	X(TRAIL, "trail",                                                                           \
		"the trail fails, and the policy says that nothing is allowed then")

enum ambit_reason {
#define X(name, code, text) REASON_##name,
	AMBIT_REASONS(X)
#undef X
	REASON_MAX,
};

/* What stands for tables where user space looks for those that are loaded: BLAKE2b of all their words. Zero: not
 * known yet. */
#define AMBIT_DIGEST_SIZE 32
struct ambit_digest {
	__u8 bytes[AMBIT_DIGEST_SIZE];
};

/*
 * The automaton. A policy is compiled into deterministic automata over bytes, one for the paths of
 * each operation and one for peers, kept together in segments. A segment is an array of words; a
 * state is (segment << AMBIT_SEGMENT_BITS | base), and its row is the word at `base` (the default
 * transition and the accept index) followed by one word a byte value, at base + 1 + byte. Rows
 * overlap like the teeth of combs: a word belongs to the row whose base + 1 stands in its check
 * field. No row crosses the end of its segment, and state 0 is the dead state (word 0 of segment 0
 * is the head).
 *
 *   bits  0-31  next state (in the word at `base`: the default next state)
 *   bits 32-47  check: base + 1 of the row that the word belongs to; 0: free
 *   bits 48-63  accept (in the word at `base` only): index of an `accept`; 0: accepts nothing
 */
#define AMBIT_SEGMENT_BITS  13
#define AMBIT_SEGMENT_WORDS (1 << AMBIT_SEGMENT_BITS)
#define AMBIT_ROW_WORDS	    257
#define AMBIT_SEGMENTS_MAX  4096 /* 256 MiB: the compiler refuses more */
#define AMBIT_ACCEPTS_MAX   65535

struct ambit_segment {
	__u64 words[AMBIT_SEGMENT_WORDS];
};

/*
 * What a state accepts: whether a rule allows (AMBIT_RULE_SOME) and the id of a denying one, for
 * each column, 0 for none; a state of a path has the column of its operation only. Deny beats allow.
 * Which rule allows is nothing that the kernel reports, and telling ten thousand of them apart would
 * multiply with all that is denied beneath them: user space finds it out with tables of its own. Of
 * several denying rules paths name the one that covers the most (it matches higher up) and then the
 * one with the smallest id, peers the one with the smallest id. Accepts are numbered from 1; number
 * i stands in the words AMBIT_HEAD_WORDS + (i - 1) * AMBIT_ACCEPT_WORDS of the table, counted
 * through the segments.
 */
struct ambit_accept {
	__u32 allow[AMBIT_COLUMNS];
	__u32 deny[AMBIT_COLUMNS];
};
#define AMBIT_ACCEPT_WORDS 4
/* In `deny`, no rules but: an address that no wider range covers (REASON_SPECIAL), a place of the
 * kernel that a wider pattern would allow (REASON_RESERVED), a place of ambit's own (REASON_GUARD). */
#define AMBIT_RULE_SPECIAL  0xffffffffU
#define AMBIT_RULE_RESERVED 0xfffffffeU
#define AMBIT_RULE_GUARD    0xfffffffdU
/* Likewise: port 53 of somebody who is no resolver of the policy (REASON_RESOLVER). */
#define AMBIT_RULE_RESOLVER 0xfffffffbU
/* In `allow`: some rule does. */
#define AMBIT_RULE_SOME	    0xfffffffcU
#define AMBIT_RULES_MAX	   65534
/* In AMBIT_COLUMN_STREAM: TCP has to begin with CONNECT; TCP, or QUIC, may be anything. 0: TLS or HTTP/1 with
 * a name that led to the address; of an address: anything. Of several rules the smaller one counts. */
#define AMBIT_STREAM_PROXY 1U
#define AMBIT_STREAM_ANY   2U
#define AMBIT_QUIC_PORT	   443

/* The first words of segment 0. */
struct ambit_head {
	__u32 abi;
	__u32 segments;
	__u32 accepts;
	/* State before the first byte of a path, for each operation: what one of them is told apart
	 * by does not multiply with what the others are. 0 where no rule says anything. */
	__u32 path_start[AMBIT_COLUMNS];
	__u32 peer_start; /* state before the first byte of a peer */
};
#define AMBIT_HEAD_WORDS 4

/*
 * The bytes that the peer half reads, in network order. Of an address: protocol, family, address, port;
 * addresses are normalised before (bpf/lib/address.bpf.h). Of a name: AMBIT_PEER_NAME in the place of
 * the protocol; the name in small letters, its labels from the root downwards with dots between them
 * ("com.example.api"); a '/', which no name has; protocol and port. So what is known of a name is one
 * state, whatever is asked of it later. Protocol 0 without a port asks whether anything is allowed
 * there at all: only then a question for the name is sent.
 */
#define AMBIT_PROTO_ANY 0
#define AMBIT_PROTO_TCP 6
#define AMBIT_PROTO_UDP 17
#define AMBIT_PEER_NAME 1
#define AMBIT_FAMILY_NAME 1 /* of rules; no event has it */
#define AMBIT_FAMILY_V4 4
#define AMBIT_FAMILY_V6 6
#define AMBIT_PEER_SIZE 20
#define AMBIT_DNS_PORT	53
/* The longest name as text, without the dot of the root, and a NUL; the longest label (RFC 1035). */
#define AMBIT_DOMAIN_SIZE 254
#define AMBIT_LABEL_MAX	  63

/* Task storage, and the storage of sockets made in a cell. */
struct ambit_label {
	__u32 cell; /* key in `cells`; never 0 */
	__u32 reserved;
};

/* Map `cells`: u32 id -> cell. Written by user space alone, but for AMBIT_CELL_SHUT; a hash, because it
 * replaces a row as one. */
#define AMBIT_CELLS_MAX 16384 /* a power of two */
struct ambit_cell {
	__u64 cgroup; /* id of the cell's cgroup; of one that is bound AMBIT_BOUND_HOME() */
	__u64 epoch;  /* version of the policy in force */
	__u32 policy; /* key in `policies`; cells with the same tables have the same */
	__u32 links;  /* key in `identities`; 0: it has none */
	__u32 mnt_ns; /* inode number of the mount namespace that paths are taken in */
	__u32 mode;   /* enum ambit_mode */
	__u32 flags;  /* AMBIT_CELL_* */
	__u32 id;     /* its own: a row that is free is soon another's */
	__u32 ring;   /* key in `rings`; 0: it has none */
	__u32 known_length;
	char known[AMBIT_KNOWN_SIZE]; /* AMBIT_PEER_CELL and a name: what it is to its peers (unix.h) */
};
#define AMBIT_POLICY_NOTHING 0 /* a policy that allows nothing: there as long as the kernel is armed */
#define AMBIT_CELL_CANARY 1 /* no events: its denials are asked for */
#define AMBIT_CELL_JIT	  2 /* memory may become code (`jit: allow`) */
#define AMBIT_CELL_LINKS 4 /* `links` is not 0 */
#define AMBIT_CELL_ENDS	 8 /* no task is made in it any more */
#define AMBIT_CELL_NAMES 16 /* its policy has names: a row in `names` */
/* 32, 64, 128, 4096: limits.h; 256, 8192, 16384, 32768: bound.h */

/*
 * What all credentials of a cell's tasks have, and those of others do not: the launcher sets these bits,
 * and no task can clear them (SECBIT_NO_CAP_AMBIENT_RAISE and its lock, include/uapi/linux/securebits.h;
 * a user namespace would, and there is none to be had). Ambient capabilities cannot be raised then.
 */
#define AMBIT_CELL_SECUREBITS (1 << 6 | 1 << 7)

/*
 * Map `identities`: u32 links -> a map of these, for files that a rule denies by one of their names and
 * that had others when the cell began: which rule, by operation (0: none; an AMBIT_RULE_* too).
 * Written by user space alone. A file is looked up whatever its number of links is now: the name that
 * is denied may be gone.
 */
struct ambit_identity_key {
	__u64 inode;
	__u32 device; /* of the file system: major << 20 | minor, as the kernel has it */
	__u32 reserved;
};
struct ambit_identity {
	__u32 deny[AMBIT_COLUMNS];
};

#include "names.h"

/* Map `counters`: counters of cells, by the lower bits of their ids, of which no two cells have the same
 * (so finding one takes a few instructions, where a hash takes 150). Cleared with the cell, added to by
 * the kernel. */
#define AMBIT_CELL_SLOT(id) ((id) & (AMBIT_CELLS_MAX - 1))
struct ambit_counters {
	__u64 allowed[OP_MAX];
	__u64 denied[OP_MAX];
	__u64 lost_full;    /* events that found the ring full, or no ring */
	__u64 lost_scratch; /* events without a scratch buffer to build them in */
	__u64 lost_spared;  /* events that only record, given up so that denials find room */
	__u64 lost_tally;   /* denials that `tallies` had no room for */
	__u64 owner;	    /* id of the cell that had the slot last; for user space */
};

/*
 * The map `kept` holds one of these: what was found out and is kept as long as it is true
 * (bpf/lib/kept.bpf.h). Not a map with rows, because then each look is a call and a test more.
 *
 * A verdict that allows, with all that makes it true. Of a peer, `object` and `place` are the two
 * halves of its address, and in a cell with names `birth` counts what was leased of it. User space reads
 * `key`, `allowed` and `op` alone.
 */
struct ambit_allowed {
	__u64 object;  /* dentry */
	__u64 place;   /* vfsmount */
	__u64 key;     /* cell, and in the upper half what was asked */
	__u64 allowed; /* how often it was used since it was kept */
	__u64 birth;   /* of the dentry's address; so wide that no cell can bring it back to a number */
	__u32 version; /* odd: being written */
	__u32 fence;   /* policies in force: every change of one counts it up */
	union {
		struct {
			__u32 renames, mounts; /* sequence numbers of the kernel's rename_lock and mount_lock */
		};
		__u64 maker; /* of a peer: the cgroup that the socket was made in */
	};
	__u32 op; /* enum ambit_op, as it is counted */
	__u32 until; /* seconds of CLOCK_BOOTTIME: when the first name that says so ends; 0: no names */
};

/* Where the automata are behind a directory. */
struct ambit_prefix {
	__u64 dentry;
	__u64 mount; /* struct mount */
	__u64 birth;
	__u32 cell;
	__u32 version, fence, renames, mounts; /* as above */
	__u32 known; /* bits of operations of which `states` is filled */
	__u32 states[AMBIT_COLUMNS]; /* after the directory's path and a '/' */
	__u32 length; /* of that path */
	__u32 reserved;
};

#define AMBIT_KEPT_BITS 14
#define AMBIT_PEER_BITS 12
#define AMBIT_BIRTH_BITS 16
/* Rows of verdicts and of peers come in groups of 64, a page: so many bits of a row's number are its group's. */
#define AMBIT_KEPT_GROUP_BITS (AMBIT_KEPT_BITS - 6)
#define AMBIT_PEER_GROUP_BITS (AMBIT_PEER_BITS - 6)
struct ambit_kept {
	__u64 origin; /* addresses that the programs calculate with (file.bpf.c: kept_begin) */
	__u64 label_origin;
	__u32 fence; /* counted up by user space before and after it replaces a row of `cells` */
	__u32 moves; /* renames by cells */
	__u64 ipc_objects; /* how many are labelled, or a few more (ipc.bpf.c) */
	__u64 cut; /* a bit for each cell that had a connection cut: CUT_BIT() of bpf/lib/kept.bpf.h */
	__u32 limited; /* set for good by the first cell with AMBIT_CELL_EGRESS or _FILE_SIZE, or bound with _NAMES */
	__u32 reserved;
	/* Groups that a row was written in since there was a cell, a bit each: elsewhere is nothing that is of a
	 * cell by now. Cleared by user space where there is no cell. */
	__u64 verdicts_in[(1 << AMBIT_KEPT_GROUP_BITS) / 64];
	__u64 peers_in[(1 << AMBIT_PEER_GROUP_BITS) / 64];
	__u64 lines[5]; /* so that no row lies in two lines of the cache */
	struct ambit_allowed verdicts[1 << AMBIT_KEPT_BITS];
	struct ambit_allowed peers[1 << AMBIT_PEER_BITS];
	struct ambit_prefix prefixes[1 << AMBIT_KEPT_BITS];
	__u64 births[1 << AMBIT_BIRTH_BITS]; /* dentries that began at an address (a hash of it) */
};

/* One part in so many of a ring is kept for denials that are carried out. */
#define AMBIT_RING_SPARE 4

/* Map `tallies`: what was denied how often, exact even when events are lost. */
struct ambit_tally_key {
	__u32 cell;
	__u32 rule; /* 0: no rule */
	__u16 op;
	__u16 reason;
	__u32 reserved;
};

#include "bound.h"
#include "glob.h"
#include "limits.h"
/* In place of a helper's number: calls of the kernel's bpf_rdonly_cast() (bpf/compat.bpf.h). */
#define AMBIT_CALL_CAST 0x616d6274

/* Map `arming`, one row: how the programs were loaded, written before they are attached, and what one
 * ambit leaves to the next. */
struct ambit_arming {
	__u32 flags;   /* AMBIT_ARMING_* */
	__u32 ids;     /* where the ids of cells are (user/kernel/slots.c) */
	__u32 retired; /* key in `policies` of the last cell that ended; 0: none */
	__u32 rows[2]; /* of `cells` and `limits`: at most so many there are (user/kernel/census.c) */
	__u32 reserved;
};
#define AMBIT_ARMING_LSM_SKIPS	 1 /* this kernel skips LSM programs that are entered again */
#define AMBIT_ARMING_KEEPS	 4 /* verdicts are kept */
#define AMBIT_ARMING_LABEL_FAILS 2 /* labels cannot be read while another look-up goes on */
#define AMBIT_ARMING_TRIED	 8 /* what the canary tries was seen to be possible outside of every cell */

enum ambit_event_kind {
	EVENT_DECISION, /* a verdict */
	EVENT_EXEC,	/* a program was allowed to start; `path` is the program */
	EVENT_KIND_MAX,
};

#define AMBIT_EVENT_ENFORCED 1 /* the verdict was carried out; without it the cell is in audit mode */

/* One record of the ring buffer, followed by path_len bytes of path and exe_len bytes of exe. */
struct ambit_event {
	__u64 time;	  /* CLOCK_MONOTONIC, ns */
	__u64 start_time; /* of the process, CLOCK_BOOTTIME, ns: with the pid it names a process */
	__u64 parent_start_time; /* of the parent, likewise */
	__u64 epoch;
	__u32 abi; /* AMBIT_ABI */
	__u32 cell;
	__u32 rule; /* 0: no rule */
	__u32 pid;  /* process (tgid) */
	__u32 tid;
	__u32 ppid;
	__u32 uid;
	__u32 gid;
	__u16 path_len; /* without a NUL; 0 where there is none */
	__u16 exe_len;	/* the program that the process runs */
	__u8 kind;
	__u8 op;
	__u8 verdict;
	__u8 reason;
	__u8 flags;
	__u8 proto;  /* AMBIT_PROTO_* or, for OP_SOCKET, the socket's protocol */
	__u8 family; /* AMBIT_FAMILY_* or, for OP_SOCKET, the socket's address family */
	__u8 detail; /* OP_SOCKET: the socket's type; OP_TASK: the signal; hook capable: the capability */
	__u16 port;  /* host order */
	__u16 hook;  /* index in hooks.def */
	/* For OP_CONNECT the path is the name that was asked for, if there is one. */
	__u8 addr[16]; /* or, for some reasons, struct ambit_numbers */
	char comm[AMBIT_COMM_SIZE];
	char parent_comm[AMBIT_COMM_SIZE];
};

/* What a denial is about where that is a number: an option and its level (REASON_OPTION), a control
 * message likewise (REASON_CONTROL; 0 and 0: malformed), a message type (REASON_NETLINK), a command
 * (REASON_IOCTL). */
struct ambit_numbers {
	__u32 level;
	__u32 number;
};

_Static_assert(sizeof(struct ambit_accept) == AMBIT_ACCEPT_WORDS * 8, "accept");
_Static_assert(sizeof(struct ambit_head) == AMBIT_HEAD_WORDS * 8, "head");
_Static_assert(sizeof(struct ambit_allowed) == 64, "verdict");
_Static_assert(__builtin_offsetof(struct ambit_kept, verdicts) % 64 == 0, "rows in lines of the cache");
_Static_assert(sizeof(struct ambit_prefix) == 72, "prefix");
_Static_assert(sizeof(struct ambit_cell) == 120, "cell");
_Static_assert(sizeof(struct ambit_tally_key) == 16, "tally key");
_Static_assert(sizeof(struct ambit_identity_key) == 16, "identity key");
_Static_assert(sizeof(struct ambit_event) == 128, "event");
_Static_assert(AMBIT_COMM_SIZE == 16 && __builtin_offsetof(struct ambit_event, comm) % 8 == 0 &&
		       __builtin_offsetof(struct ambit_event, parent_comm) % 8 == 0,
	"names of tasks are copied in words");
_Static_assert(AMBIT_SEGMENT_WORDS <= 1 << 15, "base + 1 fits the check field");

#endif
