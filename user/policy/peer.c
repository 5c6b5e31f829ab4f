/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peers: "ADDRESS[/BITS]:PORTS[/PROTOCOL]", an IPv6 address in brackets, or "NAME[:PORTS[/PROTOCOL]]"
 * (name.c). The kernel side gives
 * every address one form (bpf/lib/address.bpf.h), so a range that it turns into another one is
 * turned here too, or refused where that is not the same.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include "base/util.h"
#include "policy/pattern.h"
#include "policy/text.h"

#define HOST_MAX 64 /* bytes of an address with its prefix length */

static const char problem_long[] = "is longer than any address; write ADDRESS:PORT";

/* A number without sign, spaces or leading zeros; -EINVAL also when it is larger than `max`. */
static int number_parse(const char *text, size_t length, unsigned max, unsigned *ret)
{
	unsigned value = 0;

	if (!length || length > 5 || (length > 1 && *text == '0'))
		return -EINVAL;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
		value = value * 10 + (unsigned)(text[i] - '0');
	}
	if (value > max)
		return -EINVAL;
	*ret = value;
	return 0;
}

static int ports_parse(const char *text, size_t length, struct peer *peer, char **ret_problem)
{
	const char *dash = memchr(text, '-', length);
	size_t first = dash ? (size_t)(dash - text) : length;
	unsigned low = 0, high = UINT16_MAX;
	int r = 0;

	if (length != 1 || *text != '*') {
		r = number_parse(text, first, UINT16_MAX, &low);
		high = low;
		if (r >= 0 && dash)
			r = number_parse(dash + 1, length - first - 1, UINT16_MAX, &high);
	}
	if (r < 0)
		return text_problem(ret_problem,
			"has no valid port in \"%.*s\"; write a "
			"port (443), a range (3000-3999) or \"*\"",
			(int)length, text);
	if (high < low)
		return text_problem(ret_problem,
			"has a port range that runs backwards; "
			"write %u-%u",
			high, low);
	peer->port_low = (uint16_t)low;
	peer->port_high = (uint16_t)high;
	return 0;
}

/* ":PORTS[/PROTOCOL]" */
static int tail_parse(const char *text, struct peer *peer, char **ret_problem)
{
	size_t length = strcspn(text + 1, "/");
	const char *protocol = text + 1 + length;

	peer->tcp = !*protocol || !strcmp(protocol, "/tcp");
	peer->udp = !*protocol || !strcmp(protocol, "/udp");
	if (!peer->tcp && !peer->udp)
		return text_problem(ret_problem,
			"has the unknown protocol \"%s\"; write "
			"\"/tcp\" or \"/udp\", or nothing for both",
			protocol + 1);
	return ports_parse(text + 1, length, peer, ret_problem);
}

static unsigned address_bits(const struct peer *peer)
{
	return peer->family == AMBIT_FAMILY_V4 ? 32 : 128;
}

/* Clears what lies past the prefix; true if something did. */
static bool host_clear(struct peer *peer)
{
	bool cleared = false;

	for (unsigned bit = peer->bits; bit < address_bits(peer); bit++) {
		uint8_t mask = (uint8_t)(0x80 >> bit % 8);

		cleared |= peer->addr[bit / 8] & mask;
		peer->addr[bit / 8] &= (uint8_t)~mask;
	}
	return cleared;
}

static int prefix_parse(const char *host, const char *slash, struct peer *peer, char **ret_problem)
{
	unsigned bits = address_bits(peer);
	char text[INET6_ADDRSTRLEN] = "";
	int family = peer->family == AMBIT_FAMILY_V4 ? AF_INET : AF_INET6;

	if (slash && number_parse(slash + 1, strlen(slash + 1), bits, &bits) < 0)
		return text_problem(ret_problem,
			"has the prefix length \"%s\"; it must be "
			"a number from 0 to %u",
			slash + 1, address_bits(peer));
	peer->bits = (uint8_t)bits;
	if (!host_clear(peer))
		return 0;
	inet_ntop(family, peer->addr, text, sizeof(text));
	return text_problem(ret_problem,
		"has bits set past the prefix; write \"%s/%u\" for "
		"the range, or \"%.*s\" for the one address",
		text, bits, (int)(slash - host), host);
}

/* IPv6 ranges that stand for IPv4 ones, and where the IPv4 address begins in them. */
static const struct {
	uint8_t prefix[16];
	unsigned bits;
	const char *name;
} v4_ranges[] = {
	{{[10] = 0xff, [11] = 0xff}, 96, "v4-mapped"},
	{{0x00, 0x64, 0xff, 0x9b}, 96, "NAT64"},
	{{0x20, 0x02}, 16, "6to4"},
};

/* A range inside one of those becomes the IPv4 range, since that is what addresses in it become. */
static int v4_convert(struct peer *peer, char **ret_problem)
{
	for (size_t i = 0; peer->family == AMBIT_FAMILY_V6 && i < ARRAY_SIZE(v4_ranges); i++) {
		unsigned at = v4_ranges[i].bits / 8;

		if (peer->bits < v4_ranges[i].bits || memcmp(peer->addr, v4_ranges[i].prefix, at))
			continue;
		if (peer->bits > v4_ranges[i].bits + 32)
			return text_problem(ret_problem,
				"is part of one %s address, which "
				"stands for an IPv4 address; write that",
				v4_ranges[i].name);
		memmove(peer->addr, peer->addr + at, 4);
		memset(peer->addr + 4, 0, sizeof(peer->addr) - 4);
		peer->bits = (uint8_t)(peer->bits - v4_ranges[i].bits);
		peer->family = AMBIT_FAMILY_V4;
	}
	return 0;
}

/* As a peer "any" is loopback. */
static bool is_unspecified(const struct peer *peer)
{
	static const uint8_t zero[16];

	return peer->bits == address_bits(peer) && !memcmp(peer->addr, zero, sizeof(zero));
}

bool peer_within(const struct peer *peer, const struct peer *range)
{
	unsigned whole = range->bits / 8, rest = range->bits % 8;
	size_t length = strlen(range->name);

	if (peer->family == AMBIT_FAMILY_NAME && range->family == AMBIT_FAMILY_NAME)
		return !strncmp(peer->name, range->name, length) &&
		       (range->beneath ? peer->name[length] == '.' : !peer->name[length] && !peer->beneath);
	if (peer->family != range->family || peer->bits < range->bits ||
		memcmp(peer->addr, range->addr, whole))
		return false;
	return !rest || !((peer->addr[whole] ^ range->addr[whole]) >> (8 - rest));
}

bool policy_names_special(const struct policy *policy, const struct peer *peer)
{
	for (size_t i = 0; i < policy->special_count; i++)
		if (peer_within(peer, &policy->specials[i]))
			return true;
	return false;
}

/* Whether what stands before the first ':' is meant as a name: it is no number, and no IPv6 address. */
static bool looks_like_name(const char *text)
{
	size_t length = strcspn(text, ":");

	return *text != '[' && strspn(text, "0123456789./*") < length &&
	       !(text[length] && strchr(text + length + 1, ':'));
}

/* `host` is no IPv4 address: why not. */
static int host_refuse(const char *host, const char *tail, char **ret_problem)
{
	if (!strcmp(host, "*"))
		return text_problem(ret_problem,
			"has \"*\" for an address; write "
			"\"0.0.0.0/0%s\" for all of IPv4 and \"[::/0]%s\" for all of IPv6",
			tail, tail);
	return text_problem(ret_problem,
		"has no valid IPv4 address in \"%s\"; write four "
		"numbers from 0 to 255, such as 10.1.2.3 or 10.0.0.0/8",
		host);
}

static int host_parse(
	const char *host, const char *tail, bool brackets, struct peer *peer, char **ret_problem)
{
	const char *slash = strchr(host, '/');
	size_t length = slash ? (size_t)(slash - host) : strlen(host);
	char address[HOST_MAX];
	int r;

	memcpy(address, host, length);
	address[length] = '\0';
	peer->family = brackets ? AMBIT_FAMILY_V6 : AMBIT_FAMILY_V4;
	if (inet_pton(brackets ? AF_INET6 : AF_INET, address, peer->addr) != 1) {
		if (!brackets)
			return host_refuse(host, tail, ret_problem);
		return text_problem(ret_problem,
			"has no valid IPv6 address in \"%s\"; "
			"write one such as 2001:db8::1 or 2001:db8::/32",
			host);
	}
	r = prefix_parse(host, slash, peer, ret_problem);
	if (r < 0)
		return r;
	return v4_convert(peer, ret_problem);
}

/* Splits "HOST:..." or "[HOST]:..." into `host` and the tail, which begins with ':'. */
static int split(const char *text, char host[HOST_MAX], const char **ret_tail, bool *ret_brackets,
	char **ret_problem)
{
	bool brackets = *text == '[';
	const char *begin = text + brackets, *end = begin + strcspn(begin, brackets ? "]" : ":");
	const char *tail = end + (brackets && *end);
	size_t length = (size_t)(end - begin);

	if (brackets && !*end)
		return text_problem(ret_problem, "has a \"[\" without a \"]\"; write "
						 "\"[ADDRESS]:PORT\"");
	if (!brackets && strchr(end + (*end == ':'), ':'))
		return text_problem(ret_problem, "looks like an IPv6 address; write it in "
						 "brackets, \"[ADDRESS]:PORT\"");
	if (brackets && !*tail && strchr(text, '/') && !strchr(begin, ':'))
		return text_problem(ret_problem, "has no IPv6 address in the brackets");
	if (*tail != ':')
		return text_problem(ret_problem,
			"has no port; write \"%s:443\", or \"%s:*\" "
			"for all ports",
			text, text);
	if (length >= HOST_MAX)
		return text_problem(ret_problem, "%s", problem_long);
	memcpy(host, begin, length);
	host[length] = '\0';
	*ret_tail = tail;
	*ret_brackets = brackets;
	return 0;
}

static int named_parse(const char *text, enum ambit_op op, struct peer *peer, char **ret_problem)
{
	size_t length = strcspn(text, ":");

	if (!strncmp(text + length, "://", 3))
		return text_problem(ret_problem, "is a URL; write its name and port, NAME:443");
	if (op == OP_LISTEN)
		return text_problem(
			ret_problem, "is a name; what is listened on is an address, ADDRESS:PORT");
	if (text[length] && tail_parse(text + length, peer, ret_problem) < 0)
		return -EINVAL;
	if (!text[length]) {
		peer->tcp = peer->udp = true;
		peer->port_high = UINT16_MAX;
	}
	return name_parse(text, length, peer, ret_problem);
}

int resolver_parse(const char *text, struct peer *ret, char **ret_problem)
{
	struct peer peer = {.tcp = true, .udp = true, .port_low = AMBIT_DNS_PORT,
		.port_high = AMBIT_DNS_PORT};
	bool brackets = *text == '[';
	size_t length = strlen(text);
	_cleanup_free_ char *host = NULL;
	int r;

	if (brackets && text[length - 1] == ']')
		host = strndup(text + 1, length - 2);
	else
		host = strdup(text);
	if (!host)
		return -ENOMEM;
	if (strlen(host) >= HOST_MAX || strchr(host, '/') ||
		!host[strspn(host, ".")] || host[strspn(host, "0123456789abcdefABCDEF:.")])
		return text_problem(ret_problem,
			"is no address of a resolver; write one without a port, such as 127.0.0.53");
	r = host_parse(host, "", strchr(host, ':') != NULL, &peer, ret_problem);
	if (r < 0)
		return r;
	if (is_unspecified(&peer))
		return text_problem(ret_problem, "is no address of a resolver; write \"%s\"",
			peer.family == AMBIT_FAMILY_V4 ? "127.0.0.1" : "::1");
	*ret = peer;
	return 0;
}

int peer_parse(const char *text, enum ambit_op op, struct peer ret[PEERS_MAX], size_t *ret_count,
	char **ret_problem)
{
	struct peer peer = {};
	char host[HOST_MAX];
	const char *tail = NULL;
	bool brackets = false;
	int r;

	*ret_count = 1;
	if (looks_like_name(text) && strncmp(text, "localhost:", strlen("localhost:")) != 0) {
		r = named_parse(text, op, &peer, ret_problem);
		if (r >= 0)
			ret[0] = peer;
		return r;
	}
	r = split(text, host, &tail, &brackets, ret_problem);
	if (r < 0)
		return r;
	r = tail_parse(tail, &peer, ret_problem);
	if (r < 0)
		return r;
	if (!brackets && !strcmp(host, "localhost")) {
		ret[0] = ret[1] = peer;
		ret[0].family = AMBIT_FAMILY_V4;
		ret[0].addr[0] = 127;
		ret[0].bits = 8;
		ret[1].family = AMBIT_FAMILY_V6;
		ret[1].addr[15] = 1;
		ret[1].bits = 128;
		*ret_count = 2;
		return 0;
	}
	r = host_parse(host, tail, brackets, &peer, ret_problem);
	if (r < 0)
		return r;
	if (op == OP_CONNECT && is_unspecified(&peer))
		return text_problem(ret_problem,
			"can never match: connecting to the "
			"unspecified address reaches this machine; write \"%s%s\"",
			peer.family == AMBIT_FAMILY_V4 ? "127.0.0.1" : "[::1]", tail);
	ret[0] = peer;
	return 0;
}
