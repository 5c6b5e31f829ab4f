/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a trail line by line and finds the first thing that is not as ambit wrote it. Needs nothing but
 * the lines and, to know that it was ambit who wrote them, the keys that its chains began with.
 */
#ifndef AMBIT_VERIFY_H
#define AMBIT_VERIFY_H

#include "trail/seal.h"

enum trail_fault {
	FAULT_NONE,
	FAULT_EDIT,	    /* the line is not what was written */
	FAULT_DELETION,	    /* lines before it are gone */
	FAULT_REORDERING,   /* it stands where another line should */
	FAULT_TRUNCATION,   /* the file or chain before was cut short */
	FAULT_FOREIGN_KEY,  /* somebody else signed it, or opened its chain */
	FAULT_TORN_LINE,    /* the file ends in the middle of it */
	FAULT_MISSING_FILE, /* a file of those that were rotated is not here */
	FAULT_MISSING_TAIL, /* nothing was written behind it, but its chain has no end */
	FAULT_MAX
};
const char *ambit_fault_text(enum trail_fault fault);

struct verify_place {
	unsigned file; /* from 0, in the order of ambit_verify_file() */
	uint64_t line; /* from 1 */
};

struct verify_options {
	const uint8_t (*keys)[SEAL_KEY]; /* those that chains begin with, all of them and no other */
	size_t key_count;		 /* 0: any */
	/* A chain without an end, and half a line behind it, is no fault: it is still written, or ambit was
	 * killed. */
	bool unfinished;
	/* They are not all files of a trail that was rotated: those before and behind are no fault. */
	bool part;
	/* Something that is worth a word and no fault; may be NULL. */
	void (*note)(const struct verify_place *place, const char *text, void *data);
	void *data;
};

/* A chain, as far as it was read. */
struct verify_chain {
	char id[SEAL_ID + 1];
	uint8_t key[SEAL_KEY]; /* that it began with, or where the files begin in the middle of it, they */
	uint64_t from;	       /* 0; there: of its first line */
	uint8_t by[SEAL_KEY];  /* that signs next */
	uint64_t seq;	       /* of the line that is next */
	uint64_t is_signed;    /* so many lines, from the first on, are signed for */
	uint8_t head[SEAL_HASH];
	bool closed;
	struct verify_place last;
};

/* What is wrong. */
struct verify_found {
	enum trail_fault fault;
	struct verify_place place;
	bool has_seq; /* the line says which it is */
	uint64_t seq;
	const char *why; /* about that line */
};

struct verify_result {
	struct verify_found found; /* the first one */
	uint64_t lines;	    /* that are in a chain */
	uint64_t unchained; /* before the first chain: of an ambit that chained nothing */
	uint64_t accounted; /* pieces of lines that the trail itself speaks of */
	const struct verify_chain *chains;
	size_t chain_count;
};

struct verify;
/* `options` has to outlive it. NULL without memory. */
struct verify *ambit_verify_new(const struct verify_options *options);
/* The next file begins: what follows in it continues what was before. */
void ambit_verify_file(struct verify *verify);
/* The next line, without its newline; `size` SIZE_MAX: one that is too long for a trail's. -ENOMEM. */
int ambit_verify_line(struct verify *verify, const char *line, size_t size);
/* The file ends with bytes behind its last newline. */
void ambit_verify_torn(struct verify *verify);
/* All was read. `ret` points into `verify`. */
void ambit_verify_end(struct verify *verify, struct verify_result *ret);
void ambit_verify_free(struct verify *verify);
static inline void verify_cleanup(struct verify **verify)
{
	ambit_verify_free(*verify);
}

#endif
