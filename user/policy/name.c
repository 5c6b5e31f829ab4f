/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of the DNS in rules: "api.example.com", "*.example.org". Compared as the DNS does: small
 * letters, no dot at the end, other alphabets as A-labels. What a question of this name could not
 * carry, or a resolver would take for an address, is refused.
 */
#include <idn2.h>
#include <string.h>
#include "base/util.h"
#include "policy/pattern.h"
#include "policy/text.h"

static void idn_cleanup(char **text)
{
	idn2_free(*text);
}

static bool is_ascii(const char *text)
{
	for (; *text; text++)
		if (*text & 0x80)
			return false;
	return true;
}

/* `*text` as A-labels, if it has other letters than those of ASCII. */
static int to_ascii(char **text, char **ret_problem)
{
	_cleanup_(idn_cleanup) char *converted = NULL;
	char *copy;
	int r;

	if (is_ascii(*text))
		return 0;
	r = idn2_to_ascii_8z(*text, &converted, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	if (r == IDN2_MALLOC)
		return -ENOMEM;
	if (r != IDN2_OK)
		return text_problem(ret_problem,
			"is no name of the DNS (%s); write its A-labels, which begin with \"xn--\"",
			idn2_strerror(r));
	copy = strdup(converted);
	if (!copy)
		return -ENOMEM;
	free(*text);
	*text = copy;
	return 0;
}

/* Letters, digits and hyphens, no hyphen first or last (RFC 952, RFC 1123). */
static int label_check(const char *label, size_t length, char **ret_problem)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";

	if (!length)
		return text_problem(ret_problem, "has an empty label; write one dot between labels");
	if (length > AMBIT_LABEL_MAX)
		return text_problem(ret_problem, "has a label of %zu bytes; none has more than %d",
			length, AMBIT_LABEL_MAX);
	if (memchr(label, '*', length))
		return text_problem(ret_problem,
			"has a \"*\" inside of a name; write \"*.\" before a name for all beneath it");
	if (strspn(label, letters) < length)
		return text_problem(ret_problem,
			"has a \"%c\" in a name; names have letters, digits, hyphens and dots",
			label[strspn(label, letters)]);
	if (label[0] == '-' || label[length - 1] == '-')
		return text_problem(ret_problem, "has a label that begins or ends with a hyphen");
	return 0;
}

static int labels_check(const char *name, char **ret_problem)
{
	const char *last = strrchr(name, '.');
	size_t length;
	int r;

	last = last ? last + 1 : name;
	if (*last && !last[strspn(last, "0123456789")])
		return text_problem(ret_problem,
			"ends like an address; write four numbers from 0 to 255, such as 10.1.2.3");
	for (const char *at = name;; at += length + 1) {
		length = strcspn(at, ".");
		r = label_check(at, length, ret_problem);
		if (r < 0 || !at[length])
			return r;
	}
}

/* Labels the other way round. */
static void turn(const char *name, char *ret)
{
	size_t end = strlen(name), at = 0;

	while (end) {
		size_t begin = end;

		while (begin && name[begin - 1] != '.')
			begin--;
		memcpy(ret + at, name + begin, end - begin);
		at += end - begin;
		if (!begin)
			break;
		ret[at++] = '.';
		end = begin - 1;
	}
	ret[at] = '\0';
}

void name_written(const char *name, char ret[AMBIT_DOMAIN_SIZE])
{
	turn(name, ret);
}

int name_parse(const char *text, size_t length, struct peer *peer, char **ret_problem)
{
	_cleanup_free_ char *name = NULL;
	size_t size;
	int r;

	peer->beneath = length > 2 && text[0] == '*' && text[1] == '.';
	if (peer->beneath) {
		text += 2;
		length -= 2;
	}
	name = strndup(text, length);
	if (!name)
		return -ENOMEM;
	r = to_ascii(&name, ret_problem);
	if (r < 0)
		return r;
	size = strlen(name);
	if (size > 1 && name[size - 1] == '.')
		name[--size] = '\0';
	/* Of a wildcard at least one letter and a dot stand before it. */
	if (size + (peer->beneath ? 2 : 0) >= AMBIT_DOMAIN_SIZE)
		return text_problem(ret_problem, "is a name of %zu bytes; none has more than %d", size,
			AMBIT_DOMAIN_SIZE - 1);
	for (char *at = name; *at; at++)
		if (*at >= 'A' && *at <= 'Z')
			*at = (char)(*at | 0x20);
	r = labels_check(name, ret_problem);
	if (r < 0)
		return r;
	peer->family = AMBIT_FAMILY_NAME;
	turn(name, peer->name);
	return 0;
}
