/* SPDX-License-Identifier: Apache-2.0 */
/* Peers: a fixed number of bytes, so that what differs is told in ranges of addresses and ports. */
#include <string.h>
#include "base/util.h"
#include "compile/pairs.h"

/* Whether `next` begins right behind `last`. */
static bool follows(const uint8_t last[16], const uint8_t next[16], unsigned bytes)
{
	uint8_t behind[16];
	unsigned i = bytes;

	memcpy(behind, last, bytes);
	while (i && ++behind[i - 1] == 0)
		i--;
	return i && memcmp(behind, next, bytes) == 0;
}

/* A block joins the range that it goes on with. */
static int range_add(struct diff *diff, const struct difference *found)
{
	const unsigned bytes = found->family == AMBIT_FAMILY_V4 ? 4 : 16;

	diff->emitted++;
	for (size_t i = diff->range_count; i-- > 0;) {
		struct difference *range = &diff->ranges[i];

		if (told_compare(range, found) == 0 && follows(range->last, found->addr, bytes)) {
			memcpy(range->last, found->last, bytes);
			return 0;
		}
	}
	if (diff->range_count == diff->range_room) {
		const size_t room = diff->range_room ? 2 * diff->range_room : 64;
		struct difference *ranges = reallocarray(diff->ranges, room, sizeof(*ranges));

		if (!ranges)
			return -ENOMEM;
		diff->ranges = ranges;
		diff->range_room = room;
	}
	diff->ranges[diff->range_count++] = *found;
	return 0;
}

static int ranges_tell(struct diff *diff)
{
	int result = 0;

	for (size_t i = 0; result == 0 && i < diff->range_count; i++)
		result = diff->each(&diff->ranges[i], diff->data);
	diff->range_count = 0;
	return result;
}

/* What is decided behind the bytes of a peer, of which `port` is the last. */
static bool pair_differs(
	const struct diff *diff, const uint32_t states[2], unsigned port, struct difference *ret)
{
	struct decision decisions[2];

	for (unsigned which = 0; which < 2; which++) {
		decisions[which] = ambit_tables_column(
			diff->tables[which], states[which], diff->op - OP_CONNECT);
		if (ret->family == AMBIT_FAMILY_NAME)
			decisions[which] = ambit_tables_quic(decisions[which], ret->proto, (uint16_t)port);
	}
	ret->before = decisions[0];
	ret->after = decisions[1];
	return verdicts_differ(&decisions[0], &decisions[1]);
}

static bool is_alike(const struct difference *a, const struct difference *b)
{
	return memcmp(&a->before, &b->before, sizeof(a->before)) == 0 &&
	       memcmp(&a->after, &b->after, sizeof(a->after)) == 0;
}

int ports_diff(struct diff *diff, const uint32_t from[2], struct difference *found,
	int (*each)(struct diff *diff, const struct difference *found))
{
	uint32_t middle[2], end[2];
	bool open = false;
	int result = 0;

	for (unsigned port = 0; result == 0 && port <= UINT16_MAX; port++) {
		struct difference here = *found;
		bool other;

		if (port % 256 == 0)
			pair_step(diff, from, (uint8_t)(port >> 8), middle);
		pair_step(diff, middle, (uint8_t)port, end);
		other = pair_differs(diff, end, port, &here);
		if (open && !(other && is_alike(&here, found))) {
			result = each(diff, found);
			open = false;
		}
		if (other && !open) {
			*found = here;
			found->port_low = (uint16_t)port;
			open = true;
		}
		if (open)
			found->port_high = (uint16_t)port;
	}
	return result == 0 && open ? each(diff, found) : result;
}

/* All addresses behind `from`, `left` bytes of them, lead to one pair of states: that one. */
static bool is_uniform(const struct diff *diff, const uint32_t from[2], unsigned left, uint32_t ret[2])
{
	uint32_t at[2] = {from[0], from[1]}, next[2], other[2];

	for (; left; left--) {
		pair_step(diff, at, 0, next);
		for (unsigned byte = 1; byte < 256; byte++) {
			pair_step(diff, at, (uint8_t)byte, other);
			if (other[0] != next[0] || other[1] != next[1])
				return false;
		}
		memcpy(at, next, sizeof(at));
	}
	memcpy(ret, at, sizeof(at));
	return true;
}

/*
 * Blocks of addresses from `bits` on; `states` are those after the whole bytes of them. A block that all
 * leads to one pair is looked at as one, another one is halved: no deeper than an address has bits.
 */
static int block_diff(struct diff *diff, const uint32_t states[2], unsigned bits,
	struct difference *found)
{
	const unsigned total = found->family == AMBIT_FAMILY_V4 ? 32 : 128;
	const unsigned free_bits = bits % 8 ? 8 - bits % 8 : 0;
	const unsigned byte = bits / 8;
	const struct pair known = {.states = {states[0], states[1]}, .place = bits};
	const size_t emitted = diff->emitted;
	uint32_t first[2], end[2];
	bool same = true;
	int result = 0;

	/* Dead, or looked at before, and nothing differed. */
	if ((!states[0] && !states[1]) || (bits % 8 == 0 && pair_known(diff, &known)))
		return 0;
	memcpy(first, states, sizeof(first));
	if (free_bits) {
		pair_step(diff, states, found->addr[byte], first);
		for (unsigned k = 1; same && k < 1U << free_bits; k++) {
			pair_step(diff, states, (uint8_t)(found->addr[byte] | k), end);
			same = end[0] == first[0] && end[1] == first[1];
		}
	}
	if (same && is_uniform(diff, first, (total - bits) / 8, end)) {
		struct difference ports = *found;

		memcpy(ports.last, found->addr, sizeof(ports.last));
		for (unsigned i = bits; i < total; i++)
			ports.last[i / 8] |= (uint8_t)(0x80 >> i % 8);
		result = ports_diff(diff, end, &ports, range_add);
		return result == 0 && bits % 8 == 0 && diff->emitted == emitted ? pair_add(diff, known) : result;
	}
	for (unsigned half = 0; result == 0 && half < 2; half++) {
		uint32_t next[2] = {states[0], states[1]};

		if (half)
			found->addr[byte] |= (uint8_t)(0x80 >> bits % 8);
		if (bits % 8 == 7)
			pair_step(diff, states, found->addr[byte], next);
		result = block_diff(diff, next, bits + 1, found);
	}
	found->addr[byte] &= (uint8_t)~(0x80 >> bits % 8);
	return result == 0 && bits % 8 == 0 && diff->emitted == emitted ? pair_add(diff, known) : result;
}

int peers_diff(struct diff *diff)
{
	static const uint8_t protos[] = {AMBIT_PROTO_TCP, AMBIT_PROTO_UDP};
	static const uint8_t families[] = {AMBIT_FAMILY_V4, AMBIT_FAMILY_V6};
	int result = 0;

	for (unsigned i = 0; result == 0 && i < 4; i++) {
		struct difference found = {
			.op = diff->op, .proto = protos[i / 2], .family = families[i % 2]};
		uint32_t from[2], states[2];

		for (unsigned which = 0; which < 2; which++)
			from[which] = ambit_tables_peer_start(diff->tables[which]);
		pairs_forget(diff); /* families differ in what a place is */
		pair_step(diff, from, found.proto, states);
		pair_step(diff, states, found.family, from);
		result = block_diff(diff, from, 0, &found);
		if (result == 0)
			result = ranges_tell(diff);
	}
	return result;
}
