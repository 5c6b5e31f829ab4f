/* SPDX-License-Identifier: Apache-2.0 */
/* The nodes that policies are made of: a text, a list of texts, a mapping with known keys. */
#include <string.h>
#include "base/util.h"
#include "policy/text.h"
#include "policy/yaml.h"

#define KEYS_MAX 32 /* rows of a table; `seen` has a bit for each */

const char *yaml_type(const struct yaml *yaml)
{
	switch (yaml->event.type) {
	case YAML_SCALAR_EVENT:
		return yaml_is_null(yaml) ? "nothing" : "a text";
	case YAML_SEQUENCE_START_EVENT:
		return "a list";
	case YAML_MAPPING_START_EVENT:
		return "a mapping";
	case YAML_ALIAS_EVENT:
		return "an alias";
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_START_EVENT:
	case YAML_DOCUMENT_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		break;
	}
	return "nothing";
}

bool yaml_is_null(const struct yaml *yaml)
{
	return yaml->event.type == YAML_SCALAR_EVENT && !yaml->event.data.scalar.length &&
	       yaml->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

const char *yaml_text(const struct yaml *yaml)
{
	const char *text = (const char *)yaml->event.data.scalar.value;

	if (yaml->event.type != YAML_SCALAR_EVENT ||
		memchr(text, '\0', yaml->event.data.scalar.length))
		return NULL;
	return text;
}

static char *event_show(const struct yaml *yaml)
{
	return text_show(
		(const char *)yaml->event.data.scalar.value, yaml->event.data.scalar.length);
}

static char *keys_join(const struct yaml_key *keys, size_t count)
{
	char *joined = NULL;

	for (size_t i = 0; i < count; i++) {
		char *longer;

		if (keys[i].value == YAML_KEY_QUIET)
			continue;
		longer = text_format(
			"%s%s%s", joined ? joined : "", joined ? ", " : "", keys[i].name);
		free(joined);
		joined = longer;
	}
	return joined;
}

static void key_unknown(
	struct yaml *yaml, const char *where, const struct yaml_key *keys, size_t count)
{
	_cleanup_free_ char *shown = event_show(yaml), *joined = keys_join(keys, count);
	const char *text = yaml_text(yaml);
	const char *nearest = text ? text_nearest(text, keys, count, sizeof(*keys)) : NULL;

	if (nearest)
		yaml_error(yaml, yaml_mark(yaml), "unknown key \"%s\" in %s; did you mean \"%s\"?",
			shown, where, nearest);
	else
		yaml_error(yaml, yaml_mark(yaml), "unknown key \"%s\" in %s; the keys are %s",
			shown, where, joined);
}

/* The row for the current event, which is a key; NULL after an error. */
static const struct yaml_key *key_find(struct yaml *yaml, const char *where,
	const struct yaml_key *keys, size_t count, unsigned lines[KEYS_MAX])
{
	const char *text = yaml_text(yaml);

	if (yaml->event.type != YAML_SCALAR_EVENT) {
		yaml_error(yaml, yaml_mark(yaml),
			"a key of %s must be a text, not %s; put quotes around a text that begins "
			"with \"[\" or \"{\"",
			where, yaml_type(yaml));
		return NULL;
	}
	for (size_t i = 0; text && i < count; i++) {
		struct mark mark;

		if (strcmp(text, keys[i].name))
			continue;
		mark = yaml_mark(yaml);
		if (lines[i]) {
			yaml_error(yaml, mark,
				"the key \"%s\" stands in line %u already; put both "
				"together",
				keys[i].name, lines[i]);
			return NULL;
		}
		lines[i] = mark.line;
		return &keys[i];
	}
	key_unknown(yaml, where, keys, count);
	return NULL;
}

int yaml_mapping(struct yaml *yaml, const char *where, const struct yaml_key *keys, size_t count,
	void *data, unsigned *ret_seen)
{
	unsigned lines[KEYS_MAX] = {};
	unsigned seen = 0;
	int r;

	if (yaml->event.type != YAML_MAPPING_START_EVENT) {
		_cleanup_free_ char *joined = keys_join(keys, count);

		yaml_error(yaml, yaml_mark(yaml), "%s must be a mapping with the keys %s, not %s",
			where, joined, yaml_type(yaml));
		return yaml_skip(yaml);
	}
	for (;;) {
		const struct yaml_key *key;
		struct mark mark;

		r = yaml_next(yaml);
		if (r < 0)
			return r;
		if (yaml->event.type == YAML_MAPPING_END_EVENT)
			break;
		mark = yaml_mark(yaml);
		key = key_find(yaml, where, keys, count, lines);
		r = yaml_skip(yaml);
		if (r < 0)
			return r;
		r = yaml_next(yaml);
		if (r < 0)
			return r;
		if (key)
			seen |= 1U << (key - keys);
		yaml->key = mark;
		r = key ? key->parse(yaml, key, data) : yaml_skip(yaml);
		if (r < 0)
			return r;
	}
	if (ret_seen)
		*ret_seen = seen;
	return 0;
}

int yaml_list(struct yaml *yaml, const char *where,
	int (*item)(struct yaml *yaml, const char *text, struct mark mark, void *data),
	int (*mapping)(struct yaml *yaml, void *data), void *data)
{
	int r;

	if (yaml->event.type != YAML_SEQUENCE_START_EVENT) {
		_cleanup_free_ char *shown =
			yaml->event.type == YAML_SCALAR_EVENT && !yaml_is_null(yaml)
				? event_show(yaml)
				: strdup("...");

		yaml_error(yaml, yaml_mark(yaml), "%s must be a list, not %s; write [%s]", where,
			yaml_type(yaml), yaml_is_null(yaml) ? "" : shown);
		return yaml_skip(yaml);
	}
	for (;;) {
		struct mark mark;

		r = yaml_next(yaml);
		if (r < 0)
			return r;
		if (yaml->event.type == YAML_SEQUENCE_END_EVENT)
			return 0;
		mark = yaml_mark(yaml);
		if (yaml->event.type == YAML_ALIAS_EVENT)
			continue; /* refused already */
		if (mapping && yaml->event.type == YAML_MAPPING_START_EVENT)
			r = mapping(yaml, data);
		else if (yaml->event.type != YAML_SCALAR_EVENT)
			yaml_error(yaml, mark,
				"%s must hold texts, not %s; put quotes around a "
				"text that begins with \"[\" or \"{\"",
				where, yaml_type(yaml));
		else if (yaml_is_null(yaml))
			yaml_error(yaml, mark, "%s holds an empty line; remove the \"-\"", where);
		else if (!yaml_text(yaml))
			yaml_error(yaml, mark,
				"%s holds a text with a NUL byte, which no path or "
				"address has; remove it",
				where);
		else
			r = item(yaml, yaml_text(yaml), mark, data);
		if (r >= 0)
			r = yaml_skip(yaml);
		if (r < 0)
			return r;
	}
}
