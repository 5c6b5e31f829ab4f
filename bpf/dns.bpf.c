/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Questions and answers of cells whose policy has names: attached to the cgroup of each such cell, and
 * gone with it.
 *
 *   dns_egress   what goes to port 53 is one question for a name that a rule covers, or is not sent
 *   dns_ingress  what comes from there and answers such a question makes leases, before the cell sees it
 *   bound_leaves, bound_comes  the same for cells that are bound, whose cgroup comes and goes: attached to the root
 *                of all cgroups, for the sockets that such a cell has made or accepted
 *
 * Who can be reached on port 53 at all is decided by net.bpf.c, as for every other peer.
 */
#include "lib/answer.bpf.h"
#include "lib/connection.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define NEXT_ICMPV6  58
#define JUMBO_OPTION 0xc2
#define JUMBO_SIZE   8
#define PORT_NAT_T   4500 /* RFC 3948 */

/* Ports, and where the payload begins; false: no such packet. `at` is where the IP header ends. */
static __always_inline bool ports_read(
	void *at, void *end, __u32 offset, struct packet *packet)
{
	struct tcphdr *tcp;
	struct udphdr *udp;

	barrier_var(at); /* or it is calculated again, and the verifier does not know it any more */
	tcp = at;
	udp = at;
	if ((void *)(udp + 1) > end)
		return false;
	packet->source = bpf_ntohs(udp->source);
	packet->target = bpf_ntohs(udp->dest);
	packet->payload = offset + sizeof(*udp);
	if (packet->proto == AMBIT_PROTO_UDP)
		return true;
	if ((void *)(tcp + 1) > end)
		return false;
	packet->payload = offset + tcp->doff * 4;
	packet->sequence = tcp->seq;
	packet->flags = ((__u8 *)tcp)[TCP_FLAGS_AT];
	return true;
}

enum { PACKET_BAD, PACKET_OTHER, PACKET_READ };

/*
 * The size of what stands before TCP where the kernel sends more at once than the length of an IPv6 packet can
 * say (BIG TCP; ip6_xmit() of net/ipv6/ip6_output.c since 5.19): one header with one option (RFC 2675), and
 * nothing else. 0: it is another one.
 */
static __always_inline __u32 jumbo_size(const struct ipv6hdr *v6, void *end)
{
	const __u8 *extra = (const __u8 *)(v6 + 1);

	if (v6->nexthdr || v6->payload_len || (void *)(extra + JUMBO_SIZE) > end)
		return 0;
	return extra[0] == AMBIT_PROTO_TCP && !extra[1] && extra[2] == JUMBO_OPTION && extra[3] == 4
		       ? JUMBO_SIZE
		       : 0;
}

/* The headers lie together where the kernel calls this (they were written or read by it just before).
 * `peer` is the target's address, or the source's. */
static __always_inline int packet_read(struct __sk_buff *skb, struct packet *packet, bool target)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ipv6hdr *v6 = data;
	struct iphdr *v4 = data;
	__u32 size;

	if (skb->protocol == PROTOCOL_IP) {
		if ((void *)(v4 + 1) > end)
			return PACKET_BAD;
		packet->proto = v4->protocol;
		if (packet->proto != AMBIT_PROTO_TCP && packet->proto != AMBIT_PROTO_UDP)
			return PACKET_OTHER;
		size = v4->ihl * 4;
		if (v4->frag_off & FRAGMENT || size < sizeof(*v4))
			return PACKET_BAD;
		address_v4(&packet->peer, target ? v4->daddr : v4->saddr);
		return ports_read(data + size, end, size, packet) ? PACKET_READ : PACKET_BAD;
	}
	if (skb->protocol != PROTOCOL_IPV6)
		return PACKET_OTHER;
	if ((void *)(v6 + 1) > end)
		return PACKET_BAD;
	size = jumbo_size(v6, end);
	packet->proto = size ? AMBIT_PROTO_TCP : v6->nexthdr;
	if (packet->proto == NEXT_ICMPV6)
		return PACKET_OTHER;
	/* Headers between cannot be asked for by a socket of a cell (option.bpf.h). */
	if (packet->proto != AMBIT_PROTO_TCP && packet->proto != AMBIT_PROTO_UDP)
		return PACKET_BAD;
	address_v6(&packet->peer, target ? v6->daddr.in6_u.u6_addr32 : v6->saddr.in6_u.u6_addr32);
	size += sizeof(*v6);
	return ports_read(data + size, end, size, packet) ? PACKET_READ : PACKET_BAD;
}

/* Decides what goes to a resolver. Without a scratch buffer nothing can be read. */
FRAME int egress_dns(struct __sk_buff *skb, struct packet *packet)
{
	struct ambit_names *all = names_of(packet->cgroup);
	struct verdict v = {.slot = -1, .reason = REASON_NO_SCRATCH};
	struct scratch *scratch;
	__u32 slot = 0;
	bool pass = false;

	/* Its rows are gone: the cell ends. */
	if (!all)
		return DROP;
	v.cell = all->cell;
	scratch = FAULT(SCRATCH_DNS, NULL, scratch_claim(&slot));
	if (scratch) {
		v.slot = slot;
		scratch->path.start = PATH_END;
		packet->at = packet->payload;
		packet->size = skb->len - packet->payload;
		v.reason = REASON_QUESTION;
		pass = !question_loose(skb, packet) &&
		       (packet->proto == AMBIT_PROTO_TCP ? stream_pass(skb, packet, scratch, &v)
							 : question_pass(skb, packet, scratch, &v));
	}
	if (!pass)
		pass = question_deny(all, packet, &v);
	if (scratch)
		scratch_release(scratch);
	return pass ? PASS : DROP;
}

/* Whether a packet is another one around that of the socket, whose bytes nobody saw (IPsec: ESP, or UDP to
 * port 4500). What a socket sends has its protocol and its port. */
static __always_inline bool is_wrapped(struct __sk_buff *skb, const struct packet *packet)
{
	struct bpf_sock *sk = skb->sk;

	sk = sk ? bpf_sk_fullsock(sk) : NULL;
	if (!sk || (sk->protocol != AMBIT_PROTO_TCP && sk->protocol != AMBIT_PROTO_UDP))
		return false;
	return sk->protocol != packet->proto || (packet->proto == AMBIT_PROTO_UDP &&
							packet->target == PORT_NAT_T &&
							sk->src_port != packet->source);
}

/* Nothing of it can be read. */
FRAME int unread_decide(struct __sk_buff *skb, struct packet *packet, __u32 reason)
{
	struct ambit_names *all;

	packet_home(skb, packet);
	all = names_of(packet->cgroup);
	return all && connection_deny(packet, all->cell, reason, -1) ? PASS : DROP;
}

/* Whether a rule allows the peer that a datagram goes to, by its address or by a name that led there: then it
 * could be sent there by whom it was addressed to as well. */
FRAME bool datagram_leads(struct ambit_names *all, struct packet *packet)
{
	struct ambit_cell *cell = FAULT(CELL_PEER, NULL, cell_row(all->cell));
	struct verdict v = {};
	__u32 until = 0;
	int says;

	if (!cell)
		return false;
	packet->peer.port = packet->target;
	says = address_says(cell, packet);
	if (says == LEASE_NONE)
		says = lease_decide(cell, &packet->peer, AMBIT_PROTO_UDP, &v, &until);
	return lease_allows(says);
}

/*
 * Decides a datagram that goes to no resolver. From a socket that has sent to one it may be a question that the
 * host sends elsewhere (DNAT), which nobody would read: so it has to go where the cell may send anything. What
 * such a socket sends to others that it is allowed is none the worse.
 */
FRAME int datagram_egress(struct __sk_buff *skb, struct packet *packet)
{
	struct bpf_sock *sk = skb->sk;
	struct connection *connection;
	struct ambit_names *all;

	/* For the verifier: this hook runs for whole sockets alone (BPF_CGROUP_RUN_PROG_INET_EGRESS() of
	 * include/linux/bpf-cgroup.h), and UDP has no others. */
	sk = sk ? bpf_sk_fullsock(sk) : NULL;
	if (!sk)
		return PASS;
	/* NULL is an answer: nothing was noted of it. */
	connection = packet_storage(&connections, sk, 0);
	if (!(connection && connection->state == CONNECTION_ASKS) &&
		sk->dst_port != bpf_htons(AMBIT_DNS_PORT))
		return PASS;
	packet_home(skb, packet);
	all = names_of(packet->cgroup);
	if (!all)
		return DROP;
	if (datagram_leads(all, packet))
		return PASS;
	return connection_deny(packet, all->cell, REASON_STREAM, -1) ? PASS : DROP;
}

/* Decides what leaves. */
static __always_inline int names_leave(struct __sk_buff *skb, struct packet *packet)
{
	int read;

	if (plain_leaves(skb))
		return PASS;
	read = packet_read(skb, packet, true);
	if (read == PACKET_BAD)
		return unread_decide(skb, packet, REASON_UNREADABLE);
	if (is_wrapped(skb, packet))
		return unread_decide(skb, packet, REASON_STREAM);
	if (read == PACKET_OTHER)
		return PASS;
	if (packet->target != AMBIT_DNS_PORT)
		return packet->proto == AMBIT_PROTO_TCP ? connection_egress(skb, packet)
							: datagram_egress(skb, packet);
	/* Nothing is said. An empty datagram is no question. */
	if (packet->payload >= skb->len && packet->proto == AMBIT_PROTO_TCP)
		return PASS;
	/* Several messages in one, which are told apart later (UDP_SEGMENT). */
	if (packet->proto == AMBIT_PROTO_UDP && skb->gso_size)
		packet->payload = skb->len;
	packet_home(skb, packet);
	return egress_dns(skb, packet);
}

/* Reads what comes, and lets it pass. */
static __always_inline int names_come(struct __sk_buff *skb, struct packet *packet)
{
	if (plain_comes(skb))
		return PASS;
	if (packet_read(skb, packet, false) != PACKET_READ || packet->source != AMBIT_DNS_PORT ||
		packet->payload >= skb->len)
		return PASS;
	packet_home(skb, packet);
	packet->at = packet->payload;
	packet->size = skb->len - packet->payload;
	/* Of a stream, a message that came in one piece, with its length or without: some servers write
	 * that alone. What comes in pieces makes no lease. */
	if (packet->proto == AMBIT_PROTO_TCP) {
		__u8 head[2];

		if (bpf_skb_load_bytes(skb, packet->at, head, sizeof(head)))
			return PASS;
		if ((__u32)(head[0] << 8 | head[1]) == packet->size - 2) {
			packet->at += 2;
			packet->size -= 2;
		}
	}
	answer_read(skb, packet);
	return PASS;
}

SEC("cgroup_skb/egress")
int dns_egress(struct __sk_buff *skb)
{
	struct packet packet = {};

	return names_leave(skb, &packet);
}

SEC("cgroup_skb/ingress")
int dns_ingress(struct __sk_buff *skb)
{
	struct packet packet = {};

	return names_come(skb, &packet);
}

SEC("cgroup_skb/egress")
int bound_leaves(struct __sk_buff *skb)
{
	struct ambit_cell *cell = packet_bound(skb->sk, AMBIT_CELL_NAMES);
	struct packet packet = {};

	if (!cell)
		return PASS;
	packet.cgroup = cell->cgroup;
	return names_leave(skb, &packet);
}

SEC("cgroup_skb/ingress")
int bound_comes(struct __sk_buff *skb)
{
	struct ambit_cell *cell = packet_bound(skb->sk, AMBIT_CELL_NAMES);
	struct packet packet = {};

	if (!cell)
		return PASS;
	packet.cgroup = cell->cgroup;
	return names_come(skb, &packet);
}
