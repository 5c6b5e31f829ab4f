/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chain of the lines that one run writes: each holds the hash of the one before it, the last line
 * of a batch is signed, and the key that signed is erased (docs/notes/2026-11-27-chain.md).
 */
#ifndef AMBIT_CHAIN_H
#define AMBIT_CHAIN_H

#include "trail/seal.h"
#include "trail/trail.h"
#include "trail/writer.h"

struct chain_keys;

struct chain {
	uint8_t key[SEAL_KEY]; /* the first, by which all of the chain is known */
	struct chain_keys *keys;
	bool beside;
	bool closed; /* its last line is in the file: there will be no other */
	uint64_t seq;	      /* of the next line */
	uint8_t prev[SEAL_HASH]; /* of the line before it, unless that is in the batch still */
	bool announces; /* the next line is the first of a file that goes on: it names the key that signs next */
	bool in_batch;
	size_t last; /* where in the batch the line before begins */
	/* As of the last line in the file. */
	uint64_t file_seq;
	uint8_t file_prev[SEAL_HASH];
};

/* Begins a chain behind what is in the file. Makes its first key; -ENOMEM and errors of mmap(2) and
 * madvise(2) leave nothing to be closed. */
int ambit_chain_open(struct chain *chain, const struct trail_before *before);
/* Seals and ends the line that `batch` is in the middle of; false if it failed and was taken away.
 * `torn` is what the file ends in, if this is the first line of a batch; else NULL. */
bool ambit_chain_line(struct chain *chain, struct writer *batch, const struct trail_torn *torn);
/* Signs the last line of `batch`, which is not empty. `last`: no line follows, and no key. Without
 * memory the line stays unsigned. */
void ambit_chain_sign(struct chain *chain, struct writer *batch, bool last);
/* The first `whole` lines of `batch` are in the file, and it is about to be emptied. Only now the key
 * that signed is erased: what did not get into the file never was. */
void ambit_chain_written(struct chain *chain, const struct writer *batch, uint64_t whole);
/* Erases the key. */
void ambit_chain_close(struct chain *chain);

#endif
