/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a cell sends in bytes, counted and refused where every byte passes: at the packets of the sockets
 * in its cgroup. Attached to the cgroups of cells with such limits alone; and bound_egress to the root of all
 * cgroups, for the sockets that a bound cell with such limits has made or accepted.
 *
 * Not where it is handed over (socket_sendmsg): of a message a socket may take a part, and on 6.1 sendfile
 * and splice do not come by there (docs/notes/2026-11-27-limits.md).
 *
 *   TCP      the bytes of the stream in each segment, sent again or not. What has none passes: without
 *            acknowledgements nothing could be received or closed.
 *   the rest whole packets, headers included
 */
#include "lib/peer.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define PASS 1
#define DROP 0

/* IP headers: RFC 791, RFC 8200; TCP: RFC 9293 */
#define IPV4_SIZE	 20
#define IPV6_SIZE	 40
#define PORTS_SIZE	 4
#define TCP_OFFSET_AT	 12

struct packet {
	struct address peer;
	__u64 cost;  /* bytes that count */
	__u8 proto;  /* 0: neither TCP nor UDP, or not to be read */
};

/* Protocol and address; the size of the IP header, or 0 if it cannot be read. */
static __always_inline __u32 packet_ip(struct __sk_buff *skb, struct packet *ret)
{
	__u8 head[IPV6_SIZE] = {};
	__u32 words[4];

	if (bpf_skb_load_bytes(skb, 0, head, IPV4_SIZE))
		return 0;
	if (head[0] >> 4 == 4) {
		__builtin_memcpy(words, &head[16], sizeof(words[0]));
		address_v4(&ret->peer, words[0]);
		ret->proto = head[9];
		return (head[0] & 15) * 4;
	}
	if (bpf_skb_load_bytes(skb, 0, head, IPV6_SIZE))
		return 0;
	__builtin_memcpy(words, &head[24], sizeof(words));
	address_v6(&ret->peer, words);
	ret->proto = head[6];
	return IPV6_SIZE;
}

/* What is not understood counts as a whole, for every rule that limits its address. */
static __always_inline void packet_read(struct __sk_buff *skb, struct packet *ret)
{
	__u32 ip = packet_ip(skb, ret), headers;
	__u8 ports[PORTS_SIZE] = {}, offset = 0;
	bool tcp = ret->proto == AMBIT_PROTO_TCP;

	ret->cost = skb->len;
	if (!tcp && ret->proto != AMBIT_PROTO_UDP)
		ret->proto = 0;
	if (!ip || !ret->proto || bpf_skb_load_bytes(skb, ip, ports, sizeof(ports)) ||
		(tcp && bpf_skb_load_bytes(skb, ip + TCP_OFFSET_AT, &offset, 1))) {
		ret->proto = 0;
		return;
	}
	ret->peer.port = ports[2] << 8 | ports[3];
	headers = ip + (offset >> 4) * 4;
	if (tcp)
		ret->cost = skb->len > headers ? skb->len - headers : 0;
}

/* Whom the socket of a connection was connected to: where the host sends it elsewhere (DNAT), the packet has
 * another address by now, of which no rule speaks. */
static __always_inline void packet_peer(struct bpf_sock *sk, struct address *peer)
{
	__u32 ip[4];

	if (!sk->dst_port)
		return;
	if (sk->family == FAMILY_INET) {
		address_v4(peer, sk->dst_ip4);
	} else {
		ip[0] = sk->dst_ip6[0];
		ip[1] = sk->dst_ip6[1];
		ip[2] = sk->dst_ip6[2];
		ip[3] = sk->dst_ip6[3];
		address_v6(peer, ip);
	}
	peer->port = bpf_ntohs(sk->dst_port);
}

/* Whether a rule for addresses allows the peer of a datagram, so that it is no name's. */
FRAME bool packet_allowed(__u32 id, const struct packet *packet)
{
	struct peer_request request = {.proto = packet->proto, .address = packet->peer};
	struct ambit_cell *cell = FAULT(CELL_PEER, NULL, cell_row(id));
	struct ambit_accept accept;
	struct match match;

	return cell && match_peer(&match, cell->policy, &request) && match_accept(&match, &accept) &&
	       !accept.deny[0] && accept.allow[0];
}

/* The groups of buckets that a packet is for. A connection has kept its own; a datagram is known by its
 * address. Where nothing is known of that any more (what was looked up is pushed out), or never was (the host
 * sends it elsewhere), it is for all. */
FRAME __u32 packet_groups(
	struct __sk_buff *skb, struct ambit_limits *row, __u32 id, struct packet *packet)
{
	struct bpf_sock *sk = skb->sk;
	struct connection *connection = NULL;
	__u32 groups, named;
	bool known;

	sk = sk ? bpf_sk_fullsock(sk) : NULL;
	/* Also where its headers are not to be read (BIG TCP of IPv6 has one more). */
	if (sk && sk->protocol == AMBIT_PROTO_TCP) {
		packet_peer(sk, &packet->peer);
		/* NULL is an answer: so it is in cells without names, and to their resolvers. */
		if (row->named)
			connection = packet_storage(&connections, sk, 0);
	}
	groups = connection ? groups_kept(row, connection->groups) : 0;
	if (groups)
		return groups;
	known = address_limits(row, &packet->peer, &named);
	groups = limits_groups(row, &packet->peer, packet->proto, named);
	if (known || groups != GROUP_CELL || packet->proto == AMBIT_PROTO_TCP ||
		!row->destination_count || packet_allowed(id, packet))
		return groups;
	return GROUPS_ALL;
}

/*
 * The event of a packet that was refused. Packets leave when a socket is written to, but also when an
 * answer comes, in whatever task runs then: so it names no process. What is handed over when it is too
 * late already was refused by name before (lib/egress.bpf.h).
 */
FRAME int packet_event(const struct verdict *v)
{
	struct ambit_event event = {};
	struct ambit_cell *cell = FAULT(CELL_EVENT, NULL, cell_row(v->cell));
	__u32 key = cell ? cell->ring : 0;
	void *ring = FAULT(RING, NULL, bpf_map_lookup_elem(&rings, &key));

	if (cell && ring) {
		event_fill(&event, v, cell);
		event_output(cell, ring, &event, sizeof(event));
	} else {
		event_lost(cell, v->cell, LOST(full));
	}
	return 0;
}

/* Counts and reports that a packet was refused, as report() does of acts; without a row because there
 * is none. */
FRAME int packet_report(struct ambit_limits *row, const struct draw *draw, __u32 id,
	const struct packet *packet)
{
	struct verdict v = {.slot = -1, .verdict = VERDICT_DENY};
	struct ambit_counters *counts;

	/* NULL is an answer: of a cell that is gone nobody asks any more, and its counters may be
	 * another's. */
	if (!cell_row(id))
		return 0;
	v.cell = id;
	v.op = OP_CONNECT;
	v.hook = HOOK_socket_sendmsg;
	v.proto = packet->proto;
	v.family = packet->peer.family;
	v.port = packet->peer.port;
	__builtin_memcpy(v.addr, packet->peer.bytes, sizeof(v.addr));
	v.reason = REASON_NO_CELL;
	if (row)
		limits_verdict(row, draw, &v);
	counts = FAULT(COUNTERS, NULL, counters_row(id));
	if (counts)
		__sync_fetch_and_add(&counts->denied[OP_CONNECT], 1);
	tally(&v, counts);
	return v.silent ? 0 : packet_event(&v);
}

static __always_inline int egress_decide(struct __sk_buff *skb, __u32 id)
{
	struct ambit_limits *row;
	struct packet packet = {};
	struct draw draw = {};
	__u32 groups = GROUPS_ALL;

	packet_read(skb, &packet);
	if (!packet.cost)
		return PASS;
	row = FAULT(LIMITS_PACKET, NULL, limits_row(id));
	if (row && packet.peer.family)
		groups = packet_groups(skb, row, id, &packet);
	if (row)
		limits_draw(row, groups, KINDS_EGRESS, packet.cost, false, bpf_ktime_get_ns(), &draw);
	if (row && !draw.refused)
		return PASS;
	packet_report(row, &draw, id, &packet);
	/* The row, because the cell may be gone. */
	if (row)
		return row->mode == MODE_AUDIT ? PASS : DROP;
	return enforce(id) ? DROP : PASS;
}

SEC("cgroup_skb/egress")
int cell_egress(struct __sk_buff *skb)
{
	struct ambit_label *label = bpf_get_local_storage(&cell_cgroups, 0);

	return egress_decide(skb, label->cell);
}

SEC("cgroup_skb/egress")
int bound_egress(struct __sk_buff *skb)
{
	struct ambit_cell *cell = packet_bound(skb->sk, AMBIT_CELL_EGRESS);

	return cell ? egress_decide(skb, cell->id) : PASS;
}
