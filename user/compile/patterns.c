/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "base/util.h"
#include "compile/patterns.h"
#include "policy/pattern.h"

/*
 * Columns of the peer tree. Whether an allowing rule covers a special address depends on the rule
 * (does it name the range?), so those that do have a column of their own, and so has the fact that
 * an address is special. What first bytes have to be is in the column that has a special address as a
 * denial: there nothing is said of them (rule_check_peers()).
 */
enum peer_column {
	PEER_CONNECT,
	PEER_LISTEN,
	PEER_NAMED,
	PEER_SPECIAL,
	PEER_STREAM = PEER_SPECIAL,
};

/*
 * Columns of the tree for the paths of one operation. A pattern that is wider than the places of the
 * kernel's settings does not cover them, so the rules that name them have a column of their own, and
 * so has the fact that a path lies there.
 */
enum path_column {
	PATH_RULES,
	PATH_NAMED,
	PATH_RESERVED,
};

/* Where the kernel's settings are, whatever is mounted elsewhere (policy.reserved). */
static const char *const reserved_places[] = {"/proc", "/sys"};

/* Begins to add the patterns of a rule; false if the tree is not for it. */
static bool rule_begin(struct nfa *nfa, const struct rule *rule)
{
	nfa->rule = rule->id;
	return rule->outer == nfa->outer && (!nfa->names || rule->verdict == VERDICT_ALLOW);
}

/* What stands for an allowing rule. */
static uint32_t allow_id(const struct nfa *nfa, const struct rule *rule)
{
	return nfa->names ? rule->id : AMBIT_RULE_SOME;
}

/*
 * A pattern covers all beneath what it matches, so "**" at its end says nothing: what stands before
 * it matches already. Elsewhere the '/' before "**" is part of it: "a", zero or more times
 * "/name", "/b".
 */
static int add_path(struct nfa *nfa, const char *path, const struct ambit_accept *accept)
{
	struct glob glob = {path, path};
	struct glob_token token;
	const char *problem;
	uint32_t node = NFA_ROOT, covered = NFA_ROOT;
	bool slash = false;
	int r;

	for (;;) {
		r = glob_next(&glob, &token, &problem);
		if (r < 0)
			return r;
		if (token.kind == GLOB_BYTE && token.byte == '/') {
			slash = true;
			continue;
		}
		if (token.kind == GLOB_END)
			return nfa_accept(nfa, covered, accept);
		if (token.kind == GLOB_DEPTH) {
			/* "**" twice is "**" once. */
			if (node == covered)
				r = nfa_depth(nfa, node, &node);
			slash = false;
		} else {
			if (slash)
				r = nfa_byte(nfa, node, '/', &node);
			slash = false;
			if (r >= 0 && token.kind == GLOB_BYTE)
				r = nfa_byte(nfa, node, token.byte, &node);
			if (r >= 0 && token.kind == GLOB_SET)
				r = nfa_set(nfa, node, &token.set, &node);
			if (r >= 0 && token.kind == GLOB_NAME)
				r = nfa_star(nfa, node, &node);
			covered = node;
		}
		if (r < 0)
			return r;
	}
}

static bool path_is_named(const struct policy *policy, const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(reserved_places); i++)
		if (pattern_lies_in(path, reserved_places[i]))
			return true;
	for (size_t i = 0; i < policy->reserved_count; i++)
		if (pattern_lies_in(path, policy->reserved[i]))
			return true;
	return false;
}

static struct ambit_accept path_accept(const struct nfa *nfa, const struct policy *policy,
	const struct rule *rule, const char *path)
{
	struct ambit_accept accept = {};

	if (rule->verdict == VERDICT_DENY)
		accept.deny[PATH_RULES] = accept.deny[PATH_NAMED] = rule->id;
	else if (rule->op == OP_WRITE && path_is_named(policy, path))
		accept.allow[PATH_NAMED] = allow_id(nfa, rule);
	else
		accept.allow[PATH_RULES] = allow_id(nfa, rule);
	return accept;
}

/* What a policy says nothing about, but has to know. */
static int add_places(struct nfa *nfa, const struct policy *policy, enum ambit_op op)
{
	const struct ambit_accept reserved = {.allow[PATH_RESERVED] = 1};
	const struct ambit_accept guarded = {
		.deny[PATH_RULES] = AMBIT_RULE_GUARD,
		.deny[PATH_NAMED] = AMBIT_RULE_GUARD,
	};
	int r = 0;

	nfa->rule = 0;
	for (size_t i = 0; r >= 0 && !nfa->names && i < policy->guarded_count; i++)
		if (policy->guarded[i].ops & 1U << op)
			r = add_path(nfa, policy->guarded[i].path, &guarded);
	for (size_t i = 0; r >= 0 && op == OP_WRITE && i < ARRAY_SIZE(reserved_places); i++)
		r = add_path(nfa, reserved_places[i], &reserved);
	for (size_t i = 0; r >= 0 && op == OP_WRITE && i < policy->reserved_count; i++) {
		_cleanup_free_ char *path = glob_escape(policy->reserved[i]);

		r = path ? add_path(nfa, path, &reserved) : -ENOMEM;
	}
	return r;
}

int patterns_add_paths(struct nfa *nfa, const struct policy *policy, enum ambit_op op)
{
	int r;

	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct rule *rule = &policy->rules[i];

		if (rule->op != op || !rule_begin(nfa, rule))
			continue;
		for (size_t p = 0; p < rule->path_count; p++) {
			const struct ambit_accept accept =
				path_accept(nfa, policy, rule, rule->paths[p]);

			r = add_path(nfa, rule->paths[p], &accept);
			if (r < 0)
				return r;
		}
		for (size_t n = 0; n < rule->name_count; n++) {
			const struct ambit_accept accept =
				path_accept(nfa, policy, rule, rule->names[n]);

			r = patterns_add_unix(nfa, rule->names[n], &accept);
			if (r < 0)
				return r;
		}
	}
	return add_places(nfa, policy, op);
}

static struct ambit_accept path_convert(const struct ambit_accept *from, enum ambit_op op)
{
	uint32_t allow = from->allow[PATH_NAMED], deny = from->deny[PATH_RULES];
	struct ambit_accept to = {};

	if (!allow && !from->allow[PATH_RESERVED])
		allow = from->allow[PATH_RULES];
	if (!allow && !deny && from->allow[PATH_RULES])
		deny = AMBIT_RULE_RESERVED;
	to.deny[op] = deny;
	to.allow[op] = deny ? 0 : allow;
	return to;
}

int patterns_convert_paths(struct dfa *dfa, struct ids *ids, enum ambit_op op, uint32_t first)
{
	int r;

	for (uint32_t i = first; i < dfa->state_count; i++) {
		const struct ambit_accept from = ids->items[dfa->states[i].accept];
		const struct ambit_accept to = path_convert(&from, op);

		r = ids_intern(ids, &to, &dfa->states[i].accept);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The node after one byte between `low` and `high`. */
static int add_range(struct nfa *nfa, uint32_t from, unsigned low, unsigned high, uint32_t *ret)
{
	struct byte_set set = {};

	if (low == high)
		return nfa_byte(nfa, from, (uint8_t)low, ret);
	for (unsigned byte = low; byte <= high; byte++)
		byte_set_add(&set, (uint8_t)byte);
	return nfa_set(nfa, from, &set, ret);
}

/* Two bytes: the high one between `first` and `last`, then the low one between `low` and `high`. */
static int add_port_part(
	struct nfa *nfa, uint32_t node, const unsigned bounds[4], const struct ambit_accept *accept)
{
	int r;

	r = add_range(nfa, node, bounds[0], bounds[1], &node);
	if (r < 0)
		return r;
	/* What matches whatever follows needs no node for it. */
	if (bounds[2] > 0 || bounds[3] < 255) {
		r = add_range(nfa, node, bounds[2], bounds[3], &node);
		if (r < 0)
			return r;
	}
	return nfa_accept(nfa, node, accept);
}

static int add_ports(
	struct nfa *nfa, uint32_t node, const struct peer *peer, const struct ambit_accept *accept)
{
	unsigned first = peer->port_low >> 8, last = peer->port_high >> 8;
	unsigned low = peer->port_low & 255, high = peer->port_high & 255;
	int r;

	if (first == last)
		return add_port_part(nfa, node, (unsigned[]){first, last, low, high}, accept);
	if (low > 0) {
		r = add_port_part(nfa, node, (unsigned[]){first, first, low, 255}, accept);
		if (r < 0)
			return r;
		first++;
	}
	if (high < 255) {
		r = add_port_part(nfa, node, (unsigned[]){last, last, 0, high}, accept);
		if (r < 0)
			return r;
		last--;
	}
	if (first > last)
		return 0;
	return add_port_part(nfa, node, (unsigned[]){first, last, 0, 255}, accept);
}

static bool any_port(const struct peer *peer)
{
	return peer->port_low == 0 && peer->port_high == UINT16_MAX;
}

static int add_address(
	struct nfa *nfa, uint32_t node, const struct peer *peer, const struct ambit_accept *accept)
{
	unsigned size = peer->family == AMBIT_FAMILY_V4 ? 4 : 16, at;
	int r = 0;

	for (at = 0; r >= 0 && (at + 1) * 8 <= peer->bits; at++)
		r = nfa_byte(nfa, node, peer->addr[at], &node);
	if (r >= 0 && peer->bits % 8) {
		unsigned rest = 0xffU >> peer->bits % 8;

		r = add_range(nfa, node, peer->addr[at], peer->addr[at] | rest, &node);
		at++;
	}
	if (r >= 0 && any_port(peer))
		return nfa_accept(nfa, node, accept);
	for (; r >= 0 && at < size; at++)
		r = add_range(nfa, node, 0, 255, &node);
	return r < 0 ? r : add_ports(nfa, node, peer, accept);
}

/* What is for both protocols is one way through the tree, not two. */
static int add_protocol(struct nfa *nfa, uint32_t node, const struct peer *peer, uint32_t *ret)
{
	struct byte_set both = {};

	byte_set_add(&both, AMBIT_PROTO_TCP);
	byte_set_add(&both, AMBIT_PROTO_UDP);
	if (peer->tcp && peer->udp)
		return nfa_set(nfa, node, &both, ret);
	return nfa_byte(nfa, node, peer->tcp ? AMBIT_PROTO_TCP : AMBIT_PROTO_UDP, ret);
}

/* The end of a name: what may be asked of it at all, and what of its ports. A '/' ends a star, too. */
static int add_name_end(
	struct nfa *nfa, uint32_t node, const struct peer *peer, const struct ambit_accept *accept)
{
	bool all = any_port(peer) && peer->tcp && peer->udp;
	uint32_t asked;
	int r;

	r = nfa_byte(nfa, node, '/', &node);
	/* A name that is denied in part can be looked up for the rest. */
	if (r >= 0 && (all || !accept->deny[PEER_CONNECT])) {
		r = nfa_byte(nfa, node, AMBIT_PROTO_ANY, &asked);
		if (r >= 0)
			r = nfa_accept(nfa, asked, accept);
	}
	if (r >= 0)
		r = add_protocol(nfa, node, peer, &node);
	if (r < 0)
		return r;
	return any_port(peer) ? nfa_accept(nfa, node, accept) : add_ports(nfa, node, peer, accept);
}

static int add_name(struct nfa *nfa, const struct peer *peer, const struct ambit_accept *accept)
{
	uint32_t node;
	int r;

	r = nfa_byte(nfa, NFA_ROOT, AMBIT_PEER_NAME, &node);
	for (const char *at = peer->name; r >= 0 && *at; at++)
		r = nfa_byte(nfa, node, (uint8_t)*at, &node);
	/* No label is empty, so something stands between the dot and the end. */
	if (r >= 0 && peer->beneath)
		r = nfa_byte(nfa, node, '.', &node);
	if (r >= 0 && peer->beneath)
		r = nfa_star(nfa, node, &node);
	return r < 0 ? r : add_name_end(nfa, node, peer, accept);
}

static int add_peer(struct nfa *nfa, const struct peer *peer, const struct ambit_accept *accept)
{
	uint32_t node;
	int r;

	if (peer->family == AMBIT_FAMILY_NAME)
		return add_name(nfa, peer, accept);
	r = add_protocol(nfa, NFA_ROOT, peer, &node);
	if (r >= 0)
		r = nfa_byte(nfa, node, peer->family, &node);
	return r < 0 ? r : add_address(nfa, node, peer, accept);
}

/* What a rule says of first bytes, for a peer of one protocol; 0: nothing. */
static uint32_t stream_mark(const struct rule *rule, const struct peer *peer)
{
	if (peer->udp)
		return !peer->tcp && rule->quic ? AMBIT_STREAM_ANY : 0;
	return rule->tls == TLS_PROXY ? AMBIT_STREAM_PROXY : rule->tls == TLS_NONE ? AMBIT_STREAM_ANY : 0;
}

static struct ambit_accept peer_accept(const struct nfa *nfa, const struct policy *policy,
	const struct rule *rule, const struct peer *peer)
{
	enum peer_column column = rule->op == OP_LISTEN ? PEER_LISTEN : PEER_CONNECT;
	struct ambit_accept accept = {};

	if (rule->verdict == VERDICT_ALLOW && !nfa->names)
		accept.allow[PEER_STREAM] = stream_mark(rule, peer);
	if (rule->verdict == VERDICT_DENY)
		accept.deny[column] = rule->id;
	else if (column == PEER_CONNECT && policy_names_special(policy, peer))
		accept.allow[PEER_NAMED] = allow_id(nfa, rule);
	else
		accept.allow[column] = allow_id(nfa, rule);
	return accept;
}

static bool has_resolver(const struct policy *policy, const struct peer *range)
{
	for (size_t i = 0; i < policy->dns.resolver_count; i++)
		if (peer_within(&policy->dns.resolvers[i], range))
			return true;
	return false;
}

/* What of a range is nobody's: halves of halves, down to each resolver. */
static int add_nobody(struct nfa *nfa, const struct policy *policy, const struct peer *range,
	const struct ambit_accept *accept)
{
	struct peer half = *range;
	int r;

	if (!has_resolver(policy, range))
		return add_peer(nfa, range, accept);
	if (range->bits == (range->family == AMBIT_FAMILY_V4 ? 32 : 128))
		return 0;
	half.bits++;
	r = add_nobody(nfa, policy, &half, accept);
	half.addr[range->bits / 8] |= (uint8_t)(0x80 >> range->bits % 8);
	return r < 0 ? r : add_nobody(nfa, policy, &half, accept);
}

/*
 * A policy with names has its questions read on their way out, so port 53 is the resolvers' alone, and
 * nobody in a cell can stand for one.
 */
static int add_resolvers(struct nfa *nfa, const struct policy *policy)
{
	static const uint8_t families[] = {AMBIT_FAMILY_V4, AMBIT_FAMILY_V6};
	const struct ambit_accept connect = {.deny[PEER_CONNECT] = AMBIT_RULE_RESOLVER};
	const struct ambit_accept listen = {.deny[PEER_LISTEN] = AMBIT_RULE_RESOLVER};
	int r = 0;

	for (size_t i = 0; r >= 0 && policy->names && i < ARRAY_SIZE(families); i++) {
		const struct peer all = {
			.family = families[i],
			.port_low = AMBIT_DNS_PORT,
			.port_high = AMBIT_DNS_PORT,
			.tcp = true,
			.udp = true,
		};

		r = add_nobody(nfa, policy, &all, &connect);
		if (r >= 0)
			r = add_peer(nfa, &all, &listen);
	}
	return r;
}

/* A peer of a rule; each protocol on its own where the rule says more of one of them. */
static int add_rule_peer(
	struct nfa *nfa, const struct policy *policy, const struct rule *rule, const struct peer *peer)
{
	bool both = peer->tcp && peer->udp, apart = both && (rule->tls != TLS_NAME || rule->quic);
	struct peer part = *peer;
	struct ambit_accept accept;
	int r;

	part.udp = peer->udp && !apart;
	accept = peer_accept(nfa, policy, rule, &part);
	r = add_peer(nfa, &part, &accept);
	if (r < 0 || !apart)
		return r;
	part.udp = true;
	part.tcp = false;
	accept = peer_accept(nfa, policy, rule, &part);
	return add_peer(nfa, &part, &accept);
}

int patterns_add_peers(struct nfa *nfa, const struct policy *policy)
{
	const struct ambit_accept special = {.deny[PEER_SPECIAL] = 1};
	int r;

	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct rule *rule = &policy->rules[i];

		if (!rule_begin(nfa, rule))
			continue;
		for (size_t p = 0; p < rule->peer_count; p++) {
			r = add_rule_peer(nfa, policy, rule, &rule->peers[p]);
			if (r < 0)
				return r;
		}
	}
	nfa->rule = 0;
	for (size_t i = 0; i < policy->special_count; i++) {
		r = add_peer(nfa, &policy->specials[i], &special);
		if (r < 0)
			return r;
	}
	return nfa->names ? 0 : add_resolvers(nfa, policy);
}

static struct ambit_accept peer_convert(const struct ambit_accept *from)
{
	const struct ambit_accept named = {.allow = {from->allow[PEER_NAMED]}};
	struct ambit_accept to = {
		.allow = {0, from->allow[PEER_LISTEN], from->allow[PEER_STREAM]},
		.deny = {from->deny[PEER_CONNECT], from->deny[PEER_LISTEN]},
	};

	if (!from->deny[PEER_SPECIAL])
		to.allow[0] = from->allow[PEER_CONNECT];
	accept_merge(&to, &named);
	/* Nothing is told apart that no decision is made by. */
	if (to.deny[0] || !to.allow[0])
		to.allow[AMBIT_COLUMN_STREAM] = 0;
	if (from->deny[PEER_SPECIAL] && !to.deny[0] && !to.allow[0])
		to.deny[0] = AMBIT_RULE_SPECIAL;
	return to;
}

int patterns_convert_peers(struct dfa *dfa, struct ids *ids, uint32_t first)
{
	int r;

	for (uint32_t i = first; i < dfa->state_count; i++) {
		const struct ambit_accept from = ids->items[dfa->states[i].accept];
		const struct ambit_accept to = peer_convert(&from);

		r = ids_intern(ids, &to, &dfa->states[i].accept);
		if (r < 0)
			return r;
	}
	return 0;
}
