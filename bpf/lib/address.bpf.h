/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Socket addresses, normalised, so that one peer has one form: v4-mapped, NAT64 (RFC 6052) and 6to4
 * (RFC 3056) addresses are the IPv4 address inside, and the unspecified address as a peer is
 * loopback, because that is where the kernel connects an unbound socket to.
 */
#ifndef AMBIT_ADDRESS_H
#define AMBIT_ADDRESS_H

#include "fault.bpf.h"
#include <bpf/bpf_endian.h>

/* include/linux/socket.h */
#define FAMILY_UNSPEC 0
#define FAMILY_UNIX   1
#define FAMILY_INET   2
#define FAMILY_INET6  10
#define FAMILY_NETLINK 16
/* sizeof(struct sockaddr_in); and SIN6_LEN_RFC2133, the least that the kernel takes for v6. */
#define SOCKADDR_IN   16
#define SOCKADDR_IN6  24

struct address {
	__u8 family; /* AMBIT_FAMILY_*; 0: none */
	__u8 reserved;
	__u16 port; /* host order */
	__u8 bytes[16];
};

static __always_inline void address_v4(struct address *address, __u32 ip)
{
	address->family = AMBIT_FAMILY_V4;
	__builtin_memset(address->bytes, 0, sizeof(address->bytes));
	__builtin_memcpy(address->bytes, &ip, sizeof(ip));
}

/* ::ffff:a.b.c.d, 64:ff9b::a.b.c.d and 2002:aabb:ccdd::/48 become the IPv4 address. */
static __always_inline void address_v6(struct address *address, const __u32 ip[4])
{
	__u32 first = ip[0], second = ip[1], third = ip[2], last = ip[3];

	if (!first && !second && third == bpf_htonl(0xffff)) {
		address_v4(address, last);
	} else if (first == bpf_htonl(0x64ff9b) && !second && !third) {
		address_v4(address, last);
	} else if ((bpf_ntohl(first) >> 16) == 0x2002) {
		address_v4(address, bpf_htonl(bpf_ntohl(first) << 16 | bpf_ntohl(second) >> 16));
	} else {
		address->family = AMBIT_FAMILY_V6;
		__builtin_memcpy(address->bytes, ip, sizeof(address->bytes));
	}
}

static __always_inline bool address_is_any(const struct address *address)
{
	__u32 words[4];

	__builtin_memcpy(words, address->bytes, sizeof(words));
	return !words[0] && !words[1] && !words[2] && !words[3];
}

/* As a peer, "any" is loopback; for a socket with a source address it would be that one
 * (net/ipv4/route.c: ip_route_output_key_hash_rcu), which callers see to. */
static __always_inline void address_as_peer(struct address *address)
{
	__u32 words[4] = {};

	if (!address_is_any(address))
		return;
	if (address->family == AMBIT_FAMILY_V4)
		words[0] = bpf_htonl(0x7f000001);
	else
		words[3] = bpf_htonl(1);
	__builtin_memcpy(address->bytes, words, sizeof(words));
}

enum { ADDRESS_OK, ADDRESS_NONE, ADDRESS_BAD, ADDRESS_FAMILY, ADDRESS_UNREADABLE };

/*
 * Reads the sockaddr that a hook got, which is kernel memory, for a socket of family `socket`.
 * AF_UNSPEC means IPv4 on an IPv4 socket where the kernel takes it so (udp_sendmsg, inet_bind);
 * otherwise it names nobody (ADDRESS_NONE: disconnect).
 */
FRAME int address_read(
	struct address *ret, const void *sockaddr, int length, __u16 socket, bool unspec_is_v4)
{
	struct sockaddr_in6 raw = {};
	struct sockaddr_in *v4 = (struct sockaddr_in *)&raw;
	__u16 family;

	if (length < (int)sizeof(family))
		return ADDRESS_BAD;
	/* All of an IPv4 address at once, where there is that much. */
	if (length < SOCKADDR_IN ? bpf_probe_read_kernel(&raw, sizeof(family),
					   FAULT(ADDRESS_FAMILY, NULL, sockaddr))
				 : bpf_probe_read_kernel(&raw, SOCKADDR_IN,
					   FAULT(ADDRESS_FAMILY, NULL, sockaddr)))
		return ADDRESS_UNREADABLE;
	family = raw.sin6_family;
	if (family == FAMILY_UNSPEC && unspec_is_v4 && socket == FAMILY_INET)
		family = FAMILY_INET;
	if (family == FAMILY_UNSPEC)
		return ADDRESS_NONE;
	if (family == FAMILY_INET) {
		if (length < SOCKADDR_IN)
			return ADDRESS_BAD;
		address_v4(ret, v4->sin_addr.s_addr);
	} else if (family == FAMILY_INET6) {
		if (length < SOCKADDR_IN6)
			return ADDRESS_BAD;
		if (bpf_probe_read_kernel(&raw, SOCKADDR_IN6, FAULT(ADDRESS_IN6, NULL, sockaddr)))
			return ADDRESS_UNREADABLE;
		address_v6(ret, raw.sin6_addr.in6_u.u6_addr32);
	} else {
		return ADDRESS_FAMILY;
	}
	ret->port = bpf_ntohs(raw.sin6_port);
	return ADDRESS_OK;
}

#endif
