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
