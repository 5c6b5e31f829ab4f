/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What differs between the two ways that the same programs are attached (user/kernel/hooks.c):
 *
 *   LSM     BPF_LSM_MAC at bpf_lsm_HOOK, where `bpf` is in the kernel's list of LSMs
 *   traced  BPF_MODIFY_RETURN at security_FUNCTION, the kernel's caller of all LSMs, with
 *           --best-effort where it is not
 *
 * `traced` is read-only data that is set before loading, so the verifier sees one side of each
 * branch and takes the other out: a helper that one kind of program may not call stands behind it.
 * It can go when no host boots without `bpf` in its list.
 */
#ifndef AMBIT_COMPAT_H
#define AMBIT_COMPAT_H

#include "maps.bpf.h"

const volatile bool traced __weak = false;

#define PROTECT_READ	  1	    /* include/uapi/asm-generic/mman-common.h */
#define PROTECT_EXEC	  4
#define READ_IMPLIES_EXEC 0x0400000 /* include/uapi/linux/personality.h */

/*
 * What a mapping will be allowed. The hook has it as its third argument; the function that calls
 * the hooks works it out itself (mmap_prot() of security/security.c) and has what was asked for as
 * its second. It leaves out mounts without exec, which costs such a process a denial that the hook
 * would not give.
 */
static __always_inline unsigned long mmap_protection(unsigned long second, unsigned long third)
{
	struct task_struct *task;

	if (!traced)
		return third;
	task = bpf_get_current_task_btf();
	if ((second & PROTECT_READ) && (task->personality & READ_IMPLIES_EXEC))
		return second | PROTECT_EXEC;
	return second;
}

static __always_inline unsigned long mmap_flags(unsigned long third, unsigned long fourth)
{
	return traced ? third : fourth;
}

/*
 * The label of a socket. Programs that change what a function returns may not use the storage of
 * sockets (bpf_sk_storage_tracing_allowed() of net/core/bpf_sk_storage.c), so there it is a table by
 * the socket's cookie, which no other socket gets. A full table forgets the oldest: a socket
 * without a label counts as one from outside the cell.
 */
FRAME bool socket_label_set(struct sock *sk, __u32 cell)
{
	struct ambit_label value = {.cell = cell}, *label;
	__u64 cookie;

	if (traced) {
		cookie = bpf_get_socket_cookie(sk);
		return cookie && !bpf_map_update_elem(&socket_cells, &cookie, &value, BPF_ANY);
	}
	label = bpf_sk_storage_get(&socket_labels, sk, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (label)
		label->cell = cell;
	return label;
}

/* The cell whose task made the socket; 0: none. */
static __always_inline __u32 cell_of_socket(struct sock *sk)
{
	struct ambit_label *label;
	__u64 cookie;

	if (traced) {
		cookie = bpf_get_socket_cookie(sk);
		label = bpf_map_lookup_elem(&socket_cells, &cookie);
	} else {
		label = bpf_sk_storage_get(&socket_labels, sk, NULL, 0);
	}
	return label ? label->cell : 0;
}

/*
 * Kernel memory at any address, two words of it, for seven instructions a word where
 * bpf_probe_read_kernel() takes forty-five: a cast that costs nothing (bpf_rdonly_cast(), since 6.2,
 * kernel commit a35b9af4ec2c) to a type that is two words, and loads that the exception table guards.
 * A word that is not mapped is 0, so 0 must never be the better answer for the caller. 6.1 has no such
 * cast; PEEKS is 0 there, known when the program is loaded, and callers go the longer way.
 *
 * The call has a number that no helper has: the linker of Debian 12 (bpftool 7.1) cannot join objects
 * that name the same kernel function, so user space makes it a call of bpf_rdonly_cast() before the
 * programs are loaded (user/kernel/open.c).
 */
#ifdef AMBIT_ALONE /* parts of the programs in tests, which nobody makes fit */
#define PEEKS 0
#else
#define PEEKS bpf_core_enum_value_exists(enum special_kfunc_type, KF_bpf_rdonly_cast)
#endif

static void *(*const rdonly_cast)(__u64 address, __u32 type) = (void *)AMBIT_CALL_CAST;

static __always_inline struct timespec64 *peek_words(__u64 address)
{
	return rdonly_cast(address, bpf_core_type_id_kernel(struct timespec64));
}

static __always_inline __u64 peek(__u64 address)
{
	return peek_words(address)->tv_sec;
}

/*
 * An object of a hook or a helper, for walks from it that only read. Of each pointer that a program reads in
 * an object that the verifier trusts, the verifier asks four times whether that one is to be trusted too, and
 * 6.12 looks for the answer in all types of the kernel, one by one (btf_nested_type_is_trusted() in
 * kernel/bpf/btf.c): that was two thirds of what arming took. Of an object that was cast it does not ask; but
 * then each load is seven instructions, with a test of the address, so what is asked most often does without.
 */
#define READS(type, object) \
	(PEEKS ? (type *)rdonly_cast((__u64)(object), bpf_core_type_id_kernel(type)) : (type *)(object))

static __always_inline struct task_struct *task_read(void)
{
	return READS(struct task_struct, bpf_get_current_task_btf());
}

/* Whether a connection was cut. Where storage cannot be used nobody is told so early; nothing is sent in any
 * case. */
static __always_inline bool socket_is_cut(struct sock *sk)
{
	struct connection *connection = NULL;

	/* NULL is an answer. */
	if (!traced)
		connection = bpf_sk_storage_get(&connections, sk, NULL, 0);
	return connection && connection->state == CONNECTION_CUT;
}

/* The groups of buckets that what a connection sends counts for, as far as its name is known; 0: as its
 * address says. Where storage cannot be used likewise; then its packets alone are refused. */
static __always_inline __u32 socket_groups(struct sock *sk)
{
	struct connection *connection = NULL;

	/* NULL is an answer. */
	if (!traced)
		connection = bpf_sk_storage_get(&connections, sk, NULL, 0);
	return connection ? connection->groups : 0;
}

/* A connection that somebody else has begun: nobody has to read what is sent over it. */
static __always_inline void socket_frees(struct sock *sk)
{
	struct connection *connection = NULL;

	/* NULL is an answer: then it is read as one that was begun here, and what it says is denied. */
	if (!traced)
		connection = bpf_sk_storage_get(&connections, sk, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (connection)
		connection->state = CONNECTION_FREE;
}

/* Notes that a socket sends to a resolver, so that what leaves it is one of its questions (datagram_egress()). False:
 * there is no memory for that. Where storage cannot be used nothing is noted. */
static __always_inline bool socket_noted(struct sock *sk)
{
	struct connection *connection;

	if (traced)
		return true;
	connection = bpf_sk_storage_get(&connections, sk, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (connection)
		connection->state = CONNECTION_ASKS;
	return connection;
}

/* The storage of the socket that a packet leaves by, or that is connecting: for programs of cgroups, which
 * are never traced. NULL: there is none, or no memory for it. */
static __always_inline void *packet_storage(void *map, void *sk, __u64 flags)
{
	return bpf_sk_storage_get(map, sk, NULL, flags);
}

/* A program with it would not load as a traced one: socket_label_set(), cell_of_socket(). */
#pragma GCC poison bpf_sk_storage_get

#endif
