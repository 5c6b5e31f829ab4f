/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One message from a resolver: what does it lease. */
#ifndef AMBIT_ANSWER_H
#define AMBIT_ANSWER_H

#include "named.bpf.h"
#include "question.bpf.h"

/* Networks that no name leads to, however it is answered: this machine, the link, groups, and what is
 * nobody's. A special address (metadata) needs a rule of its own (peer.bpf.h). */
static __always_inline bool v4_is_public(__u32 ip, bool private_names)
{
	__u32 first = ip >> 24, half = ip >> 16;

	if (first == 0 || first == 127 || first >= 224 || half == 0xa9fe)
		return false;
	return private_names || !(first == 10 || half >> 4 == 0xac1 || half == 0xc0a8 ||
					(ip >> 22) == (100 << 2 | 1));
}

/* Forms of IPv4 addresses: NAT64 (RFC 6052) and 6to4 (RFC 3056) say which one; what Teredo (RFC 4380) and a
 * NAT64 of a site's own (RFC 8215) lead to cannot be told. */
#define V6_NAT64  0x0064ff9bU
#define V6_6TO4	  0x2002U
#define V6_TEREDO 0x20010000U

static __always_inline bool v6_is_public(const __u8 *bytes, bool private_names)
{
	__u32 words[4], first;

	__builtin_memcpy(words, bytes, sizeof(words));
	first = bpf_ntohl(words[0]);
	if (first == V6_TEREDO || (first == V6_NAT64 && (words[1] || words[2])))
		return false;
	if (first == V6_NAT64)
		return v4_is_public(bpf_ntohl(words[3]), private_names);
	if (first >> 16 == V6_6TO4)
		return v4_is_public(first << 16 | bpf_ntohl(words[1]) >> 16, private_names);
	/* ::/96 has "any", loopback and IPv4 in a form of old; fe80::/9 the link and sites. */
	if ((!words[0] && !words[1] && !words[2]) || bytes[0] == 0xff ||
		(bytes[0] == 0xfe && bytes[1] & 0x80))
		return false;
	return private_names || (bytes[0] & 0xfe) != 0xfc;
}

/* An address of an answer in the form in which connect knows it; false if no name leads there. */
static __always_inline bool answer_address(
	const struct dns_address *from, bool private_names, struct address *ret)
{
	__u32 words[4];

	__builtin_memcpy(words, from->bytes, sizeof(words));
	if (from->family == AMBIT_FAMILY_V4) {
		address_v4(ret, words[0]);
	} else {
		if (!words[0] && !words[1] && words[2] == bpf_htonl(0xffff))
			return false; /* v4-mapped: what has that in the DNS? */
		address_v6(ret, words);
	}
	if (ret->family == AMBIT_FAMILY_V6)
		return v6_is_public(ret->bytes, private_names);
	__builtin_memcpy(words, ret->bytes, sizeof(words[0]));
	return v4_is_public(bpf_ntohl(words[0]), private_names);
}

/* Gives a name its place among those of an address: its own, one that is over, or that which will be
 * first. */
static __always_inline void lease_write(struct ambit_lease *row, const struct ambit_lease_name *name)
{
	__u32 place = 0, least = ~0U;

	for (__u32 i = 0; i < AMBIT_LEASE_NAMES; i++) {
		const struct ambit_lease_name *other = &row->names[i & (AMBIT_LEASE_NAMES - 1)];
		__u32 until = other->domain == name->domain ? 0 : other->until + 1;

		if (until < least) {
			least = until;
			place = i;
		}
	}
	row->names[place & (AMBIT_LEASE_NAMES - 1)] = *name;
}

/* When the last of an address's names is over. */
static __always_inline __u32 lease_until(const struct ambit_lease *row)
{
	__u32 until = 0;

	for (__u32 i = 0; i < AMBIT_LEASE_NAMES; i++)
		if (row->names[i].until > until)
			until = row->names[i].until;
	return until;
}

/* Verdicts that were kept on what was leased of an address are void. Behind the change, before the answer is
 * with the cell: a verdict that was found meanwhile has the number from before. */
static __always_inline void lease_counts(const struct ambit_names *all, const __u64 address[2])
{
	__sync_fetch_and_add(leases_of(all->cell, address), 1);
}

FRAME int lease_put(struct ambit_names *all, const struct address *address,
	const struct ambit_lease_name *name, __u32 limits)
{
	struct ambit_lease *row = NULL;
	__u32 least = ~0U, first;
	__u64 key[2], gone[2] = {};

	lease_address(address, key);
	first = lease_first(all, key);
	for (__u32 i = 0; i < AMBIT_WAYS; i++) {
		struct ambit_lease *other = lease_row(all, first, i);
		bool own = other->address[0] == key[0] && other->address[1] == key[1];
		__u32 until = own ? 0 : lease_until(other) + 1;

		if (until < least) {
			least = until;
			row = other;
		}
	}
	/* Another program writes it: so many tries, and then there is no lease. */
	for (__u32 i = 0; row && i < ROW_TRIES; i++) {
		if (!version_claim(&row->version))
			continue;
		if (row->address[0] != key[0] || row->address[1] != key[1]) {
			gone[0] = row->address[0];
			gone[1] = row->address[1];
			row->address[0] = key[0];
			row->address[1] = key[1];
			__builtin_memset(row->names, 0, sizeof(row->names));
			row->limits = 0;
		}
		row->limits |= limits;
		lease_write(row, name);
		version_publish(&row->version);
		lease_counts(all, key);
		lease_counts(all, gone);
		return 1;
	}
	return 0;
}

/* The question that a message answers, and what it leases: of one and the same question, which the cell
 * may be writing over. NULL if none was asked, or it was answered before. */
FRAME struct ambit_question *question_find(struct ambit_names *all, const struct dns *dns,
	const struct packet *packet, struct ambit_lease_name *ret)
{
	__u32 key = (__u32)packet->target << 16 | dns->id, now = seconds_now();
	__u64 resolver[2];

	lease_address(&packet->peer, resolver);
	for (__u32 i = 0; i < AMBIT_WAYS; i++) {
		struct ambit_question *row = question_row(all, key, i);
		__u32 version = LOOK(row->version);

		barrier();
		if (row->key != key || row->hash != dns->hash || row->type != dns->type ||
			row->proto != packet->proto || row->resolver[0] != resolver[0] ||
			row->resolver[1] != resolver[1] || !row->asked ||
			now - row->asked >= ANSWER_SECONDS || version & 1)
			continue;
		ret->state = row->state;
		ret->epoch = row->epoch;
		barrier();
		if (LOOK(row->version) == version)
			return row;
	}
	return NULL;
}

struct leasing {
	struct ambit_names *all;
	struct dns *dns;
	struct ambit_lease_name name;
	__u32 now;
	__u32 limits; /* destinations that the name is */
};

static long lease_step(__u32 index, struct leasing *leasing)
{
	struct dns_address *from = &leasing->dns->addresses[index & (DNS_ADDRESSES - 1)];
	struct ambit_names *all = leasing->all;
	struct address address = {};
	__u32 ttl = from->ttl;

	if (index >= leasing->dns->count)
		return 1;
	if (!answer_address(from, all->private_names, &address))
		return 0;
	leasing->name.until = leasing->now + (ttl < all->longest ? ttl : all->longest) + all->grace;
	lease_put(all, &address, &leasing->name, leasing->limits);
	return 0;
}

/* Whether what a name leads to may count for limits. */
static __always_inline bool answer_named(const struct ambit_names *all)
{
	struct ambit_cell *cell = FAULT(CELL_PEER, NULL, cell_row(all->cell));

	return !cell || cell->flags & AMBIT_CELL_NAMED;
}

FRAME int answer_lease(
	struct __sk_buff *skb, const struct packet *packet, struct scratch *scratch)
{
	struct ambit_names *all = names_of(packet->cgroup);
	struct leasing leasing = {.dns = &scratch->dns, .now = seconds_now()};
	struct ambit_question *question;

	if (!all || !message_read(skb, packet, scratch) || !dns_question(&scratch->dns) ||
		!scratch->dns.answer || !dns_spell(&scratch->dns, all->seed))
		return 0;
	question = question_find(all, &scratch->dns, packet, &leasing.name);
	if (!question)
		return 0;
	leasing.all = all;
	leasing.name.domain = scratch->dns.hash;
	leasing.limits = answer_named(all) ? named_answer(all->cell, &scratch->dns) : 0;
	dns_answers(&scratch->dns);
	if (scratch->dns.error)
		return 0;
	/* From now on others may answer as they like. */
	if (!__sync_lock_test_and_set(&question->asked, 0))
		return 0;
	DNS_LOOP(DNS_ADDRESSES, lease_step, &leasing);
	return 0;
}

/* Makes leases of what answers a question of the cell. */
FRAME int answer_read(struct __sk_buff *skb, const struct packet *packet)
{
	__u32 slot = 0;
	struct scratch *scratch = FAULT(SCRATCH_DNS, NULL, scratch_claim(&slot));

	if (!scratch)
		return 0;
	answer_lease(skb, packet, scratch);
	scratch_release(scratch);
	return 0;
}

#endif
