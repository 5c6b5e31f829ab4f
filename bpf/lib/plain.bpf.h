/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The short way of packets that say nothing of names: nearly all. What is not as plain as a socket of a cell
 * makes it goes the long way (dns.bpf.c), which decides; so nothing here denies.
 */
#ifndef AMBIT_PLAIN_H
#define AMBIT_PLAIN_H

#include "compat.bpf.h"
#include <bpf/bpf_endian.h>

#define PROTOCOL_IP   bpf_htons(0x0800)
#define PROTOCOL_IPV6 bpf_htons(0x86dd)
#define FRAGMENT      bpf_htons(0x1fff)
#define PLAIN_IPV4    0x45 /* the first byte of an IPv4 header without options */

/* RFC 9293 */
#define TCP_FLAGS_AT 13
#define TCP_SYN	     0x02
#define TCP_ACK	     0x10

/* The header of a segment that lies directly behind that of IP; where it ends. NULL: no such packet. */
static __always_inline struct tcphdr *plain_tcp(struct __sk_buff *skb, __u32 *ret_end)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ipv6hdr *v6 = data;
	struct iphdr *v4 = data;
	struct tcphdr *tcp;

	if (skb->protocol == PROTOCOL_IP) {
		tcp = (struct tcphdr *)(v4 + 1);
		if ((void *)(tcp + 1) > end || *(__u8 *)data != PLAIN_IPV4 ||
			v4->protocol != AMBIT_PROTO_TCP || v4->frag_off & FRAGMENT)
			return NULL;
		*ret_end = sizeof(*v4) + tcp->doff * 4;
		return tcp;
	}
	tcp = (struct tcphdr *)(v6 + 1);
	if (skb->protocol != PROTOCOL_IPV6 || (void *)(tcp + 1) > end || v6->nexthdr != AMBIT_PROTO_TCP)
		return NULL;
	*ret_end = sizeof(*v6) + tcp->doff * 4;
	return tcp;
}

/* Whether a segment passes without a look: it has no data, so that connections can be made and closed (but the
 * answer of a listener, connection_listens()); or what it belongs to was found to be free. What goes to a
 * resolver never is. */
static __always_inline bool plain_leaves(struct __sk_buff *skb)
{
	__u32 payload = 0;
	struct tcphdr *tcp = plain_tcp(skb, &payload);
	struct connection *connection;
	struct bpf_sock *sk;
	__u8 flags;

	if (!tcp)
		return false;
	flags = ((__u8 *)tcp)[TCP_FLAGS_AT];
	if (payload >= skb->len)
		return (flags & (TCP_SYN | TCP_ACK)) != (TCP_SYN | TCP_ACK);
	if (flags & TCP_SYN || tcp->dest == bpf_htons(AMBIT_DNS_PORT))
		return false;
	sk = skb->sk;
	/* NULL is an answer: nothing was said yet. */
	connection = sk ? packet_storage(&connections, sk, 0) : NULL;
	return connection && connection->state == CONNECTION_FREE;
}

/* Whether a segment that comes is none of a resolver. */
static __always_inline bool plain_comes(struct __sk_buff *skb)
{
	__u32 payload = 0;
	struct tcphdr *tcp = plain_tcp(skb, &payload);

	return tcp && tcp->source != bpf_htons(AMBIT_DNS_PORT);
}

#endif
