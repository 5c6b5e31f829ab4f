/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A name as the first bytes of a stream said it, made one of the DNS: its labels with their lengths, as they
 * stand in a question. Plain C, for both sides.
 */
#ifndef AMBIT_SPELL_H
#define AMBIT_SPELL_H

#include "dns.h"
#include "stream.h"

/* What changes from byte to byte stands in `dns`: of the stack the verifier of 6.1 knows what was there before
 * the loop, takes it for the truth in all its rounds, and leaves out what then cannot happen. */
struct spelling {
	struct dns *dns;
	const struct stream_name *name;
	__u32 may_port; /* HTTP may say one */
};

DNS_INLINE long spelling_port(struct dns *dns, bool end, __u8 byte)
{
	if (end)
		return dns->done = 1;
	if (byte < '0' || byte > '9')
		return dns_fail(dns);
	dns->port = dns->port * 10 + (byte - '0');
	return dns->port > 65535 ? dns_fail(dns) : 0;
}

/* Masks are for the verifier: a name has SPELL_MAX bytes at most. */
#define SPELL_MAX  (STREAM_NAME_MAX + STREAM_PORT_MAX)
#define SPELL_MASK 511

static long spelling_step(__u32 index, struct spelling *spelling)
{
	struct dns *dns = spelling->dns;
	__u8 *message = dns->message + DNS_HEADER;
	bool end = index >= spelling->name->length, last;
	__u8 byte = end ? 0 : (__u8)spelling->name->bytes[index & (STREAM_NAME_SIZE - 1)];
	__u32 size = index - dns->label;

	if (dns->in_port)
		return spelling_port(dns, end, byte);
	last = end || (byte == ':' && spelling->may_port);
	if (!last && byte != '.') {
		message[(index + 1) & SPELL_MASK] = byte;
		return 0;
	}
	/* Empty is what follows a dot at the end, and nothing else: that is the root. */
	if (size > AMBIT_LABEL_MAX || (!size && (!last || !index)))
		return dns_fail(dns);
	message[dns->label & SPELL_MASK] = (__u8)size;
	if (last && size)
		message[(index + 1) & SPELL_MASK] = 0;
	dns->label = index + 1;
	dns->in_port = last;
	return end ? (dns->done = 1) : 0;
}

/* Spells `name` as dns_spell() does a question; the port behind it in `ret_port`, 0: none. 0 if it is no name
 * of the DNS. */
DNS_INLINE int spell_name(struct dns *dns, const struct stream_name *name, bool may_port, __u64 seed,
	__u32 *ret_port)
{
	struct spelling spelling = {.dns = dns, .name = name, .may_port = may_port};

	if (!name->length || name->length > SPELL_MAX)
		return 0;
	/* Each byte, and the end. */
	dns->label = dns->port = dns->in_port = dns->done = dns->error = 0;
	DNS_LOOP(SPELL_MAX + 1, spelling_step, &spelling);
	if (!dns->done || dns->error)
		return 0;
	*ret_port = dns->port;
	dns->length = DNS_HEADER + 2 + name->length;
	dns->at = DNS_HEADER;
	dns_name(dns, 0);
	return !dns->error && dns_spell(dns, seed);
}

#endif
