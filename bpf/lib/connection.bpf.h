/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The name in the stream: what a cell sends first over a connection to an address that a name led to has to
 * say a name that led there (docs/notes/2026-11-28-streams.md). Read where every packet of the cell passes,
 * in the order of its sequence numbers. What was read passes, what says something else does not, and
 * nothing after it.
 */
#ifndef AMBIT_CONNECTION_H
#define AMBIT_CONNECTION_H

#include "counts.bpf.h"
#include "peer.bpf.h"
#include "plain.bpf.h"
#include "question.bpf.h"
#include "reader.bpf.h"

#define DROP 0
#define PASS 1

#define TCP_STATE_LISTEN 10 /* include/net/tcp_states.h */

/* What an address alone says of sending to it, as enum lease: LEASE_ANY where a rule allows it. */
FRAME int address_says(const struct ambit_cell *cell, const struct packet *packet)
{
	struct peer_request request = {.proto = packet->proto, .address = packet->peer};
	struct ambit_accept accept;
	struct match match;

	if (!match_peer(&match, cell->policy, &request) || !match_accept(&match, &accept))
		return LEASE_FAILS;
	if (accept.deny[0])
		return LEASE_DENIES;
	if (!accept.allow[0])
		return LEASE_NONE;
	return accept.allow[AMBIT_COLUMN_STREAM] == AMBIT_STREAM_PROXY ? LEASE_PROXY : LEASE_ANY;
}

/* What a live name says. */
static __always_inline int live_says(const struct ambit_lease_name *name, const struct ambit_cell *cell,
	__u32 now, __u16 port, __u32 *rule)
{
	if (!name->until || name->until <= now || name->epoch != (__u32)cell->epoch)
		return LEASE_NONE;
	return state_says(name->state, cell, AMBIT_PROTO_TCP << 16 | port, rule);
}

/* Puts into `reader` what the names of the peer's address allow to be said, of those that were not over
 * `now`; true: anything. */
FRAME bool names_wanted(struct ambit_names *all, struct ambit_cell *cell, const struct packet *packet,
	struct reader *reader, __u32 now)
{
	struct ambit_lease_name found[AMBIT_LEASE_NAMES];
	__u32 rule = 0;
	bool any = false;
	__u64 key[2];

	lease_address(&packet->peer, key);
	if (!lease_read(all, key, found))
		return false;
#pragma unroll
	for (__u32 i = 0; i < AMBIT_LEASE_NAMES; i++) {
		int says = live_says(&found[i], cell, now, packet->target, &rule);

		any |= says == LEASE_ANY;
		reader->proxy |= says == LEASE_PROXY;
		reader->names[i] = says == LEASE_ALLOWS ? found[i].domain : 0;
		if (lease_allows(says) && !reader->domain)
			reader->domain = found[i].domain;
	}
	return any && !reader->proxy;
}

static __always_inline void *connection_of(struct bpf_sock *sk, bool make)
{
	return FAULT(CONNECTION, NULL,
		packet_storage(&connections, sk, make ? BPF_LOCAL_STORAGE_GET_F_CREATE : 0));
}

/*
 * Begins a connection, with its first bytes: from what the rules say now, and of names those that were not
 * over when it was asked for, as connect found them then. Where they say nothing any more, first bytes have to
 * say a name that leads there when they come; in audit mode connect was recorded then, and that is all. False:
 * it cannot be begun.
 */
FRAME bool connection_begin(
	struct bpf_sock *sk, struct packet *packet, struct connection *connection, struct ambit_names *all)
{
	struct ambit_cell *cell = FAULT(CELL_PEER, NULL, cell_row(all->cell));
	__u32 before = LOOK(kept.fence);
	struct reader *reader;
	int says;

	if (!cell)
		return false;
	reader = FAULT(READER, NULL, packet_storage(&readers, sk, BPF_LOCAL_STORAGE_GET_F_CREATE));
	if (!reader)
		return false;
	__builtin_memset(reader, 0, sizeof(*reader));
	reader->port = packet->target;
	connection->groups = 0;
	if (cell->flags & AMBIT_CELL_NAMED) {
		connection->groups = named_groups(all->cell, &packet->peer, NULL);
		if (!connection->groups)
			return false;
	}
	says = address_says(cell, packet);
	reader->proxy = says == LEASE_PROXY;
	if (says != LEASE_ANY && says != LEASE_PROXY &&
		names_wanted(all, cell, packet, reader, connection->began ?: seconds_now()))
		says = LEASE_ANY;
	connection->state = CONNECTION_READ;
	if ((says == LEASE_ANY && fence_stands(before)) ||
		(cell->mode == MODE_AUDIT && !reader->domain && !reader->proxy)) {
		connection->state = CONNECTION_FREE;
		bpf_sk_storage_delete(&readers, sk);
	}
	return true;
}

/* Whether the name that was spelled led to the peer when the connection was begun, or does now. */
FRAME bool name_leads(struct ambit_names *all, const struct packet *packet, const struct reader *reader,
	__u32 domain)
{
	struct ambit_lease_name found[AMBIT_LEASE_NAMES];
	__u32 now = seconds_now();
	__u64 key[2];

#pragma unroll
	for (__u32 i = 0; i < AMBIT_LEASE_NAMES; i++)
		if (domain && reader->names[i] == domain)
			return true;
	lease_address(&packet->peer, key);
	if (reader->tunnel || reader->again || !lease_read(all, key, found))
		return false;
#pragma unroll
	for (__u32 i = 0; i < AMBIT_LEASE_NAMES; i++)
		if (found[i].domain == domain && found[i].until > now)
			return true;
	return false;
}

#define AGREES	0
#define TUNNELS (-1)

/* What is to be said of the name that a proxy is asked for, of which the rules say `says`: a reason, or
 * AGREES and the like. */
static __always_inline int judge_connect(struct reader *reader, int says, __u32 port)
{
	/* Not where anything may be said (`tls: none`): a proxy that refuses takes the next request. */
	if (!reader->proxy || !port || says != LEASE_ALLOWS)
		return REASON_PROXY;
	reader->asked = port;
	return TUNNELS;
}

static __always_inline int judge_result(int result)
{
	return result == STREAM_OTHER				    ? REASON_UNNAMED
	       : result == STREAM_MORE || result == STREAM_DONE ? AGREES
								    : REASON_STREAM;
}

/* Whether the head, as far as it was read and there is a name in it, may be sent: a reason, or AGREES and
 * the like. The name is spelled in `dns`. */
FRAME int reader_judge(struct ambit_names *all, const struct packet *packet, struct reader *reader,
	struct dns *dns)
{
	struct ambit_cell *cell = FAULT(CELL_PEER, NULL, cell_row(all->cell));
	int result = judge_result(reader_result(reader)), says;
	__u32 port = 0, state = 0, rule = 0;
	struct ambit_accept accept;

	if (!cell)
		return REASON_NO_CELL;
	if (result != AGREES)
		return result;
	if (!reader_name(reader)->length)
		return REASON_UNNAMED;
	if (!reader_spell(reader, dns, all->seed, &port))
		return REASON_SAID;
	if (!question_match(dns, cell, &state, &accept))
		return REASON_NO_POLICY;
	if (!reader_connects(reader))
		port = reader->port;
	says = state_says(state, cell, AMBIT_PROTO_TCP << 16 | (port & 0xffff), &rule);
	if (says == LEASE_FAILS)
		return REASON_NO_POLICY;
	if (reader_connects(reader))
		return judge_connect(reader, says, port);
	/* Behind a proxy that has refused CONNECT a request would be one to the proxy; and by whichever of its
	 * names, what is a proxy takes requests for others on the same connection. */
	if (says == LEASE_PROXY || (reader->proxy && !(reader->tunnel && reader->kind == READER_TLS)))
		return REASON_PROXY;
	return lease_allows(says) && name_leads(all, packet, reader, dns->hash) ? AGREES : REASON_SAID;
}

/* Puts the name that led to the address and the one that was said into the scratch slot, as its path: no
 * name that led anywhere has a '/'. */
FRAME int names_show(struct ambit_names *all, const struct reader *reader, struct scratch *scratch)
{
	const struct stream_name *said = reader_name(reader);
	struct ambit_domain *row = &all->domains[reader->domain & ((1 << AMBIT_DOMAIN_BITS) - 1)];
	__u32 length = said->length & (STREAM_NAME_SIZE - 1), start = PATH_END - length;

	scratch->path.start = PATH_END;
	if (length && bpf_probe_read_kernel(&scratch->path.bytes[start & PATH_MASK], length,
			      FAULT(STRING_PATH, NULL, said->bytes)))
		start = PATH_END;
	start--;
	scratch->path.bytes[start & PATH_MASK] = '/';
	scratch->path.start = start;
	length = row->length & (AMBIT_NAME_SIZE - 1);
	if (!reader->domain || row->domain != reader->domain || LOOK(row->version) & 1 ||
		length >= AMBIT_DOMAIN_SIZE)
		return 0;
	start -= length;
	if (!bpf_probe_read_kernel(&scratch->path.bytes[start & PATH_MASK], length,
		    FAULT(STRING_PATH, NULL, row->text)))
		scratch->path.start = start;
	return 0;
}

/* Reports that a packet is not sent, and why, with the path of a scratch slot (-1: none). True: it is sent all
 * the same. */
FRAME bool connection_deny(const struct packet *packet, __u32 cell, __u32 reason, __s32 slot)
{
	struct verdict v = {.cell = cell, .slot = slot, .reason = reason, .verdict = VERDICT_DENY};

	v.op = OP_CONNECT;
	v.hook = HOOK_socket_sendmsg;
	v.proto = packet->proto == AMBIT_PROTO_UDP ? AMBIT_PROTO_UDP : AMBIT_PROTO_TCP;
	v.family = packet->peer.family;
	v.port = packet->target;
	v.rule = packet->rule;
	v.silent = packet->silent;
	__builtin_memcpy(v.addr, packet->peer.bytes, sizeof(v.addr));
	report_question(&v);
	return !enforce(cell);
}

/* The same, of a connection, which ends. */
static __always_inline int connection_cut(const struct packet *packet, struct connection *connection,
	__u32 cell, __u32 reason, __s32 slot)
{
	bool pass = connection_deny(packet, cell, reason, slot);

	connection->state = pass ? CONNECTION_FREE : CONNECTION_CUT;
	if (!(kept.cut & CUT_BIT(cell)))
		__sync_fetch_and_or(&kept.cut, CUT_BIT(cell));
	return pass ? PASS : DROP;
}

/* Goes on with what is sent through a proxy. */
static __always_inline void reader_tunnel(struct reader *reader, const struct dns *dns)
{
	__builtin_memset(reader->names, 0, sizeof(reader->names));
	reader->names[0] = dns->hash;
	reader->port = reader->asked;
	reader->tunnel = 1;
	reader->kind = READER_NEW;
	reader->agreed = 0;
	__builtin_memset(&reader->request, 0, sizeof(reader->request));
}

/* Reads the bytes of a packet from `at` on, the first that was not read yet. A reason; or AGREES: they may
 * be sent, and what follows is free then or not. */
FRAME int connection_read(struct __sk_buff *skb, struct packet *packet, struct reader *reader,
	struct dns *dns, struct connection *connection)
{
	struct ambit_names *all = names_of(packet->cgroup);
	int result = AGREES;
	bool whole;

	if (!all)
		return REASON_NAMES;
	/* An urgent byte is one that the peer may leave out of the stream. */
	if (packet->flags & TCP_URG || packet_shared(skb))
		return REASON_STREAM;
	packet->at = reader_read(skb, reader, packet->at, skb->len);
	whole = reader_result(reader) != STREAM_MORE;
	/* Neither the end of the head nor of the packet: a byte that could not be read. */
	if (!whole && packet->at != skb->len)
		return REASON_UNREADABLE;
	if (reader->kind == READER_FLIGHT) {
		if (reader_result(reader) == STREAM_DONE)
			connection->state = CONNECTION_FREE;
		return judge_result(reader_result(reader));
	}
	if (whole || (!reader->agreed && reader_named(reader)))
		result = reader_judge(all, packet, reader, dns);
	reader->agreed |= reader_named(reader);
	if (result > AGREES || !whole)
		return result > AGREES ? result : AGREES;
	if (result != TUNNELS) {
		counts_free(all, packet, reader, dns, connection);
		if (!reader_follow(reader, dns->hash))
			connection->state = CONNECTION_FREE;
		return AGREES;
	}
	/* Nothing can follow before the proxy has answered. */
	if (packet->at != skb->len)
		return REASON_PROXY;
	result = counts_tunnel(all, packet, reader, dns, connection);
	if (result)
		return result;
	reader_tunnel(reader, dns);
	return AGREES;
}

/* What has data that was not read yet. */
FRAME int connection_data(struct __sk_buff *skb, struct packet *packet, struct reader *reader,
	struct connection *connection, struct ambit_names *all)
{
	__u32 slot = 0, length = skb->len - packet->payload;
	struct scratch *scratch = FAULT(SCRATCH_STREAM, NULL, scratch_claim(&slot));
	int result;

	connection->next += length - (packet->at - packet->payload);
	if (!scratch)
		return connection_cut(packet, connection, all->cell, REASON_NO_SCRATCH, -1);
	/* What is behind a hello, and behind a second one. Nobody sends a third one with both: servers ask in between. */
	result = AGREES;
#pragma unroll
	for (int i = 0; i < 3; i++)
		if (result == AGREES && (!i || (connection->state == CONNECTION_READ && packet->at < skb->len)))
			result = connection_read(skb, packet, reader, &scratch->dns, connection);
	if (result == AGREES && connection->state == CONNECTION_READ && packet->at < skb->len)
		result = REASON_STREAM;
	if (result != AGREES) {
		names_show(all, reader, scratch);
		result = connection_cut(packet, connection, all->cell, result, slot);
	} else {
		result = PASS;
	}
	scratch_release(scratch);
	return result;
}

/* A packet with data of a connection whose first bytes are being read. In the order of the stream: one that
 * was read passes again, since the kernel has kept its bytes; one that comes too early is not sent, and TCP
 * tries it again behind the one that is missing. */
static __always_inline int connection_order(struct __sk_buff *skb, struct packet *packet,
	struct bpf_sock *sk, struct connection *connection, struct ambit_names *all)
{
	__u32 sequence = bpf_ntohl(packet->sequence) + !!(packet->flags & TCP_SYN);
	__u32 known = connection->next - sequence, length = skb->len - packet->payload;
	struct reader *reader;
	int result;

	if (known >> 31)
		return DROP;
	if (known >= length)
		return PASS;
	reader = FAULT(READER_AGAIN, NULL, packet_storage(&readers, sk, 0));
	if (!reader)
		return connection_cut(packet, connection, all->cell, REASON_NAMES, -1);
	packet->at = packet->payload + known;
	result = connection_data(skb, packet, reader, connection, all);
	if (connection->state != CONNECTION_READ)
		bpf_sk_storage_delete(&readers, sk);
	return result;
}

/* What a listener answers: its connections are those of who came, which a rule for listening allows. */
static __always_inline int connection_listens(
	const struct packet *packet, struct bpf_sock *sk, struct ambit_names *all)
{
	struct connection *connection = connection_of(sk, true);

	if (!connection)
		return connection_deny(packet, all->cell, REASON_NAMES, -1) ? PASS : DROP;
	connection->state = CONNECTION_FREE;
	return PASS;
}

/* The number of the first byte of a stream that nothing was read of: that of the first one that the peer does
 * not have, since it has nothing that was not read. */
static __always_inline __u32 connection_first(const struct packet *packet, struct bpf_sock *sk)
{
	struct bpf_tcp_sock *tcp = bpf_tcp_sock(sk);

	if (packet->flags & TCP_SYN || !tcp)
		return bpf_ntohl(packet->sequence) + !!(packet->flags & TCP_SYN);
	return tcp->snd_una;
}

/* Whom the socket was connected to: where the host sends it elsewhere (DNAT), the packet has another address
 * by now, of which no rule speaks. A socket without a peer's port is none that was connected. */
static __always_inline void connection_peer(struct packet *packet, struct bpf_sock *sk)
{
	__u32 ip[4];

	if (!sk->dst_port)
		return;
	if (sk->family == FAMILY_INET) {
		address_v4(&packet->peer, sk->dst_ip4);
	} else {
		ip[0] = sk->dst_ip6[0];
		ip[1] = sk->dst_ip6[1];
		ip[2] = sk->dst_ip6[2];
		ip[3] = sk->dst_ip6[3];
		address_v6(&packet->peer, ip);
	}
	packet->target = packet->peer.port = bpf_ntohs(sk->dst_port);
}

/* What has data begins a connection of which nothing is known: cut.bpf.c sees to it that nothing is, when a
 * socket is connected. */
FRAME int connection_decide(struct __sk_buff *skb, struct packet *packet, struct bpf_sock *sk)
{
	struct connection *connection = connection_of(sk, false);
	struct ambit_names *all = names_of(packet->cgroup);

	/* Its rows are gone: the cell ends. */
	if (!all)
		return DROP;
	if (packet->flags & TCP_SYN && sk->state == TCP_STATE_LISTEN)
		return connection_listens(packet, sk, all);
	if (packet->payload >= skb->len)
		return PASS;
	connection_peer(packet, sk);
	if (!connection || connection->state == CONNECTION_NEW) {
		connection = connection_of(sk, true);
		if (!connection)
			return connection_deny(packet, all->cell, REASON_NAMES, -1) ? PASS : DROP;
		if (!connection_begin(sk, packet, connection, all))
			return connection_cut(packet, connection, all->cell, REASON_NAMES, -1);
		/* A resolver that the host has elsewhere (DNAT): nobody would read the questions. */
		if (packet->target == AMBIT_DNS_PORT)
			return connection_cut(packet, connection, all->cell, REASON_STREAM, -1);
		connection->next = connection_first(packet, sk);
	}
	if (connection->state == CONNECTION_FREE)
		return PASS;
	if (connection->state == CONNECTION_CUT)
		return DROP;
	return connection_order(skb, packet, sk, connection, all);
}

/* Data of what is no whole socket, which none sends. */
FRAME int connection_unknown(struct __sk_buff *skb, struct packet *packet)
{
	struct ambit_names *all;

	packet_home(skb, packet);
	all = names_of(packet->cgroup);
	return all && connection_deny(packet, all->cell, REASON_UNREADABLE, -1) ? PASS : DROP;
}

/* Decides a packet of TCP. What says nothing passes, so that connections can be made and closed. */
static __always_inline int connection_egress(struct __sk_buff *skb, struct packet *packet)
{
	bool data = packet->payload < skb->len;
	struct bpf_sock *sk;

	if (!data && !(packet->flags & TCP_SYN))
		return PASS;
	sk = skb->sk;
	sk = sk ? bpf_sk_fullsock(sk) : NULL;
	/* What is no whole socket sends no data. */
	if (!sk)
		return data ? connection_unknown(skb, packet) : PASS;
	packet->peer.port = packet->target;
	packet_home(skb, packet);
	return connection_decide(skb, packet, sk);
}

#endif
