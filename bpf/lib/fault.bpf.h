/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fault injection, for tests/fault alone: `make FAULTS=yes` builds programs in which every call that
 * can fail can be made to, one at a time, by number. Other builds have nothing of it: FAULT() is
 * then its last argument.
 *
 * Every call of a helper whose failure decides something, or loses a record, is wrapped. tests/fault
 * has a row for each name, and fails where one is missing.
 */
#ifndef AMBIT_FAULT_H
#define AMBIT_FAULT_H

/* The READ_ names end in the field that cannot be read (READ_FIELD). */
#define AMBIT_FAULTS(X)                                                                           \
	X(NONE)                                                                                   \
	/* labels */                                                                              \
	X(LABEL_READ)                                                                             \
	X(LABEL_TASK)                                                                             \
	X(LABEL_OTHER)                                                                            \
	X(LABEL_SOCKET)                                                                           \
	X(LABEL_PEER)                                                                             \
	X(LABEL_IPC)                                                                              \
	X(LABEL_IPC_OWNER)                                                                        \
	X(UNIX_SOCK)                                                                              \
	X(UNIX_UNNAMED)                                                                           \
	X(UNIX_ADDRESS)                                                                           \
	X(UNIX_NAME)                                                                              \
	/* the rows of a cell */                                                                  \
	X(CELL_PATH)                                                                              \
	X(CELL_MOUNTS)                                                                            \
	X(CELL_PEER)                                                                              \
	X(CELL_UNIX)                                                                              \
	X(CELL_FORK)                                                                              \
	X(CELL_EXEC)                                                                              \
	X(CELL_MODE)                                                                              \
	X(CELL_EVENT)                                                                             \
	X(RING)                                                                                   \
	X(RING_FULL)                                                                              \
	X(RING_SPARED)                                                                            \
	X(COUNTERS)                                                                               \
	X(TALLY)                                                                                  \
	X(STRING_PATH)                                                                            \
	X(STRING_EXE)                                                                             \
	X(EXE_PLACE)                                                                              \
	X(EXE_KEPT)                                                                               \
	X(EXE_KEEP)                                                                               \
	X(EXE_KEY)                                                                                \
	X(SLOT_EXE)                                                                               \
	/* its policy */                                                                          \
	X(POLICY)                                                                                 \
	X(POLICY_ABI)                                                                             \
	X(POLICY_SWAPPED)                                                                         \
	X(IDENTITIES)                                                                             \
	X(SEGMENT)                                                                                \
	X(SEGMENT_HEAD)                                                                           \
	X(SEGMENT_STEP)                                                                           \
	X(SEGMENT_STATE)                                                                          \
	X(SEGMENT_ACCEPT)                                                                         \
	X(LOOP_MATCH)                                                                             \
	/* scratch memory: all slots are taken, for everybody or for one */                       \
	X(SCRATCH_BUSY)                                                                           \
	X(SCRATCH_PATH)                                                                           \
	X(SCRATCH_MOUNTS)                                                                         \
	X(SCRATCH_UNIX)                                                                           \
	X(SCRATCH_REFER)                                                                          \
	X(SCRATCH_EXEC)                                                                           \
	X(SCRATCH_EVENT)                                                                          \
	X(SLOT_CLAIM)                                                                             \
	X(SLOT_EVENT)                                                                             \
	X(SLOT_PATH)                                                                              \
	X(SLOT_RIGHTS)                                                                            \
	X(SLOT_MATCH)                                                                             \
	X(LOOP_NEAR)                                                                              \
	X(CELL_NEAR)                                                                              \
	X(SLOT_KEEP)                                                                              \
	X(PREFIX_CHANGED)                                                                         \
	/* the walk from a dentry to the root */                                                  \
	X(SEQUENCE)                                                                               \
	X(LOOP_ATTEMPTS)                                                                          \
	X(LOOP_STEPS)                                                                             \
	X(RENAMED)                                                                                \
	X(NOTE)                                                                                   \
	X(HELD)                                                                                   \
	X(LOOP_NOTES)                                                                             \
	X(NO_MOUNT)                                                                               \
	X(FOLDS)                                                                                  \
	X(READ_dentry)                                                                            \
	X(READ_name)                                                                              \
	X(READ_mnt_root)                                                                          \
	X(READ_mnt_parent)                                                                        \
	X(READ_mnt_mountpoint)                                                                    \
	X(READ_mnt_ns)                                                                            \
	X(READ_walk_inum)                                                                         \
	X(READ_d_hash)                                                                            \
	X(READ_d_parent)                                                                          \
	X(READ_identity)                                                                          \
	X(READ_d_sb)                                                                              \
	X(READ_s_magic)                                                                           \
	X(READ_s_flags)                                                                           \
	/* overlays */                                                                            \
	X(READ_mnt_sb)                                                                            \
	X(READ_backing)                                                                           \
	/* whose entry of /proc it is */                                                           \
	X(READ_other_task)                                                                        \
	X(LOOP_LABEL)                                                                             \
	X(READ_pid)                                                                               \
	/* the mounts that show an object */                                                      \
	X(LOOP_MOUNTS)                                                                            \
	X(LOOP_BELOW)                                                                             \
	X(READ_s_mounts)                                                                          \
	X(READ_mnt_instance)                                                                      \
	X(READ_mnt_next_for_sb)                                                                   \
	X(READ_shown_inum)                                                                        \
	/* the masters of terminals that a process holds */                                       \
	X(LOOP_TERMINAL)                                                                          \
	X(TERMINAL_DESCRIPTOR)                                                                    \
	X(TERMINAL_AGAIN)                                                                         \
	/* what a hook is told */                                                                 \
	X(READ_ia_valid)                                                                          \
	X(READ_file)                                                                              \
	X(READ_anon_name)                                                                         \
	X(READ_upid)                                                                              \
	X(READ_d_inode)                                                                           \
	X(READ_i_mode)                                                                            \
	X(ADDRESS_FAMILY)                                                                         \
	X(ADDRESS_IN6)                                                                            \
	X(ADDRESS_NETLINK)                                                                        \
	X(ADDRESS_SCOPE)                                                                          \
	X(CONTROL_READ)                                                                           \
	X(CONTROL_INTERFACE)                                                                      \
	X(LOOP_CONTROL)                                                                           \
	X(MESSAGE_READ)                                                                           \
	X(LOOP_MESSAGES)                                                                          \
	X(RECEIVED_NAME)                                                                          \
	X(RECEIVED_SOCKET)                                                                        \
	/* names */                                                                               \
	X(NAMES)                                                                                  \
	X(SCRATCH_DNS)                                                                            \
	X(SOCKET_CGROUP)                                                                          \
	X(SOCKET_ASKS)                                                                            \
	/* first bytes */                                                                         \
	X(CONNECTION)                                                                             \
	X(READER)                                                                                 \
	X(READER_AGAIN)                                                                           \
	X(SCRATCH_STREAM)                                                                         \
	X(STREAM_BYTE)                                                                            \
	X(LOOP_STREAM)                                                                            \
	X(SHARED_HEAD)                                                                            \
	X(SHARED_FLAGS)                                                                           \
	/* limits */                                                                              \
	X(LIMITS_PEER)                                                                            \
	X(LIMITS_SEND)                                                                            \
	X(LIMITS_SOCKET)                                                                          \
	X(LIMITS_FILE)                                                                            \
	X(LIMITS_PACKET)                                                                          \
	X(LIMITS_NAMED)                                                                           \
	X(READ_ia_size)

enum ambit_fault {
#define X(name) FAULT_##name,
	AMBIT_FAULTS(X)
#undef X
	FAULT_MAX,
};

/* What stands in the map of the faults. */
enum { FAULT_FORCED, FAULT_MET, FAULT_STATES };

#ifdef __bpf__
#include "ambit.bpf.h"

#ifdef AMBIT_FAULTS_BUILD
/* The fault that is forced, and whether a program came to it since. tests/fault finds the map
 * by its name, writes and reads here. */
volatile __u32 fault_state[FAULT_STATES] SEC(".data.fault") __weak = {FAULT_NONE};

/* The value of `expression`, or `failed` while FAULT_##name is forced. Of a read that is the address,
 * so that the helper itself fails: it leaves zeroes then, not what was there. Of a peek(), which cannot
 * fail, it is what the reader takes for "unreadable". */
#define FAULT(name, failed, expression)                                                           \
	(fault_state[FAULT_FORCED] == FAULT_##name && (fault_state[FAULT_MET] = 1) ? (failed)      \
										   : (expression))
#else
/* The name is there so that one that is not in the list is an error in every build. */
#define FAULT(name, failed, expression) ((void)FAULT_##name, (expression))
#endif

/* Reads a field of a struct at an address; 0, or a negative errno. The first is for fields whose path
 * is no word of its own. */
#define READ_AT(name, target, type, base, path)                                         \
	bpf_probe_read_kernel(&(target), sizeof(target),                                \
		FAULT(READ_##name, NULL,                                                \
			(const void *)((base) + bpf_core_field_offset(struct type, path))))
#define READ_FIELD(target, type, base, field) READ_AT(field, target, type, base, field)
#endif

#endif
