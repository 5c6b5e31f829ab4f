// SPDX-License-Identifier: Apache-2.0
/* What each fault does. The acts are verbs of tests/probe, under tests/fault/policy.yaml. */
#include <errno.h>
#include "fault.h"

/* Acts of every kind that is decided on a path. */
#define OPENS	  "read /t/in/file"
#define EXECUTES  "exec /t/in/prog"
#define CREATES	  "mkreg /t/in/new"
#define MOVES	  "rename /t/in/src /t/in/new"
#define TOUCHES	  "touch /t/in/file"
#define REACHES	  "unix-stream /u/in/sock.stream"
#define REACHES_NAME "unix-stream @inside.stream"
#define CONNECTS  "connect udp 127.0.0.1 7001"
#define SENDS	  "sendto udp 127.0.0.1 7001"
#define LISTS_ROOT "list /t/in/top" /* run mounts it */
#define READS_MANY "read /t/many" /* leads to where states lie in another segment than the first */
#define READS_DEEP "read /t/deep" /* more directories above it than a walk notes */
#define FORKS	  "via fork stat /t/in/file"
#define FORBIDDEN "read /t/out/file"
#define NO_PLACE  "chroot /t/in" /* denied whatever the policy says, without a path */

#define ROW_FROM(before, fault, effect, record, when, act, op, reason, error)                      \
	{                                                                                          \
		FAULT_##fault, effect, record, when, act, OP_##op, REASON_##reason, error, before  \
	}
#define ROW(...) ROW_FROM(COLD, __VA_ARGS__)
#define DENY(fault, act, op, reason, error)                                                        \
	ROW(fault, DENIES, IN_TRAIL, ALWAYS, act, op, reason, error)
#define KEEP(fault, record) ROW(fault, KEEPS, record, ALWAYS, FORBIDDEN, READ, NO_RULE, EACCES)
/* A shorter way: when it fails the long one decides. */
#define SHORTER(fault, when, before)                                                               \
	ROW_FROM(before, fault, KEEPS, IN_TRAIL, when, FORBIDDEN, READ, NO_RULE, EACCES)
/* Of a cell with limits. */
#define LIMIT(fault, act, op, reason, error)                                                       \
	ROW_FROM(LIMITED, fault, DENIES, IN_TRAIL, ALWAYS, act, op, reason, error)
/* One and the same fault in front of acts of every kind. */
#define DENY_PATHS(fault, reason)                                                                  \
	DENY(fault, OPENS, READ, reason, EACCES), DENY(fault, EXECUTES, EXEC, reason, EACCES),     \
		DENY(fault, CREATES, WRITE, reason, EACCES),                                       \
		DENY(fault, MOVES, WRITE, reason, EACCES),                                         \
		DENY(fault, TOUCHES, WRITE, reason, EACCES),                                       \
		DENY(fault, REACHES, UNIX, reason, EPERM)

/* clang-format would put several on a line. */
/* clang-format off */
const struct row rows[] = {
	ROW(LABEL_READ, STOPS, NO_CELL, ALWAYS, OPENS, READ, NO_LABEL, EACCES),
	ROW(LABEL_READ, STOPS, NO_CELL, ALWAYS, CREATES, WRITE, NO_LABEL, EACCES),
	ROW(LABEL_READ, STOPS, NO_CELL, ALWAYS, TOUCHES, WRITE, NO_LABEL, EACCES),
	ROW(LABEL_READ, STOPS, NO_CELL, ALWAYS, FORKS, TASK, NO_LABEL, EPERM),
	ROW(LABEL_READ, STOPS, NO_CELL, ALWAYS, CONNECTS, SOCKET, NO_LABEL, EPERM),
	ROW(LABEL_TASK, STOPS, IN_TRAIL, ALWAYS, FORKS, TASK, NO_LABEL, EPERM),
	DENY(LABEL_OTHER, "kill 0 28", TASK, OUTSIDE, EPERM),
	DENY(LABEL_SOCKET, CONNECTS, SOCKET, NO_LABEL, EPERM),
	DENY(LABEL_PEER, "unix-among stream @among", UNIX, NO_RULE, EPERM),
	DENY(LABEL_IPC, "ipc-own", SYSTEM, NO_LABEL, EACCES),
	DENY(LABEL_IPC_OWNER, "ipc-own", SYSTEM, OUTSIDE_IPC, EACCES),
	DENY(UNIX_SOCK, REACHES, UNIX, UNREADABLE, EPERM),
	DENY(UNIX_ADDRESS, REACHES_NAME, UNIX, UNREADABLE, EPERM),
	DENY(UNIX_NAME, REACHES_NAME, UNIX, UNREADABLE, EPERM),

	DENY_PATHS(CELL_PATH, NO_CELL),
	DENY(CELL_MOUNTS, TOUCHES, WRITE, NO_CELL, EACCES),
	DENY(CELL_MOUNTS, REACHES, UNIX, NO_CELL, EPERM),
	DENY(CELL_PEER, CONNECTS, CONNECT, NO_CELL, EPERM),
	DENY(CELL_UNIX, REACHES_NAME, UNIX, NO_CELL, EPERM),
	ROW(CELL_FORK, STOPS, IN_TRAIL, ALWAYS, FORKS, TASK, NO_CELL, EPERM),
	DENY(CELL_EXEC, EXECUTES, EXEC, NO_CELL, EACCES),
	ROW(CELL_MODE, KEEPS, IN_TRAIL, ALWAYS, NO_PLACE, SYSTEM, MOUNT, EPERM),
	KEEP(CELL_EVENT, LOST_FULL),
	KEEP(RING, LOST_FULL),
	KEEP(RING_FULL, LOST_FULL),
	KEEP(RING_SPARED, LOST_AUDIT),
	KEEP(COUNTERS, IN_TRAIL),
	KEEP(TALLY, LOST_TALLY),
	KEEP(STRING_PATH, IN_TRAIL),
	ROW_FROM(MOVED, STRING_EXE, KEEPS, IN_TRAIL, ALWAYS, FORBIDDEN, READ, NO_RULE, EACCES),
	KEEP(EXE_PLACE, IN_TRAIL),
	ROW_FROM(NAMED, EXE_KEPT, KEEPS, IN_TRAIL, ALWAYS, FORBIDDEN, READ, NO_RULE, EACCES),
	ROW_FROM(MOVED, EXE_KEEP, KEEPS, IN_TRAIL, ALWAYS, FORBIDDEN, READ, NO_RULE, EACCES),
	KEEP(EXE_KEY, IN_TRAIL),
	KEEP(SLOT_EXE, IN_TRAIL),

	DENY_PATHS(POLICY, NO_POLICY),
	DENY(POLICY, CONNECTS, CONNECT, NO_POLICY, EPERM),
	DENY_PATHS(POLICY_ABI, NO_POLICY),
	DENY(POLICY_ABI, CONNECTS, CONNECT, NO_POLICY, EPERM),
	DENY(POLICY_SWAPPED, MOVES, WRITE, NO_POLICY, EACCES),
	DENY_PATHS(SEGMENT, NO_POLICY),
	DENY(IDENTITIES, OPENS, READ, NO_POLICY, EACCES),
	DENY(IDENTITIES, MOVES, WRITE, NO_POLICY, EACCES),
	DENY(SEGMENT_HEAD, OPENS, READ, NO_POLICY, EACCES),
	DENY(SEGMENT_HEAD, CONNECTS, CONNECT, NO_POLICY, EPERM),
	DENY(SEGMENT_STEP, READS_MANY, READ, NO_POLICY, EACCES),
	DENY(SEGMENT_STEP, CONNECTS, CONNECT, NO_POLICY, EPERM),
	DENY(SEGMENT_STATE, OPENS, READ, NO_POLICY, EACCES),
	DENY(SEGMENT_STATE, CONNECTS, CONNECT, NO_POLICY, EPERM),
	DENY(SEGMENT_ACCEPT, OPENS, READ, NO_POLICY, EACCES),
	DENY(SEGMENT_ACCEPT, CONNECTS, CONNECT, NO_POLICY, EPERM),
	DENY_PATHS(LOOP_MATCH, NO_POLICY),

	ROW(SCRATCH_BUSY, DENIES, LOST_SCRATCH, ALWAYS, OPENS, READ, NO_SCRATCH, EACCES),
	ROW(SCRATCH_BUSY, DENIES, LOST_SCRATCH, ALWAYS, EXECUTES, EXEC, NO_SCRATCH, EACCES),
	ROW(SCRATCH_BUSY, DENIES, LOST_SCRATCH, ALWAYS, CREATES, WRITE, NO_SCRATCH, EACCES),
	ROW(SCRATCH_BUSY, DENIES, LOST_SCRATCH, ALWAYS, MOVES, WRITE, NO_SCRATCH, EACCES),
	ROW(SCRATCH_BUSY, DENIES, LOST_SCRATCH, ALWAYS, TOUCHES, WRITE, NO_SCRATCH, EACCES),
	ROW(SCRATCH_BUSY, DENIES, LOST_SCRATCH, ALWAYS, REACHES, UNIX, NO_SCRATCH, EPERM),
	ROW(SCRATCH_BUSY, KEEPS, LOST_SCRATCH, ALWAYS, NO_PLACE, SYSTEM, MOUNT, EPERM),
	DENY(SCRATCH_PATH, OPENS, READ, NO_SCRATCH, EACCES),
	DENY(SCRATCH_MOUNTS, TOUCHES, WRITE, NO_SCRATCH, EACCES),
	DENY(SCRATCH_UNIX, REACHES_NAME, UNIX, NO_SCRATCH, EPERM),
	DENY(SCRATCH_REFER, MOVES, WRITE, NO_SCRATCH, EACCES),
	DENY(SCRATCH_EXEC, EXECUTES, EXEC, NO_SCRATCH, EACCES),
	ROW(SCRATCH_EVENT, KEEPS, LOST_SCRATCH, ALWAYS, NO_PLACE, SYSTEM, MOUNT, EPERM),
	ROW(SLOT_CLAIM, DENIES, LOST_SCRATCH, ALWAYS, OPENS, READ, NO_SCRATCH, EACCES),
	KEEP(SLOT_EVENT, LOST_SCRATCH),
	DENY_PATHS(SLOT_PATH, NO_SCRATCH),
	DENY_PATHS(SLOT_RIGHTS, NO_SCRATCH),
	DENY_PATHS(SLOT_MATCH, NO_POLICY),
	SHORTER(SLOT_KEEP, KEPT, COLD),
	SHORTER(CELL_NEAR, NEAR, WARM),
	SHORTER(LOOP_NEAR, NEAR, WARM),
	/* Whatever lies in a directory may be read, but for this: it counts from where a path is matched. */
	ROW_FROM(WARM, PREFIX_CHANGED, KEEPS, IN_TRAIL, KEPT, "read /t/in/box/keys", READ, RULE, EACCES),

	DENY_PATHS(SEQUENCE, UNSTABLE),
	DENY_PATHS( LOOP_ATTEMPTS, UNSTABLE),
	DENY_PATHS(LOOP_STEPS, TOO_DEEP),
	/* Something is renamed without a pause: elsewhere, and on the way. */
	KEEP(RENAMED, IN_TRAIL),
	DENY(RENAMED, READS_DEEP, READ, UNSTABLE, EACCES),
	DENY_PATHS(NOTE, UNSTABLE),
	DENY_PATHS(HELD, UNSTABLE),
	DENY(LOOP_NOTES, OPENS, READ, UNSTABLE, EACCES),
	DENY_PATHS(NO_MOUNT, NO_PATH),
	DENY_PATHS(FOLDS, FOLDS),
	DENY_PATHS(READ_dentry, UNREADABLE),
	DENY_PATHS(READ_name, UNREADABLE),
	DENY_PATHS(READ_mnt_root, UNREADABLE),
	DENY_PATHS(READ_mnt_parent, UNREADABLE),
	DENY_PATHS(READ_mnt_mountpoint, UNREADABLE),
	DENY_PATHS(READ_mnt_ns, UNREADABLE),
	DENY_PATHS(READ_walk_inum, FOREIGN_MOUNT),
	/* A dentry that peek() finds in the cache is linked; of one that it does not, more is read: the
	 * root of a file system. */
	DENY(READ_d_hash, LISTS_ROOT, READ, UNREADABLE, EACCES),
	DENY(READ_d_parent, LISTS_ROOT, READ, UNREADABLE, EACCES),
	ROW(READ_d_hash, DENIES, IN_TRAIL, PROBED, OPENS, READ, UNREADABLE, EACCES),
	ROW(READ_d_parent, DENIES, IN_TRAIL, PROBED, OPENS, READ, UNREADABLE, EACCES),
	DENY(READ_d_parent, TOUCHES, WRITE, UNREADABLE, EACCES),
	DENY(READ_identity, OPENS, READ, UNREADABLE, EACCES),
	DENY(READ_identity, MOVES, WRITE, UNREADABLE, EACCES),
	DENY(READ_d_sb, "read /proc/self/stat", READ, UNREADABLE, EACCES),
	DENY(READ_d_sb, TOUCHES, WRITE, UNREADABLE, EACCES),
	DENY(READ_d_sb, REACHES, UNIX, UNREADABLE, EPERM),
	DENY(LOOP_TERMINAL, "terminal name", READ, NO_RULE, EACCES),
	DENY(TERMINAL_DESCRIPTOR, "terminal name", READ, NO_RULE, EACCES),
	DENY(TERMINAL_AGAIN, "terminal name", READ, NO_RULE, EACCES),
	DENY(READ_other_task, "via fork read-parent stat", READ, UNREADABLE, EACCES),
	DENY(LOOP_LABEL, "via fork read-parent stat", READ, OUTSIDE, EACCES),
	DENY(READ_s_magic, "read /proc/self/stat", READ, UNREADABLE, EACCES),
	DENY(READ_pid, "read /proc/self/stat", READ, UNREADABLE, EACCES),
	/* A memory file is then one like others, which nothing names. */
	DENY(READ_s_flags, "memory x", WRITE, NO_PATH, EACCES),

	/* A layer is then a mount like others, which the cell does not see. */
	DENY(READ_mnt_sb, "touch /ov/in/file", WRITE, FOREIGN_MOUNT, EACCES),
	DENY(READ_s_flags, "touch /ov/in/file", WRITE, FOREIGN_MOUNT, EACCES),
	/* Backing files: since 6.5. */
	ROW(READ_backing, DENIES, IN_TRAIL, MOUNT_PLAIN, "mprotect-exec /ov/in/prog", EXEC, UNREADABLE, EACCES),

	DENY(LOOP_MOUNTS, TOUCHES, WRITE, TOO_DEEP, EACCES),
	DENY( LOOP_MOUNTS, REACHES, UNIX, TOO_DEEP, EPERM),
	DENY(LOOP_BELOW, TOUCHES, WRITE, TOO_DEEP, EACCES),
	DENY(READ_s_mounts, TOUCHES, WRITE, UNREADABLE, EACCES),
	ROW(READ_mnt_instance, DENIES, IN_TRAIL, MOUNT_LIST, TOUCHES, WRITE, UNREADABLE, EACCES),
	ROW(READ_mnt_next_for_sb, DENIES, IN_TRAIL, MOUNT_PLAIN, TOUCHES, WRITE, UNREADABLE, EACCES),
	DENY(READ_shown_inum, TOUCHES, WRITE, UNREADABLE, EACCES),

	ROW(READ_ia_valid, KEEPS, IN_TRAIL, ALWAYS, "touch /t/out/file", WRITE, NO_RULE, EACCES),
	DENY(READ_file, "mmap-exec /t/in/prog", EXEC, UNREADABLE, EACCES),
	DENY(READ_anon_name, "uring-read /t/in/file", EXEC, JIT, EACCES),
	DENY(READ_upid, "own self", TASK, UNREADABLE, EPERM),
	/* What may be a directory is moved only to where the same is denied beneath. */
	DENY(READ_d_inode, "rename /t/in/src /t/in/boy", WRITE, REFER, EACCES),
	DENY(READ_i_mode, "rename /t/in/src /t/in/boy", WRITE, REFER, EACCES),
	DENY(ADDRESS_FAMILY, CONNECTS, CONNECT, UNREADABLE, EPERM),
	DENY(ADDRESS_IN6, "connect udp ::1 7001", CONNECT, UNREADABLE, EPERM),
	DENY(ADDRESS_NETLINK, "nl-message 18", SOCKET, NETLINK, EPERM),
	DENY(ADDRESS_SCOPE, "bind-scope ::1 0", LISTEN, NO_RULE, EPERM),
	DENY(CONTROL_READ, "control 127.0.0.1 7001 0 1 00000000", SOCKET, CONTROL, EPERM),
	DENY(CONTROL_INTERFACE, "control 127.0.0.1 7001 0 8 000000000000000000000000", SOCKET, CONTROL, EPERM),
	DENY(LOOP_CONTROL, "control 127.0.0.1 7001 0 1 00000000", SOCKET, CONTROL, EPERM),
	DENY(MESSAGE_READ, "nl-message 18", SOCKET, NETLINK, EPERM),
	DENY(LOOP_MESSAGES, "nl-message 18", SOCKET, NETLINK, EPERM),
	DENY(RECEIVED_NAME, "pass eventfd", SYSTEM, FOREIGN, EPERM),
	DENY(RECEIVED_SOCKET, "pass pair", SOCKET, FOREIGN, EPERM),
	DENY(NAMES, CONNECTS, CONNECT, NAMES, EPERM),
	DENY(SOCKET_CGROUP, "query good.203-0-113-20.ok.test", CONNECT, STRAY, EPERM),
	DENY(SCRATCH_DNS, "query good.203-0-113-20.ok.test", CONNECT, NO_SCRATCH, EPERM),

	LIMIT(LIMITS_PEER, CONNECTS, CONNECT, NO_CELL, EPERM),
	LIMIT(LIMITS_SOCKET, CONNECTS, SOCKET, UNCOUNTED, EPERM),
	LIMIT(LIMITS_SEND, SENDS, CONNECT, NO_CELL, EPERM),
	LIMIT(LIMITS_PACKET, SENDS, CONNECT, NO_CELL, EPERM),
	LIMIT(LIMITS_FILE, OPENS, READ, FILE_SIZE, EACCES),
	LIMIT(LIMITS_FILE, "ftruncate /t/in/file 5", WRITE, FILE_SIZE, EACCES),
	LIMIT(READ_ia_size, "ftruncate /t/in/file 5", WRITE, FILE_SIZE, EACCES),
};
/* clang-format on */
const size_t rows_count = ARRAY_SIZE(rows);
