/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ambit doctor: what this kernel has of what ambit needs, and the proof. Rows say what is there;
 * only the canary, an act that is possible outside of a cell and denied inside, says that it works.
 */
#include <argp.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>
#include "base/util.h"
#include "cli/cli.h"
#include "daemon/rules.h"
#include "kernel/kernel.h"
#include "trail/trail.h"

struct table {
	struct feature *rows; /* owned */
	size_t count;
};

static const char *const states[] = {
	[FEATURE_OK] = "ok", [FEATURE_MISSING] = "missing", [FEATURE_UNKNOWN] = "unknown",
	[FEATURE_ATTACHED] = "attached", [FEATURE_UNUSED] = "not needed",
	[FEATURE_CLOSED] = "closed", [FEATURE_PART] = "part", [FEATURE_OPEN] = "open"};

static const char *const canary_names[] = {
#define X(name, text) [OP_##name] = "canary " text,
	AMBIT_OPS(X)
#undef X
};

static void add(struct table *table, const struct feature *row)
{
	struct feature *rows = reallocarray(table->rows, table->count + 1, sizeof(*rows));

	if (!rows)
		return;
	rows[table->count++] = *row;
	table->rows = rows;
}

static void add_canaries(struct table *table, const int results[OP_MAX], const char *seen)
{
	for (unsigned op = 0; op < OP_MAX; op++) {
		struct feature row = {.name = canary_names[op],
			.required = true,
			.state = results[op] == 1 ? FEATURE_OK : FEATURE_MISSING};

		if (row.state == FEATURE_OK) {
			snprintf(row.detail, sizeof(row.detail),
				"denied in a cell, possible outside");
		} else {
			snprintf(row.detail, sizeof(row.detail), "%s", seen ?: "not proved");
			snprintf(row.remedy, sizeof(row.remedy),
				"mend the rows above first; with all of them ok this is a fault of "
				"ambit: please report it with this table");
		}
		add(table, &row);
	}
}

static void add_failure(struct table *table, const char *seen)
{
	struct feature row = {.name = "arming",
		.required = true,
		.state = FEATURE_MISSING,
		.remedy = "mend the rows above first"};

	snprintf(row.detail, sizeof(row.detail), "%s", seen ?: "failed");
	add(table, &row);
}

/* What is promised, and whether it was kept. */
static void add_state(struct table *table, const struct arm_options *options)
{
	struct feature promise = {.name = "promise", .state = FEATURE_OK, .required = true};
	struct feature skipped = {.name = "skipped decisions", .required = true};
	struct kernel_state state;

	if (ambit_kernel_state(options, &state))
		return;
	snprintf(promise.detail, sizeof(promise.detail), "%s%s",
		state.weaker[0] ? "best effort: " : "every decision is made", state.weaker);
	skipped.state = state.skipped ? FEATURE_MISSING : FEATURE_OK;
	snprintf(skipped.detail, sizeof(skipped.detail), "%" PRIu64 " since the kernel was armed",
		state.skipped);
	snprintf(skipped.remedy, sizeof(skipped.remedy),
		"these were allowed: see the row \"preemption\", and boot with bpf in lsm=");
	add(table, &promise);
	add(table, &skipped);
}

/* Leaves the kernel armed or not, as it was. What is armed is examined as it is. */
static void prove(struct table *table, bool best_effort)
{
	bool was_armed = ambit_kernel_is_armed();
	const struct arm_options options = {.best_effort = best_effort, .as_it_is = was_armed};
	struct kernel *kernel = NULL;
	struct diag diag = {0};
	int results[OP_MAX] = {0};

	if (ambit_kernel_arm(&options, &kernel, &diag)) {
		add_failure(table, diag.text);
	} else {
		add_state(table, &options);
		ambit_kernel_canary(kernel, (1U << OP_MAX) - 1, true, results, &diag);
		add_canaries(table, results, diag.text);
	}
	ambit_kernel_close(kernel);
	/* Busy: somebody started a cell meanwhile, and needs it armed. */
	if (!was_armed)
		ambit_kernel_disarm(false, &diag);
	ambit_diag_clear(&diag);
}

static void add_unproved(struct table *table)
{
	struct feature row = {.name = "canary",
		.required = true,
		.state = FEATURE_UNKNOWN,
		.detail = "only root can prove that the kernel denies",
		.remedy = "sudo ambit doctor"};

	add(table, &row);
}

/* What a rule matches now, and what of that another one has. */
struct matching {
	const struct cell_rules *rules;
	const struct cell_rule *rule;
	struct feature *row;
	unsigned count;
};

static int match_add(const char *path, void *data)
{
	struct matching *matching = data;
	const struct cell_rule *binds = cell_rules_bind(matching->rules, path);
	char *detail = matching->row->detail;
	const size_t length = strlen(detail);

	if (binds == matching->rule)
		matching->count++;
	else if (binds)
		snprintf(detail + length, sizeof(matching->row->detail) - length, "; %s is of %s", path,
			binds->file);
	return 0;
}

static void rule_show(const struct cell_rules *rules, const struct cell_rule *rule, struct feature *row)
{
	const struct ambit_place place = {.path = rule->cgroup, .glob = rule->glob};
	struct matching matching = {rules, rule, row, 0};
	size_t length;

	snprintf(row->detail, sizeof(row->detail), "%s: %s has %s", rule->file, rule->cgroup, rule->policy);
	ambit_place_each(&place, match_add, &matching);
	length = strlen(row->detail);
	snprintf(row->detail + length, sizeof(row->detail) - length, "; %u cgroup%s now", matching.count,
		matching.count == 1 ? "" : "s");
}

/* What files bind when the daemon reads them, and what is wrong with one. */
static void add_rules(struct table *table)
{
	struct cell_rules rules = {0};
	struct diags diags = {0};

	cell_rules_read(&rules, AMBIT_CELLS_DIR, &diags);
	for (size_t i = 0; i < rules.count; i++) {
		struct feature row = {.name = "cells.d", .state = FEATURE_OK};

		rule_show(&rules, &rules.items[i], &row);
		add(table, &row);
	}
	for (size_t i = 0; i < diags.count; i++) {
		struct feature row = {.name = "cells.d",
			.state = FEATURE_MISSING,
			.required = true,
			.remedy = "mend it, and ambit reload; until then the rules before are in force"};

		snprintf(row.detail, sizeof(row.detail), "%s:%u:%u: %s",
			diags.items[i].file ?: AMBIT_CELLS_DIR, diags.items[i].line, diags.items[i].column,
			diags.items[i].text);
		add(table, &row);
	}
	ambit_diags_clear(&diags);
	cell_rules_clear(&rules);
}

static bool is_fatal(const struct feature *row)
{
	return row->required && row->state != FEATURE_OK;
}

static void print_row(const struct feature *row, bool colour)
{
	const char *state =
		(row->state == FEATURE_MISSING && !row->required) || row->state == FEATURE_UNUSED
			? "-"
			: states[row->state];
	bool open = row->state == FEATURE_OPEN || row->state == FEATURE_PART;
	const char *on = is_fatal(row) ? "\033[31m" : open ? "\033[33m" : "\033[32m";

	printf("%s%-8s%s %-30s %s\n", colour ? on : "", state, colour ? "\033[0m" : "", row->name,
		row->way ?: row->detail);
	if (row->way)
		printf("%-8s %-30s %s%s\n", "", "", open ? "-> " : "   ", row->detail);
	if (row->state != FEATURE_OK && row->remedy[0])
		printf("%-8s %-30s -> %s\n", "", "", row->remedy);
}

/* A hook by itself is worth a line only where it has no program: the ways round name them. */
static bool is_dull(const struct feature *row)
{
	return (row->state == FEATURE_OK || row->state == FEATURE_ATTACHED) &&
	       strncmp(row->name, "hook ", 5) == 0;
}

static void print_table(const struct table *table)
{
	bool colour = ambit_ui_colour(STDOUT_FILENO);
	const char *part = NULL;

	for (size_t i = 0; i < table->count; i++) {
		const struct feature *row = &table->rows[i];

		if (is_dull(row))
			continue;
		if (row->part && (!part || strcmp(part, row->part)))
			printf("\n%s\n", row->part);
		else if (part && !row->part)
			putchar('\n');
		part = row->part;
		print_row(row, colour);
	}
}

static void print_json(const struct table *table, bool ok)
{
	struct json_object *root = json_object_new_object(), *rows = json_object_new_array();

	json_object_object_add(root, "ok", json_object_new_boolean(ok));
	for (size_t i = 0; i < table->count; i++) {
		const struct feature *row = &table->rows[i];
		struct json_object *item = json_object_new_object();

		json_object_object_add(item, "name", json_object_new_string(row->name));
		if (row->part) {
			json_object_object_add(item, "part", json_object_new_string(row->part));
			json_object_object_add(item, "way", json_object_new_string(row->way));
		}
		json_object_object_add(item, "state", json_object_new_string(states[row->state]));
		json_object_object_add(item, "required", json_object_new_boolean(row->required));
		json_object_object_add(item, "detail", json_object_new_string(row->detail));
		if (row->state != FEATURE_OK && row->remedy[0])
			json_object_object_add(item, "remedy", json_object_new_string(row->remedy));
		json_object_array_add(rows, item);
	}
	json_object_object_add(root, "rows", rows);
	puts(json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN));
	json_object_put(root);
}

struct options {
	bool json, best_effort;
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	(void)arg;
	if (key == 'j')
		options->json = true;
	else if (key == 'b')
		options->best_effort = true;
	else
		return ARGP_ERR_UNKNOWN;
	return 0;
}

static int examine(const struct options *options)
{
	struct table table = {0};
	bool ok = true;
	int error = ambit_kernel_features(options->best_effort, &table.rows, &table.count);

	if (error) {
		ambit_ui_say("cannot look at the kernel: %s", strerror(-error));
		return EXIT_DENIED;
	}
	if (geteuid())
		add_unproved(&table);
	else
		prove(&table, options->best_effort);
	add_rules(&table);
	for (size_t i = 0; i < table.count; i++)
		ok = ok && !is_fatal(&table.rows[i]);
	if (options->json)
		print_json(&table, ok);
	else
		print_table(&table);
	free(table.rows);
	return ok ? EXIT_SUCCESS : EXIT_DENIED;
}

int ambit_verb_doctor(int argc, char **argv)
{
	static const struct argp_option list[] = {
		{"json", 'j', NULL, 0, "print one JSON object", 0},
		{"best-effort", 'b', NULL, 0, "prove the weaker promise that --best-effort gives", 0},
		{0},
	};
	static const struct argp argp = {
		.options = list,
		.parser = parse_option,
		.doc = "Shows what this kernel has of what ambit needs, and as root proves by a "
		       "canary "
		       "that it denies.\vExit status: 0 if all that is required is there and "
		       "proved, 1 "
		       "otherwise.",
	};
	struct options options = {0};

	if (argp_parse(&argp, argc, argv, 0, NULL, &options))
		return EXIT_USAGE;
	return examine(&options);
}
