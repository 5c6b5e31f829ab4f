/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sample.h"

#include <inttypes.h>
#include <string.h>
#include "base/array.h"
#include "cli/cli.h"
#include "trail/clock.h"
#include "trail/text.h"
#include "trail/trail.h"

static void add(const struct cell_info *info, void *data)
{
	struct sample *sample = data;

	/* Without memory a cell is not shown; its counts are where they were. */
	if (!(info->row.flags & AMBIT_CELL_CANARY) && !ARRAY_GROW(sample, cells, sample->count + 1))
		sample->cells[sample->count++] = *info;
}

int ambit_sample_take(struct sample *ret)
{
	struct kernel *kernel = NULL;
	struct diag diag = {0};
	int error = ambit_kernel_open(&kernel, &diag);

	ret->count = 0;
	ret->at = clock_ns(CLOCK_MONOTONIC);
	if (error && error != -ENOENT)
		ambit_ui_diag(&diag);
	ambit_diag_clear(&diag);
	if (!error)
		ambit_cells_each(kernel, add, ret);
	ambit_kernel_close(kernel);
	return error == -ENOENT ? 0 : error;
}

void ambit_sample_clear(struct sample *sample)
{
	free(sample->cells);
	*sample = (struct sample){0};
}

static uint64_t per_second(uint64_t before, uint64_t now, uint64_t ns)
{
	/* A count never goes back; one of another cell with this id would. */
	return now > before && ns ? (uint64_t)((double)(now - before) * 10e9 / (double)ns + 0.5) : 0;
}

struct rates ambit_sample_rates(
	const struct sample *before, const struct sample *now, const struct cell_info *cell)
{
	const uint64_t ns = now->at - before->at;
	const struct ambit_counters *old, *new = &cell->counters;
	size_t at = 0;

	while (at < before->count && before->cells[at].id != cell->id)
		at++;
	if (at == before->count)
		return (struct rates){0};
	old = &before->cells[at].counters;
	return (struct rates){
		.known = true,
		.allowed = per_second(
			ambit_counts_sum(old->allowed), ambit_counts_sum(new->allowed), ns),
		.denied = per_second(ambit_counts_sum(old->denied), ambit_counts_sum(new->denied), ns),
		.lost = per_second(ambit_events_lost(old), ambit_events_lost(new), ns),
	};
}

const char *ambit_sample_mode(const struct cell_info *info)
{
	return info->row.mode == MODE_AUDIT ? "audit" : "enforce";
}

void ambit_sample_head(FILE *out, bool rates)
{
	fprintf(out, "ID        MODE     PROCS     ALLOWED      DENIED    LOST  %sCELL\n",
		rates ? "ALLOWED/s   DENIED/s     LOST/s  RING  " : "");
}

static void put_rate(FILE *out, const struct rates *rates, uint64_t rate)
{
	if (rates->known)
		fprintf(out, "%7" PRIu64 ".%" PRIu64 "  ", rate / 10, rate % 10);
	else
		fprintf(out, "%9s  ", "-");
}

void ambit_sample_row(FILE *out, const struct cell_info *info, const struct rates *rates)
{
	fprintf(out, "%08x  %-7s  %5u  %10" PRIu64 "  %10" PRIu64 "  %6" PRIu64 "  ", info->id,
		ambit_sample_mode(info), info->processes, ambit_counts_sum(info->counters.allowed),
		ambit_counts_sum(info->counters.denied), ambit_events_lost(&info->counters));
	if (rates) {
		put_rate(out, rates, rates->allowed);
		put_rate(out, rates, rates->denied);
		put_rate(out, rates, rates->lost);
		fprintf(out, "%3zu%%  ", info->ring_size ? info->ring_used * 100 / info->ring_size : 0);
	}
	ambit_text_word(out, info->note, strlen(info->note));
	fputc('\n', out);
}
