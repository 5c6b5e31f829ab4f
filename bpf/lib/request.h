/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The name in the head of an HTTP/1 request (RFC 9112): what CONNECT asks for, the authority of a target
 * that has one, the Host field. The head is read to its end, because a second Host may come last, and what
 * is not as the RFC says is malformed: a server, and a proxy before it, may make something else of it.
 *
 * Target and Host may both say a name; then both have to say the same, but for a port that one of them
 * leaves out.
 */
#ifndef AMBIT_REQUEST_H
#define AMBIT_REQUEST_H

#include "stream.h"

#define REQUEST_MAX	   65536
#define REQUEST_METHOD_MAX 32
#define REQUEST_AUTHORITY  (STREAM_NAME_MAX + STREAM_PORT_MAX)

enum request_part {
	REQUEST_METHOD,
	REQUEST_TARGET,	   /* its first byte */
	REQUEST_SCHEME,	   /* of a target that has one */
	REQUEST_SLASHES,   /* behind it, and one byte more */
	REQUEST_TARGET_AUTHORITY,
	REQUEST_REST,	   /* of the target */
	REQUEST_VERSION,
	REQUEST_LINE_END,
	REQUEST_LINE,	   /* its first byte */
	REQUEST_FIELD,	   /* the name of one */
	REQUEST_SPACE,	   /* in front of its value */
	REQUEST_VALUE,
	REQUEST_HOST,	   /* the value of Host */
	REQUEST_HOST_SPACE, /* behind it */
	REQUEST_HEAD_END,
};

/* All zero to begin with. */
struct http_head {
	__u32 size; /* bytes so far */
	__u16 part; /* enum request_part */
	__u16 have; /* bytes of the part */
	__u16 host; /* bytes of Host that were compared with what the target says */
	__u16 result; /* enum stream_result */
	__u8 connect, is_connect; /* the method may be, is CONNECT */
	__u8 field_host; /* the name of the field is Host so far */
	__u8 hosts;	 /* there was one */
	__u8 target;	 /* the target says a name */
	__u8 minor;	 /* HTTP/1.0 needs no Host */
	__u8 port;	 /* of Host, where the target has none */
	__u8 field_body; /* the field's name is that of one which says that there is a body, so far: 1 or 2 */
	struct stream_name name; /* with its port */
};

static inline enum stream_result request_end(struct http_head *request, enum stream_result result)
{
	request->result = (__u16)result;
	return result;
}

static inline enum stream_result request_go(struct http_head *request, enum request_part part)
{
	request->part = (__u16)part;
	request->have = 0;
	return STREAM_MORE;
}

static inline enum stream_result request_bad(struct http_head *request)
{
	return request_end(request, STREAM_MALFORMED);
}

static inline bool request_alpha(__u8 byte)
{
	return (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
}

static inline bool request_digit(__u8 byte)
{
	return byte >= '0' && byte <= '9';
}

/* tchar of RFC 9110 section 5.6.2: all that is seen but "(),/:;<=>?@[\]{} and '"'. */
static inline bool request_token(__u8 byte)
{
	if (request_alpha(byte) || request_digit(byte))
		return true;
	return byte == '!' || (byte >= '#' && byte <= '\'') || byte == '*' || byte == '+' ||
	       byte == '-' || byte == '.' || (byte >= '^' && byte <= '`') || byte == '|' || byte == '~';
}

/* What an authority may be made of: a name or an address in brackets, and a port. No user, no escape: a
 * name needs neither. */
static inline bool request_authority(__u8 byte)
{
	return request_alpha(byte) || request_digit(byte) || byte == '-' || byte == '.' || byte == '_' ||
	       byte == ':' || byte == '[' || byte == ']';
}

static inline __u8 request_lower(__u8 byte)
{
	return byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte;
}

/* The byte of a word of at most eight, in small letters, or 0 behind its end. */
#define REQUEST_WORD(a, b, c, d, e, f, g, h)                                                      \
	((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24 | (__u64)(e) << 32 |  \
		(__u64)(f) << 40 | (__u64)(g) << 48 | (__u64)(h) << 56)
#define WORD_CONNECT REQUEST_WORD('c', 'o', 'n', 'n', 'e', 'c', 't', 0)
#define WORD_HOST    REQUEST_WORD('h', 'o', 's', 't', 0, 0, 0, 0)
/* Beginnings; no field that CONNECT has begins like that and means something else. */
#define WORD_CONTENT  REQUEST_WORD('c', 'o', 'n', 't', 'e', 'n', 't', '-')
#define WORD_TRANSFER REQUEST_WORD('t', 'r', 'a', 'n', 's', 'f', 'e', 'r')
#define WORD_VERSION REQUEST_WORD('h', 't', 't', 'p', '/', '1', '.', 0)

static inline __u8 request_word(__u64 word, __u32 at)
{
	return at < 8 ? (__u8)(word >> (at & 7) * 8) : 0;
}

static inline enum stream_result request_method(struct http_head *request, __u8 byte)
{
	__u32 at = request->have++;

	if (!at)
		request->connect = 1;
	if (byte == ' ') {
		request->is_connect = request->connect && at == 7;
		if (!at)
			return request_end(request, STREAM_OTHER);
		return request_go(request, REQUEST_TARGET);
	}
	/* Methods are compared as they are written. */
	request->connect &= (byte | 0x20) == request_word(WORD_CONNECT, at) && byte < 'a';
	if (!request_token(byte) || at >= REQUEST_METHOD_MAX)
		return request_end(request, STREAM_OTHER);
	return STREAM_MORE;
}

static inline enum stream_result request_target_name(struct http_head *request, __u8 byte)
{
	request->target = 1;
	if (!request_authority(byte) || !stream_name_add(&request->name, byte, REQUEST_AUTHORITY))
		return request_bad(request);
	return STREAM_MORE;
}

static inline enum stream_result request_target(struct http_head *request, __u8 byte)
{
	if (request->is_connect) {
		request_go(request, REQUEST_TARGET_AUTHORITY);
		return request_target_name(request, byte);
	}
	if (byte == '/' || byte == '*')
		return request_go(request, REQUEST_REST);
	if (!request_alpha(byte))
		return request_bad(request);
	return request_go(request, REQUEST_SCHEME);
}

/* What is in the target behind its name. */
static inline enum stream_result request_rest(struct http_head *request, __u8 byte)
{
	if (byte == ' ')
		return request_go(request, REQUEST_VERSION);
	/* Bytes above 126 stand in some targets that people send, and mean nothing here. */
	return byte <= ' ' || byte == 127 ? request_bad(request) : STREAM_MORE;
}

static inline enum stream_result request_target_part(
	struct http_head *request, enum request_part part, __u8 byte)
{
	if (part == REQUEST_SCHEME) {
		if (byte == ':')
			return request_go(request, REQUEST_SLASHES);
		return request_alpha(byte) || request_digit(byte) || byte == '+' || byte == '-' || byte == '.'
			       ? STREAM_MORE
			       : request_bad(request);
	}
	if (part == REQUEST_SLASHES) {
		if (request->have++ < 2)
			return byte == '/' ? STREAM_MORE : request_bad(request);
		request_go(request, REQUEST_TARGET_AUTHORITY);
		return request_target_name(request, byte);
	}
	if (byte == ' ')
		return request_go(request, REQUEST_VERSION);
	if (!request->is_connect && (byte == '/' || byte == '?'))
		return request_go(request, REQUEST_REST);
	return request_target_name(request, byte);
}

/* "HTTP/1." and a digit, and the end of the line. */
static inline enum stream_result request_version(struct http_head *request, __u8 byte)
{
	__u32 at = request->have++;

	if (at < 7)
		return byte == (at < 4 ? request_word(WORD_VERSION, at) - 0x20 : request_word(WORD_VERSION, at))
			       ? STREAM_MORE
			       : request_end(request, STREAM_OTHER);
	if (at == 7) {
		request->minor = byte != '0';
		return byte == '0' || byte == '1' ? STREAM_MORE : request_bad(request);
	}
	return byte == '\r' ? request_go(request, REQUEST_LINE_END) : request_bad(request);
}

/* The first byte of a line. A line that goes on with the one before (obs-fold) is none. */
static inline enum stream_result request_line(struct http_head *request, __u8 byte)
{
	if (byte == '\r')
		return request_go(request, REQUEST_HEAD_END);
	if (!request_token(byte))
		return request_bad(request);
	request_go(request, REQUEST_FIELD);
	request->have = 1;
	request->field_host = request_lower(byte) == 'h';
	request->field_body = request_lower(byte) == 'c' ? 1 : request_lower(byte) == 't' ? 2 : 0;
	return STREAM_MORE;
}

static inline enum stream_result request_field(struct http_head *request, __u8 byte)
{
	__u32 at = request->have;

	if (at < 8)
		request->have++;
	if (byte != ':' && at < 8 &&
		request_lower(byte) !=
			request_word(request->field_body == 1 ? WORD_CONTENT : WORD_TRANSFER, at))
		request->field_body = 0;
	if (byte != ':') {
		request->field_host &= request_lower(byte) == request_word(WORD_HOST, at) && at < 4;
		return request_token(byte) ? STREAM_MORE : request_bad(request);
	}
	/* CONNECT has no content (RFC 9110 section 9.3.6): a proxy that refuses it and takes some for that would
	 * read as a request what was taken here for what goes through the tunnel. */
	if (request->is_connect && request->field_body && at == 8)
		return request_bad(request);
	request->field_host &= at == 4;
	if (request->field_host && request->hosts)
		return request_end(request, STREAM_SEVERAL);
	request->hosts |= request->field_host;
	return request_go(request, REQUEST_SPACE);
}

/* A byte of Host: of the name, or one that has to be that of the target. */
static inline enum stream_result request_host(struct http_head *request, __u8 byte)
{
	__u32 at = request->host++;

	if (!request_authority(byte))
		return request_bad(request);
	if (!request->target)
		return stream_name_add(&request->name, byte, REQUEST_AUTHORITY) ? STREAM_MORE
										: request_bad(request);
	/* The one may have a port, and the other leave it out. */
	if (at == request->name.length && byte == ':' && !request->port) {
		request->port = 1;
		request->host--;
		return STREAM_MORE;
	}
	if (request->port) {
		request->host--;
		return request_digit(byte) ? STREAM_MORE : request_bad(request);
	}
	if (at >= request->name.length || request_lower((__u8)request->name.bytes[at & (STREAM_NAME_SIZE - 1)]) !=
						  request_lower(byte))
		return request_end(request, STREAM_SEVERAL);
	return STREAM_MORE;
}

/* Whether Host has all of the name that the target says, which may have a port besides. */
static inline bool request_host_is_whole(const struct http_head *request)
{
	__u32 at = request->host;

	return at == request->name.length ||
	       (at && request->name.bytes[at & (STREAM_NAME_SIZE - 1)] == ':' &&
		       request->name.bytes[0] != '[');
}

static inline enum stream_result request_value(
	struct http_head *request, enum request_part part, __u8 byte)
{
	bool space = byte == ' ' || byte == '\t';

	if (byte == '\r') {
		if (request->field_host && request->target && !request_host_is_whole(request))
			return request_end(request, STREAM_SEVERAL);
		request->field_host = 0;
		return request_go(request, REQUEST_LINE_END);
	}
	if (!request->field_host)
		return (byte < ' ' && byte != '\t') || byte == 127 ? request_bad(request)
								    : request_go(request, REQUEST_VALUE);
	if (part == REQUEST_SPACE && space)
		return STREAM_MORE;
	if (part == REQUEST_HOST_SPACE || space) {
		request_go(request, REQUEST_HOST_SPACE);
		return space ? STREAM_MORE : request_bad(request);
	}
	request_go(request, REQUEST_HOST);
	return request_host(request, byte);
}

/* A request of HTTP/1.1 has a Host, which may be empty where nobody is meant. */
static inline enum stream_result request_head_end(struct http_head *request, __u8 byte)
{
	if (byte != '\n' || (request->minor && !request->hosts))
		return request_bad(request);
	return request_end(request, STREAM_DONE);
}

/* Takes the next byte of the stream. After any other result than STREAM_MORE it stays with that. */
static inline enum stream_result request_byte(struct http_head *request, __u8 byte)
{
	enum request_part part = (enum request_part)request->part;

	if (request->result != STREAM_MORE)
		return (enum stream_result)request->result;
	if (++request->size > REQUEST_MAX)
		return request_end(request, STREAM_LARGE);
	switch (part) {
	case REQUEST_METHOD:
		return request_method(request, byte);
	case REQUEST_TARGET:
		return request_target(request, byte);
	case REQUEST_SCHEME:
	case REQUEST_SLASHES:
	case REQUEST_TARGET_AUTHORITY:
		return request_target_part(request, part, byte);
	case REQUEST_REST:
		return request_rest(request, byte);
	case REQUEST_VERSION:
		return request_version(request, byte);
	case REQUEST_LINE_END:
		return byte == '\n' ? request_go(request, REQUEST_LINE) : request_bad(request);
	case REQUEST_LINE:
		return request_line(request, byte);
	case REQUEST_FIELD:
		return request_field(request, byte);
	case REQUEST_SPACE:
	case REQUEST_VALUE:
	case REQUEST_HOST:
	case REQUEST_HOST_SPACE:
		return request_value(request, part, byte);
	case REQUEST_HEAD_END:
		return request_head_end(request, byte);
	}
	return request_bad(request);
}

#endif
