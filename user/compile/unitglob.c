/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/unitglob.h"

#include <string.h>
#include "policy/glob.h"

#define TEXT_MAX 512 /* more than any name with all that a glob of it can have */

static const char long_problem[] = "has more than 63 letters besides \"*\"";
static const char depth_problem[] = "has \"**\", which stands for directories; \"*\" stays within one name";
static const char slash_problem[] = "has a \"/\" behind a glob; it may stand in the last name alone";

bool ambit_glob_is(const char *text)
{
	return strpbrk(text, "*?[");
}

/* With every backslash as a letter. False: it does not fit. */
static bool escape(const char *text, char ret[TEXT_MAX])
{
	size_t at = 0;

	for (; *text && at < TEXT_MAX - 2; text++) {
		if (*text == '\\')
			ret[at++] = '\\';
		ret[at++] = *text;
	}
	ret[at] = '\0';
	return !*text;
}

/* What stands for one letter. */
static void thing_add(struct ambit_glob *glob, const struct glob_token *token)
{
	for (unsigned letter = 1; letter < 256; letter++)
		if (token->kind == GLOB_SET ? byte_set_has(&token->set, (uint8_t)letter)
					    : token->byte == letter)
			glob->letters[letter] |= glob->end;
	glob->end <<= 1;
}

const char *ambit_glob_compile(const char *text, struct ambit_glob *ret)
{
	struct ambit_glob row = {.end = AMBIT_GLOB_BEGIN};
	struct glob_token token = {0};
	const char *problem = NULL;
	char escaped[TEXT_MAX];
	struct glob glob = {escaped, escaped};

	if (!escape(text, escaped))
		return long_problem;
	while (glob_next(&glob, &token, &problem) == 0 && token.kind != GLOB_END) {
		if (token.kind == GLOB_DEPTH)
			return depth_problem;
		if (token.kind == GLOB_BYTE && token.byte == '/')
			return slash_problem;
		if (token.kind == GLOB_NAME)
			row.stars |= row.end;
		else if (row.end >> AMBIT_GLOB_THINGS)
			return long_problem;
		else
			thing_add(&row, &token);
	}
	if (!problem)
		*ret = row;
	return problem;
}

bool ambit_glob_matches(const struct ambit_glob *glob, const char *name)
{
	__u64 behind = AMBIT_GLOB_BEGIN;

	for (; *name; name++)
		behind = ambit_glob_step(glob, behind, (__u8)*name);
	return behind & glob->end;
}
