// SPDX-License-Identifier: Apache-2.0
/*
 * trailq [--ocsf] FILE [KEY=VALUE[|KEY=VALUE...]...]   counts the lines of a trail for which every word holds,
 * and prints the count. KEY is one of ambit's own (`unmapped`), or of `names` below; KEY=* asks that it is
 * there. Exit 2, naming the line, if one that is
 * looked at is not a JSON object: where there is a word, lines that cannot hold it are not, because
 * reading a long trail for each of five hundred acts is what a guest was busy with. --ocsf: likewise if one is
 * no event of the published schema (tests/ocsf/ocsf.h).
 */
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/ocsf/ocsf.h"

#define PLAIN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

/* What ambit calls its objects, and where OCSF has them. */
static const struct {
	const char *key, *path;
} names[] = {
	{"path", "file.path"},
	{"path", "process.file.path"},
	{"path", "dst_endpoint.name"},
	{"domain", "dst_endpoint.hostname"},
	{"domain", "query.hostname"},
	{"addr", "dst_endpoint.ip"},
	{"port", "dst_endpoint.port"},
	{"proto", "connection_info.protocol_name"},
	{"comm", "actor.process.name"},
	{"pid", "actor.process.pid"},
	{"ppid", "actor.process.parent_process.pid"},
	{"exe", "actor.process.file.path"},
	{"policy", "policy.name"},
	{"class", "class_uid"},
	{"activity", "activity_id"},
};

static struct json_object *value_at(struct json_object *line, const char *path)
{
	char copy[64], *rest = copy, *key;

	snprintf(copy, sizeof(copy), "%s", path);
	while (line && (key = strsep(&rest, ".")))
		if (!json_object_is_type(line, json_type_object) || !json_object_object_get_ex(line, key, &line))
			return NULL;
	return line;
}

static struct json_object *find(struct json_object *line, const char *key)
{
	struct json_object *own = value_at(line, "unmapped"), *value = own ? value_at(own, key) : NULL;

	for (size_t i = 0; !value && i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(names[i].key, key))
			value = value_at(line, names[i].path);
	return value;
}

static bool line_has(struct json_object *line, char *condition)
{
	char *equals = strchr(condition, '=');
	struct json_object *value;

	if (!equals)
		return false;
	*equals = '\0';
	value = find(line, condition);
	if (!value)
		return false;
	return strcmp(equals + 1, "*") == 0 || strcmp(equals + 1, json_object_get_string(value)) == 0;
}

/* One of the alternatives of `word` holds. */
static bool line_has_any(struct json_object *line, const char *word)
{
	char *copy = strdup(word), *rest = copy, *condition;
	bool hit = false;

	while (!hit && copy && (condition = strsep(&rest, "|")))
		hit = line_has(line, condition);
	free(copy);
	return hit;
}

/* Whether the text of a line has what one of the alternatives asks for. Values with characters that JSON
 * may spell in another way are not looked for. */
static bool text_may_have(const char *text, const char *word)
{
	char *copy = strdup(word), *rest = copy, *condition;
	bool hit = !copy;

	while (!hit && (condition = strsep(&rest, "|"))) {
		const char *value = strchr(condition, '=');

		hit = !value || value[1 + strspn(value + 1, PLAIN)] || strstr(text, value + 1);
	}
	free(copy);
	return hit;
}

static bool text_may_have_all(const char *text, int words, char **word)
{
	for (int i = 0; i < words; i++)
		if (!text_may_have(text, word[i]))
			return false;
	return true;
}

/* The object that all of `text` is, or NULL. */
static struct json_object *line_parse(const char *text, size_t length)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *line = NULL;

	if (!tokener)
		return NULL;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	line = json_tokener_parse_ex(tokener, text, (int)length);
	if (line && (json_tokener_get_parse_end(tokener) != length ||
			    !json_object_is_type(line, json_type_object))) {
		json_object_put(line);
		line = NULL;
	}
	json_tokener_free(tokener);
	return line;
}

int main(int argc, char **argv)
{
	const bool ocsf = argc > 1 && !strcmp(argv[1], "--ocsf");
	FILE *trail = (argc -= ocsf, argv += ocsf, argc < 2) ? NULL : fopen(argv[1], "re");
	unsigned long number = 0, count = 0;
	char *text = NULL, why[128];
	size_t size = 0;
	ssize_t length;

	if (!trail) {
		fprintf(stderr, "trailq: cannot open %s\n", argc < 2 ? "nothing" : argv[1]);
		return 2;
	}
	while ((length = getline(&text, &size, trail)) > 0) {
		struct json_object *line = NULL;
		bool hit = true;

		number++;
		if (!text_may_have_all(text, argc - 2, argv + 2))
			continue;
		if (text[length - 1] == '\n')
			line = line_parse(text, (size_t)length - 1);
		if (!line) {
			fprintf(stderr, "trailq: %s:%lu: not one JSON object on a line\n", argv[1], number);
			return 2;
		}
		if (ocsf && !ocsf_is_event(line, why)) {
			fprintf(stderr, "trailq: %s:%lu: no event of OCSF: %s\n%s", argv[1], number, why, text);
			return 2;
		}
		for (int i = 2; i < argc; i++)
			hit = hit && line_has_any(line, argv[i]);
		count += hit;
		json_object_put(line);
	}
	free(text);
	fclose(trail);
	printf("%lu\n", count);
	return 0;
}
