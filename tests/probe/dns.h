/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DNS messages, as the resolver of the tests (dns.c) and its clients (ask.c) write them.
 *
 * A name is HOW.ADDRESS.REST: HOW says what is wrong with the answer (dns.c), ADDRESS is what it leads to:
 * "203-0-113-7", or "6-" and 32 hexadecimal digits.
 */
#ifndef PROBE_DNS_H
#define PROBE_DNS_H

#include <stdio.h>
#include "address.h"

#define RESOLVER "127.0.0.53"
#define MESSAGE	 65535

enum { TYPE_A = 1, TYPE_CNAME = 5, TYPE_AAAA = 28 };

struct message {
	unsigned char bytes[2 + MESSAGE]; /* behind its length, as on TCP */
	size_t size;
};

static inline unsigned char *body(struct message *message)
{
	return message->bytes + 2;
}

static inline void put(struct message *message, const void *bytes, size_t size)
{
	memcpy(body(message) + message->size, bytes, size);
	message->size += size;
}

static inline void put16(struct message *message, unsigned value)
{
	put(message, (unsigned char[]){(unsigned char)(value >> 8), (unsigned char)value}, 2);
}

static inline void set16(struct message *message, size_t at, unsigned value)
{
	body(message)[at] = (unsigned char)(value >> 8);
	body(message)[at + 1] = (unsigned char)value;
}

static inline void put_name(struct message *message, const char *name)
{
	while (*name) {
		size_t length = strcspn(name, ".");
		unsigned char size = (unsigned char)length;

		put(message, &size, 1);
		put(message, name, length);
		name += length + (name[length] == '.');
	}
	put(message, "", 1);
}

/* Asks for a name, by "udp" or "tcp" (ask.c). */
int look_up(const char *how, const char *name);

/* The address in a name: AF_INET, AF_INET6 or 0. */
static inline int address_of(const char *name, unsigned char ret[16])
{
	const char *label = strchr(name, '.');
	unsigned a, b, c, d;

	if (!label)
		return 0;
	if (sscanf(++label, "%u-%u-%u-%u.", &a, &b, &c, &d) == 4) {
		unsigned char bytes[] = {(unsigned char)a, (unsigned char)b, (unsigned char)c,
			(unsigned char)d};

		memcpy(ret, bytes, sizeof(bytes));
		return AF_INET;
	}
	for (int i = 0; i < 16; i++)
		if (strncmp(label, "6-", 2) != 0 || sscanf(label + 2 + 2 * i, "%2hhx", &ret[i]) != 1)
			return 0;
	return AF_INET6;
}

#endif
