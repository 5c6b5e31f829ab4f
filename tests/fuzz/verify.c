/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer: any bytes as trails that somebody verifies, two files where there is a zero byte. Nothing may
 * crash, and a line that reads as sealed is read again from what was understood of it. The first byte says
 * whether ends may be missing.
 */
#include <stdlib.h>
#include <string.h>
#include "base/util.h"
#include "cli/log.h"
#include "trail/trail.h"
#include "trail/verify.h"
#include "trail/writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_seal(struct writer *writer, const struct seal *seal)
{
	ambit_writer_string(writer, "chain", seal->chain);
	ambit_writer_number(writer, "seq", seal->seq);
	ambit_writer_hex(writer, "prev", seal->prev, SEAL_HASH);
	if (seal->opens)
		ambit_writer_hex(writer, "key", seal->key, SEAL_KEY);
	if (seal->beside)
		ambit_writer_bool(writer, "beside", true);
	if (seal->torn) {
		ambit_writer_number(writer, "torn", seal->torn);
		ambit_writer_hex(writer, "torn_hash", seal->torn_hash, SEAL_HASH);
	}
	if (seal->goes_on)
		ambit_writer_hex(writer, "next", seal->next, SEAL_KEY);
	if (seal->is_signed)
		ambit_writer_hex(writer, "sig", seal->sig, SEAL_SIG);
}

/* A seal has one spelling: the end of the line is what the writer makes of it. */
static void check_seal(const char *line, size_t size)
{
	struct writer writer = {0};
	struct seal seal;

	if (ambit_seal_parse(line, size, &seal))
		return;
	if (seal.goes_on && !seal.is_signed)
		abort();
	ambit_writer_copy(&writer, "{{}}");
	put_seal(&writer, &seal);
	/* Two brackets in front, a newline behind. */
	if (!ambit_writer_line(&writer) || writer.size - 3 > size ||
		memcmp(writer.bytes + 2, line + size - (writer.size - 3), writer.size - 3))
		abort();
	ambit_writer_clear(&writer);
}

static void each(const char *line, size_t size, void *data)
{
	check_seal(line, size);
	if (ambit_verify_line(data, line, size))
		abort();
}

static void check_result(const struct verify_result *result)
{
	const struct verify_found *found = &result->found;

	if (found->fault >= FAULT_MAX || !ambit_fault_text(found->fault) || !found->fault != !found->why ||
		!found->fault != !found->place.line)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct verify_options options = {.unfinished = size && data[0] & 1};
	_cleanup_(verify_cleanup) struct verify *verify = ambit_verify_new(&options);
	struct lines lines = {.each = each, .data = verify};
	struct verify_result result;

	for (size_t at = 1; verify && at < size;) {
		const uint8_t *end = memchr(data + at, 0, size - at);
		size_t length = end ? (size_t)(end - data) - at : size - at;

		ambit_verify_file(verify);
		if (ambit_lines_feed(&lines, (const char *)data + at, length))
			abort();
		if (ambit_lines_reset(&lines))
			ambit_verify_torn(verify);
		at += length + 1;
	}
	if (verify) {
		ambit_verify_end(verify, &result);
		check_result(&result);
	}
	ambit_lines_clear(&lines);
	return 0;
}
