/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One step of the automaton (abi.h has its layout). Plain C for both sides, so that what `ambit why`
 * says and what the kernel does cannot differ.
 */
#ifndef AMBIT_DFA_H
#define AMBIT_DFA_H

#include "../abi.h"

#define AMBIT_BASE_MASK (AMBIT_SEGMENT_WORDS - 1)

/* The segment that `state` lies in. */
static inline __u32 dfa_segment(__u32 state)
{
	return state >> AMBIT_SEGMENT_BITS;
}

/* The state after `byte`; `segment` is the one that `state` lies in. State 0 stays dead: it has no
 * row, its word is the head. The masks change nothing in a table that the compiler made: they are
 * what the verifier (6.1 loses bounds over an OR) wants. */
static inline __u32 dfa_next(const struct ambit_segment *segment, __u32 state, __u8 byte)
{
	__u32 base = state & AMBIT_BASE_MASK;
	__u64 word = segment->words[(base + 1 + byte) & AMBIT_BASE_MASK];

	if (!state)
		return 0;
	if ((__u16)(word >> 32) == base + 1)
		return (__u32)word;
	return (__u32)segment->words[base];
}

/* Index of what `state` accepts; 0 for nothing. */
static inline __u32 dfa_accept(const struct ambit_segment *segment, __u32 state)
{
	return (__u32)(segment->words[state & AMBIT_BASE_MASK] >> 48);
}

#endif
