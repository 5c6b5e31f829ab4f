/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include "base/util.h"
#include "policy/glob.h"
#include "policy/pattern.h"
#include "policy/rule.h"
#include "policy/text.h"

#define VARIABLE_MAX 64 /* bytes of a variable's name */

/* What stands in for names while a pattern is only checked. */
static const char *dummy_lookup(const char *name, void *data)
{
	(void)name;
	(void)data;
	return "x";
}

static const struct policy_env dummy_env = {
	.home = "/x", .cwd = "/x", .lookup = dummy_lookup};

/* `path` escaped, without the slashes at its end: the root is "". */
static int escape_base(const char *path, char **ret)
{
	char *escaped = glob_escape(path);
	size_t length;

	if (!escaped)
		return -ENOMEM;
	length = strlen(escaped);
	while (length && escaped[length - 1] == '/')
		escaped[--length] = '\0';
	*ret = escaped;
	return 0;
}

/* ~ . or ** at the begin of a pattern: what it stands for, and the rest. */
static int lead_resolve(const char *text, const struct policy_env *env, char **ret,
	const char **ret_rest, char **ret_problem)
{
	size_t length = strcspn(text, "/");
	const char *base = NULL;

	*ret_rest = text + length;
	if (length == 1 && *text == '~') {
		base = env->home;
		if (!base || *base != '/')
			return text_problem(ret_problem, "needs a home directory, and none is "
							 "known; set HOME or write the path out");
	} else if (length == 1 && *text == '.') {
		base = env->cwd;
		if (!base || *base != '/')
			return text_problem(ret_problem, "needs a working directory, and none "
							 "is known; write the path out");
	} else if (!strncmp(text, "**", 2) && length == 2) {
		*ret_rest = text;
		*ret = strdup("/");
		return *ret ? 0 : -ENOMEM;
	} else if (*text == '/' || !strncmp(text, "${", 2)) {
		*ret_rest = text;
		*ret = strdup(*text == '$' && env == &dummy_env ? "/" : "");
		return *ret ? 0 : -ENOMEM;
	} else if (*text == '~') {
		return text_problem(ret_problem, "names another user's home; write the path "
						 "out, only \"~\" and \"~/...\" are known");
	} else if (!strncmp(text, "..", 2) && length == 2) {
		return text_problem(ret_problem, "leads out of the working directory; write an "
						 "absolute path");
	} else {
		return text_problem(ret_problem,
			"is relative; write \"./%s\" for the one in the working "
			"directory, or \"**/%s\" for any depth",
			text, text);
	}
	return escape_base(base, ret);
}

/* "${name}" at `text`: the value, escaped, and what follows it. */
static int variable_resolve(const char *text, const struct policy_env *env, char **ret,
	const char **ret_rest, char **ret_problem)
{
	const char
		*name = text + 2,
		*end = name +
		       strspn(name,
			       "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
	char copy[VARIABLE_MAX + 1];
	const char *value;

	if (*end != '}' || end == name || end - name > VARIABLE_MAX)
		return text_problem(ret_problem, "has a malformed variable; write \"${name}\" "
						 "with letters, digits and \"_\"");
	memcpy(copy, name, (size_t)(end - name));
	copy[end - name] = '\0';
	value = env->lookup ? env->lookup(copy, env->data) : NULL;
	if (!value)
		return text_problem(ret_problem,
			"uses the variable \"%s\", which is not "
			"set; set it, or write the path out",
			copy);
	if (!*value)
		return text_problem(ret_problem,
			"uses the variable \"%s\", which is "
			"empty; set it, or write the path out",
			copy);
	*ret_rest = end + 1;
	return escape_base(value, ret);
}

/* Puts the values of variables into `rest`, and all of it behind `lead`. */
static int variables_resolve(const char *lead, const char *rest, const struct policy_env *env,
	char **ret, char **ret_problem)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out;
	int r = 0;

	/* Most have none, and a stream is dear. */
	if (!strstr(rest, "${")) {
		*ret = text_format("%s%s", lead, rest);
		return *ret ? 0 : -ENOMEM;
	}
	out = open_memstream(&text, &size);
	if (!out)
		return -ENOMEM;
	fputs(lead, out);
	while (*rest && r >= 0) {
		if (!strncmp(rest, "${", 2)) {
			_cleanup_free_ char *value = NULL;

			r = variable_resolve(rest, env, &value, &rest, ret_problem);
			if (r >= 0)
				fputs(value, out);
			continue;
		}
		if (*rest == '\\' && rest[1])
			fputc(*rest++, out);
		fputc(*rest++, out);
	}
	if (fclose(out) && r >= 0)
		r = -ENOMEM;
	if (r < 0)
		return r;
	*ret = TAKE_PTR(text);
	return 0;
}

/* One component of a pattern while it is checked. */
struct component {
	size_t tokens, bytes; /* `bytes`: the fewest that it matches */
	size_t dots;	      /* tokens that are the byte '.' */
};

static int component_check(const struct component *component, bool last, char **ret_problem)
{
	if (!component->tokens && !last)
		return text_problem(ret_problem, "has an empty component; write one \"/\" where "
						 "two are");
	if (component->tokens == component->dots && component->tokens == 1)
		return text_problem(ret_problem, "has a \".\" in the middle; remove \"./\"");
	if (component->tokens == component->dots && component->tokens == 2)
		return text_problem(ret_problem, "has a \"..\", which no path in the kernel has; "
						 "write the directory that is meant");
	if (component->bytes > NAME_MAX)
		return text_problem(ret_problem, "can never match: one of its names is longer "
						 "than 255 bytes; shorten or remove it");
	return 0;
}

/* Checks an absolute glob, which begins with '/'. */
static int glob_check(const char *text, char **ret_problem)
{
	struct glob glob = {text, text + 1};
	struct component component = {};
	struct glob_token token;
	const char *wrong;
	int r;

	if (strlen(text) >= AMBIT_PATH_SIZE)
		return text_problem(ret_problem,
			"can never match: it is longer than 4095 bytes, "
			"the longest path of the kernel; shorten or remove it");
	for (;;) {
		r = glob_next(&glob, &token, &wrong);
		if (r < 0)
			return text_problem(ret_problem, "%s", wrong);
		if (token.kind == GLOB_END)
			return component_check(&component, true, ret_problem);
		if (token.kind == GLOB_BYTE && token.byte == '/') {
			r = component_check(&component, false, ret_problem);
			if (r < 0)
				return r;
			component = (struct component){};
			continue;
		}
		component.tokens++;
		component.bytes += token.kind == GLOB_BYTE || token.kind == GLOB_SET;
		component.dots += token.kind == GLOB_BYTE && token.byte == '.';
	}
}

bool pattern_is_peer(const char *text)
{
	return !strncmp(text, AMBIT_PEER_ABSTRACT, strlen(AMBIT_PEER_ABSTRACT)) ||
	       !strncmp(text, AMBIT_PEER_CELL, strlen(AMBIT_PEER_CELL));
}

/* Checks the name behind the word: of any bytes, or of those that names of policies have. */
static int peer_check(const char *name, bool is_cell, char **ret_problem)
{
	size_t bytes = 0, most = is_cell ? AMBIT_POLICY_NAME : AMBIT_ABSTRACT_MAX;
	struct glob glob = {name, name};
	struct glob_token token;
	const char *wrong;

	if (!*name)
		return text_problem(ret_problem, "names nobody; write a name behind the \":\", or "
						 "\"*\" for all");
	for (;;) {
		if (glob_next(&glob, &token, &wrong) < 0)
			return text_problem(ret_problem, "%s", wrong);
		if (token.kind == GLOB_END)
			break;
		if (token.kind == GLOB_DEPTH)
			return text_problem(ret_problem, "has \"**\", which is for paths; a name ends "
							 "in \"*\" or goes on behind a \"/\"");
		if (is_cell && token.kind == GLOB_BYTE && !strchr(AMBIT_POLICY_LETTERS, token.byte))
			return text_problem(ret_problem, "can never match: names of policies have "
							 "letters, digits, \".\", \"_\" and \"-\"");
		bytes += token.kind == GLOB_BYTE || token.kind == GLOB_SET;
	}
	if (bytes > most)
		return text_problem(ret_problem,
			"can never match: it is longer than %zu bytes; shorten or remove it", most);
	return 0;
}

/* Puts variables into the name of a peer and checks it. */
static int peer_resolve(
	const char *text, const struct policy_env *env, char **ret, char **ret_problem)
{
	_cleanup_free_ char *word = strndup(text, strcspn(text, ":") + 1), *peer = NULL;
	int r;

	if (!word)
		return -ENOMEM;
	r = variables_resolve(word, text + strlen(word), env, &peer, ret_problem);
	if (r >= 0)
		r = peer_check(peer + strlen(word), !strcmp(word, AMBIT_PEER_CELL), ret_problem);
	if (r >= 0)
		*ret = TAKE_PTR(peer);
	return r;
}

int pattern_resolve(const char *text, const struct policy_env *env, char **ret, char **ret_problem)
{
	_cleanup_free_ char *lead = NULL, *path = NULL;
	const char *rest;
	size_t length;
	int r;

	if (!*text)
		return text_problem(ret_problem, "is empty; remove it");
	env = env ? env : &dummy_env;
	if (pattern_is_peer(text))
		return peer_resolve(text, env, ret, ret_problem);
	r = lead_resolve(text, env, &lead, &rest, ret_problem);
	if (r < 0)
		return r;
	r = variables_resolve(lead, rest, env, &path, ret_problem);
	if (r < 0)
		return r;
	if (*path && *path != '/')
		return text_problem(ret_problem,
			"begins with a variable whose value is no "
			"absolute path (\"%s\"); set it to one",
			path);
	r = *path ? glob_check(path, ret_problem) : 0;
	if (r < 0)
		return r;
	/* "/a/" is "/a": a pattern covers all beneath anyway. The root is "/". */
	length = strlen(path);
	if (length > 1 && path[length - 1] == '/')
		path[length - 1] = '\0';
	*ret = *path ? TAKE_PTR(path) : strdup("/");
	return *ret ? 0 : -ENOMEM;
}
