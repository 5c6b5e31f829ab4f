/* SPDX-License-Identifier: Apache-2.0 */
/* ambit ps: the cells that are bound right now. */
#include <argp.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>
#include "cli/cli.h"
#include "kernel/kernel.h"
#include "trail/text.h"
#include "trail/trail.h"

static const char *mode_text(const struct cell_info *info)
{
	return info->row.mode == MODE_AUDIT ? "audit" : "enforce";
}

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

static void print_row(const struct cell_info *info, void *data)
{
	(void)data;
	if (info->row.flags & AMBIT_CELL_CANARY)
		return;
	printf("%08x  %-7s  %5u  %10" PRIu64 "  %10" PRIu64 "  %6" PRIu64 "  ", info->id,
		mode_text(info), info->processes, ambit_counts_sum(info->counters.allowed),
		ambit_counts_sum(info->counters.denied), ambit_events_lost(&info->counters));
	ambit_text_word(stdout, info->note, strlen(info->note));
	putchar('\n');
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

static void print_json(const struct cell_info *info, void *data)
{
	struct json_object *row = json_object_new_object();

	(void)data;
	if (!(info->row.flags & AMBIT_CELL_CANARY)) {
		json_object_object_add(row, "cell_id", json_object_new_uint64(info->id));
		json_object_object_add(row, "cell", json_object_new_string(info->note));
		json_object_object_add(row, "mode", json_object_new_string(mode_text(info)));
		json_object_object_add(row, "epoch", json_object_new_uint64(info->row.epoch));
		json_object_object_add(
			row, "policy_id", json_object_new_uint64(info->row.policy));
		json_object_object_add(row, "processes", json_object_new_uint64(info->processes));
		json_object_object_add(row, "allowed",
			json_object_new_uint64(ambit_counts_sum(info->counters.allowed)));
		json_object_object_add(row, "denied",
			json_object_new_uint64(ambit_counts_sum(info->counters.denied)));
		json_object_object_add(
			row, "lost", json_object_new_uint64(ambit_events_lost(&info->counters)));
		add_limits(row, info);
		puts(json_object_to_json_string_ext(row, JSON_C_TO_STRING_PLAIN));
	}
	json_object_put(row);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	(void)arg;
	if (key != 'j')
		return ARGP_ERR_UNKNOWN;
	*(bool *)state->input = true;
	return 0;
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

static int list(bool json)
{
	struct kernel *kernel = NULL;
	struct diag diag = {0};
	int error = ambit_kernel_open(&kernel, &diag);

	if (error && error != -ENOENT)
		ambit_ui_diag(&diag);
	ambit_diag_clear(&diag);
	if (error && error != -ENOENT)
		return EXIT_DENIED;
	if (!json)
		puts("ID        MODE     PROCS     ALLOWED      DENIED    LOST  CELL");
	/* A kernel that is not armed has no cells. */
	if (!error) {
		ambit_cells_each(kernel, json ? print_json : print_row, NULL);
		warn();
	}
	ambit_kernel_close(kernel);
	return EXIT_SUCCESS;
}

int ambit_verb_ps(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"json", 'j', NULL, 0, "print one JSON object a cell", 0},
		{0},
	};
	static const struct argp argp = {
		.options = options,
		.parser = parse_option,
		.doc = "Lists the cells that are running.",
	};
	bool json = false;

	if (argp_parse(&argp, argc, argv, 0, NULL, &json))
		return EXIT_USAGE;
	return ambit_ui_root("ambit ps") ? list(json) : EXIT_DENIED;
}
