/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The name in a TLS ClientHello (RFC 8446 section 4.1.2, RFC 6066 section 3): the host name of the
 * server_name extension, which is the outer one where the inner is encrypted (ECH).
 *
 * A hello is a handshake message in one or more records. It is read to its end, because a second name may
 * come last. What is not as the RFCs say is malformed: what one server makes of it another does not.
 */
#ifndef AMBIT_HELLO_H
#define AMBIT_HELLO_H

#include "stream.h"

/* The longest hello. With keys of several post-quantum kinds some have 16 KiB. */
#define HELLO_MAX 16384

#define HELLO_RECORD_HANDSHAKE 22
#define HELLO_RECORD_MAX       16384 /* bytes in a record: RFC 8446 section 5.1 */
#define HELLO_MESSAGE	       1
#define HELLO_EXTENSION_NAME   0
#define HELLO_EXTENSION_EARLY  42 /* early_data */
#define HELLO_EXTENSION_ECH    0xfe0d /* encrypted_client_hello: RFC 9849 */
#define HELLO_NAME_HOST	       0

/* Parts of a hello in their order. A number of HELLO_NUMBER bytes is read into `value` first. */
enum hello_part {
	HELLO_TYPE,	    /* of the message */
	HELLO_LENGTH,
	HELLO_FIXED,	    /* version and random */
	HELLO_SESSION_SIZE, /* of what follows */
	HELLO_SESSION,
	HELLO_CIPHERS_SIZE,
	HELLO_CIPHERS,
	HELLO_METHODS_SIZE, /* of compression */
	HELLO_METHODS,
	HELLO_BLOCK_SIZE,   /* of all extensions */
	HELLO_EXTENSION,    /* its type */
	HELLO_BODY_SIZE,    /* its size */
	HELLO_BODY,	    /* one that does not matter */
	HELLO_LIST_SIZE,    /* of names */
	HELLO_NAME_TYPE,
	HELLO_NAME_SIZE,
	HELLO_NAME,
	HELLO_PARTS,
};

/* All zero to begin with. */
struct hello {
	__u32 value;   /* the number that is being read; of bytes that do not matter: none */
	__u16 part;    /* enum hello_part */
	__u16 have;    /* bytes of the part that were read, or that are left */
	__u16 record;  /* bytes left in the record */
	__u16 head;    /* bytes of the record's head that were read */
	__u16 size;    /* the record's, as far as it was read */
	__u16 message; /* bytes left in the message */
	__u16 block;   /* in the extensions */
	__u16 body;    /* in the extension */
	__u16 result;  /* enum stream_result */
	__u8 named;    /* there was a server_name */
	__u8 ech;      /* there was an encrypted_client_hello */
	__u8 early;    /* there was an early_data */
	struct stream_name name;
};

static inline enum stream_result hello_end(struct hello *hello, enum stream_result result)
{
	hello->result = (__u16)result;
	return result;
}

static inline void hello_go(struct hello *hello, enum hello_part part)
{
	hello->part = (__u16)part;
	hello->have = 0;
	hello->value = 0;
}

/* Goes on with `size` bytes that do not matter; none of them: with the part behind. */
static inline void hello_pass(struct hello *hello, enum hello_part part, __u32 size)
{
	hello_go(hello, size ? part : part + 1);
	if (size)
		hello->have = (__u16)size;
}

/* Bytes of the number that a part is; 0: it is none. */
static inline __u32 hello_number(enum hello_part part)
{
	return part == HELLO_LENGTH ? 3
	       : part == HELLO_CIPHERS_SIZE || part == HELLO_BLOCK_SIZE || part == HELLO_EXTENSION ||
			 part == HELLO_BODY_SIZE || part == HELLO_LIST_SIZE || part == HELLO_NAME_SIZE
		       ? 2
	       : part == HELLO_TYPE || part == HELLO_SESSION_SIZE || part == HELLO_METHODS_SIZE ||
			       part == HELLO_NAME_TYPE
		       ? 1
		       : 0;
}

/* Whether a part of the message is of bytes that do not matter. */
static inline bool hello_passes(enum hello_part part)
{
	return part == HELLO_FIXED || part == HELLO_SESSION || part == HELLO_CIPHERS ||
	       part == HELLO_METHODS || part == HELLO_BODY;
}

/* Behind an extension: another one, or the end of all. */
static inline enum stream_result hello_extension_end(struct hello *hello)
{
	hello_go(hello, HELLO_EXTENSION);
	if (hello->block)
		return STREAM_MORE;
	/* The message ends with them, and the record with the message: nothing can follow before the
	 * server has answered. */
	return hello_end(hello, hello->message || hello->record ? STREAM_MALFORMED : STREAM_DONE);
}

/* Begins the body of an extension whose size is known; it has to lie in the block. */
static inline enum stream_result hello_body_begin(struct hello *hello, __u32 type, __u32 size)
{
	if (size > hello->block)
		return hello_end(hello, STREAM_MALFORMED);
	hello->body = (__u16)size;
	if (type == HELLO_EXTENSION_NAME) {
		if (hello->named)
			return hello_end(hello, STREAM_SEVERAL);
		hello->named = 1;
		hello_go(hello, HELLO_LIST_SIZE);
		return size ? STREAM_MORE : hello_end(hello, STREAM_MALFORMED);
	}
	hello->ech |= type == HELLO_EXTENSION_ECH;
	hello->early |= type == HELLO_EXTENSION_EARLY;
	if (!size)
		return hello_extension_end(hello);
	hello_pass(hello, HELLO_BODY, size);
	return STREAM_MORE;
}

/* What a number of the part means. */
static inline enum stream_result hello_take(struct hello *hello, __u32 part, __u32 value)
{
	__u32 left = hello->message;

	switch (part) {
	case HELLO_TYPE:
		if (value != HELLO_MESSAGE)
			return hello_end(hello, STREAM_MALFORMED);
		hello_go(hello, HELLO_LENGTH);
		return STREAM_MORE;
	case HELLO_LENGTH:
		if (value > HELLO_MAX)
			return hello_end(hello, STREAM_LARGE);
		hello->message = (__u16)value;
		hello_pass(hello, HELLO_FIXED, 2 + 32);
		return value < 2 + 32 ? hello_end(hello, STREAM_MALFORMED) : STREAM_MORE;
	case HELLO_SESSION_SIZE:
		if (value > 32 || value > left)
			return hello_end(hello, STREAM_MALFORMED);
		hello_pass(hello, HELLO_SESSION, value);
		return STREAM_MORE;
	case HELLO_CIPHERS_SIZE:
		if (value < 2 || value & 1 || value > left)
			return hello_end(hello, STREAM_MALFORMED);
		hello_pass(hello, HELLO_CIPHERS, value);
		return STREAM_MORE;
	case HELLO_METHODS_SIZE:
		if (!value || value > left)
			return hello_end(hello, STREAM_MALFORMED);
		hello_pass(hello, HELLO_METHODS, value);
		return STREAM_MORE;
	case HELLO_BLOCK_SIZE:
		if (value != left)
			return hello_end(hello, STREAM_MALFORMED);
		hello->block = (__u16)value;
		return hello_extension_end(hello);
	case HELLO_LIST_SIZE:
		if (!value || value != hello->body)
			return hello_end(hello, STREAM_MALFORMED);
		hello_go(hello, HELLO_NAME_TYPE);
		return STREAM_MORE;
	case HELLO_NAME_TYPE:
		if (value != HELLO_NAME_HOST)
			return hello_end(hello, STREAM_MALFORMED);
		if (hello->name.length)
			return hello_end(hello, STREAM_SEVERAL);
		hello_go(hello, HELLO_NAME_SIZE);
		return STREAM_MORE;
	case HELLO_NAME_SIZE:
		if (!value || value > hello->body || value > STREAM_NAME_MAX)
			return hello_end(hello, STREAM_MALFORMED);
		hello_go(hello, HELLO_NAME);
		hello->have = (__u16)value;
		return STREAM_MORE;
	default:
		return hello_end(hello, STREAM_MALFORMED);
	}
}

/* A byte of the message, which the numbers that hold it have counted. */
static inline enum stream_result hello_message_byte(struct hello *hello, __u8 byte)
{
	enum hello_part part = (enum hello_part)hello->part;
	__u32 number = hello_number(part), value;

	if (number) {
		value = hello->value << 8 | byte;
		hello->value = value;
		if (++hello->have < number)
			return STREAM_MORE;
		if (part == HELLO_EXTENSION) {
			/* Stays, above the size that follows it. */
			hello->part = HELLO_BODY_SIZE;
			hello->have = 0;
			return STREAM_MORE;
		}
		if (part == HELLO_BODY_SIZE)
			return hello_body_begin(hello, value >> 16, value & 0xffff);
		return hello_take(hello, part, value);
	}
	if (part == HELLO_NAME && !stream_name_add(&hello->name, byte, STREAM_NAME_MAX))
		return hello_end(hello, STREAM_MALFORMED);
	if (--hello->have)
		return STREAM_MORE;
	if (part == HELLO_NAME) {
		hello_go(hello, HELLO_NAME_TYPE);
		return hello->body ? STREAM_MORE : hello_extension_end(hello);
	}
	if (part == HELLO_BODY)
		return hello_extension_end(hello);
	hello_go(hello, part + 1);
	/* A hello of old may have no extensions. */
	if (part == HELLO_METHODS && !hello->message)
		return hello_extension_end(hello);
	return STREAM_MORE;
}

/* Takes `count` bytes out of all that holds them; false if there are not so many. Type and length of the
 * message are in the record alone. */
static inline bool hello_count(struct hello *hello, __u32 count)
{
	hello->record -= (__u16)count;
	if (hello->part <= HELLO_LENGTH)
		return true;
	if (hello->message < count)
		return false;
	hello->message -= (__u16)count;
	if (hello->part < HELLO_EXTENSION)
		return true;
	if (hello->block < count)
		return false;
	hello->block -= (__u16)count;
	if (hello->part < HELLO_BODY)
		return true;
	if (hello->body < count)
		return false;
	hello->body -= (__u16)count;
	return true;
}

/* A byte of the head of a record: type, version, size. */
static inline enum stream_result hello_record_byte(struct hello *hello, __u8 byte)
{
	bool first = hello->part == HELLO_TYPE;

	switch (hello->head++) {
	case 0:
		if (byte == HELLO_RECORD_HANDSHAKE)
			return STREAM_MORE;
		return hello_end(hello, first ? STREAM_OTHER : STREAM_MALFORMED);
	case 1:
		if (byte == 3)
			return STREAM_MORE;
		return hello_end(hello, first ? STREAM_OTHER : STREAM_MALFORMED);
	case 2:
		return STREAM_MORE;
	case 3:
		hello->size = (__u16)(byte << 8);
		return STREAM_MORE;
	default:
		hello->size |= byte;
		hello->record = hello->size;
		hello->head = 0;
		if (!hello->record || hello->record > HELLO_RECORD_MAX)
			return hello_end(hello, STREAM_MALFORMED);
		return STREAM_MORE;
	}
}

/* Takes the next byte of the stream. After any other result than STREAM_MORE it stays with that. */
static inline enum stream_result hello_byte(struct hello *hello, __u8 byte)
{
	if (hello->result != STREAM_MORE)
		return (enum stream_result)hello->result;
	if (!hello->record)
		return hello_record_byte(hello, byte);
	if (!hello_count(hello, 1))
		return hello_end(hello, STREAM_MALFORMED);
	return hello_message_byte(hello, byte);
}

/* Begins a second hello, of whose first record, of `size` bytes, the type of the message was read (flight.h). */
static inline void hello_again(struct hello *hello, __u32 size)
{
	__builtin_memset(hello, 0, sizeof(*hello));
	hello->record = (__u16)(size - 1);
	hello_go(hello, HELLO_LENGTH);
}

/* How many of the next bytes do not matter, so that they need not be read: hello_skip() takes as many, or
 * fewer. */
static inline __u32 hello_may_skip(const struct hello *hello)
{
	__u32 most = hello->have;

	if (hello->result != STREAM_MORE || !hello->record ||
		!hello_passes((enum hello_part)hello->part))
		return 0;
	/* The last one is read, for what comes then. */
	most = most > hello->record ? hello->record : most;
	return most ? most - 1 : 0;
}

static inline void hello_skip(struct hello *hello, __u32 count)
{
	if (!hello_count(hello, count))
		hello_end(hello, STREAM_MALFORMED);
	hello->have -= (__u16)count;
}

#endif
