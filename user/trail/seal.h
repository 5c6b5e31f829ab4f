/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seal of a line: the last keys of its object, which say where in which chain the line stands
 * (docs/trail.md). They have one order and one spelling, so that a seal can be read without trusting
 * what is in front of it.
 *
 *   "chain":"8 hex","seq":N,"prev":"64 hex"
 *   [,"key":"64 hex"[,"beside":true]] [,"torn":N,"torn_hash":"64 hex"] [,"next":"64 hex"] [,"sig":"128 hex"] }
 */
#ifndef AMBIT_SEAL_H
#define AMBIT_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEAL_HASH 32U /* SHA-256 */
#define SEAL_KEY  32U /* Ed25519, public */
#define SEAL_SIG  64U
/* A chain is called by the first digits of its key. */
#define SEAL_ID	  8U

struct seal {
	char chain[SEAL_ID + 1];
	uint64_t seq;
	uint8_t prev[SEAL_HASH];
	bool opens; /* the first line of a chain, or of a file that goes on with one: `key` is here */
	uint8_t key[SEAL_KEY];
	bool beside; /* another run had the file open */
	uint64_t torn; /* bytes in front of this line that are none; 0: there are none */
	uint8_t torn_hash[SEAL_HASH];
	bool goes_on; /* `next` is here */
	uint8_t next[SEAL_KEY];
	bool is_signed;
	uint8_t sig[SEAL_SIG];
	size_t signed_size; /* how many bytes of the line are signed, from its first on */
};

/* Of bytes of a line, without the newline: what the next line has as `prev`. */
void ambit_seal_hash(const void *bytes, size_t size, uint8_t ret[SEAL_HASH]);
/* Whether the first bracket of a line is closed by its last byte and not before. So two lines whose newline
 * was changed are not taken for the second of them. */
bool ambit_seal_is_object(const char *line, size_t size);
/* Reads the seal of one line (no newline). -EBADMSG: the line is not one object that ends in a seal. */
int ambit_seal_parse(const char *line, size_t size, struct seal *ret);
/* Whether the signature is by `key`. */
bool ambit_seal_is_by(const struct seal *seal, const char *line, const uint8_t key[SEAL_KEY]);
/* Hexadecimal digits -> bytes; false if `text` does not begin with 2 * size small ones. */
bool ambit_seal_unhex(const char *text, size_t length, uint8_t *ret, size_t size);
/* And back; `ret` has room for 2 * size digits and a NUL. */
void ambit_seal_hex(const uint8_t *bytes, size_t size, char *ret);

#endif
