/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets: lists of paths or peers that policies refer to as @NAME, in files of their own, so that
 * they can be read and changed without a compiler.
 */
#include <dirent.h>
#include <string.h>
#include "base/array.h"
#include "base/util.h"
#include "policy/pattern.h"
#include "policy/rule.h"
#include "policy/text.h"

#define SET_NAME_MAX 64

const char *set_name(const char *text, char **ret_problem)
{
	const char *name = text + 1;
	size_t length = strlen(name);

	if (length && length <= SET_NAME_MAX &&
		!name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")])
		return name;
	*ret_problem = strdup("is no name of a set; write \"@\" and small letters, digits or "
			      "\"-\", or \"./@...\" for a file of that name");
	return NULL;
}

static int item_add(struct yaml *yaml, const char *text, struct mark mark, void *data)
{
	struct set *set = data;
	_cleanup_free_ char *path = NULL;
	struct peer peers[PEERS_MAX];
	char *problem = NULL;
	size_t count;
	int r;

	if (*text == '@')
		problem = strdup("is a set inside a set, which is not possible; copy its lines");
	else if (set->has_peers)
		peer_parse(text, OP_CONNECT, peers, &count, &problem);
	else
		pattern_resolve(text, NULL, &path, &problem);
	if (problem) {
		policy_add_problem(yaml->diags, yaml->file, mark, text, problem);
		yaml->failed = true;
		return 0;
	}
	r = ARRAY_GROW(set, items, set->item_count + 1);
	if (r < 0)
		return r;
	set->items[set->item_count] = (struct set_item){strdup(text), mark};
	return set->items[set->item_count++].text ? 0 : -ENOMEM;
}

static int parse_set_name(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	const struct set *set = data;
	const char *text = yaml_text(yaml);

	if (!text || strcmp(text, set->name))
		yaml_error(yaml, yaml_mark(yaml), "\"%s\" must be \"%s\", like the file", key->name,
			set->name);
	return yaml_skip(yaml);
}

static int parse_items(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	struct set *set = data;

	if (set->item_count) {
		yaml_error(yaml, yaml_mark(yaml),
			"a set has either paths or peers; move the %s to "
			"a set of their own",
			key->name);
		return yaml_skip(yaml);
	}
	set->has_peers = key->value;
	return yaml_list(yaml, key->name, item_add, NULL, set);
}

static const struct yaml_key set_keys[] = {
	{"apiVersion", policy_parse_version, 0, NULL},
	{"set", parse_set_name, 0, NULL},
	{"paths", parse_items, false, NULL},
	{"peers", parse_items, true, NULL},
};

static int set_parse_document(struct yaml *yaml, struct set *set)
{
	struct mark mark = yaml_mark(yaml);
	unsigned seen = 0;
	int r;

	r = yaml_mapping(yaml, "a set", set_keys, ARRAY_SIZE(set_keys), set, &seen);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < 2; i++)
		if (!(seen & 1U << i))
			yaml_error(yaml, mark, "\"%s\" is missing; add \"%s: %s\"",
				set_keys[i].name, set_keys[i].name,
				i ? set->name : AMBIT_API_VERSION);
	if (!set->item_count && !yaml->failed)
		yaml_error(
			yaml, mark, "the set is empty; add \"paths:\" or \"peers:\" with a list");
	return yaml_finish(yaml);
}

static int set_parse(struct set *set, const char *text, size_t size, struct diags *diags)
{
	struct yaml yaml;
	bool failed;
	int r;

	r = yaml_open(&yaml, set->file, text, size, diags);
	if (r == -ENODATA) {
		ambit_diags_add(diags, set->file, 1, 1,
			"the file is empty; begin with "
			"\"apiVersion: " AMBIT_API_VERSION "\"");
		r = -EINVAL;
	} else if (r >= 0) {
		r = set_parse_document(&yaml, set);
	}
	failed = yaml.failed;
	yaml_close(&yaml);
	return r < 0 ? r : failed ? -EINVAL : 0;
}

/* The set in `dir` whose name is nearest to `name`. */
static char *nearest_set(const char *dir, const char *name)
{
	DIR *stream = opendir(dir);
	const struct dirent *entry;
	char *nearest = NULL;

	while (stream && !nearest && (entry = readdir(stream))) {
		_cleanup_free_ char *other = strdup(entry->d_name);
		char *dot = other ? strrchr(other, '.') : NULL;
		const char *word = other;

		if (!dot || strcmp(dot, ".yaml"))
			continue;
		*dot = '\0';
		if (text_nearest(name, &word, 1, sizeof(word)))
			nearest = TAKE_PTR(other);
	}
	if (stream)
		closedir(stream);
	return nearest;
}

static void set_missing(
	const char *dir, const char *name, const char *from, struct mark mark, struct diags *diags)
{
	_cleanup_free_ char *nearest = nearest_set(dir, name);

	if (nearest)
		ambit_diags_add(diags, from, mark.line, mark.column,
			"there is no set \"@%s\" in "
			"\"%s\"; did you mean \"@%s\"?",
			name, dir, nearest);
	else
		ambit_diags_add(diags, from, mark.line, mark.column,
			"there is no set \"@%s\": "
			"\"%s/%s.yaml\" does not exist; make it, or name a set that is there",
			name, dir, name);
}

int set_read(const char *dir, const char *name, const char *from, struct mark mark,
	struct diags *diags, struct set **ret)
{
	struct set *set = calloc(1, sizeof(*set));
	_cleanup_free_ char *text = NULL;
	size_t size;
	int r = -ENOMEM;

	if (set) {
		set->name = strdup(name);
		set->file = text_format("%s/%s.yaml", dir, name);
	}
	if (set && set->name && set->file && access(set->file, F_OK)) {
		set_missing(dir, name, from, mark, diags);
		r = -ENOENT;
	} else if (set && set->name && set->file) {
		r = ambit_policy_read(set->file, &text, &size, diags);
		if (r >= 0)
			r = set_parse(set, text, size, diags);
	}
	if (r == -ENOENT || r == -ENOMEM) {
		set_free(set);
		return r;
	}
	set->broken = r < 0;
	*ret = set;
	return 0;
}

void set_free(struct set *set)
{
	if (!set)
		return;
	for (size_t i = 0; i < set->item_count; i++)
		free(set->items[i].text);
	free(set->items);
	free(set->name);
	free(set->file);
	free(set);
}
