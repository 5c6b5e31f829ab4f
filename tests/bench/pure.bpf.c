/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The pure pieces of a decision many times over, for pure.c to time: attached to nothing. */
#include "lib/decide.bpf.h"
#include "lib/peer.bpf.h"
#include "pure.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pure_case);
} pure_cases SEC(".maps");

static long pure_nothing(__u32 index, __u32 *allowed)
{
	(*allowed)++;
	return 0;
}

static long pure_path(__u32 index, __u32 *allowed)
{
	struct right right = {};

	if (match_right(0, PURE_POLICY, OP_READ, &right))
		return 1;
	*allowed += allows(&right);
	return 0;
}

static long pure_peer(__u32 index, __u32 *allowed)
{
	struct peer_request request = {.op = OP_CONNECT, .proto = AMBIT_PROTO_UDP};
	struct ambit_accept accept;
	struct match match;

	address_v4(&request.address, bpf_htonl(0x7f000001));
	request.address.port = 9;
	if (!match_peer(&match, PURE_POLICY, &request) || !match_accept(&match, &accept))
		return 1;
	*allowed += accept.allow[0] && !accept.deny[0];
	return 0;
}

static __always_inline void path_put(const struct pure_case *pure)
{
	__u32 slot = 0, length = pure->length;
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &slot);

	if (!scratch || length > sizeof(pure->path))
		return;
	scratch->path.start = PATH_END - length;
	scratch->path.last = PATH_END;
	bpf_probe_read_kernel(&scratch->path.bytes[scratch->path.start & PATH_MASK], length, pure->path);
}

/* A program for each, because bpf_loop() wants to know what it calls. */
#define PURE_RUN(what)                                             \
	SEC("syscall")                                             \
	int pure_##what##_run(void *context)                       \
	{                                                          \
		__u32 key = 0, allowed = 0;                        \
		struct pure_case *pure =                           \
			bpf_map_lookup_elem(&pure_cases, &key);    \
                                                                   \
		if (!pure)                                         \
			return 1;                                  \
		path_put(pure);                                    \
		bpf_loop(PURE_ROUNDS, pure_##what, &allowed, 0);   \
		pure->allowed = allowed;                           \
		return 0;                                          \
	}

PURE_RUN(nothing)
PURE_RUN(path)
PURE_RUN(peer)
