/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "policy/glob.h"

/* One end of a range in brackets, where escapes count too. */
static int set_byte(struct glob *glob, uint8_t *ret, const char **ret_problem)
{
	char byte = *glob->at;

	if (byte == '\\')
		byte = *++glob->at;
	if (!byte) {
		*ret_problem =
			"has a \"[\" without a \"]\"; close it, or write \"\\[\" for the character";
		return -EINVAL;
	}
	if (byte == '/') {
		*ret_problem = "has a \"/\" in brackets, which matches nothing; name the "
			       "directories one by one";
		return -EINVAL;
	}
	glob->at++;
	*ret = (uint8_t)byte;
	return 0;
}

static int set_range(struct glob *glob, struct byte_set *set, const char **ret_problem)
{
	uint8_t low, high;
	int r;

	if (*glob->at == '[' && strchr(":.=", glob->at[1]) && glob->at[1]) {
		*ret_problem = "uses a character class such as [:alpha:], which does not exist "
			       "here; write a range such as [a-zA-Z]";
		return -EINVAL;
	}
	r = set_byte(glob, &low, ret_problem);
	if (r < 0)
		return r;
	high = low;
	if (glob->at[0] == '-' && glob->at[1] && glob->at[1] != ']') {
		glob->at++;
		r = set_byte(glob, &high, ret_problem);
		if (r < 0)
			return r;
	}
	if (high < low) {
		*ret_problem =
			"has a range in brackets that runs backwards; write the smaller end first";
		return -EINVAL;
	}
	for (unsigned byte = low; byte <= high; byte++)
		byte_set_add(set, (uint8_t)byte);
	return 0;
}

static void set_invert(struct byte_set *set)
{
	for (size_t i = 0; i < 4; i++)
		set->bits[i] = ~set->bits[i];
}

static int glob_set(struct glob *glob, struct byte_set *ret, const char **ret_problem)
{
	struct byte_set set = {};
	bool negated;
	int r;

	glob->at++;
	if (*glob->at == '^') {
		*ret_problem = "has \"[^\"; write \"[!\" for \"none of these\", or \"[\\^\" for "
			       "the character";
		return -EINVAL;
	}
	negated = *glob->at == '!';
	glob->at += negated;
	if (*glob->at == ']') {
		*ret_problem = "has empty brackets; write \"[\\]]\" for the character \"]\"";
		return -EINVAL;
	}
	while (*glob->at != ']') {
		r = set_range(glob, &set, ret_problem);
		if (r < 0)
			return r;
	}
	glob->at++;
	if (negated)
		set_invert(&set);
	/* A range such as [+-9] would take '/' in; no path has a NUL. */
	set.bits['/' >> 6] &= ~(1ULL << ('/' & 63));
	set.bits[0] &= ~1ULL;
	if (!(set.bits[0] | set.bits[1] | set.bits[2] | set.bits[3])) {
		*ret_problem = "has brackets that match nothing; remove the pattern";
		return -EINVAL;
	}
	*ret = set;
	return 0;
}

static int glob_stars(struct glob *glob, struct glob_token *ret, const char **ret_problem)
{
	size_t stars = strspn(glob->at, "*");
	bool alone = (glob->at == glob->start || glob->at[-1] == '/') &&
		     (glob->at[stars] == '/' || !glob->at[stars]);

	if (stars > 2 || (stars == 2 && !alone)) {
		*ret_problem = "has \"**\" glued to other characters; \"**\" stands alone between "
			       "slashes, \"*\" stays within one name";
		return -EINVAL;
	}
	glob->at += stars;
	ret->kind = stars == 2 ? GLOB_DEPTH : GLOB_NAME;
	return 0;
}

static int glob_any(struct glob *glob, struct glob_token *ret)
{
	glob->at++;
	ret->kind = GLOB_SET;
	ret->set = (struct byte_set){};
	byte_set_add(&ret->set, 0);
	byte_set_add(&ret->set, '/');
	set_invert(&ret->set);
	return 0;
}

int glob_next(struct glob *glob, struct glob_token *ret, const char **ret_problem)
{
	char byte = *glob->at;

	switch (byte) {
	case '\0':
		ret->kind = GLOB_END;
		return 0;
	case '*':
		return glob_stars(glob, ret, ret_problem);
	case '?':
		return glob_any(glob, ret);
	case '[':
		ret->kind = GLOB_SET;
		return glob_set(glob, &ret->set, ret_problem);
	case '\\':
		byte = *++glob->at;
		if (!byte) {
			*ret_problem = "ends in a lone \"\\\"; remove it, or write \"\\\\\" for "
				       "the character";
			return -EINVAL;
		}
		if (byte == '/') {
			*ret_problem = "has an escaped \"/\"; a \"/\" needs no \"\\\"";
			return -EINVAL;
		}
		break;
	case '{':
	case '}':
		*ret_problem = "has a brace; write one pattern for each alternative, or \"\\{\" "
			       "and \"\\}\" for the characters";
		return -EINVAL;
	case '$':
		*ret_problem = "has a \"$\"; write \"${name}\" for a variable, or \"\\$\" for the "
			       "character";
		return -EINVAL;
	default:
		break;
	}
	glob->at++;
	ret->kind = GLOB_BYTE;
	ret->byte = (uint8_t)byte;
	return 0;
}

bool glob_is_literal(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '\\')
			i++;
		else if (strchr("*?[", text[i]))
			return false;
	}
	return true;
}

char *glob_escape(const char *text)
{
	char *escaped = malloc(2 * strlen(text) + 1);
	char *end = escaped;

	if (!escaped)
		return NULL;
	for (; *text; text++) {
		if (strchr("*?[]\\{}$", *text))
			*end++ = '\\';
		*end++ = *text;
	}
	*end = '\0';
	return escaped;
}

char *glob_unescape(const char *text, size_t length)
{
	char *plain = malloc(length + 1);
	char *end = plain;

	if (!plain)
		return NULL;
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '\\' && i + 1 < length)
			i++;
		*end++ = text[i];
	}
	*end = '\0';
	return plain;
}
