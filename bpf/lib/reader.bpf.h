/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reads the first bytes of a connection. Until they were read, what they said is kept in the storage of the
 * socket. A socket is locked when it sends, so nothing here is written by two.
 */
#ifndef AMBIT_READER_H
#define AMBIT_READER_H

#include "names.bpf.h"

#include "flight.h"
#include "hello.h"
#include "request.h"
#include "spell.h"

enum reader_kind {
	READER_NEW,
	READER_TLS,
	READER_HTTP,
	READER_FLIGHT, /* behind a hello */
};

struct reader {
	__u32 names[AMBIT_LEASE_NAMES]; /* hashes of names that may be said; 0: none */
	__u32 domain; /* hash of one that led here, for events; 0: none did */
	__u16 port;   /* that the rule of the name has to cover */
	__u8 kind;    /* enum reader_kind */
	__u8 proxy;   /* a proxy may be asked */
	__u8 tunnel;  /* one was, and what is read goes through it */
	__u8 again;   /* a hello was read, and what may follow is another one */
	__u8 agreed;  /* the name is known, and was one of these */
	__u16 asked;  /* the port that a proxy is asked for */
	struct flight flight;
	union {
		struct hello hello;
		struct http_head request;
	};
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct reader);
} readers SEC(".maps") __weak;

static __always_inline int reader_result(const struct reader *reader)
{
	return reader->kind == READER_TLS      ? reader->hello.result
	       : reader->kind == READER_HTTP   ? reader->request.result
	       : reader->kind == READER_FLIGHT ? reader->flight.result
					       : STREAM_MORE;
}

static __always_inline const struct stream_name *reader_name(const struct reader *reader)
{
	return reader->kind == READER_HTTP ? &reader->request.name : &reader->hello.name;
}

/* Whether the whole of a name is known, before the head has ended. */
static __always_inline bool reader_named(const struct reader *reader)
{
	if (reader->kind == READER_TLS)
		return reader->hello.name.length && reader->hello.part != HELLO_NAME;
	return reader->kind == READER_HTTP && reader->request.name.length &&
	       reader->request.hosts && !reader->request.field_host;
}

static __always_inline bool reader_connects(const struct reader *reader)
{
	return reader->kind == READER_HTTP && reader->request.is_connect;
}

FRAME int reader_tls(struct reader *reader, __u8 byte)
{
	return hello_byte(&reader->hello, byte);
}

/* A second hello has to say its name again. */
FRAME int reader_flight(struct reader *reader, __u8 byte)
{
	int result = flight_byte(&reader->flight, byte);

	if (result != STREAM_OTHER)
		return result;
	hello_again(&reader->hello, reader->flight.size);
	reader->kind = READER_TLS;
	reader->agreed = 0;
	return STREAM_MORE;
}

FRAME int reader_http(struct reader *reader, __u8 byte)
{
	return request_byte(&reader->request, byte);
}

static __always_inline __u32 reader_may_skip(const struct reader *reader)
{
	return reader->kind == READER_TLS      ? hello_may_skip(&reader->hello)
	       : reader->kind == READER_FLIGHT ? flight_may_skip(&reader->flight)
					       : 0;
}

static __always_inline void reader_skip(struct reader *reader, __u32 count)
{
	if (reader->kind == READER_TLS)
		hello_skip(&reader->hello, count);
	else
		flight_skip(&reader->flight, count);
}

static __always_inline int reader_byte(struct reader *reader, __u8 byte)
{
	return reader->kind == READER_TLS      ? reader_tls(reader, byte)
	       : reader->kind == READER_FLIGHT ? reader_flight(reader, byte)
					       : reader_http(reader, byte);
}

struct reading {
	struct __sk_buff *skb;
	struct reader *reader;
	__u32 at, end;
};

static long reading_step(__u32 index, struct reading *reading)
{
	struct reader *reader = reading->reader;
	__u32 at = reading->at, left = reading->end - at, skip;
	__u8 byte;

	if (at >= reading->end)
		return 1;
	skip = reader_may_skip(reader);
	skip = skip > left ? left : skip;
	if (skip) {
		reader_skip(reader, skip);
		reading->at = at + skip;
		return 0;
	}
	if (FAULT(STREAM_BYTE, -EFAULT, bpf_skb_load_bytes(reading->skb, at, &byte, 1)))
		return 1;
	reading->at = at + 1;
	if (reader->kind == READER_NEW)
		reader->kind = byte == HELLO_RECORD_HANDSHAKE ? READER_TLS : READER_HTTP;
	return reader_byte(reader, byte) != STREAM_MORE;
}

/* Reads the bytes [at, end) of a packet, or those up to the end of the head; where that is. A step is a
 * byte at least, and no head has more than REQUEST_MAX. */
FRAME __u32 reader_read(struct __sk_buff *skb, struct reader *reader, __u32 at, __u32 end)
{
	struct reading reading = {.skb = skb, .reader = reader, .at = at, .end = end};

	(void)FAULT(LOOP_STREAM, -E2BIG, bpf_loop(REQUEST_MAX + 1, reading_step, &reading, 0));
	return reading.at;
}

/*
 * Goes on with what is sent behind a hello, whose name has this hash: a server may take another one, which has
 * to say the same name. False: nothing that follows can be one.
 */
static __always_inline bool reader_follow(struct reader *reader, __u32 name)
{
	if (reader->kind != READER_TLS)
		return false;
	__builtin_memset(reader->names, 0, sizeof(reader->names));
	reader->names[0] = name;
	reader->again = 1;
	__builtin_memset(&reader->flight, 0, sizeof(reader->flight));
	reader->flight.early = reader->hello.early;
	reader->kind = READER_FLIGHT;
	return true;
}

/* Spells what was said (spell_name()). */
FRAME bool reader_spell(const struct reader *reader, struct dns *dns, __u64 seed, __u32 *ret_port)
{
	return spell_name(dns, reader_name(reader), reader->kind == READER_HTTP, seed, ret_port);
}

#endif
