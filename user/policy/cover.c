/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plain matcher for one pattern. In a name as among names it goes back to the last star only, so
 * that it takes at most length times length steps.
 */
#include <string.h>
#include "policy/glob.h"
#include "policy/pattern.h"

/* One name of a pattern against one name of a path. */
struct name {
	struct glob glob;
	const char *end; /* of the pattern's name */
	const char *text;
	size_t length, at;
};

/* Matches the token that comes next; false if it does not, or at the end of the name. */
static bool name_step(struct name *name)
{
	struct glob_token token;
	const char *problem;
	uint8_t byte;

	if (name->glob.at >= name->end || name->at == name->length ||
		glob_next(&name->glob, &token, &problem) < 0)
		return false;
	byte = (uint8_t)name->text[name->at++];
	return token.kind == GLOB_BYTE	? token.byte == byte
	       : token.kind == GLOB_SET ? byte_set_has(&token.set, byte)
					: false;
}

bool pattern_name_matches(
	const char *pattern, size_t pattern_length, const char *text, size_t length)
{
	struct name name = {{pattern, pattern}, pattern + pattern_length, text, length, 0};
	const char *star = NULL;
	size_t resume = 0;

	while (name.glob.at < name.end || name.at < length) {
		if (name.glob.at < name.end && *name.glob.at == '*') {
			star = ++name.glob.at;
			resume = name.at;
			continue;
		}
		if (name_step(&name))
			continue;
		if (!star || resume >= length)
			return false;
		name.glob.at = star;
		name.at = ++resume;
	}
	return true;
}

/* Bytes of "/name" at `text`. */
static size_t component_length(const char *text)
{
	return 1 + strcspn(text + 1, "/");
}

bool pattern_covers(const char *pattern, const char *path)
{
	const char *depth = NULL, *resume = NULL;

	if (!strcmp(pattern, "/"))
		return true;
	while (*pattern) {
		size_t length = component_length(pattern),
		       size = *path ? component_length(path) : 0;

		if (length == 3 && !strncmp(pattern, "/**", 3)) {
			depth = pattern += length;
			resume = path;
			continue;
		}
		if (size && pattern_name_matches(pattern + 1, length - 1, path + 1, size - 1)) {
			pattern += length;
			path += size;
			continue;
		}
		if (!depth || !*resume)
			return false;
		pattern = depth;
		path = resume += component_length(resume);
	}
	return true;
}
