/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the readers of the first bytes of a stream share (hello.h, request.h). Plain C, for both sides: each
 * is a machine that takes one byte at a time, so a stream may come in pieces of any size. Where it says
 * that a number of bytes does not matter they can be left out.
 */
#ifndef AMBIT_STREAM_H
#define AMBIT_STREAM_H

#ifndef __bpf__
#include <linux/types.h>
#include <stdbool.h>
#endif

enum stream_result {
	STREAM_MORE,	  /* the head goes on */
	STREAM_DONE,	  /* it has ended, and all that it says about names is known */
	STREAM_OTHER,	  /* it is not of this protocol, as its first bytes say */
	STREAM_MALFORMED,
	STREAM_SEVERAL,	  /* it says more than one name */
	STREAM_LARGE,	  /* it is longer than anybody makes them */
};

/* The longest name: 255 bytes, with its dot at the end; and of a request, a colon and a port. */
#define STREAM_NAME_MAX	 255
#define STREAM_NAME_SIZE 512 /* a power of two */
#define STREAM_PORT_MAX	 6

struct stream_name {
	__u32 length; /* 0: none */
	char bytes[STREAM_NAME_SIZE];
};

/* Appends a byte; false if the name would be longer than `most`. */
static inline bool stream_name_add(struct stream_name *name, __u8 byte, __u32 most)
{
	if (name->length >= most)
		return false;
	name->bytes[name->length & (STREAM_NAME_SIZE - 1)] = (char)byte;
	name->length++;
	return true;
}

#endif
