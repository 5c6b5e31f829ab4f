/* SPDX-License-Identifier: Apache-2.0 */
#include "trail/doubt.h"

#include <string.h>

static void later(const struct doubt *doubt, enum trail_fault fault, const char *why,
	struct verify_found *ret)
{
	*ret = (struct verify_found){.fault = fault,
		.place = doubt->line,
		.has_seq = true,
		.seq = doubt->seq,
		.why = why};
}

/* `intact`: the line is as it was written, so what it does not fit to is not. */
static void settle_link(const struct doubt *doubt, bool intact, struct verify_found *ret)
{
	if (intact)
		*ret = (struct verify_found){.fault = FAULT_EDIT,
			.place = doubt->before,
			.has_seq = true,
			.seq = doubt->seq - 1,
			.why = "it is not the line that the next one was written behind"};
	else
		later(doubt, FAULT_EDIT, "it does not fit to the lines around it", ret);
}

static void settle_open(const struct doubt *doubt, bool intact, struct verify_found *ret)
{
	if (!intact)
		later(doubt, FAULT_EDIT, "it opens a chain and does not fit to the lines around it", ret);
	else if (doubt->cut)
		later(doubt, FAULT_TRUNCATION,
			"the line that it was written behind, in a chain without an end, is gone", ret);
	else
		later(doubt, FAULT_DELETION, "the line that it was written behind is gone", ret);
}

void ambit_doubt_end(const struct doubt *doubt, struct verify_found *ret)
{
	switch (doubt->kind) {
	case DOUBT_LINK:
		settle_link(doubt, !doubt->forged, ret);
		break;
	case DOUBT_SIG:
		later(doubt, FAULT_EDIT, "its signature does not fit to it", ret);
		break;
	case DOUBT_GAP:
		if (doubt->file)
			later(doubt, FAULT_MISSING_FILE, "a file between it and the one before is not here",
				ret);
		else if (doubt->cut)
			later(doubt, FAULT_TRUNCATION,
				"lines are missing between the end of the file before and it", ret);
		else
			later(doubt, FAULT_DELETION, "lines before it are gone", ret);
		break;
	case DOUBT_OPEN:
		settle_open(doubt, true, ret);
		break;
	case DOUBT_NONE:
		break;
	}
}

bool ambit_doubt_line(const struct doubt *doubt, const struct seal *seal, const uint8_t hash[SEAL_HASH],
	struct verify_found *ret)
{
	const bool ours = !strcmp(seal->chain, doubt->chain);
	const bool next = ours && seal->seq == doubt->seq + 1;
	const bool fits = !memcmp(seal->prev, doubt->hash, SEAL_HASH);

	switch (doubt->kind) {
	case DOUBT_LINK:
		if (next)
			settle_link(doubt, fits, ret);
		return next;
	case DOUBT_SIG:
		if (next && fits)
			later(doubt, FAULT_FOREIGN_KEY,
				"it is not signed by the key that its chain names, and lines follow it",
				ret);
		else if (next)
			ambit_doubt_end(doubt, ret);
		return next;
	case DOUBT_GAP:
		if (!ours || seal->seq < doubt->from || seal->seq >= doubt->to)
			return false;
		later(doubt, FAULT_REORDERING, "lines that belong before it stand behind it", ret);
		return true;
	case DOUBT_OPEN:
		if (!memcmp(hash, doubt->prev, SEAL_HASH))
			later(doubt, FAULT_REORDERING,
				"the line that it was written behind stands behind it", ret);
		else if (next && !fits)
			settle_open(doubt, false, ret);
		else
			return false;
		return true;
	case DOUBT_NONE:
		break;
	}
	return false;
}
