/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Runs the matcher, the address reader and the walks over messages of bpf/lib over cases, by
 * BPF_PROG_TEST_RUN: no hook. */
#include "lib/decide.bpf.h"
#include "lib/netlink.bpf.h"
#include "lib/option.bpf.h"
#include "lib/peer.bpf.h"
#include "logic.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CASES);
	__type(key, __u32);
	__type(value, struct path_case);
} path_cases SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CASES);
	__type(key, __u32);
	__type(value, struct peer_case);
} peer_cases SEC(".maps");

/* One case: the matcher and the decision, as path_rights() and decide_path() make them. */
static long path_step(__u32 index, void *context)
{
	struct path_case *path = bpf_map_lookup_elem(&path_cases, &index);
	__u32 slot = 0;
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &slot);

	if (!path || !scratch)
		return 1;
	scratch->path.start = PATH_END - (path->length & PATH_MASK);
	scratch->path.last = path->name < path->length
				     ? scratch->path.start + (path->name & PATH_MASK)
				     : PATH_END;
	bpf_probe_read_kernel(&scratch->path.bytes[scratch->path.start & PATH_MASK],
		path->length & PATH_MASK, path->path);
	for (__u32 op = 0; op < AMBIT_COLUMNS; op++) {
		struct verdict v = {.reason = REASON_RULE};
		struct path_rights rights = {};
		bool denied;

		path->results[op].error = match_right(slot, path->policy, op, &rights.rights[op]);
		denied = first_denied(&rights, BIT(op), &v);
		path->results[op].verdict = denied ? VERDICT_DENY : VERDICT_ALLOW;
		path->results[op].reason = v.reason;
		path->results[op].rule = denied ? v.rule : rights.rights[op].allow;
	}
	return 0;
}

SEC("syscall")
int test_paths(void *ctx)
{
	bpf_loop(CASES, path_step, NULL, 0);
	return 0;
}

static long peer_step(__u32 index, void *context)
{
	struct peer_case *peer = bpf_map_lookup_elem(&peer_cases, &index);
	struct peer_request request = {};
	struct verdict v = {.slot = -1};
	bool denied;

	if (!peer)
		return 1;
	peer->read = address_read(&request.address, peer->sockaddr, peer->length,
		peer->socket_family, peer->unspec_is_v4);
	if (peer->read != ADDRESS_OK)
		return 0;
	if (peer->as_peer)
		address_as_peer(&request.address);
	request.op = peer->op;
	request.proto = peer->proto;
	request.cell = v.cell = peer->cell;
	denied = peer_denied(&request, &v);
	peer->result.verdict = denied ? VERDICT_DENY : VERDICT_ALLOW;
	peer->result.reason = v.reason;
	peer->result.rule = v.rule;
	peer->family = request.address.family;
	peer->port = request.address.port;
	__builtin_memcpy(peer->addr, request.address.bytes, sizeof(peer->addr));
	return 0;
}

SEC("syscall")
int test_peers(void *ctx)
{
	bpf_loop(CASES, peer_step, NULL, 0);
	return 0;
}

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CASES);
	__type(key, __u32);
	__type(value, struct walk_case);
} walk_cases SEC(".maps");

static long walk_case_step(__u32 index, void *context)
{
	struct walk_case *walk = bpf_map_lookup_elem(&walk_cases, &index);
	const void *bytes = walk ? walk->bytes : NULL;
	__u32 type = 0;
	__u64 at = 0;

	/* Hooks get an address that the verifier knows nothing of. */
	if (!walk || bpf_probe_read_kernel(&at, sizeof(at), &bytes))
		return 1;
	if (walk->netlink) {
		walk->denied = messages_denied(at, walk->length, &type);
		walk->numbers = type;
	} else {
		walk->denied =
			controls_denied(at, walk->length, &walk->numbers);
	}
	return 0;
}

SEC("syscall")
int test_walks(void *ctx)
{
	bpf_loop(CASES, walk_case_step, NULL, 0);
	return 0;
}

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct stream_case);
} streams SEC(".maps");

/* One byte, or as many as may be skipped. */
static long stream_step(__u32 index, void *context)
{
	__u32 row = 0, at, skip;
	struct stream_case *stream = bpf_map_lookup_elem(&streams, &row);

	if (!stream)
		return 1;
	at = stream->at;
	if (at >= stream->size || at >= STREAM_BYTES)
		return 1;
	skip = stream->is_request ? 0 : hello_may_skip(&stream->hello);
	skip = skip > stream->size - at ? stream->size - at : skip;
	if (skip)
		hello_skip(&stream->hello, skip);
	else if (stream->is_request)
		request_byte(&stream->request, stream->bytes[at]);
	else
		hello_byte(&stream->hello, stream->bytes[at]);
	stream->at = at + (skip ?: 1);
	return 0;
}

SEC("syscall")
int test_streams(void *ctx)
{
	bpf_loop(STREAM_BYTES, stream_step, NULL, 0);
	return 0;
}
