/* SPDX-License-Identifier: Apache-2.0 */
#include "trail/span.h"

#include <string.h>

/* As the writer writes them; a text in a line has a backslash in front of its quotes. */
static const char rotate[] = ",\"type\":\"rotate\",";
static const char retired[] = ",\"type\":\"retired\",";
static const char until[] = ",\"until\":\"";

#define HAS(line, size, text) memmem(line, size, text, sizeof(text) - 1)

void ambit_span_begin(struct span *span, const struct verify_place *place, const struct seal *seal)
{
	span->middle = true;
	span->first = *place;
	span->first_seq = seal->seq;
	memcpy(span->before, seal->prev, SEAL_HASH);
}

static bool names(const struct span *span, const char *line, size_t size)
{
	const char *at = memmem(line, size, until, sizeof(until) - 1);
	uint8_t hash[SEAL_HASH];

	if (!at)
		return false;
	at += sizeof(until) - 1;
	return ambit_seal_unhex(at, (size_t)(line + size - at), hash, SEAL_HASH) &&
	       !memcmp(hash, span->before, SEAL_HASH);
}

void ambit_span_line(struct span *span, const struct verify_place *place, const char *line, size_t size,
	const struct seal *seal)
{
	span->rotates = HAS(line, size, rotate);
	span->last = *place;
	span->last_seq = seal->seq;
	if (span->middle && seal->is_signed && HAS(line, size, retired) && names(span, line, size))
		span->retired = true;
}

struct verify_found ambit_span_end(const struct span *span)
{
	if (span->middle && !span->retired)
		return (struct verify_found){.fault = FAULT_MISSING_FILE,
			.place = span->first,
			.has_seq = true,
			.seq = span->first_seq,
			.why = "the file that it goes on from is not here, and the trail does not say that "
			       "it was removed"};
	if (span->rotates)
		return (struct verify_found){.fault = FAULT_MISSING_FILE,
			.place = span->last,
			.has_seq = true,
			.seq = span->last_seq,
			.why = "the file that follows it is not here"};
	return (struct verify_found){0};
}
