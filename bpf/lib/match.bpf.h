/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Runs bytes through the automaton of a policy. */
#ifndef AMBIT_MATCH_H
#define AMBIT_MATCH_H

#include "dfa.h"
#include "maps.bpf.h"
#include "path.bpf.h"

struct match {
	void *table; /* the policy's map of segments */
	__u32 state;
	__u32 index;		       /* number of `segment` */
	struct ambit_segment *segment; /* the one that `state` lies in; NULL: not looked up yet */
	__u32 error;
};

static __always_inline struct ambit_segment *segment_get(void *table, __u32 index)
{
	return FAULT(SEGMENT, NULL, bpf_map_lookup_elem(table, &index));
}

/* Makes `segment` the one that the state lies in; false if it is missing. */
static __always_inline bool match_segment(struct match *match)
{
	__u32 index = dfa_segment(match->state);

	if (match->segment && index == match->index)
		return true;
	match->segment = FAULT(SEGMENT_STEP, NULL, bpf_map_lookup_elem(match->table, &index));
	match->index = index;
	return match->segment;
}

/* The state after `byte`. A segment is looked up only when the path crosses into another one. */
static __always_inline void match_byte(struct match *match, __u8 byte)
{
	if (match_segment(match) && match->segment)
		match->state = dfa_next(match->segment, match->state, byte);
	else
		match->error = 1;
}

/* Reads what the state of `match` accepts into `ret`; false if a table is missing. */
static __always_inline bool match_accept(struct match *match, struct ambit_accept *ret)
{
	struct ambit_segment *segment;
	__u32 accept, word;

	__builtin_memset(ret, 0, sizeof(*ret));
	if (match->error)
		return false;
	if (match->state == 0)
		return true;
	if (!FAULT(SEGMENT_STATE, false, match_segment(match)) || !match->segment)
		return false;
	accept = dfa_accept(match->segment, match->state);
	if (accept == 0)
		return true;
	word = AMBIT_HEAD_WORDS + (accept - 1) * AMBIT_ACCEPT_WORDS;
	/* An entry does not cross a segment: 8192 words, entries of 4, a head of 4. */
	segment = FAULT(SEGMENT_ACCEPT, NULL,
		segment_get(match->table, word >> AMBIT_SEGMENT_BITS));
	if (!segment)
		return false;
	word &= AMBIT_BASE_MASK & ~(AMBIT_ACCEPT_WORDS - 1);
	__builtin_memcpy(ret, &segment->words[word], sizeof(*ret));
	return true;
}

/* In place of a column: the automaton of peers. */
#define MATCH_PEER AMBIT_COLUMNS

/* The start state; `column` is the operation on a path, or MATCH_PEER. */
static __always_inline bool match_start(struct match *match, __u32 policy, __u32 column)
{
	void *table = FAULT(POLICY, NULL, bpf_map_lookup_elem(&policies, &policy));
	struct ambit_segment *segment = NULL;
	struct ambit_head *head;

	if (table)
		segment = FAULT(SEGMENT_HEAD, NULL, segment_get(table, 0));
	head = (struct ambit_head *)segment;
	if (!head || FAULT(POLICY_ABI, true, head->abi != AMBIT_ABI))
		return false;
	match->table = table;
	match->state = column < AMBIT_COLUMNS ? head->path_start[column] : head->peer_start;
	match->segment = segment;
	match->index = 0;
	match->error = 0;
	return true;
}

#define MATCH_CHUNK 8

/*
 * Runs up to eight bytes, in the order in which they lie in memory, through the automaton. Unrolled and
 * in registers: this is what a path costs.
 */
static __always_inline void match_word(struct match *match, __u64 word, __u32 length)
{
	struct match at = *match;

#pragma unroll
	for (__u32 i = 0; i < MATCH_CHUNK; i++) {
		if (i >= length || at.state == 0)
			break;
		if (!match_segment(&at) || !at.segment) {
			at.error = 1;
			break;
		}
		at.state = dfa_next(at.segment, at.state, word >> i * 8);
	}
	*match = at;
}

/* A path is two ranges: [start, name), what is above its last name, and the rest. */
struct match_path {
	struct match match;
	struct path_buffer *buffer;
	__u32 start, name;
};

/* The position is computed from the chunk's number: a counter that is carried along would keep the
 * verifier (since 6.5 it runs callbacks until nothing new is seen) busy with each of its values. Behind
 * the path lies slack for a whole chunk (scratch.bpf.h). */
static long match_chunk(__u32 index, struct match_path *walk)
{
	__u32 position = walk->start, end = walk->name;
	__u32 turn = (end - position + MATCH_CHUNK - 1) / MATCH_CHUNK;

	if (index >= turn) {
		if (index == turn)
			walk->buffer->above = walk->match.state;
		index -= turn;
		position = end;
		end = PATH_END;
	}
	position += index * MATCH_CHUNK;
	if (position >= end || walk->match.state == 0 || walk->match.error)
		return 1;
	match_word(&walk->match, *(const __u64 *)&walk->buffer->bytes[position & PATH_MASK],
		end - position);
	return 0;
}

/* Runs the path in `buffer` through the automaton of an operation, from the root or from behind the
 * directory that the walk ended at; the state behind the last directory is left in the buffer. False
 * if a table is missing. Every byte of the longest path is read: PATH_SIZE / MATCH_CHUNK chunks, one more
 * where the last name begins within one, and one to find the end. One loop, since the verifier follows it
 * anew for each place that it is called at. */
static __always_inline bool match_path(
	struct match *ret, __u32 policy, __u32 column, struct path_buffer *buffer)
{
	struct match_path walk = {.buffer = buffer};
	__u32 start = buffer->start, name = buffer->last + 1;

	if (!match_start(&walk.match, policy, column))
		return false;
	if (buffer->prefix) {
		walk.match.state = buffer->states[column & (AMBIT_COLUMNS - 1)];
		start++;
	}
	if (name > PATH_END || name < start)
		name = start; /* the root itself */
	walk.start = start;
	walk.name = name;
	buffer->above = 0;
	/* A path that was not read to its end could have been denied by what follows. */
	if (FAULT(LOOP_MATCH, -E2BIG,
		    bpf_loop(AMBIT_PATH_SIZE / MATCH_CHUNK + 2, match_chunk, &walk, 0)) < 0 ||
		walk.match.error)
		return false;
	buffer->states[column & (AMBIT_COLUMNS - 1)] = buffer->above;
	*ret = walk.match;
	return true;
}

/* The right on the path in a scratch slot; 0, or 1 if a table is missing. */
GLOBAL int match_right(__u32 slot, __u32 policy, __u32 column, struct right *ret)
{
	struct scratch *scratch =
		FAULT(SLOT_MATCH, NULL, bpf_map_lookup_elem(&scratches, &slot));
	struct ambit_accept accept;
	struct match match;

	if (!scratch || !ret || column >= AMBIT_COLUMNS)
		return 1;
	if (!match_path(&match, policy, column, &scratch->path) || !match_accept(&match, &accept))
		return 1;
	ret->allow = accept.allow[column];
	ret->deny = accept.deny[column];
	match_byte(&match, '/');
	ret->beneath = match.state;
	return match.error;
}

#endif
