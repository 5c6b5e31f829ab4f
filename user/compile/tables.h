/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checked policy -> the automaton of bpf/abi.h, and a matcher that reads the same tables with the
 * same step (bpf/lib/dfa.h) as the kernel side. Knows no kernel.
 */
#ifndef AMBIT_TABLES_H
#define AMBIT_TABLES_H

#include "policy/policy.h"

struct tables {
	struct ambit_segment *segments; /* owned */
	uint32_t segment_count;
	uint32_t accept_count;
	uint32_t state_count;
	uint64_t *may_deny; /* owned; a bit a word of the segments: see ambit_tables_may_deny() */
	struct tables *names; /* owned; NULL: see ambit_tables_name() */
	struct ambit_digest digest; /* zero: see ambit_tables_digest() */
	void *region;	    /* owned; holds `segments` and `may_deny` where they came from a file (store.c) */
	size_t region_size; /* of one that is mapped; 0: it was allocated */
	unsigned shares; /* others that have it as well (ambit_tables_share()) */
};

struct decision {
	enum ambit_verdict verdict;
	enum ambit_reason reason; /* RULE, NO_RULE, SPECIAL, RESERVED, GUARD, RESOLVER or QUIC */
	uint32_t rule; /* that denies; that allows after ambit_tables_name(); 0 without one */
	uint32_t stream; /* of a peer that is connected to: AMBIT_STREAM_*, or 0 */
};

/* Compiles a resolved policy. -E2BIG with a diag that names the rule that made it too large. */
int ambit_tables_compile(const struct policy *policy, struct diag *diag, struct tables **ret);
/* The same with another limit for the number of states. */
int ambit_tables_compile_within(const struct policy *policy, uint32_t state_limit,
	struct diag *diag, struct tables **ret);

/*
 * Has ambit_tables_path() and ambit_tables_peer() name the rule that allows, too. The kernel needs to
 * know only that there is one, so its tables do not tell them apart; these are others, of the allowing
 * rules alone, and they are asked where the tables of the kernel said "allow". Errors as above.
 */
int ambit_tables_name(struct tables *tables, const struct policy *policy, struct diag *diag);

/* The form in which a path enters the automaton: absolute, "/a/b", the root as "". */
struct decision ambit_tables_path(const struct tables *tables, enum ambit_op op, const char *path,
	size_t length);

/* The same in steps: the state before the first byte, the one after more bytes, what it decides. */
uint32_t ambit_tables_start(const struct tables *tables, enum ambit_op op);
uint32_t ambit_tables_step(
	const struct tables *tables, uint32_t state, const char *bytes, size_t length);
struct decision ambit_tables_state(
	const struct tables *tables, enum ambit_op op, uint32_t state);
/* The same for peers, whose states begin elsewhere, and decide in the column of an operation behind
 * OP_CONNECT. */
uint32_t ambit_tables_peer_start(const struct tables *tables);
struct decision ambit_tables_column(const struct tables *tables, uint32_t state, unsigned column);
/* A decision about a name, with QUIC denied unless its rule takes it. */
struct decision ambit_tables_quic(struct decision decision, uint8_t proto, uint16_t port);
/* True if a rule, or a place of ambit's own, may deny what begins like that. */
bool ambit_tables_may_deny(const struct tables *tables, uint32_t state);

/* `addr` has 4 or 16 bytes, network order, already normalised; `port` in host order. */
struct decision ambit_tables_peer(const struct tables *tables, enum ambit_op op, uint8_t proto,
	uint8_t family, const uint8_t *addr, uint16_t port);

/* What the rules with names say of connecting to one, in the form of `peer.name`; AMBIT_PROTO_ANY: of
 * asking a resolver for it. */
struct decision ambit_tables_name_peer(
	const struct tables *tables, const char *name, uint8_t proto, uint16_t port);

/* Words of all segments, without the zeroes at their end: the last segment is mostly empty. */
size_t ambit_tables_words(const struct tables *tables);
/* What stands for all words of the segments; the second takes it from `digest`, if that is known. */
void ambit_tables_digest_words(const struct tables *tables, struct ambit_digest *ret);
void ambit_tables_digest(const struct tables *tables, struct ambit_digest *ret);
/* The state behind a name, in the form of `peer.name`: what a lease holds (bpf/names.h). 0: no rule says anything
 * of it. */
uint32_t ambit_tables_name_state(const struct tables *tables, const char *name, size_t length);

/* The same tables for one more, who changes nothing in them either: they go with the last who frees them. */
struct tables *ambit_tables_share(struct tables *tables);
void ambit_tables_free(struct tables *tables);
static inline void tables_cleanup(struct tables **tables)
{
	ambit_tables_free(*tables);
}

#endif
