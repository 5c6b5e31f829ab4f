/* SPDX-License-Identifier: Apache-2.0 */
/* ambit check FILE...: all errors of a policy, or how large it is. */
#include <argp.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>
#include "base/util.h"
#include "cli/cli.h"
#include "compile/limits.h"
#include "policy/env.h"
#include "policy/text.h"

struct check_options {
	bool json;
	char **files; /* borrowed from argv */
	int file_count;
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct check_options *options = state->input;

	(void)arg;
	switch (key) {
	case 'j':
		options->json = true;
		return 0;
	case ARGP_KEY_ARGS:
		options->files = state->argv + state->next;
		options->file_count = state->argc - state->next;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_usage(state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option check_argp_options[] = {
	{"json", 'j', NULL, 0, "Print one JSON object a file", 0},
	{0},
};

static const struct argp check_argp = {
	.options = check_argp_options,
	.parser = parse_option,
	.args_doc = "FILE...",
	.doc = "Checks policy files and prints every error as FILE:LINE:COLUMN: TEXT.\v"
	       "Needs no privilege. ~ is your home and . the working directory. The exit status is "
	       "0 if all files are good, 1 if one is not, 2 for a wrong command line.",
};

static int check_file(const char *file, const struct policy_env *env, struct diags *diags,
	struct policy **ret_policy, struct tables **ret_tables)
{
	_cleanup_(policy_cleanup) struct policy *policy = NULL;
	struct ambit_limits limits;
	struct diag diag = {};
	int r;

	r = ambit_policy_load(file, env, diags, &policy);
	if (r < 0)
		return r;
	r = ambit_policy_mounts(policy, env, diags);
	if (r < 0)
		return r;
	r = ambit_limits_compile(policy, 0, &limits, &diag);
	if (r >= 0)
		r = ambit_tables_compile(policy, &diag, ret_tables);
	if (r < 0)
		ambit_diags_add(diags, diag.file, diag.line, diag.column, "%s",
			diag.text ? diag.text : "out of memory");
	ambit_diag_clear(&diag);
	if (r >= 0)
		*ret_policy = TAKE_PTR(policy);
	return r;
}

/* A file's name may hold any bytes; JSON is UTF-8. */
static struct json_object *text_json(const char *text)
{
	_cleanup_free_ char *clean = text_clean(text);

	return json_object_new_string(clean ? clean : "");
}

static struct json_object *diags_json(const struct diags *diags)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < diags->count; i++) {
		const struct diag *diag = &diags->items[i];
		struct json_object *error = json_object_new_object();

		if (diag->file)
			json_object_object_add(error, "file", text_json(diag->file));
		if (diag->line)
			json_object_object_add(error, "line", json_object_new_int64(diag->line));
		if (diag->column)
			json_object_object_add(
				error, "column", json_object_new_int64(diag->column));
		json_object_object_add(
			error, "text", text_json(diag->text ? diag->text : "out of memory"));
		json_object_array_add(list, error);
	}
	return list;
}

static void print_json(const char *file, const struct diags *diags, const struct policy *policy,
	const struct tables *tables)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "file", text_json(file));
	json_object_object_add(object, "ok", json_object_new_boolean(tables != NULL));
	if (tables) {
		json_object_object_add(object, "name", json_object_new_string(policy->name));
		json_object_object_add(
			object, "rules", json_object_new_int64((int64_t)policy->rule_count));
		json_object_object_add(
			object, "states", json_object_new_int64(tables->state_count));
		json_object_object_add(object, "bytes",
			json_object_new_int64((int64_t)tables->segment_count *
					      (int64_t)sizeof(struct ambit_segment)));
	}
	json_object_object_add(object, "errors", diags_json(diags));
	json_object_object_add(object, "dropped", json_object_new_int64((int64_t)diags->dropped));
	puts(json_object_to_json_string_ext(
		object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
}

static int check_one(const char *file, const struct policy_env *env, bool json)
{
	_cleanup_(policy_cleanup) struct policy *policy = NULL;
	_cleanup_(tables_cleanup) struct tables *tables = NULL;
	struct diags diags = {};
	int r;

	r = check_file(file, env, &diags, &policy, &tables);
	if (r < 0 && !diags.count)
		ambit_diags_add(&diags, file, 0, 0, "cannot check \"%s\": %s", file, strerror(-r));
	if (json)
		print_json(file, &diags, policy, tables);
	else if (tables)
		printf("%s: ok: policy \"%s\", %zu rules, %" PRIu32 " states, %zu bytes\n", file,
			policy->name, policy->rule_count, tables->state_count,
			tables->segment_count * sizeof(struct ambit_segment));
	else
		ambit_ui_diags(&diags);
	ambit_diags_clear(&diags);
	return r < 0 ? EXIT_DENIED : EXIT_SUCCESS;
}

int ambit_verb_check(int argc, char **argv)
{
	struct check_options options = {};
	struct policy_env_own own = {};
	struct diag diag = {};
	int status = EXIT_SUCCESS;

	if (argp_parse(&check_argp, argc, argv, 0, NULL, &options))
		return EXIT_USAGE;
	if (ambit_policy_env_find(NULL, &own, &diag) < 0) {
		ambit_ui_diag(&diag);
		ambit_diag_clear(&diag);
		return EXIT_DENIED;
	}
	for (int i = 0; i < options.file_count; i++)
		if (check_one(options.files[i], &own.env, options.json))
			status = EXIT_DENIED;
	ambit_policy_env_clear(&own);
	return status;
}
