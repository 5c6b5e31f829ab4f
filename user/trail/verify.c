/* SPDX-License-Identifier: Apache-2.0 */
/* What was done to a trail: where its lines do not fit to each other, and why (doubt.c). */
#include "trail/verify.h"

#include <nettle/sha2.h>
#include <sodium.h>
#include <string.h>
#include "base/array.h"
#include "base/util.h"
#include "trail/doubt.h"
#include "trail/span.h"

/* Beside others a run begins its chain behind a line that it saw at the file's end; meanwhile they may
 * have written more, but no more than this. A batch has some ten thousand at most. */
#define RECENT 65536U

struct verify {
	const struct verify_options *options;
	struct verify_chain *chains;
	size_t chains_room, chain_count;
	struct verify_place at; /* of the line that is being read */
	bool file_begins;	/* nothing was read of this file yet */
	uint8_t last[SEAL_HASH]; /* of the line before, in whatever chain; all zero: there is none */
	/* Lines that are none, since the last one that was. */
	bool pending;
	struct verify_place pending_at;
	uint64_t pending_size;
	struct sha256_ctx pending_hash;
	struct verify_place odd_at; /* the first that no ambit wrote as it is; line 0: none */
	bool torn;
	struct verify_place torn_at;
	uint8_t (*recent)[SEAL_HASH];
	size_t recent_room, recent_next;
	struct doubt doubt;
	struct span span;
	struct verify_result result;
};

static const char *const faults[] = {
	[FAULT_NONE] = "whole",
	[FAULT_EDIT] = "edit",
	[FAULT_DELETION] = "deletion",
	[FAULT_REORDERING] = "reordering",
	[FAULT_TRUNCATION] = "truncation",
	[FAULT_FOREIGN_KEY] = "foreign key",
	[FAULT_TORN_LINE] = "torn last line",
	[FAULT_MISSING_FILE] = "missing file",
	[FAULT_MISSING_TAIL] = "missing tail",
};
static const char no_line[] = "it is no line of a trail";
_Static_assert(ARRAY_SIZE(faults) == FAULT_MAX, "a text for each fault");

const char *ambit_fault_text(enum trail_fault fault)
{
	return faults[fault];
}

struct verify *ambit_verify_new(const struct verify_options *options)
{
	struct verify *verify = sodium_init() < 0 ? NULL : calloc(1, sizeof(*verify));

	if (!verify)
		return NULL;
	verify->options = options;
	verify->at.file = UINT32_MAX; /* the first one makes it 0 */
	return verify;
}

void ambit_verify_free(struct verify *verify)
{
	if (!verify)
		return;
	free(verify->chains);
	free(verify->recent);
	free(verify);
}

/* The first one stays. `seq` NULL: the line does not say. */
static void found(struct verify *verify, enum trail_fault fault, const struct verify_place *place,
	const uint64_t *seq, const char *why)
{
	if (!verify->result.found.fault)
		verify->result.found = (struct verify_found){.fault = fault,
			.place = *place,
			.has_seq = seq,
			.seq = seq ? *seq : 0,
			.why = why};
}

static void note(const struct verify *verify, const struct verify_place *place, const char *text)
{
	if (verify->options->note)
		verify->options->note(place, text, verify->options->data);
}

static struct verify_chain *chain_find(const struct verify *verify, const char *id)
{
	for (size_t i = verify->chain_count; i > 0; i--)
		if (!strcmp(verify->chains[i - 1].id, id))
			return &verify->chains[i - 1];
	return NULL;
}

static bool same(const uint8_t a[SEAL_HASH], const uint8_t b[SEAL_HASH])
{
	return !memcmp(a, b, SEAL_HASH);
}

/* --- lines that are none --- */

static void pend(struct verify *verify, const char *line, size_t size)
{
	/* Before the first chain they may be lines of an old trail, of which the last is what counts. */
	if (verify->pending && !verify->chain_count) {
		sha256_digest(&verify->pending_hash, SEAL_HASH, verify->last);
		verify->pending = false;
		verify->file_begins = false;
	}
	if (!verify->pending) {
		sha256_init(&verify->pending_hash);
		verify->pending_at = verify->at;
		verify->pending_size = 0;
	} else {
		sha256_update(&verify->pending_hash, 1, (const uint8_t *)"\n");
		verify->pending_size++;
	}
	verify->pending = true;
	if (!verify->odd_at.line && !ambit_seal_is_object(line, size))
		verify->odd_at = verify->at;
	if (size)
		sha256_update(&verify->pending_hash, size, (const uint8_t *)line);
	verify->pending_size += size;
	if (!verify->chain_count)
		verify->result.unchained++;
}

/* What was no line is accounted for by the line behind it, or was put there. */
static void settle_pending(struct verify *verify, const struct seal *seal)
{
	struct sha256_ctx context = verify->pending_hash;
	uint8_t hash[SEAL_HASH];

	if (!verify->pending) {
		if (seal->torn)
			found(verify, FAULT_DELETION, &verify->at, &seal->seq,
				"it speaks of a piece of a line before it, which is gone");
		return;
	}
	verify->pending = false;
	sha256_digest(&context, SEAL_HASH, hash);
	if (seal->torn == verify->pending_size && same(hash, seal->torn_hash)) {
		verify->result.accounted++;
		verify->odd_at.line = 0;
		if (!verify->chain_count)
			verify->result.unchained--;
		note(verify, &verify->pending_at,
			"cut short when it was written, as the line after it says");
		return;
	}
	verify->file_begins = false;
	if (!verify->chain_count && seal->opens && !seal->torn)
		memcpy(verify->last, hash, SEAL_HASH); /* lines of an old trail */
	else
		found(verify, FAULT_EDIT,
			verify->odd_at.line ? &verify->odd_at : &verify->pending_at, NULL, no_line);
}

static struct doubt *doubt_new(struct verify *verify, enum doubt_kind kind, const struct seal *seal,
	const uint8_t hash[SEAL_HASH])
{
	struct doubt *doubt = &verify->doubt;

	*doubt = (struct doubt){.kind = kind, .line = verify->at, .seq = seal->seq};
	memcpy(doubt->chain, seal->chain, sizeof(doubt->chain));
	memcpy(doubt->hash, hash, SEAL_HASH);
	memcpy(doubt->prev, seal->prev, SEAL_HASH);
	return doubt;
}

/* --- lines of a chain --- */

/* The line is the next of its chain; `hash` is its own. */
static void accept(struct verify *verify, struct verify_chain *chain, const struct seal *seal,
	const uint8_t hash[SEAL_HASH])
{
	chain->seq = seal->seq + 1;
	memcpy(chain->head, hash, SEAL_HASH);
	chain->last = verify->at;
	verify->result.lines++;
	if (!seal->is_signed)
		return;
	chain->is_signed = chain->seq;
	chain->closed = !seal->goes_on;
	if (seal->goes_on)
		memcpy(chain->by, seal->next, SEAL_KEY);
}

static bool is_known_key(const struct verify_options *options, const uint8_t key[SEAL_KEY])
{
	for (size_t i = 0; i < options->key_count; i++)
		if (!memcmp(options->keys[i], key, SEAL_KEY))
			return true;
	return !options->key_count;
}

static bool was_recent(const struct verify *verify, const uint8_t hash[SEAL_HASH])
{
	size_t count = verify->recent_next < RECENT ? verify->recent_next : RECENT;

	for (size_t i = 0; i < count; i++)
		if (same(verify->recent[i], hash))
			return true;
	return same(verify->last, hash);
}

static bool any_unclosed(const struct verify *verify)
{
	for (size_t i = 0; i < verify->chain_count; i++)
		if (!verify->chains[i].closed)
			return true;
	return false;
}

/* What a chain begins behind: the line that is in front of it; nothing, in a file that it began; or,
 * beside others, a line a while before. */
static bool opens_here(const struct verify *verify, const struct seal *seal)
{
	static const uint8_t nothing[SEAL_HASH];

	if (seal->seq)
		return true; /* the files before are asked for at the end */
	if (seal->beside)
		return was_recent(verify, seal->prev);
	if (verify->file_begins && same(seal->prev, nothing))
		return true;
	return same(seal->prev, verify->last);
}

static bool is_called_by_key(const struct seal *seal)
{
	char id[SEAL_ID + 1];

	ambit_seal_hex(seal->key, SEAL_ID / 2, id);
	return !strcmp(id, seal->chain);
}

static int open_chain(struct verify *verify, const char *line, size_t size, const struct seal *seal,
	const uint8_t hash[SEAL_HASH])
{
	struct verify_chain *chain;

	/* The key that a chain goes on with in another file is not the one that it is called by. */
	if (!seal->seq != is_called_by_key(seal)) {
		found(verify, FAULT_EDIT, &verify->at, &seal->seq, "it opens a chain that is not its own");
		return 0;
	}
	if (!is_known_key(verify->options, seal->key))
		found(verify, FAULT_FOREIGN_KEY, &verify->at, &seal->seq,
			"its chain begins with a key that was not given");
	if (seal->is_signed && !ambit_seal_is_by(seal, line, seal->key))
		doubt_new(verify, DOUBT_SIG, seal, hash);
	else if (!opens_here(verify, seal))
		doubt_new(verify, DOUBT_OPEN, seal, hash)->cut = any_unclosed(verify);
	if (ARRAY_GROW(verify, chains, verify->chain_count + 1))
		return -ENOMEM;
	chain = &verify->chains[verify->chain_count++];
	*chain = (struct verify_chain){.from = seal->seq, .is_signed = seal->seq};
	if (seal->seq)
		ambit_span_begin(&verify->span, &verify->at, seal);
	ambit_span_line(&verify->span, &verify->at, line, size, seal);
	memcpy(chain->id, seal->chain, sizeof(chain->id));
	memcpy(chain->key, seal->key, SEAL_KEY);
	memcpy(chain->by, seal->key, SEAL_KEY);
	accept(verify, chain, seal, hash);
	return 0;
}

/* A line of a chain that nothing opened: the chain's name was changed, or its beginning is gone. */
static void no_chain(struct verify *verify, const struct seal *seal, const uint8_t hash[SEAL_HASH])
{
	struct doubt *doubt;

	for (size_t i = 0; i < verify->chain_count; i++)
		if (verify->chains[i].seq == seal->seq && same(verify->chains[i].head, seal->prev)) {
			found(verify, FAULT_EDIT, &verify->at, &seal->seq,
				"it names another chain than the line that it was written behind");
			return;
		}
	doubt = doubt_new(verify, DOUBT_GAP, seal, hash);
	doubt->to = seal->seq;
	doubt->file = seal->opens;
}

/* The line is not the one that comes next. */
static void misplaced(struct verify *verify, const struct verify_chain *chain, const struct seal *seal,
	const uint8_t hash[SEAL_HASH])
{
	struct doubt *doubt;

	if (same(seal->prev, chain->head)) {
		found(verify, FAULT_EDIT, &verify->at, &seal->seq,
			"it was written behind the line before it, but its number is another");
	} else if (seal->seq < chain->seq) {
		found(verify, FAULT_REORDERING, &verify->at, &seal->seq,
			"its place is before a line that stands before it");
	} else {
		doubt = doubt_new(verify, DOUBT_GAP, seal, hash);
		doubt->from = chain->seq;
		doubt->to = seal->seq;
		doubt->cut = chain->last.file != verify->at.file;
		doubt->file = seal->opens;
	}
}

static void next_line(struct verify *verify, struct verify_chain *chain, const char *line, size_t size,
	const struct seal *seal, const uint8_t hash[SEAL_HASH])
{
	const bool proved = ambit_seal_is_by(seal, line, chain->by);
	struct doubt *doubt;

	if (seal->opens && !seal->seq) {
		found(verify, FAULT_EDIT, &verify->at, &seal->seq, "it opens a chain that is open already");
	} else if (chain->closed) {
		found(verify, FAULT_EDIT, &verify->at, &seal->seq, "it stands behind the end of its chain");
	} else if (seal->seq != chain->seq) {
		misplaced(verify, chain, seal, hash);
	} else if (!same(seal->prev, chain->head)) {
		doubt = doubt_new(verify, DOUBT_LINK, seal, hash);
		doubt->before = chain->last;
		doubt->forged = seal->is_signed && !proved;
		if (proved)
			ambit_doubt_end(doubt, &verify->result.found);
	} else if (seal->is_signed && !proved) {
		doubt_new(verify, DOUBT_SIG, seal, hash);
	} else if (seal->opens && memcmp(seal->key, chain->by, SEAL_KEY)) {
		found(verify, FAULT_EDIT, &verify->at, &seal->seq,
			"it names another key than the line that it was written behind");
	} else {
		ambit_span_line(&verify->span, &verify->at, line, size, seal);
		accept(verify, chain, seal, hash);
	}
}

static int remember(struct verify *verify, const uint8_t hash[SEAL_HASH])
{
	const size_t at = verify->recent_next++ % RECENT;

	memcpy(verify->last, hash, SEAL_HASH);
	verify->file_begins = false;
	if (ARRAY_GROW(verify, recent, at + 1))
		return -ENOMEM;
	memcpy(verify->recent[at], hash, SEAL_HASH);
	return 0;
}

void ambit_verify_file(struct verify *verify)
{
	verify->at.file++;
	verify->at.line = 0;
	verify->file_begins = true;
}

/* The first line of a chain; or, where nothing of a trail was read before, of a file that goes on with one. */
static bool is_opening(const struct verify *verify, const struct seal *seal)
{
	return seal->opens && (!seal->seq || is_called_by_key(seal) ||
				      (!verify->chain_count && !verify->at.file && verify->at.line == 1));
}

int ambit_verify_line(struct verify *verify, const char *line, size_t size)
{
	uint8_t hash[SEAL_HASH];
	struct verify_chain *chain;
	struct seal seal;
	int error = 0;

	verify->at.line++;
	if (verify->result.found.fault)
		return 0;
	if (size == SIZE_MAX || ambit_seal_parse(line, size, &seal)) {
		if (!verify->doubt.kind)
			pend(verify, size == SIZE_MAX ? "" : line, size == SIZE_MAX ? 0 : size);
		return 0;
	}
	ambit_seal_hash(line, size, hash);
	if (verify->doubt.kind) {
		ambit_doubt_line(&verify->doubt, &seal, hash, &verify->result.found);
		return 0;
	}
	settle_pending(verify, &seal);
	chain = chain_find(verify, seal.chain);
	if (chain)
		next_line(verify, chain, line, size, &seal, hash);
	else if (is_opening(verify, &seal))
		error = open_chain(verify, line, size, &seal, hash);
	else
		no_chain(verify, &seal, hash);
	return error ?: remember(verify, hash);
}

void ambit_verify_torn(struct verify *verify)
{
	verify->at.line++;
	if (verify->torn)
		return;
	verify->torn = true;
	verify->torn_at = verify->at;
}

static void find_ends(struct verify *verify)
{
	const struct verify_found missing = ambit_span_end(&verify->span);

	if (!missing.fault || verify->result.found.fault)
		return;
	if (verify->options->part || (verify->options->unfinished && missing.place.line != 1))
		note(verify, &missing.place, missing.why);
	else
		verify->result.found = missing;
}

static void find_tail(struct verify *verify)
{
	for (size_t i = 0; i < verify->chain_count; i++) {
		const struct verify_chain *chain = &verify->chains[i];
		const uint64_t seq = chain->seq - 1;

		if (chain->closed)
			continue;
		if (verify->options->unfinished || (verify->options->part && verify->span.rotates))
			note(verify, &chain->last, "the last line of a chain without an end");
		else
			found(verify, FAULT_MISSING_TAIL, &chain->last, &seq,
				"its chain has no end: ambit still writes it, was killed, or what "
				"followed was cut off");
	}
}

/* A chain that is gone altogether is missed by who knows its key. */
static void find_keys(struct verify *verify)
{
	const struct verify_options *options = verify->options;

	for (size_t i = 0; i < options->key_count; i++) {
		size_t at = 0;

		while (at < verify->chain_count &&
			memcmp(verify->chains[at].key, options->keys[i], SEAL_KEY))
			at++;
		if (at == verify->chain_count)
			found(verify, FAULT_DELETION, &verify->at, NULL,
				"all was read, and no chain begins with one of the keys that were given");
	}
}

void ambit_verify_end(struct verify *verify, struct verify_result *ret)
{
	if (!verify->result.found.fault)
		ambit_doubt_end(&verify->doubt, &verify->result.found);
	if (verify->pending && verify->chain_count)
		found(verify, FAULT_EDIT, &verify->pending_at, NULL, no_line);
	if (verify->torn && verify->options->unfinished)
		note(verify, &verify->torn_at, "the file ends in the middle of it");
	else if (verify->torn)
		found(verify, FAULT_TORN_LINE, &verify->torn_at, NULL,
			"the file ends in the middle of it");
	find_ends(verify);
	find_tail(verify);
	find_keys(verify);
	verify->result.chains = verify->chains;
	verify->result.chain_count = verify->chain_count;
	*ret = verify->result;
}
