/* SPDX-License-Identifier: Apache-2.0 */
#include "trail/secrets.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/util.h"

#define HIDDEN "***"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS	"0123456789"

/* Words of a name, set apart by dashes; a name may have others around them, and spell a dash as '_' or '.'. */
static const char *const names[] = {"password", "passwd", "passphrase", "pass", "pwd", "pw", "secret", "secrets",
	"token", "auth-token", "authtoken", "accesstoken", "apikey", "api-key", "access-key", "accesskey",
	"private-key", "secret-key", "secretkey", "client-secret", "clientsecret", "authorization",
	"credential", "credentials", "cookie", "bearer", "sshpass"};

/* What also ends a name without a dash before it: PGPASSWORD, refreshToken. */
static const char *const endings[] = {
	"password", "passwd", "passphrase", "secret", "token", "apikey", "privatekey", "accesskey"};

/* Headers whose value goes on to the end of the line, whatever is in it. */
static const char *const headers[] = {"authorization", "cookie"};

/* Keys of services, by how they begin, what they consist of and how long the rest is at least: as their
 * documentation has them, or the rules of scanners for secrets that are public. */
static const struct {
	const char *prefix, *alphabet;
	size_t least;
} shapes[] = {
	{"AKIA", DIGITS LETTERS, 16}, /* AWS, access key ids: lasting, for a session */
	{"ASIA", DIGITS LETTERS, 16},
	{"ghp_", DIGITS LETTERS, 20}, /* GitHub: personal, OAuth, user, server, refresh */
	{"gho_", DIGITS LETTERS, 20},
	{"ghu_", DIGITS LETTERS, 20},
	{"ghs_", DIGITS LETTERS "._-", 20},
	{"ghr_", DIGITS LETTERS, 20},
	{"github_pat_", DIGITS LETTERS "_", 20},
	{"glpat-", DIGITS LETTERS "_-", 20}, /* GitLab */
	{"sk-", DIGITS LETTERS "_-", 20},    /* OpenAI, Anthropic (sk-ant-) */
	{"sk_live_", DIGITS LETTERS, 16},    /* Stripe */
	{"xoxb-", DIGITS LETTERS "-", 10},   /* Slack */
	{"xoxp-", DIGITS LETTERS "-", 10},
	{"AIza", DIGITS LETTERS "_-", 30},   /* Google */
	{"hf_", DIGITS LETTERS, 20},	     /* Hugging Face */
	{"npm_", DIGITS LETTERS, 30},
	{"eyJ", DIGITS LETTERS "_-.=", 20},  /* a JSON web token */
};

static bool is_name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.';
}

/* Whether a word is in the text of a name: as a whole word, or (`glued`) as the end of one; `last`: as the last
 * of the name. */
static bool has_word(const char *text, const char *word, bool glued, bool last)
{
	const size_t length = strlen(word);

	for (const char *at = text; (at = strstr(at, word)); at++)
		if ((glued || at[-1] == '-') && at[length] == '-' && (!last || !at[length + 1]))
			return true;
	return false;
}

/* A name between dashes, in small letters. Of a long one its end, which is what it is about. */
static void name_spell(char text[96], const char *name, size_t size)
{
	if (size > 93) {
		name += size - 93;
		size = 93;
	}
	text[0] = '-';
	for (size_t i = 0; i < size; i++)
		text[i + 1] = name[i] == '_' || name[i] == '.' ? '-' : (char)tolower((unsigned char)name[i]);
	memcpy(text + 1 + size, "-", 2);
}

/* Whether what is called so is a secret; `last`: what follows a name as the next word, so --password-stdin and
 * --no-password have none. */
static bool is_secret_name(const char *name, size_t size, bool last)
{
	char text[96];

	name_spell(text, name, size);
	if (last && !strncmp(text, "-no-", 4))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (has_word(text, names[i], false, last))
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(endings); i++)
		if (has_word(text, endings[i], true, last))
			return true;
	return false;
}

static bool is_header_name(const char *name, size_t size)
{
	char text[96];

	name_spell(text, name, size);
	for (size_t i = 0; i < ARRAY_SIZE(headers); i++)
		if (has_word(text, headers[i], false, false))
			return true;
	return false;
}

/* A value: what is in quotes, or up to where a shell or a query ends it. */
static size_t value_size(const char *value)
{
	const char quote = *value;

	if (quote == '"' || quote == '\'')
		for (size_t i = 1; value[i]; i++) {
			if (value[i] == '\\' && value[i + 1])
				i++;
			else if (value[i] == quote)
				return i + 1;
		}
	return strcspn(value, " \t\n\"';&|<>,})");
}

/* What is said of a header, behind a quote that begins it or not. */
static size_t header_size(const char *text, const char *at, const char *value)
{
	const char ends[] = {'\n', at > text && (at[-1] == '"' || at[-1] == '\'') ? at[-1] : '\n', 0};

	return *value == '"' || *value == '\'' ? value_size(value) : strcspn(value, ends);
}

/* --- rules: how many bytes at `at` are shown, and how many behind them not; 0: it is none --- */

typedef size_t rule_fn(const char *text, const char *at, size_t *ret_shown);

/* NAME=VALUE, NAME: VALUE, "NAME": VALUE, --NAME VALUE. An argument that begins with a name is all value. */
static size_t by_name(const char *text, const char *at, size_t *ret_shown)
{
	const char *end = at, *value;
	size_t dashes = strspn(at, "-");

	if ((at > text && is_name_char(at[-1])) || !is_name_char(*at))
		return 0;
	while (is_name_char(*end))
		end++;
	if (!is_secret_name(at + dashes, (size_t)(end - at) - dashes, *end == ' '))
		return 0;
	value = end + (*end == '"' || *end == '\'');
	if (*value == '=' || (*value == ':' && value[1] != ':'))
		value++;
	else if (!dashes || *end != ' ')
		return 0;
	value += strspn(value, " ");
	/* What is said of the scheme may be seen: Authorization: Bearer … */
	for (size_t word = strcspn(value, " "); value[word] == ' ' && (!strncasecmp(value, "bearer", word) ||
			!strncasecmp(value, "basic", word) || !strncasecmp(value, "token", word));
		word = strcspn(value, " "))
		value += word + 1;
	*ret_shown = (size_t)(value - at);
	if (*end == ':' && is_header_name(at, (size_t)(end - at)))
		return header_size(text, at, value);
	return at == text && *end == '=' ? strlen(value) : value_size(value);
}

static size_t by_scheme(const char *text, const char *at, size_t *ret_shown)
{
	static const char scheme[] = "bearer ";
	size_t size = sizeof(scheme) - 1;

	if ((at > text && isalnum((unsigned char)at[-1])) || strncasecmp(at, scheme, size))
		return 0;
	*ret_shown = size;
	return strspn(at + size, DIGITS LETTERS "._~+/=-");
}

/* scheme://USERINFO@host */
static size_t by_userinfo(const char *text, const char *at, size_t *ret_shown)
{
	size_t size = strncmp(at, "://", 3) ? 0 : strcspn(at + 3, "/?# \t\n\"'");

	(void)text;
	while (size && at[3 + size] != '@')
		size--;
	*ret_shown = 3;
	return size;
}

static size_t by_shape(const char *text, const char *at, size_t *ret_shown)
{
	*ret_shown = 0;
	if (at > text && isalnum((unsigned char)at[-1]))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		size_t prefix = strlen(shapes[i].prefix), rest;

		if (strncmp(at, shapes[i].prefix, prefix))
			continue;
		rest = strspn(at + prefix, shapes[i].alphabet);
		if (rest >= shapes[i].least)
			return prefix + rest;
	}
	return 0;
}

static rule_fn *const rules[] = {by_name, by_scheme, by_userinfo, by_shape};

static size_t find(const char *text, const char *at, size_t *ret_shown)
{
	size_t hidden = 0;

	for (size_t i = 0; !hidden && i < ARRAY_SIZE(rules); i++)
		hidden = rules[i](text, at, ret_shown);
	return hidden;
}

/* --token alone: what follows it is one. */
static bool is_option(const char *argument)
{
	size_t dashes = strspn(argument, "-"), size = strlen(argument);

	return dashes && dashes < size && is_secret_name(argument + dashes, size - dashes, true);
}

char *ambit_secrets_hide(struct secrets *secrets, const char *argument)
{
	bool all = secrets->next && strncmp(argument, "--", 2);
	char *text = NULL;
	size_t size;
	FILE *out;

	secrets->next = !all && is_option(argument);
	if (all)
		return strdup(*argument ? HIDDEN : "");
	out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	for (const char *at = argument; *at;) {
		size_t shown = 0, hidden = find(argument, at, &shown);

		fwrite(at, 1, hidden ? shown : 1, out);
		if (hidden)
			fputs(HIDDEN, out);
		at += hidden ? shown + hidden : 1;
	}
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}
