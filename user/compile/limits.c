/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "base/util.h"
#include "bpf/lib/bucket.h"
#include "bpf/lib/destination.h"
#include "compile/limits.h"

static const uint32_t kind_flags[LIMIT_MAX] = {
	[LIMIT_CONNECTS] = AMBIT_CELL_CONNECTS,
	[LIMIT_EGRESS_HOUR] = AMBIT_CELL_EGRESS,
	[LIMIT_EGRESS_DAY] = AMBIT_CELL_EGRESS,
};

static bool has_name(const struct rule *rule)
{
	for (size_t i = 0; i < rule->peer_count; i++)
		if (rule->peers[i].family == AMBIT_FAMILY_NAME)
			return true;
	return false;
}

static uint32_t flags_of(const struct quota limits[LIMIT_MAX])
{
	uint32_t flags = 0;

	for (unsigned kind = 0; kind < LIMIT_MAX; kind++)
		flags |= limits[kind].value ? kind_flags[kind] : 0;
	return flags;
}

uint32_t ambit_limits_flags(const struct policy *policy)
{
	uint32_t flags = flags_of(policy->limits);

	for (size_t i = 0; i < policy->rule_count; i++) {
		uint32_t own = flags_of(policy->rules[i].limits);

		flags |= own | (own && has_name(&policy->rules[i]) ? AMBIT_CELL_NAMED : 0);
	}
	return flags | (policy->file_size.value ? AMBIT_CELL_FILE_SIZE : 0);
}

static void group_fill(
	struct ambit_bucket group[LIMIT_MAX], const struct quota limits[LIMIT_MAX], uint64_t now)
{
	for (unsigned kind = 0; kind < LIMIT_MAX; kind++)
		group[kind] = (struct ambit_bucket){
			.limit = limits[kind].value,
			.room = limits[kind].value * BUCKET_PARTS,
			.time = now,
		};
}

static uint64_t hash_of(const char *name)
{
	uint64_t hash = DESTINATION_HASH;

	for (; *name; name++)
		hash = destination_hash(hash, (uint8_t)*name);
	return hash;
}

static struct ambit_destination destination_of(const struct peer *peer, unsigned group)
{
	struct ambit_destination to = {
		.port_low = peer->port_low,
		.port_high = peer->port_high,
		.family = peer->family,
		.tcp = peer->tcp,
		.udp = peer->udp,
		.group = (uint8_t)group,
	};
	uint8_t mask[sizeof(to.mask)] = {}, address[sizeof(to.address)] = {};
	size_t size = peer->family == AMBIT_FAMILY_V4 ? 4 : 16;

	if (peer->family == AMBIT_FAMILY_NAME) {
		to.address[0] = hash_of(peer->name);
		to.address[1] = peer->beneath;
		return to;
	}
	for (unsigned bit = 0; bit < peer->bits && bit < 8 * size; bit++)
		mask[bit / 8] |= (uint8_t)(0x80U >> bit % 8);
	memcpy(address, peer->addr, size);
	memcpy(to.mask, mask, sizeof(mask));
	memcpy(to.address, address, sizeof(address));
	return to;
}

/* A bit for each name. */
static void name_mark(struct ambit_limits *row, struct ambit_destination *to)
{
	to->mask[0] = 1U << (to - row->destinations);
	row->named |= (uint32_t)to->mask[0];
}

static int rule_refuse(const struct policy *policy, const struct rule *rule, struct diag *diag)
{
	ambit_diag_set(diag, policy->file, rule->line, rule->column,
		"no more than %d rules, with %d ranges of addresses and names together, can have limits of their "
		"own; put peers together, or limit the whole cell",
		AMBIT_LIMIT_GROUPS - 1, AMBIT_DESTINATIONS_MAX);
	return -E2BIG;
}

int ambit_limits_compile(const struct policy *policy, uint64_t now, struct ambit_limits *ret,
	struct diag *diag)
{
	unsigned group = 0;

	*ret = (struct ambit_limits){.file_size = policy->file_size.value};
	group_fill(ret->buckets[0], policy->limits, now);
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct rule *rule = &policy->rules[i];

		if (!flags_of(rule->limits))
			continue;
		if (++group == AMBIT_LIMIT_GROUPS ||
			rule->peer_count > AMBIT_DESTINATIONS_MAX - ret->destination_count)
			return rule_refuse(policy, rule, diag);
		ret->rules[group] = rule->id;
		ret->lines[group] = rule->line;
		group_fill(ret->buckets[group], rule->limits, now);
		for (size_t p = 0; p < rule->peer_count; p++) {
			struct ambit_destination *to = &ret->destinations[ret->destination_count];

			*to = destination_of(&rule->peers[p], group);
			if (to->family == AMBIT_FAMILY_NAME)
				name_mark(ret, to);
			ret->destination_count++;
		}
	}
	return 0;
}

/* --- from one policy to the next --- */

static bool same_peers(const struct ambit_destination *a, const struct ambit_destination *b)
{
	/* Of a name the mask is its bit, which another policy may give to another. */
	return a->family == b->family && a->tcp == b->tcp && a->udp == b->udp && a->port_low == b->port_low &&
	       a->port_high == b->port_high && memcmp(a->address, b->address, sizeof(a->address)) == 0 &&
	       (a->family == AMBIT_FAMILY_NAME || memcmp(a->mask, b->mask, sizeof(a->mask)) == 0);
}

/* Whether all peers of a group of one are peers of that group of the other. */
static bool group_covers(
	const struct ambit_limits *one, unsigned group, const struct ambit_limits *other, unsigned by)
{
	for (uint32_t i = 0; i < one->destination_count; i++) {
		bool found = one->destinations[i].group != group;

		for (uint32_t k = 0; !found && k < other->destination_count; k++)
			found = other->destinations[k].group == by &&
				same_peers(&one->destinations[i], &other->destinations[k]);
		if (!found)
			return false;
	}
	return true;
}

static void group_carry(const struct ambit_bucket before[LIMIT_MAX], struct ambit_bucket now[LIMIT_MAX])
{
	for (unsigned kind = 0; kind < LIMIT_MAX; kind++) {
		const uint64_t drawn = before[kind].limit * BUCKET_PARTS - before[kind].room;

		if (!before[kind].limit || !now[kind].limit)
			continue;
		now[kind].room -= drawn < now[kind].room ? drawn : now[kind].room;
		now[kind].told = before[kind].limit == now[kind].limit ? before[kind].told : 0;
	}
}

void ambit_limits_carry(const struct ambit_limits *before, struct ambit_limits *now)
{
	group_carry(before->buckets[0], now->buckets[0]);
	for (unsigned group = 1; group < AMBIT_LIMIT_GROUPS && now->rules[group]; group++)
		for (unsigned old = 1; old < AMBIT_LIMIT_GROUPS && before->rules[old]; old++)
			if (group_covers(now, group, before, old) && group_covers(before, old, now, group)) {
				group_carry(before->buckets[old], now->buckets[group]);
				break;
			}
}

/* As name_limits() of bpf/lib/named.bpf.h. */
uint32_t ambit_limits_named(const struct ambit_limits *limits, const char *name, size_t length)
{
	uint64_t hash = DESTINATION_HASH;
	uint32_t found = 0;

	for (size_t at = 0; at <= length; at++) {
		const bool end = at == length;

		for (uint32_t i = 0; (end || name[at] == '.') && i < limits->destination_count; i++) {
			const struct ambit_destination *to = &limits->destinations[i];

			if (to->family == AMBIT_FAMILY_NAME && to->address[0] == hash &&
				to->address[1] == !end)
				found |= (uint32_t)to->mask[0];
		}
		if (!end)
			hash = destination_hash(hash, (uint8_t)name[at]);
	}
	return found;
}
