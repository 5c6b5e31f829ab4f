/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Peers of unix sockets by what is no path: an abstract name, or the name of the cell that they were
 * made in. Both stand in the automaton of OP_UNIX (abi.h) and in events as texts in the place of a path.
 */
#ifndef AMBIT_UNIX_H
#define AMBIT_UNIX_H

#include "decide.bpf.h"

/* What is asked about a text. */
struct unix_text {
	__u64 name; /* where the bytes of an abstract name are */
	__u32 length; /* of them */
	__u32 cell; /* who asks */
	__u32 peer; /* the peer's cell: by its name; 0: by the abstract one */
	__u16 hook;
	__u8 last; /* the peer has no other name: what nothing allows is denied */
	__u8 lent; /* the peer's cell is allowed: what nothing denies needs no rule of its own */
};

/* Besides 0 (let it pass) and 1 (deny): no rule is about the peer's cell, or one allows it; a name that the
 * peer has besides can still be denied. */
enum { UNIX_ASK = 2, UNIX_LENT };

/* Puts the bytes at `from` before the end of the path buffer; false if they cannot be read. */
static __always_inline bool text_put(struct scratch *scratch, __u64 from, __u32 length)
{
	__u32 start = PATH_END - length;

	scratch->path.start = start;
	return !bpf_probe_read_kernel(&scratch->path.bytes[start & PATH_MASK], length & 0x7f,
		FAULT(UNIX_NAME, NULL, (const void *)from));
}

static __always_inline bool text_put_abstract(struct scratch *scratch, const struct unix_text *text)
{
	const __u32 before = sizeof(AMBIT_PEER_ABSTRACT) - 1;

	if (text->length > AMBIT_ABSTRACT_MAX || !text_put(scratch, text->name, text->length))
		return false;
	scratch->path.start -= before;
	__builtin_memcpy(&scratch->path.bytes[scratch->path.start & PATH_MASK], AMBIT_PEER_ABSTRACT,
		before);
	return true;
}

/* The text of the peer's cell. One that is gone has left a socket behind, and nobody knows any more what
 * a rule says of it. */
static __always_inline int text_put_cell(struct scratch *scratch, __u32 id)
{
	struct ambit_cell *cell = cell_row(id); /* NULL is an answer */
	__u32 length = cell ? cell->known_length : 0;

	if (!cell || length > AMBIT_KNOWN_SIZE)
		return REASON_NO_CELL;
	if (!text_put(scratch, (__u64)cell->known, length))
		return REASON_UNREADABLE;
	return LOOK(cell->id) == id ? PATH_DONE : REASON_NO_CELL;
}

/* The right on the text, in the scratch slot; PATH_DONE, or the reason of a deny. */
static __always_inline int text_right(
	struct scratch *scratch, __u32 slot, const struct unix_text *text)
{
	struct ambit_cell *cell = FAULT(CELL_UNIX, NULL, cell_row(text->cell));
	__u32 policy = cell ? cell->policy : 0;
	int reason = PATH_DONE;

	scratch->path.prefix = 0;
	scratch->path.start = scratch->path.last = PATH_END;
	if (!cell || LOOK(cell->id) != text->cell)
		return cell_missing(text->cell);
	if (text->peer)
		reason = text_put_cell(scratch, text->peer);
	else if (!text_put_abstract(scratch, text))
		reason = REASON_UNREADABLE;
	if (reason != PATH_DONE) {
		scratch->path.start = PATH_END;
		return reason;
	}
	return match_right(slot, policy, OP_UNIX, &scratch->rights[0].rights[OP_UNIX])
		       ? REASON_NO_POLICY
		       : PATH_DONE;
}

static __always_inline int text_deny(const struct unix_text *text, struct verdict *v)
{
	report(v);
	return enforce(text->cell) ? 1 : 0;
}

/* The verdict on a peer by a text. */
GLOBAL int decide_text(const struct unix_text *text)
{
	struct verdict v = {.slot = -1, .op = OP_UNIX, .verdict = VERDICT_DENY};
	struct scratch *scratch;
	struct right *right;
	int reason, result;
	__u32 slot = 0;

	if (!text)
		return 1;
	v.cell = text->cell;
	v.hook = text->hook;
	scratch = FAULT(SCRATCH_UNIX, NULL, scratch_claim(&slot));
	if (!scratch) {
		v.reason = REASON_NO_SCRATCH;
		return text_deny(text, &v);
	}
	v.slot = slot;
	right = &scratch->rights[0].rights[OP_UNIX];
	reason = text_right(scratch, slot, text);
	if (reason != PATH_DONE) {
		v.reason = reason;
		result = text_deny(text, &v);
	} else if (right->deny || !(right->allow || text->lent || !text->last)) {
		verdict_deny(&v, right->deny);
		result = text_deny(text, &v);
	} else if (!text->last) {
		result = right->allow ? UNIX_LENT : UNIX_ASK;
	} else {
		count_allowed(text->cell, OP_UNIX);
		result = 0;
	}
	scratch_release(scratch);
	return result;
}

/*
 * Whether two datagram sockets are a pair that was made outside of all cells: each is the other's peer, and neither
 * has a name or a label. Such a one comes into a cell only with a task that enters, as an open connection does;
 * what is received is decided (receive.bpf.c). systemd since 256 gives one to what it starts, for the time of
 * the exec, and no service starts where nothing can be sent there. What cannot be read is no pair.
 */
static __always_inline bool pair_from_outside(struct sock *sk, struct sock *peer)
{
	struct unix_sock *near = FAULT(UNIX_SOCK, NULL, bpf_skc_to_unix_sock(sk));
	struct unix_sock *far = FAULT(UNIX_SOCK, NULL, bpf_skc_to_unix_sock(peer));

	if (!near || !far || label_of_socket(sk) || label_of_socket(peer))
		return false;
	return BPF_CORE_READ(near, peer) == peer && BPF_CORE_READ(far, peer) == sk &&
	       !BPF_CORE_READ(near, addr) && !BPF_CORE_READ(far, addr);
}

/* Whom a datagram goes to that is to be decided; NULL: nobody, or to the other of such a pair. */
FRAME struct sock *datagram_peer(struct socket *from, struct socket *to)
{
	struct sock *sk = from->sk, *peer = to->sk;

	return sk && peer && pair_from_outside(sk, peer) ? NULL : peer;
}

#endif
