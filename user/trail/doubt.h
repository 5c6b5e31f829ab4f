/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line holds the hash of the line before it in its chain, so one that does not fit means that either of
 * the two is wrong. Which, the next line of the chain says: it holds the hash of the later one. So a doubt
 * is kept until the line comes that settles it, or the end.
 */
#ifndef AMBIT_DOUBT_H
#define AMBIT_DOUBT_H

#include "trail/verify.h"

enum doubt_kind {
	DOUBT_NONE,
	DOUBT_LINK, /* `line` does not fit to `before` */
	DOUBT_SIG,  /* the signature of `line` is not by the key that should have */
	DOUBT_GAP,  /* lines [from, to) of the chain are missing before `line` */
	DOUBT_OPEN, /* `line` opens a chain, and what it should follow is not in front of it */
};

struct doubt {
	enum doubt_kind kind;
	char chain[SEAL_ID + 1];
	struct verify_place before, line;
	uint64_t seq;
	uint64_t from, to;
	uint8_t hash[SEAL_HASH]; /* of `line` */
	uint8_t prev[SEAL_HASH]; /* that it asks for */
	bool cut; /* a file ends, or a chain without an end, where lines are missing */
	bool file; /* lines are missing before the first one of a file that goes on */
	bool forged; /* `line` has a signature, which does not fit to it */
};

/* A line came while there is a doubt; `hash` is its own. True: it settles the doubt, and `ret` is what is
 * wrong. */
bool ambit_doubt_line(const struct doubt *doubt, const struct seal *seal, const uint8_t hash[SEAL_HASH],
	struct verify_found *ret);
/* No line came that says more, or none has to. */
void ambit_doubt_end(const struct doubt *doubt, struct verify_found *ret);

#endif
