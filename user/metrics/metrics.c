/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics/metrics.h"

#include <inttypes.h>
#include <string.h>
#include "base/array.h"
#include "base/util.h"
#include "trail/trail.h"

/* All values of a metric stand together: so the cells are read once, and told many times. */
struct cells {
	struct cell_info *items;
	size_t count, items_room;
	bool failed;
};

struct writing {
	FILE *out;
	const struct cells *cells;
};

static void cells_add(const struct cell_info *info, void *data)
{
	struct cells *cells = data;

	if (info->row.flags & AMBIT_CELL_CANARY)
		return;
	if (ARRAY_GROW(cells, items, cells->count + 1))
		cells->failed = true;
	else
		cells->items[cells->count++] = *info;
}

static void cells_clear(struct cells *cells)
{
	free(cells->items);
}

/* Two cells never have one label: the name has the id in it, but need not be there. */
static const char *label_of(const struct cell_info *info, char id[9])
{
	snprintf(id, 9, "%08x", info->id);
	return info->note[0] ? info->note : id;
}

static uint64_t get_epoch(const struct cell_info *info)
{
	return info->row.epoch;
}
static uint64_t get_processes(const struct cell_info *info)
{
	return info->processes;
}
static uint64_t get_used(const struct cell_info *info)
{
	return info->ring_used;
}
static uint64_t get_size(const struct cell_info *info)
{
	return info->ring_size;
}
static uint64_t get_enforces(const struct cell_info *info)
{
	return info->row.mode == MODE_ENFORCE;
}

static void put_gauges(FILE *out, const struct cells *cells)
{
	static const struct {
		const char *name, *help;
		uint64_t (*get)(const struct cell_info *info);
	} gauges[] = {
		{"ambit_cell_epoch", "Version of the policy in force.", get_epoch},
		{"ambit_cell_processes", "Processes in the cell's cgroup.", get_processes},
		{"ambit_cell_enforces", "1: what is not allowed is denied; 0: it is recorded.", get_enforces},
		{"ambit_ring_used_bytes", "Events that ambit has not read yet.", get_used},
		{"ambit_ring_size_bytes", "Room for them.", get_size},
	};
	char id[9];

	for (size_t i = 0; i < ARRAY_SIZE(gauges); i++) {
		metric_begin(out, gauges[i].name, "gauge", gauges[i].help);
		for (size_t k = 0; k < cells->count; k++)
			metric_value(out, gauges[i].name,
				(struct metric_label[]){{"cell", label_of(&cells->items[k], id)}, {0}},
				gauges[i].get(&cells->items[k]));
	}
}

static void put_decisions(FILE *out, const struct cells *cells)
{
	static const char name[] = "ambit_decisions_total";
	char id[9];

	metric_begin(out, name, "counter", "Decisions by verdict; in audit mode deny is what would be denied.");
	for (size_t i = 0; i < cells->count; i++) {
		const struct cell_info *info = &cells->items[i];

		for (unsigned op = 0; op < OP_MAX; op++) {
			struct metric_label labels[] = {{"cell", label_of(info, id)},
				{"op", ambit_op_text(op)}, {"verdict", "allow"}, {0}};

			metric_value(out, name, labels, info->counters.allowed[op]);
			labels[2].value = "deny";
			metric_value(out, name, labels, info->counters.denied[op]);
		}
	}
}

static void put_lost(FILE *out, const struct cells *cells)
{
	static const char name[] = "ambit_events_lost_total";
	static const struct {
		const char *reason;
		size_t offset;
	} reasons[] = {
		{"ring-full", offsetof(struct ambit_counters, lost_full)},
		{"no-scratch", offsetof(struct ambit_counters, lost_scratch)},
		{"spared-for-denials", offsetof(struct ambit_counters, lost_spared)},
		{"tallies-full", offsetof(struct ambit_counters, lost_tally)},
	};
	char id[9];

	metric_begin(out, name, "counter",
		"Events that are in no trail (tallies-full: denials without a row of their rule).");
	for (size_t i = 0; i < cells->count; i++)
		for (size_t k = 0; k < ARRAY_SIZE(reasons); k++)
			metric_value(out, name,
				(struct metric_label[]){{"cell", label_of(&cells->items[i], id)},
					{"reason", reasons[k].reason}, {0}},
				*(const __u64 *)((const char *)&cells->items[i].counters +
						 reasons[k].offset));
}

static void put_tally(const struct ambit_tally_key *key, uint64_t count, void *data)
{
	const struct writing *writing = data;
	char rule[12], id[9];
	size_t at = 0;

	while (at < writing->cells->count && writing->cells->items[at].id != key->cell)
		at++;
	/* Of a cell that is gone since, or of a canary. */
	if (at == writing->cells->count)
		return;
	snprintf(rule, sizeof(rule), "%u", key->rule);
	metric_value(writing->out, "ambit_denials_total",
		(struct metric_label[]){{"cell", label_of(&writing->cells->items[at], id)},
			{"op", ambit_op_text(key->op)}, {"reason", ambit_reason_code(key->reason)},
			{"rule", key->rule ? rule : ""}, {0}},
		count);
}

static void put_map_used(const char *map, uint64_t used, uint64_t room, void *data)
{
	const struct metric_label labels[] = {{"map", map}, {0}};

	(void)room;
	metric_value(data, "ambit_map_rows", labels, used);
}

static void put_map_room(const char *map, uint64_t used, uint64_t room, void *data)
{
	const struct metric_label labels[] = {{"map", map}, {0}};

	(void)used;
	metric_value(data, "ambit_map_rows_max", labels, room);
}

static int put_kernel(struct kernel *kernel, FILE *out, const struct cells *cells)
{
	const struct arm_options options = {.as_it_is = true};
	const struct writing writing = {.out = out, .cells = cells};
	struct kernel_state state;
	int error = ambit_kernel_state(&options, &state);

	if (error)
		return error;
	metric_begin(out, "ambit_programs_skipped_total", "counter",
		"Decisions that the kernel skipped, that is, allowed, since it was armed.");
	metric_value(out, "ambit_programs_skipped_total", NULL, state.skipped);
	metric_begin(out, "ambit_hooks", "gauge", "Hooks that have a program attached.");
	metric_value(out, "ambit_hooks", NULL, state.hooks);
	metric_begin(out, "ambit_best_effort", "gauge", "1: less is promised than on other kernels.");
	metric_value(out, "ambit_best_effort", NULL, state.weaker[0] != '\0');
	metric_begin(out, "ambit_denials_total", "counter",
		"Denials by rule (its number in the policy; empty: no rule) and reason.");
	error = ambit_kernel_tallies(kernel, put_tally, (void *)&writing);
	if (error)
		return error;
	metric_begin(out, "ambit_map_rows", "gauge", "Rows of the kernel's maps.");
	error = ambit_kernel_gauges(kernel, put_map_used, out);
	if (error)
		return error;
	metric_begin(out, "ambit_map_rows_max", "gauge", "Rows that they have room for.");
	return ambit_kernel_gauges(kernel, put_map_room, out);
}

int ambit_metrics_write(struct kernel *kernel, FILE *out)
{
	_cleanup_(cells_clear) struct cells cells = {0};
	int error;

	metric_begin(out, "ambit_build_info", "gauge", "1, with the version of ambit.");
	metric_value(out, "ambit_build_info", (struct metric_label[]){{"version", AMBIT_VERSION}, {0}}, 1);
	metric_begin(out, "ambit_armed", "gauge", "1: the programs are attached.");
	metric_value(out, "ambit_armed", NULL, kernel != NULL);
	if (!kernel)
		return 0;
	error = ambit_cells_each(kernel, cells_add, &cells);
	if (error || cells.failed)
		return error ?: -ENOMEM;
	metric_begin(out, "ambit_cells", "gauge", "Cells that are bound.");
	metric_value(out, "ambit_cells", NULL, cells.count);
	put_gauges(out, &cells);
	put_decisions(out, &cells);
	put_lost(out, &cells);
	return put_kernel(kernel, out, &cells);
}
