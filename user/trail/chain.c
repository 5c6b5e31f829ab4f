/* SPDX-License-Identifier: Apache-2.0 */
#include "trail/chain.h"

#include <sodium.h>
#include <string.h>
#include <sys/mman.h>
#include "base/util.h"

/* On a page of its own: not copied to the process that becomes the command, not in a core dump, not in
 * swap. */
struct chain_keys {
	uint8_t now[crypto_sign_SECRETKEYBYTES]; /* signs next */
	uint8_t next[crypto_sign_SECRETKEYBYTES]; /* signs after that; all zero: was not made */
	bool signed_with; /* `now` has signed a line that is not in the file yet */
	bool last;	  /* and no line follows it */
};

/* Of ",next" and ",sig" with their values, and the end of a line. */
#define SIGNATURE_ROOM 256U

static int keys_new(struct chain_keys **ret)
{
	const size_t size = sizeof(struct chain_keys);
	struct chain_keys *keys;
	int error;

	if (sodium_init() < 0)
		return -ENOSYS;
	keys = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (keys == MAP_FAILED)
		return -errno;
	if (madvise(keys, size, MADV_WIPEONFORK) < 0 || madvise(keys, size, MADV_DONTDUMP) < 0) {
		error = -errno;
		munmap(keys, size);
		return error;
	}
	mlock(keys, size); /* may fail: then it could be swapped out, as the trail's own text */
	*ret = keys;
	return 0;
}

int ambit_chain_open(struct chain *chain, const struct trail_before *before)
{
	int error;

	*chain = (struct chain){.beside = before->beside};
	error = keys_new(&chain->keys);
	if (error)
		return error;
	memcpy(chain->prev, before->last, SEAL_HASH);
	memcpy(chain->file_prev, before->last, SEAL_HASH);
	crypto_sign_keypair(chain->key, chain->keys->now);
	return 0;
}

/* Bytes of a line in `batch` without its newline; the next one begins behind them and it. */
static size_t line_size(const struct writer *batch, size_t at)
{
	const char *end = memchr(batch->bytes + at, '\n', batch->size - at);

	return (size_t)(end - batch->bytes) - at;
}

/* Hashed only when the next line or the end of the batch comes: until then it may be signed. */
static void settle(struct chain *chain, const struct writer *batch)
{
	if (chain->in_batch)
		ambit_seal_hash(batch->bytes + chain->last, line_size(batch, chain->last), chain->prev);
	chain->in_batch = false;
}

/* The public key of who signs next. */
static void put_signer(const struct chain *chain, struct writer *batch)
{
	uint8_t key[SEAL_KEY];

	crypto_sign_ed25519_sk_to_pk(key, chain->keys->now);
	ambit_writer_hex(batch, "key", key, SEAL_KEY);
}

static void put_seal(struct chain *chain, struct writer *batch, const struct trail_torn *torn)
{
	char id[SEAL_ID + 1];

	ambit_seal_hex(chain->key, SEAL_ID / 2, id);
	ambit_writer_string(batch, "chain", id);
	ambit_writer_number(batch, "seq", chain->seq);
	ambit_writer_hex(batch, "prev", chain->prev, SEAL_HASH);
	if (!chain->seq)
		ambit_writer_hex(batch, "key", chain->key, SEAL_KEY);
	else if (chain->announces && !batch->lines)
		put_signer(chain, batch);
	if (!chain->seq && chain->beside)
		ambit_writer_bool(batch, "beside", true);
	if (!torn || !torn->size)
		return;
	ambit_writer_number(batch, "torn", torn->size);
	ambit_writer_hex(batch, "torn_hash", torn->hash, SEAL_HASH);
}

bool ambit_chain_line(struct chain *chain, struct writer *batch, const struct trail_torn *torn)
{
	settle(chain, batch);
	put_seal(chain, batch, torn);
	if (!ambit_writer_line(batch))
		return false;
	chain->last = batch->line;
	chain->in_batch = true;
	chain->seq++;
	return true;
}

void ambit_chain_sign(struct chain *chain, struct writer *batch, bool last)
{
	struct chain_keys *keys = chain->keys;
	uint8_t next[SEAL_KEY], sig[SEAL_SIG];

	if (!chain->in_batch || keys->signed_with || !ambit_writer_reopen(batch, SIGNATURE_ROOM))
		return;
	if (!last) {
		crypto_sign_keypair(next, keys->next);
		ambit_writer_hex(batch, "next", next, SEAL_KEY);
	}
	crypto_sign_detached(sig, NULL, (const uint8_t *)batch->bytes + chain->last,
		batch->size - chain->last, keys->now);
	ambit_writer_hex(batch, "sig", sig, SEAL_SIG);
	ambit_writer_line(batch);
	keys->signed_with = true;
	keys->last = last;
}

/* The line that was signed is in the file: nobody signs in its place any more. */
static void ratchet(struct chain *chain)
{
	struct chain_keys *keys = chain->keys;

	if (!keys->signed_with)
		return;
	memcpy(keys->now, keys->next, sizeof(keys->now)); /* of the last: with zeroes */
	chain->closed = keys->last;
}

/* Back to the last line that is in the file. */
static void rewind_to(struct chain *chain, const struct writer *batch, uint64_t whole)
{
	size_t at = 0;

	for (uint64_t i = 0; i + 1 < whole; i++)
		at += line_size(batch, at) + 1;
	chain->seq = chain->file_seq + whole;
	if (whole)
		ambit_seal_hash(batch->bytes + at, line_size(batch, at), chain->prev);
	else
		memcpy(chain->prev, chain->file_prev, SEAL_HASH);
	chain->in_batch = false;
}

void ambit_chain_written(struct chain *chain, const struct writer *batch, uint64_t whole)
{
	if (whole == batch->lines) {
		settle(chain, batch);
		ratchet(chain);
	} else {
		rewind_to(chain, batch, whole);
	}
	chain->announces &= !whole;
	sodium_memzero(chain->keys->next, sizeof(chain->keys->next));
	chain->keys->signed_with = false;
	chain->file_seq = chain->seq;
	memcpy(chain->file_prev, chain->prev, SEAL_HASH);
}

void ambit_chain_close(struct chain *chain)
{
	if (!chain->keys)
		return;
	sodium_memzero(chain->keys, sizeof(*chain->keys));
	munmap(chain->keys, sizeof(*chain->keys));
	chain->keys = NULL;
}
