/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One message to a resolver: may it be sent. What is sent is kept, for its answer (answer.bpf.h). */
#ifndef AMBIT_QUESTION_H
#define AMBIT_QUESTION_H

#include "names.bpf.h"

struct packet {
	struct address peer; /* the resolver */
	__u16 source, target; /* ports, host order */
	__u32 proto;
	__u32 payload; /* where it begins */
	__u32 at, size; /* of the message that is looked at */
	__u32 sequence; /* of a segment; as it stands there */
	__u8 flags; /* of a segment: TCP_* (connection.bpf.h) */
	__u8 silent; /* of a denial: reported before, and the rule */
	__u32 rule;
	__u64 cgroup;
};

/* Seconds for an answer; a resolver library gives up long before. */
#define ANSWER_SECONDS 60
/* Questions that may come at once, as time: as many as a minute has. */
#define BURST_NS (60ULL * 1000000000)
#define RATE_TRIES 16

/* Whether the rate allows one more question, which is paid for then. When another program was first it
 * is looked at again; who never is gets none. */
FRAME bool rate_pay(struct ambit_names *all)
{
	__u64 now = bpf_ktime_get_boot_ns(), each = BURST_NS / (all->queries ?: 1);

	for (__u32 i = 0; i < RATE_TRIES; i++) {
		__u64 old = LOOK(all->paid), paid = (old > now ? old : now) + each;

		if (paid > now + BURST_NS)
			return false;
		if (__sync_val_compare_and_swap(&all->paid, old, paid) == old) {
			all->limited = 0;
			return true;
		}
	}
	return false;
}

struct turned {
	struct match match;
	const struct dns *dns;
};

static long turned_step(__u32 index, struct turned *turned)
{
	__u32 at = turned->dns->front + index;

	if (at >= 255 || !turned->match.state || turned->match.error)
		return 1;
	match_byte(&turned->match, turned->dns->turned[at & 255]);
	return 0;
}

/* The state behind the question's name; `ret` is what may be asked of it at all. False if a table is
 * missing. */
FRAME bool question_match(
	const struct dns *dns, struct ambit_cell *cell, __u32 *ret_state, struct ambit_accept *ret)
{
	struct turned turned = {.dns = dns};

	if (!match_start(&turned.match, cell->policy, MATCH_PEER))
		return false;
	if (turned.match.state)
		match_byte(&turned.match, AMBIT_PEER_NAME);
	if (FAULT(LOOP_MATCH, -E2BIG, bpf_loop(AMBIT_DOMAIN_SIZE, turned_step, &turned, 0)) < 0)
		return false;
	if (turned.match.state && !turned.match.error)
		match_byte(&turned.match, '/');
	*ret_state = turned.match.state;
	if (turned.match.state && !turned.match.error)
		match_byte(&turned.match, AMBIT_PROTO_ANY);
	return match_accept(&turned.match, ret);
}

/* Begins to write a row: false while another program does. */
static __always_inline bool version_claim(__u32 *version)
{
	__u32 old = LOOK(*version);

	return !(old & 1) && __sync_val_compare_and_swap(version, old, old + 1) == old;
}

static __always_inline void version_publish(__u32 *version)
{
	__sync_fetch_and_add(version, 1);
}

/* So that denials can name it. */
FRAME int domain_keep(struct ambit_names *all, const struct dns *dns)
{
	__u32 domain = dns->hash;
	struct ambit_domain *row = &all->domains[domain & ((1 << AMBIT_DOMAIN_BITS) - 1)];

	if (row->domain == domain || !version_claim(&row->version))
		return 0;
	row->domain = domain;
	row->length = dns->text_size;
	__builtin_memcpy(row->text, dns->text, sizeof(row->text));
	version_publish(&row->version);
	return 0;
}

/* Where a question can stand, by the port that it came from and its id. */
static __always_inline struct ambit_question *question_row(
	struct ambit_names *all, __u32 key, __u32 way)
{
	__u32 first = (key ^ all->seed) * HASH_FACTOR >> (64 - AMBIT_QUESTION_BITS);

	return &all->questions[((first & ~(AMBIT_WAYS - 1)) + way) &
			       ((1 << AMBIT_QUESTION_BITS) - 1)];
}

/* Keeps a question that is sent: in its own place, or in that of the oldest. */
FRAME int question_keep(struct ambit_names *all, const struct dns *dns, const struct packet *packet,
	__u32 state, __u32 epoch)
{
	__u32 key = (__u32)packet->source << 16 | dns->id, oldest = ~0U;
	struct ambit_question *row = NULL;

	for (__u32 i = 0; i < AMBIT_WAYS; i++) {
		struct ambit_question *other = question_row(all, key, i);
		__u32 asked = other->key == key ? 0 : other->asked;

		if (asked < oldest) {
			oldest = asked;
			row = other;
		}
	}
	if (!row || !version_claim(&row->version))
		return 0;
	lease_address(&packet->peer, row->resolver);
	row->hash = dns->hash;
	row->key = key;
	row->state = state;
	row->epoch = epoch;
	row->type = dns->type;
	row->proto = packet->proto;
	row->asked = seconds_now();
	version_publish(&row->version);
	return 0;
}

/* The question's name as the path of the scratch slot. */
FRAME int question_show(struct scratch *scratch)
{
	__u32 length = scratch->dns.text_size & 255, start = PATH_END - length;

	scratch->path.start = PATH_END;
	if (length && length < AMBIT_DOMAIN_SIZE &&
		!bpf_probe_read_kernel(&scratch->path.bytes[start & PATH_MASK], length,
			FAULT(STRING_PATH, NULL, scratch->dns.text)))
		scratch->path.start = start;
	return 0;
}

/* Decides a question that was read: true to send it, or a reason (and a rule) in `v`. */
FRAME bool question_decide(struct ambit_names *all, struct dns *dns, const struct packet *packet,
	struct verdict *v)
{
	__u32 before = LOOK(kept.fence), state = 0, epoch;
	struct ambit_cell *cell = FAULT(CELL_PEER, NULL, cell_row(v->cell));
	struct ambit_accept accept;

	if (!cell) {
		v->reason = cell_missing(v->cell);
		return false;
	}
	if (!question_match(dns, cell, &state, &accept)) {
		v->reason = REASON_NO_POLICY;
		return false;
	}
	v->rule = accept.deny[0];
	v->reason = accept.deny[0]	? REASON_RULE
		    : !accept.allow[0] ? REASON_NO_RULE
		    : dns->longest > all->label ? REASON_LABEL
						: REASON_RULE;
	if (accept.deny[0] || v->reason != REASON_RULE) {
		/* Where it is sent all the same (audit), what it leads to has a name. */
		if (cell->mode != MODE_AUDIT)
			return false;
		state = 0;
	} else if (!rate_pay(all)) {
		v->reason = REASON_RATE;
		v->silent = __sync_lock_test_and_set(&all->limited, 1);
		return false;
	}
	epoch = cell->epoch;
	domain_keep(all, dns);
	/* What is of two policies leases nothing. */
	question_keep(all, dns, packet, fence_stands(before) ? state : 0, epoch);
	return state;
}

/* A segment that was not sent is sent again, by whoever runs then, which is no further act of the cell. */
static __always_inline bool is_repeated(struct ambit_names *all, const struct packet *packet)
{
	__u64 segment = (__u64)packet->source << 32 | packet->sequence;

	return packet->proto == AMBIT_PROTO_TCP &&
	       __sync_lock_test_and_set(&all->dropped, segment) == segment;
}

/* Pages that somebody else may still write to: of a file, of a pipe, or of the task that sends them
 * (MSG_ZEROCOPY). What was read there is not what will be sent. */
#define SHARED_FLAGS 0x1f /* SKBFL_ALL, and all that manages such pages (include/linux/skbuff.h) */

FRAME bool packet_shared(struct __sk_buff *skb)
{
	const void *at = (const void *)skb;
	__u64 head = 0;
	__u32 end = 0;
	__u8 flags = 0xff;

	/* A field that cannot be read is as bad. */
	if (bpf_probe_read_kernel(&head, sizeof(head),
		    FAULT(SHARED_HEAD, NULL, at + bpf_core_field_offset(struct sk_buff, head))) ||
		bpf_probe_read_kernel(&end, sizeof(end), at + bpf_core_field_offset(struct sk_buff, end)) ||
		bpf_probe_read_kernel(&flags, sizeof(flags),
			FAULT(SHARED_FLAGS, NULL,
				(const void *)(head + end +
					       bpf_core_field_offset(struct skb_shared_info, flags)))))
		return true;
	return flags & SHARED_FLAGS;
}

/* Whose packet it is, unless that is known (AMBIT_BOUND_HOME()). */
static __always_inline void packet_home(struct __sk_buff *skb, struct packet *packet)
{
	if (!packet->cgroup)
		packet->cgroup = bpf_skb_ancestor_cgroup_id(skb, cells_cgroup_level + 1);
}

#define TCP_URG 0x20 /* RFC 9293 */

/* What may change after the look, or be left out by who reads it (an urgent byte). A datagram has all its
 * bytes in one piece, unless they are pages of somebody, which the kernel does not always mark as such. */
static __always_inline bool question_loose(struct __sk_buff *skb, const struct packet *packet)
{
	if (packet->proto == AMBIT_PROTO_UDP)
		return (__u64)skb->data_end - (__u64)skb->data < skb->len;
	return packet->flags & TCP_URG || packet_shared(skb);
}

/* Reads a message of [1, DNS_SIZE] bytes into the scratch slot; false: it cannot be read. */
static __always_inline bool message_read(
	struct __sk_buff *skb, const struct packet *packet, struct scratch *scratch)
{
	__u32 size = packet->size;

	if (size < DNS_HEADER || size > DNS_SIZE)
		return false;
	scratch->dns.length = size;
	barrier_var(size);
	/* The bounds once more, of the register that the call takes. */
	if (size < DNS_HEADER || size > DNS_SIZE)
		return false;
	return !bpf_skb_load_bytes(skb, packet->at, scratch->dns.message, size);
}

/* Whether a message to a resolver is sent; or why not, in `v`. */
FRAME bool question_pass(struct __sk_buff *skb, const struct packet *packet, struct scratch *scratch,
	struct verdict *v)
{
	struct ambit_names *all = names_of(packet->cgroup);

	v->reason = REASON_QUESTION;
	if (!all || !message_read(skb, packet, scratch) || !dns_question(&scratch->dns) ||
		scratch->dns.answer || !dns_spell(&scratch->dns, all->seed))
		return false;
	if (question_decide(all, &scratch->dns, packet, v))
		return true;
	question_show(scratch);
	return false;
}

/* Messages in one segment: a resolver library sends two questions at once. */
#define SEGMENT_MESSAGES 4

/*
 * Each segment has to be whole messages, each with its length before it, as a resolver library writes
 * them: what is cut up cannot be read, and is not sent.
 */
FRAME bool stream_pass(struct __sk_buff *skb, struct packet *packet, struct scratch *scratch,
	struct verdict *v)
{
	__u32 at = packet->payload;

	for (__u32 i = 0; i < SEGMENT_MESSAGES && at < skb->len; i++) {
		__u8 head[2];

		v->reason = REASON_QUESTION;
		if (bpf_skb_load_bytes(skb, at, head, sizeof(head)))
			return false;
		packet->at = at + sizeof(head);
		packet->size = head[0] << 8 | head[1];
		at = packet->at + packet->size;
		if (at > skb->len || !question_pass(skb, packet, scratch, v))
			return false;
	}
	v->reason = REASON_QUESTION;
	return at >= skb->len;
}

FRAME int report_question(const struct verdict *v)
{
	return report_as(v, false);
}

/* Reports a message that is not sent, with the name in the scratch slot, if it has one. True: it is sent
 * all the same. */
static __always_inline bool question_deny(
	struct ambit_names *all, const struct packet *packet, struct verdict *v)
{
	if (is_repeated(all, packet))
		return !enforce(v->cell);
	v->verdict = VERDICT_DENY;
	v->op = OP_CONNECT;
	v->hook = HOOK_socket_sendmsg;
	v->proto = packet->proto;
	v->family = packet->peer.family;
	v->port = AMBIT_DNS_PORT;
	__builtin_memcpy(v->addr, packet->peer.bytes, sizeof(v->addr));
	report_question(v);
	return !enforce(v->cell);
}

#endif
