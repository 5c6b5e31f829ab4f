/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reads DNS messages (RFC 1035). Plain C for the programs, for the fuzz target and for tests, so that
 * what is fuzzed is what runs.
 *
 * A message is hostile: it comes from a cell, or from whoever answers it. Nothing is read outside of
 * `message`, and each loop has a bound that does not depend on what is read.
 */
#ifndef AMBIT_DNS_H
#define AMBIT_DNS_H

#include "../abi.h"

/* A loop that is cut off leaves a name without an end, or an answer without addresses: no lease. */
#ifdef __bpf__
#define DNS_LOOP(count, step, context) bpf_loop(count, step, context, 0)
#define DNS_INLINE static __always_inline
#else
#define DNS_INLINE static inline
#define DNS_LOOP(count, step, context)                                   \
	do {                                                             \
		for (__u32 at_ = 0; at_ < (count); at_++)                \
			if (step(at_, context))                          \
				break;                                   \
	} while (0)
#endif

/* The largest message that is read; a larger one counts as malformed. EDNS has made 4096 the most that
 * anybody asks for over UDP. A power of two; behind it lies slack for a whole record's head. */
#define DNS_SIZE   4096
#define DNS_SLACK  32
#define DNS_HEADER 12
/* A name on the wire: labels with their lengths, and the root's 0 (RFC 1035, 2.3.4). */
#define DNS_NAME   255
/* Each byte of a name, and pointers on the way; no message needs as many of these. */
#define DNS_STEPS  (DNS_NAME + 33)
/* Records of an answer, and addresses that are taken of them. */
#define DNS_RECORDS   128
#define DNS_ADDRESSES 64

#define DNS_TYPE_A     1
#define DNS_TYPE_CNAME 5
#define DNS_TYPE_AAAA  28
#define DNS_TYPE_OPT   41
#define DNS_CLASS_IN   1
/* Bytes of options in a question: a cookie has at most 44, a subnet 24. */
#define DNS_OPTIONS 68

struct dns_address {
	__u32 ttl; /* the least of its own and of the aliases that lead to it; seconds */
	__u32 family; /* AMBIT_FAMILY_* */
	__u8 bytes[16];
};

struct dns {
	__u32 length; /* of the message; the caller's, like `message` */
	__u32 error;  /* 1: malformed */
	/* The header and the question; after dns_question(). */
	__u32 id, answer, type, answers;
	__u32 at; /* where to read on */
	/* The walk over a name. */
	__u32 read, left, piece, end, size, compare, differs, done;
	__u32 name_size; /* of `name`, with the 0 of the root */
	/* dns_spell(): where the next length is, and the front of `turned`. */
	__u32 next, front, to, text_size, longest;
	__u64 hash;
	/* spell_name(): where the label began, and the port behind the name */
	__u32 label, port, in_port;
	/* dns_answers() */
	__u32 ttl, count;
	struct dns_address addresses[DNS_ADDRESSES];
	__u8 name[256];	  /* the question, later the name that its aliases lead to; small letters */
	char text[256];	  /* the question as it is written, `text_size` bytes */
	char turned[256]; /* the same from the root downwards, [front, 255) */
	__u8 message[DNS_SIZE + DNS_SLACK];
};

struct dns_context {
	struct dns *dns;
};

DNS_INLINE __u32 dns_byte(const struct dns *dns, __u32 at)
{
	return dns->message[at & (DNS_SIZE - 1)];
}

DNS_INLINE __u32 dns_half(const struct dns *dns, __u32 at)
{
	return dns_byte(dns, at) << 8 | dns_byte(dns, at + 1);
}

DNS_INLINE long dns_fail(struct dns *dns)
{
	dns->error = 1;
	return 1;
}

/* One byte of a name, which is written or compared. */
DNS_INLINE long dns_put(struct dns *dns, __u8 byte)
{
	__u32 at = dns->size;

	if (at >= DNS_NAME)
		return dns_fail(dns);
	if (byte >= 'A' && byte <= 'Z')
		byte |= 0x20; /* a length is less than 'A' */
	if (!dns->compare)
		dns->name[at & 255] = byte;
	else if (dns->name[at & 255] != byte)
		dns->differs = 1;
	dns->size = at + 1;
	return 0;
}

/* A pointer leads before the piece of the name that it ends, so it cannot lead in circles; and not into
 * the header. */
DNS_INLINE long dns_jump(struct dns *dns, __u32 read)
{
	__u32 target = dns_half(dns, read) & 0x3fff;

	if (read + 1 >= dns->length || target >= dns->piece || target < DNS_HEADER)
		return dns_fail(dns);
	if (!dns->end)
		dns->end = read + 2;
	dns->piece = dns->read = target;
	return 0;
}

static long dns_step(__u32 index, struct dns_context *context)
{
	struct dns *dns = context->dns;
	__u32 read = dns->read, byte;

	(void)index;
	if (read >= dns->length)
		return dns_fail(dns);
	byte = dns_byte(dns, read);
	if (!dns->left) {
		if ((byte & 0xc0) == 0xc0)
			return dns_jump(dns, read);
		if (byte & 0xc0)
			return dns_fail(dns);
		dns->left = byte;
		dns->done = !byte;
	} else {
		dns->left--;
	}
	dns->read = read + 1;
	return dns_put(dns, byte) || dns->done;
}

/* Reads the name at `dns->at`, into `name` or against it, and goes on behind it. */
DNS_INLINE void dns_name(struct dns *dns, __u32 compare)
{
	struct dns_context context = {dns};

	dns->read = dns->piece = dns->at;
	dns->left = dns->end = dns->size = dns->differs = dns->done = 0;
	dns->compare = compare;
	DNS_LOOP(DNS_STEPS, dns_step, &context);
	if (!dns->done)
		dns->error = 1;
	dns->at = dns->end ? dns->end : dns->read;
	if (!compare)
		dns->name_size = dns->size;
}

/*
 * What stands behind a question: nothing, or what EDNS says (RFC 6891): an OPT record with the root as its
 * name, and room for a cookie and a subnet (RFC 7873, 7871). More would carry what nobody looks at to whoever
 * the resolver asks.
 */
DNS_INLINE int dns_rest(const struct dns *dns)
{
	__u32 at = dns->at, size;

	if (!dns_half(dns, 10))
		return at == dns->length;
	if (at + 11 > dns->length || dns_byte(dns, at) || dns_half(dns, at + 1) != DNS_TYPE_OPT)
		return 0;
	size = dns_half(dns, at + 9);
	return size <= DNS_OPTIONS && at + 11 + size == dns->length;
}

/* The header, and the question, of which there has to be one, about the internet. True if it is sound. */
DNS_INLINE int dns_question(struct dns *dns)
{
	__u32 flags;

	dns->error = 0;
	if (dns->length < DNS_HEADER || dns->length > DNS_SIZE)
		return 0;
	dns->id = dns_half(dns, 0);
	flags = dns_half(dns, 2);
	dns->answer = flags >> 15;
	dns->answers = dns_half(dns, 6);
	/* A query (opcode 0) with one question; and without records of its own but for EDNS. */
	if (flags & 0x7800 || dns_half(dns, 4) != 1 ||
		(!dns->answer && (dns->answers || dns_half(dns, 8) || dns_half(dns, 10) > 1)))
		return 0;
	dns->at = DNS_HEADER;
	dns_name(dns, 0);
	if (dns->error || dns->at + 4 > dns->length)
		return 0;
	dns->type = dns_half(dns, dns->at);
	if (dns_half(dns, dns->at + 2) != DNS_CLASS_IN)
		return 0;
	dns->at += 4;
	return dns->answer || dns_rest(dns);
}

DNS_INLINE int dns_letter(__u32 byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' ||
	       byte == '_';
}

static long dns_spell_step(__u32 index, struct dns_context *context)
{
	struct dns *dns = context->dns;
	__u32 byte = dns->name[index & 255];

	dns->hash = (dns->hash ^ byte) * 0x9e3779b97f4a7c15ULL;
	dns->hash ^= dns->hash >> 29;
	if (index + 1 >= dns->name_size)
		return 1; /* the root */
	if (index != dns->next) {
		if (!dns_letter(byte))
			return dns_fail(dns);
		dns->text[(index - 1) & 255] = byte;
		dns->turned[dns->to++ & 255] = byte;
		return 0;
	}
	if (byte > dns->longest)
		dns->longest = byte;
	dns->next = index + 1 + byte;
	dns->front -= byte + !!index;
	dns->to = dns->front;
	if (index) {
		dns->text[(index - 1) & 255] = '.';
		dns->turned[(dns->front + byte) & 255] = '.';
	}
	return 0;
}

/* The question's name as text, in both orders, and a hash of it that nobody outside can foretell, by a
 * number that nobody knows. True if it has no other letters than names of hosts and services have. */
DNS_INLINE int dns_spell(struct dns *dns, __u64 seed)
{
	struct dns_context context = {dns};

	dns->hash = seed;
	dns->next = dns->longest = dns->to = 0;
	dns->front = 255;
	dns->text_size = dns->name_size > 2 ? dns->name_size - 2 : 0;
	DNS_LOOP(DNS_NAME, dns_spell_step, &context);
	return !dns->error;
}

DNS_INLINE void dns_take(struct dns *dns, __u32 family, __u32 size)
{
	__u32 count = dns->count;
	struct dns_address *address = &dns->addresses[count & (DNS_ADDRESSES - 1)];

	if (count >= DNS_ADDRESSES)
		return;
	address->family = family;
	address->ttl = dns->ttl;
	for (__u32 i = 0; i < 16; i++)
		address->bytes[i] = i < size ? dns_byte(dns, dns->at + i) : 0;
	dns->count = count + 1;
}

/* One record of the answer. Those of other names than the one that was asked, or that its aliases have
 * led to so far, are passed over. */
static long dns_record(__u32 index, struct dns_context *context)
{
	struct dns *dns = context->dns;
	__u32 at, type, size, ttl, before = dns->ttl, same;

	if (index >= dns->answers)
		return 1;
	dns_name(dns, 1);
	at = dns->at;
	if (dns->error || at + 10 > dns->length)
		return dns_fail(dns);
	same = !dns->differs && dns->size == dns->name_size &&
	       dns_half(dns, at + 2) == DNS_CLASS_IN;
	type = dns_half(dns, at);
	ttl = dns_half(dns, at + 4) << 16 | dns_half(dns, at + 6);
	if (ttl >> 31)
		ttl = 0; /* RFC 2181, 8 */
	size = dns_half(dns, at + 8);
	dns->at = at + 10;
	if (dns->at + size > dns->length)
		return dns_fail(dns);
	at = dns->at + size;
	if (same && ttl < before)
		dns->ttl = ttl;
	if (same && type == DNS_TYPE_A) {
		if (size != 4)
			return dns_fail(dns);
		dns_take(dns, AMBIT_FAMILY_V4, 4);
		dns->ttl = before;
	} else if (same && type == DNS_TYPE_AAAA) {
		if (size != 16)
			return dns_fail(dns);
		dns_take(dns, AMBIT_FAMILY_V6, 16);
		dns->ttl = before;
	} else if (same && type == DNS_TYPE_CNAME) {
		dns_name(dns, 0);
		if (dns->error || dns->at != at)
			return dns_fail(dns);
	} else {
		dns->ttl = before;
	}
	dns->at = at;
	return 0;
}

/* The addresses that the answer has for the question, in `addresses`; all of the answer has to be sound,
 * or there is none. After dns_question() and dns_spell(): `name` goes. */
DNS_INLINE void dns_answers(struct dns *dns)
{
	struct dns_context context = {dns};

	dns->count = 0;
	dns->ttl = 0x7fffffff;
	if (dns->answers > DNS_RECORDS)
		dns->error = 1;
	else
		DNS_LOOP(DNS_RECORDS, dns_record, &context);
	if (dns->error)
		dns->count = 0;
}

#endif
