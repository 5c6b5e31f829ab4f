/* SPDX-License-Identifier: Apache-2.0 */
/* ambit ps: the cells that are bound right now. */
#include <argp.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>
#include <time.h>
#include "cli/cli.h"
#include "cli/sample.h"
#include "daemon/hold.h"
#include "daemon/rules.h"
#include "kernel/kernel.h"
#include "trail/trail.h"

static const char *const limit_names[] = {
#define X(name, key, seconds) [LIMIT_##name] = key,
	AMBIT_LIMITS(X)
#undef X
};

/* Calls `each` for every limit that a cell has. */
static void limits_each(const struct cell_info *info,
	void (*each)(const char *name, unsigned line, uint64_t used, uint64_t limit, void *data),
	void *data)
{
	for (unsigned group = 0; info->limited && group < AMBIT_LIMIT_GROUPS; group++) {
		for (unsigned kind = 0; kind < LIMIT_MAX; kind++) {
			const struct ambit_bucket *bucket = &info->limits.buckets[group][kind];

			if (bucket->limit)
				each(limit_names[kind], info->limits.lines[group],
					ambit_bucket_used(bucket), bucket->limit, data);
		}
	}
}

static void print_limit(
	const char *name, unsigned line, uint64_t used, uint64_t limit, void *data)
{
	(void)data;
	printf("          %s %" PRIu64 "/%" PRIu64, name, used, limit);
	if (line)
		printf("  (line %u)", line);
	putchar('\n');
}

static void add_limit(const char *name, unsigned line, uint64_t used, uint64_t limit, void *data)
{
	struct json_object *row = json_object_new_object();

	json_object_object_add(row, "limit", json_object_new_string(name));
	if (line)
		json_object_object_add(row, "line", json_object_new_uint64(line));
	json_object_object_add(row, "used", json_object_new_uint64(used));
	json_object_object_add(row, "of", json_object_new_uint64(limit));
	json_object_array_add(data, row);
}

/* The file that binds a cell, as they are now: NULL where none does. What is wrong with one the daemon and `ambit
 * doctor` say. */
static const char *file_of(const struct cell_rules *rules, const struct cell_info *info)
{
	const struct cell_rule *rule = NULL;
	struct hold_state state;

	if (info->row.flags & AMBIT_CELL_BOUND && ambit_state_read(info->id, &state) == 0) {
		rule = cell_rules_find(rules, state.cgroup);
		ambit_state_clear(&state);
	}
	return rule ? rule->file : NULL;
}

static void print_row(const struct cell_info *info, const struct rates *rates, const char *file)
{
	ambit_sample_row(stdout, info, rates);
	if (file)
		printf("          %s\n", file);
	limits_each(info, print_limit, NULL);
	if (info->limited && info->limits.file_size)
		printf("          fileSize %" PRIu64 "\n", (uint64_t)info->limits.file_size);
}

/* Nothing of a cell without any. */
static void add_limits(struct json_object *row, const struct cell_info *info)
{
	struct json_object *limits;

	if (!info->limited)
		return;
	limits = json_object_new_array();
	limits_each(info, add_limit, limits);
	json_object_object_add(row, "limits", limits);
	if (info->limits.file_size)
		json_object_object_add(
			row, "file_size", json_object_new_uint64(info->limits.file_size));
}

static void add_number(struct json_object *row, const char *key, uint64_t value)
{
	json_object_object_add(row, key, json_object_new_uint64(value));
}

static void add_rate(struct json_object *row, const char *key, uint64_t tenths)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64 ".%" PRIu64, tenths / 10, tenths % 10);
	json_object_object_add(row, key, json_object_new_double_s((double)tenths / 10, text));
}

static void print_json(const struct cell_info *info, const struct rates *rates, const char *file)
{
	struct json_object *row = json_object_new_object();

	add_number(row, "cell_id", info->id);
	json_object_object_add(row, "cell", json_object_new_string(info->note));
	if (file)
		json_object_object_add(row, "rule", json_object_new_string(file));
	json_object_object_add(row, "mode", json_object_new_string(ambit_sample_mode(info)));
	add_number(row, "epoch", info->row.epoch);
	add_number(row, "policy_id", info->row.policy);
	add_number(row, "processes", info->processes);
	add_number(row, "allowed", ambit_counts_sum(info->counters.allowed));
	add_number(row, "denied", ambit_counts_sum(info->counters.denied));
	add_number(row, "lost", ambit_events_lost(&info->counters));
	if (rates && rates->known) {
		add_rate(row, "allowed_per_s", rates->allowed);
		add_rate(row, "denied_per_s", rates->denied);
		add_rate(row, "lost_per_s", rates->lost);
	}
	add_limits(row, info);
	puts(json_object_to_json_string_ext(row, JSON_C_TO_STRING_PLAIN));
	json_object_put(row);
}

struct ps_words {
	bool json, rates;
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct ps_words *words = state->input;

	(void)arg;
	switch (key) {
	case 'j':
		words->json = true;
		return 0;
	case 'r':
		words->rates = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* What the table leaves out and nobody may overlook. */
static void warn(void)
{
	const struct arm_options options = {.as_it_is = true};
	struct kernel_state state;

	if (ambit_kernel_state(&options, &state))
		return;
	if (state.weaker[0])
		ambit_ui_say("best effort: %s", state.weaker);
	if (state.skipped)
		ambit_ui_say("ALARM: %" PRIu64 " decisions were skipped, that is, allowed, since the "
			     "kernel was armed", state.skipped);
}

static void print_all(const struct ps_words *words, const struct sample *before, const struct sample *now)
{
	struct cell_rules rules = {0};
	struct diags ignored = {0};

	cell_rules_read(&rules, AMBIT_CELLS_DIR, &ignored);
	ambit_diags_clear(&ignored);
	if (!words->json)
		ambit_sample_head(stdout, words->rates);
	for (size_t i = 0; i < now->count; i++) {
		const struct rates rates = ambit_sample_rates(before, now, &now->cells[i]);

		(words->json ? print_json : print_row)(&now->cells[i], words->rates ? &rates : NULL,
			file_of(&rules, &now->cells[i]));
	}
	cell_rules_clear(&rules);
}

static int list(const struct ps_words *words)
{
	static const struct timespec second = {.tv_sec = 1};
	struct sample before = {0}, now = {0};
	int error = ambit_sample_take(&now);

	if (!error && words->rates) {
		before = now;
		now = (struct sample){0};
		nanosleep(&second, NULL);
		error = ambit_sample_take(&now);
	}
	if (!error) {
		print_all(words, &before, &now);
		warn();
	}
	ambit_sample_clear(&before);
	ambit_sample_clear(&now);
	return error ? EXIT_DENIED : EXIT_SUCCESS;
}

int ambit_verb_ps(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"json", 'j', NULL, 0, "print one JSON object a cell", 0},
		{"rates", 'r', NULL, 0, "count for a second, and say how many in it", 0},
		{0},
	};
	static const struct argp argp = {
		.options = options,
		.parser = parse_option,
		.doc = "Lists the cells that are running.",
	};
	struct ps_words words = {0};

	if (argp_parse(&argp, argc, argv, 0, NULL, &words))
		return EXIT_USAGE;
	return ambit_ui_root("ambit ps") ? list(&words) : EXIT_DENIED;
}
