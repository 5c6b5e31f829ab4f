/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a client sends behind its ClientHello, until no other one can count: a server of TLS 1.3 may ask for a
 * second hello (HelloRetryRequest, RFC 8446 section 4.1.4) and goes by the name in that one. Records are told
 * apart by their heads, and what is in them does not matter:
 *
 *   handshake           beginning with the type of a hello: a second one. With another: TLS 1.2 goes on
 *   change_cipher_spec  before a second hello as well as before what is encrypted
 *   alert               some servers take warnings in between
 *   application_data    encrypted: the handshake is over for a client. Unless it was offered early, which a
 *                       server that asks for a second hello skips, some of them without an end: so it has none
 *                       here
 *
 * Before TLS 1.3 some servers take a second hello for the first key exchange (OpenSSL 1.0 did, for what was called
 * Server Gated Cryptography), so it is the same there.
 *
 * Where TLS 1.2 goes on with a session of before, the client's Finished comes behind its change_cipher_spec,
 * encrypted, so that it may begin like a hello. It has FLIGHT_FINISHED_MAX bytes at most, and no hello that
 * answers a HelloRetryRequest is so short; one in such pieces has another handshake record behind it, which is
 * denied.
 */
#ifndef AMBIT_FLIGHT_H
#define AMBIT_FLIGHT_H

#include "hello.h"

#define FLIGHT_CHANGE	 20
#define FLIGHT_ALERT	 21
#define FLIGHT_HANDSHAKE HELLO_RECORD_HANDSHAKE
#define FLIGHT_DATA	 23

/* Finished of TLS 1.2 with the longest of its ciphers, CBC with SHA-384: vector, message, code and padding
 * (RFC 5246 sections 6.2.3.2 and 7.4.9). A hello with versions, groups, signatures and one key has 104. */
#define FLIGHT_FINISHED_MAX 96
#define FLIGHT_RECORD_MAX   (HELLO_RECORD_MAX + 256) /* encrypted: RFC 8446 section 5.2 */

/* All zero to begin with, but for `early`. */
struct flight {
	__u16 size;    /* of the record, as far as it was read */
	__u16 left;    /* bytes of it that do not matter */
	__u8 head;     /* bytes of its head that were read */
	__u8 type;
	__u8 early;    /* early data was offered */
	__u8 changed;  /* there was a change_cipher_spec */
	__u8 finished; /* and behind it what may be a Finished */
	__u8 first;    /* the next byte is the first of a handshake message */
	__u16 result;  /* enum stream_result: STREAM_DONE if no hello can follow any more, STREAM_OTHER if one
			* does: its type was read (hello_again()) */
};

static inline enum stream_result flight_end(struct flight *flight, enum stream_result result)
{
	flight->result = (__u16)result;
	return result;
}

/* The head of a record was read. */
static inline enum stream_result flight_record(struct flight *flight)
{
	__u32 size = flight->size;

	/* Some servers skip what is empty. */
	if (!size || size > FLIGHT_RECORD_MAX)
		return flight_end(flight, STREAM_MALFORMED);
	flight->head = 0;
	flight->left = (__u16)size;
	switch (flight->type) {
	case FLIGHT_DATA:
		return flight->early ? STREAM_MORE : flight_end(flight, STREAM_DONE);
	case FLIGHT_CHANGE:
		flight->changed = 1;
		return STREAM_MORE;
	case FLIGHT_ALERT:
		return STREAM_MORE;
	case FLIGHT_HANDSHAKE:
		if (flight->finished)
			return flight_end(flight, STREAM_MALFORMED);
		flight->finished = flight->changed && size <= FLIGHT_FINISHED_MAX;
		if (flight->finished)
			return STREAM_MORE;
		flight->left = 0;
		flight->first = 1;
		return STREAM_MORE;
	default:
		return flight_end(flight, STREAM_MALFORMED);
	}
}

/* Takes the next byte of the stream. After any other result than STREAM_MORE it stays with that. */
static inline enum stream_result flight_byte(struct flight *flight, __u8 byte)
{
	if (flight->result != STREAM_MORE)
		return (enum stream_result)flight->result;
	if (flight->left) {
		flight->left--;
		return STREAM_MORE;
	}
	if (flight->first)
		return flight_end(flight, byte != HELLO_MESSAGE			? STREAM_DONE
					  : flight->size > HELLO_RECORD_MAX ? STREAM_MALFORMED
									    : STREAM_OTHER);
	switch (flight->head++) {
	case 0:
		flight->type = byte;
		return STREAM_MORE;
	case 1:
		return byte == 3 ? STREAM_MORE : flight_end(flight, STREAM_MALFORMED);
	case 2:
		return STREAM_MORE;
	case 3:
		flight->size = (__u16)(byte << 8);
		return STREAM_MORE;
	default:
		flight->size |= byte;
		return flight_record(flight);
	}
}

/* How many of the next bytes do not matter, so that they need not be read: flight_skip() takes as many, or
 * fewer. */
static inline __u32 flight_may_skip(const struct flight *flight)
{
	return flight->result == STREAM_MORE ? flight->left : 0;
}

static inline void flight_skip(struct flight *flight, __u32 count)
{
	flight->left -= (__u16)count;
}

#endif
