/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/rules.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include "base/array.h"
#include "base/util.h"
#include "compile/unitglob.h"
#include "policy/policy.h"
#include "policy/text.h"
#include "policy/yaml.h"

#define VERSION "ambit/v1"
#define SYSTEM_SLICE AMBIT_CGROUP_MOUNT "/system.slice"
#define OWN_UNIT "ambit.service"

/* What units are called (systemd.unit(5)); a cgroup has the same name. */
#define UNIT_LETTERS                                                                                 \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:-_.\\@"

/* Of one file, while it is read. */
struct reading {
	struct cell_rule rule;
	unsigned matches;
};

static void rule_clear(struct cell_rule *rule)
{
	free(rule->file);
	free(rule->cgroup);
	free(rule->policy);
	*rule = (struct cell_rule){0};
}

/* --- what is matched --- */

/* The place of a slice: "a-b.slice" lies in "a.slice" (systemd.slice(5)). NULL without memory. */
static char *slice_path(const char *name)
{
	char *path = strdup(AMBIT_CGROUP_MOUNT);

	for (const char *dash = name; path && dash && *dash;) {
		_cleanup_free_ char *above = path;

		dash = strpbrk(dash, "-.");
		path = dash ? text_format("%s/%.*s.slice", above, (int)(dash - name), name) : NULL;
		dash = dash && *dash == '-' ? dash + 1 : NULL;
	}
	return path;
}

static bool ends_with(const char *text, const char *end)
{
	const size_t length = strlen(text), size = strlen(end);

	return length > size && strcmp(text + length - size, end) == 0;
}

/* Whether the last of a path is a name as it is, or a glob that can be bound; sets the problem. */
static bool last_works(const char *path, const char **ret_problem)
{
	const char *name = strrchr(path, '/');
	_cleanup_free_ char *above = strndup(path, (size_t)(name - path));
	struct ambit_glob glob;

	if (above && ambit_glob_is(above))
		*ret_problem = "has a glob that is not in the last name: the cgroup above has to be one";
	else if (ambit_glob_is(name))
		*ret_problem = ambit_glob_compile(name + 1, &glob);
	if (!*ret_problem && strcmp(above ?: "", SYSTEM_SLICE) == 0 &&
		(ambit_glob_is(name) ? ambit_glob_matches(&glob, OWN_UNIT) : strcmp(name + 1, OWN_UNIT) == 0))
		*ret_problem = "matches " OWN_UNIT ", which is ambit's own";
	return !*ret_problem;
}

/* Dashes between names alone: what is empty would be another slice. A glob stands behind the last of them, and those
 * deeper lie in what it matches. */
static bool is_slice(const char *text, size_t plain)
{
	return *text != '.' && strspn(text, UNIT_LETTERS) >= plain && ends_with(text, ".slice") && *text != '-' &&
	       !strstr(text, "--") && !strstr(text, "-.") && !strchr(text, '@') && !strchr(text, '/') &&
	       strchr(text, '.') == strrchr(text, '.');
}

static const char slice_problem[] =
	"is no name of a slice, such as batch.slice, batch-night.slice or \"batch-*.slice\"";
static const char deep_problem[] =
	"has a \"-\" behind a glob, which stands for a slice that lies in what the glob matches: bind that, with all in it "
	"(\"batch-*.slice\"), or write a file for each name";
static const char unit_problem[] =
	"is no service such as nginx.service, \"nginx-*.service\", or NAME@*.service for all that are made of a "
	"template; other units have a place that only \"cgroup\" can name";

/* Whether a dash follows a glob, other than in the brackets of one. */
static bool dash_follows(const char *text)
{
	while ((text = strpbrk(text, "[-")) && *text == '[')
		text += strcspn(text, "]");
	return text;
}

/* Each: the path of what is matched, owned, or NULL with what is wrong; NULL without memory. */

static char *match_slice(const char *text, const char **ret_problem)
{
	const size_t plain = strcspn(text, "*?[");
	size_t dash = plain;
	_cleanup_free_ char *slice = NULL, *above = NULL;

	*ret_problem = !is_slice(text, plain) ? slice_problem : dash_follows(text + plain) ? deep_problem : NULL;
	if (*ret_problem)
		return NULL;
	if (!text[plain])
		return slice_path(text);
	while (dash && text[dash - 1] != '-')
		dash--;
	/* Nothing in front: it lies in the root. */
	slice = dash ? text_format("%.*s.slice", (int)dash - 1, text) : NULL;
	above = !dash ? strdup(AMBIT_CGROUP_MOUNT) : slice ? slice_path(slice) : NULL;
	return above ? text_format("%s/%s", above, text) : NULL;
}

/* In a name that is part of a slice's, a dash is another level, so systemd writes it \x2d. `instance`: what is behind
 * the template, or NULL for all there is. */
static char *template_path(const char *text, size_t length, const char *instance)
{
	char *name = calloc(1, 4 * length + 1), *at = name;
	char *path;

	if (!name)
		return NULL;
	for (size_t i = 0; i < length; i++)
		at = text[i] == '-' ? stpcpy(at, "\\x2d") : (*at = text[i], at + 1);
	path = text_format(SYSTEM_SLICE "/system-%s.slice%s%s", name, instance ? "/" : "", instance ?: "");
	free(name);
	return path;
}

static char *match_unit(const char *text, const char **ret_problem)
{
	const char *at = strchr(text, '@');
	const size_t plain = strcspn(text, "*?[");

	*ret_problem = NULL;
	if (*text == '.' || strspn(text, UNIT_LETTERS) < plain || !ends_with(text, ".service") || strchr(text, '/') ||
		at == text || (at && plain < (size_t)(at - text))) {
		*ret_problem = unit_problem;
		return NULL;
	}
	if (!at)
		return text_format(SYSTEM_SLICE "/%s", text);
	return template_path(text, (size_t)(at - text), strcmp(at, "@*.service") == 0 ? NULL : text);
}

static char *match_cgroup(const char *text, const char **ret_problem)
{
	*ret_problem = NULL;
	if (*text == '/' && text[1] && !ends_with(text, "/") && !strstr(text, "//") && !strstr(text, "/."))
		return text_format(AMBIT_CGROUP_MOUNT "%s", text);
	*ret_problem = "is no path below " AMBIT_CGROUP_MOUNT ", such as /batch/night or \"/batch/night-*\"";
	return NULL;
}

static char *match_user(const char *text, const char **ret_problem)
{
	const bool number = *text && strspn(text, "0123456789") == strlen(text) && strlen(text) < 10;
	const struct passwd *account = number ? NULL : getpwnam(text);

	*ret_problem = NULL;
	if (number || account)
		return text_format(AMBIT_CGROUP_MOUNT "/user.slice/user-%lu.slice",
			number ? strtoul(text, NULL, 10) : (unsigned long)account->pw_uid);
	*ret_problem = "is no user of this machine";
	return NULL;
}

/* --- a file --- */

static int parse_version(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	const char *text = yaml_text(yaml);

	(void)data;
	if (!text || strcmp(text, VERSION))
		yaml_error(yaml, yaml_mark(yaml), "\"%s\" must be \"" VERSION "\"", key->name);
	return yaml_skip(yaml);
}

static int parse_match(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	static char *(*const matches[])(const char *text, const char **ret_problem) = {
		match_unit, match_slice, match_cgroup, match_user};
	struct reading *reading = data;
	const char *text = yaml_text(yaml), *problem = NULL;
	struct mark mark = yaml_mark(yaml);
	_cleanup_free_ char *path = text ? matches[key->value](text, &problem) : NULL;

	if (!text)
		yaml_error(yaml, mark, "\"%s\" must be text", key->name);
	else if (problem || (path && !last_works(path, &problem)))
		yaml_error(yaml, mark, "\"%s\" %s", text, problem);
	else if (!path)
		return -ENOMEM;
	if (path && !problem) {
		free(reading->rule.cgroup);
		reading->rule.cgroup = TAKE_PTR(path);
		reading->rule.glob = ambit_glob_is(strrchr(reading->rule.cgroup, '/'));
	}
	if (reading->matches++ == 1)
		yaml_error(yaml, mark, "\"match\" has one of unit, slice, cgroup, user; write a file for each");
	return yaml_skip(yaml);
}

static const struct yaml_key match_keys[] = {
	{"unit", parse_match, 0, NULL},
	{"slice", parse_match, 1, NULL},
	{"cgroup", parse_match, 2, NULL},
	{"user", parse_match, 3, NULL},
};

static int parse_matches(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	(void)key;
	return yaml_mapping(yaml, "\"match\"", match_keys, ARRAY_SIZE(match_keys), data, NULL);
}

static int parse_policy(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	struct reading *reading = data;
	const char *text = yaml_text(yaml);

	if (!text || *text != '/')
		yaml_error(yaml, yaml_mark(yaml), "\"%s\" must be the absolute path of a policy", key->name);
	else if (!(reading->rule.policy = strdup(text)))
		return -ENOMEM;
	return yaml_skip(yaml);
}

static const struct yaml_key rule_keys[] = {
	{"apiVersion", parse_version, 0, NULL},
	{"match", parse_matches, 0, NULL},
	{"policy", parse_policy, 0, NULL},
};

static int parse_document(struct yaml *yaml, struct reading *reading)
{
	struct mark mark = yaml_mark(yaml);
	unsigned seen = 0;
	int r = yaml_mapping(yaml, "a rule for cells", rule_keys, ARRAY_SIZE(rule_keys), reading, &seen);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < ARRAY_SIZE(rule_keys); i++)
		if (!(seen & 1U << i))
			yaml_error(yaml, mark, "\"%s\" is missing", rule_keys[i].name);
	if (!yaml->failed && !reading->rule.cgroup)
		yaml_error(yaml, mark, "\"match\" is empty: name a unit, a slice, a cgroup or a user");
	return yaml_finish(yaml);
}

/* A key of the index owns nothing; its text is the rule's. */
struct place {
	const char *cgroup;
	size_t at;
};

static int place_compare(const void *left, const void *right)
{
	return strcmp(((const struct place *)left)->cgroup, ((const struct place *)right)->cgroup);
}

/* The last one that was added. */
static int index_add(struct cell_rules *rules)
{
	struct place *place = malloc(sizeof(*place));

	if (!place)
		return -ENOMEM;
	*place = (struct place){rules->items[rules->count - 1].cgroup, rules->count - 1};
	if (tsearch(place, &rules->index, place_compare))
		return 0;
	free(place);
	return -ENOMEM;
}

static int rule_add(struct cell_rules *rules, struct cell_rule *rule, struct diags *diags)
{
	const struct cell_rule *other = cell_rules_find(rules, rule->cgroup);

	if (other) {
		ambit_diags_add(diags, rule->file, 0, 0, "matches what \"%s\" does: %s; leave one of them out",
			other->file, rule->cgroup);
		return -EINVAL;
	}
	if (ARRAY_GROW(rules, items, rules->count + 1) < 0)
		return -ENOMEM;
	rules->items[rules->count++] = *rule;
	if (index_add(rules) < 0) {
		rules->count--;
		return -ENOMEM;
	}
	*rule = (struct cell_rule){0};
	return 0;
}

int cell_rules_parse(struct cell_rules *rules, const char *file, const char *text, size_t size,
	struct diags *diags)
{
	struct reading reading = {.rule.file = strdup(file)};
	struct yaml yaml;
	int r = reading.rule.file ? yaml_open(&yaml, file, text, size, diags) : -ENOMEM;
	bool failed = false;

	if (r == -ENODATA) {
		ambit_diags_add(diags, file, 1, 1, "the file is empty; begin with \"apiVersion: " VERSION "\"");
		r = -EINVAL;
	} else if (r >= 0) {
		r = parse_document(&yaml, &reading);
	}
	if (reading.rule.file) {
		failed = yaml.failed;
		yaml_close(&yaml);
	}
	if (r >= 0 && failed)
		r = -EINVAL;
	if (r >= 0)
		r = rule_add(rules, &reading.rule, diags);
	rule_clear(&reading.rule);
	return r;
}

/* --- the directory --- */

static int is_file(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && ends_with(entry->d_name, ".yaml");
}

static int file_read(
	struct cell_rules *rules, const char *directory, const char *name, struct diags *diags)
{
	_cleanup_free_ char *path = text_format("%s/%s", directory, name), *text = NULL;
	size_t size;
	int r = path ? ambit_policy_read(path, &text, &size, diags) : -ENOMEM;

	return r < 0 ? r : cell_rules_parse(rules, path, text, size, diags);
}

int cell_rules_read(struct cell_rules *rules, const char *directory, struct diags *diags)
{
	struct dirent **entries = NULL;
	int count = scandir(directory, &entries, is_file, alphasort), result = 0;

	if (count < 0 && errno != ENOENT) {
		result = -errno;
		ambit_diags_add(diags, directory, 0, 0, "%s", strerror(-result));
	}
	for (int i = 0; i < count; i++) {
		int r = file_read(rules, directory, entries[i]->d_name, diags);

		result = r < 0 ? r : result;
		free(entries[i]);
	}
	free(entries);
	return result;
}

const struct cell_rule *cell_rules_find(const struct cell_rules *rules, const char *cgroup)
{
	const struct place wanted = {.cgroup = cgroup};
	struct place *const *found = tfind(&wanted, (void *const *)&rules->index, place_compare);

	return found ? &rules->items[(*found)->at] : NULL;
}

/* Whether a glob's rule is for a cgroup. */
static bool glob_binds(const struct cell_rule *rule, const char *cgroup)
{
	const char *glob = strrchr(rule->cgroup, '/'), *name = strrchr(cgroup, '/');
	const size_t above = (size_t)(glob - rule->cgroup);
	struct ambit_glob row;

	return rule->glob && (size_t)(name - cgroup) == above && strncmp(rule->cgroup, cgroup, above) == 0 &&
	       !ambit_glob_compile(glob + 1, &row) && ambit_glob_matches(&row, name + 1);
}

const struct cell_rule *cell_rules_bind(const struct cell_rules *rules, const char *cgroup)
{
	const struct cell_rule *found = cell_rules_find(rules, cgroup);

	for (size_t i = 0; !found && i < rules->count; i++)
		if (glob_binds(&rules->items[i], cgroup))
			found = &rules->items[i];
	return found;
}

void cell_rules_clear(struct cell_rules *rules)
{
	for (size_t i = 0; i < rules->count; i++)
		rule_clear(&rules->items[i]);
	free(rules->items);
	tdestroy(rules->index, free);
	*rules = (struct cell_rules){0};
}
