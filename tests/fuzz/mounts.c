/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts and a pattern: the first line of the input is the pattern, the rest a mountinfo. The other
 * places of what a pattern covers are patterns, and one of them is a path of such a file.
 */
#include <stdlib.h>
#include <string.h>
#include "base/util.h"
#include "policy/mounts.h"
#include "policy/pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = memchr(data, '\n', size);
	_cleanup_free_ char *text = end ? strndup((const char *)data, (size_t)(end - data)) : NULL;
	_cleanup_(mounts_clear) struct mounts mounts = {};
	_cleanup_(aliases_clear) struct aliases aliases = {};
	_cleanup_free_ char *pattern = NULL, *problem = NULL, *again = NULL;

	if (!text || mounts_parse((const char *)end + 1, size - (size_t)(end + 1 - data), &mounts))
		return 0;
	for (size_t i = 0; i < mounts.count; i++)
		if (*mounts.items[i].root && *mounts.items[i].root != '/')
			abort();
	if (pattern_resolve(text, NULL, &pattern, &problem) ||
		mounts_aliases(&mounts, pattern, &aliases))
		return 0;
	for (size_t i = 0; i < aliases.count; i++) {
		if (*aliases.items[i] != '/')
			abort();
		/* A place that can be reached is a pattern that the policy could name. */
		free(TAKE_PTR(problem));
		free(TAKE_PTR(again));
		if (pattern_resolve(aliases.items[i], NULL, &again, &problem) && !problem)
			abort();
	}
	return 0;
}
