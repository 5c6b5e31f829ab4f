/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the test and the programs under test hand each other: cases in two array maps. */
#ifndef AMBIT_TEST_LOGIC_H
#define AMBIT_TEST_LOGIC_H

#include "abi.h"
#include "lib/hello.h"
#include "lib/request.h"

#define CASES 512

struct case_result {
	__u32 error;
	__u32 verdict;
	__u32 reason;
	__u32 rule;
};

struct path_case {
	__u32 policy;
	__u32 length;
	__u32 name; /* where the last component begins, at its '/': the automaton runs in two parts */
	__u32 reserved;
	struct case_result results[AMBIT_COLUMNS];
	char path[AMBIT_PATH_SIZE];
};

struct peer_case {
	__u32 cell;
	__u32 op;
	__u32 proto;
	__u32 socket_family;
	__s32 length;
	__u32 unspec_is_v4;
	__u32 as_peer;
	__u32 read; /* what address_read() returned */
	__u8 sockaddr[32];
	__u8 family;
	__u8 reserved;
	__u16 port;
	__u8 addr[16];
	__u32 padding;
	struct case_result result;
};

#define WALK_BYTES 1024

/* Control data or netlink messages: bytes, and what the walk over them said. */
struct walk_case {
	__u32 netlink;
	__u32 length;
	__u32 denied;
	__u32 reserved;
	__u64 numbers;
	__u8 bytes[WALK_BYTES];
};

/* The beginning of a stream, which is read from `at` to `size`. */
#define STREAM_BYTES 32768
struct stream_case {
	__u32 at, size;
	__u32 is_request; /* of HTTP; else of TLS */
	__u32 reserved;
	struct hello hello;
	struct http_head request;
	__u8 bytes[STREAM_BYTES];
};

#endif
