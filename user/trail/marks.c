/* SPDX-License-Identifier: Apache-2.0 */
/* The records of a trail that are no events: its start, gaps, its end. */
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include "base/util.h"
#include "trail/clock.h"
#include "trail/ocsf.h"
#include "trail/secrets.h"
#include "trail/trail.h"

static const char *const modes[] = {[MODE_ENFORCE] = "enforce", [MODE_AUDIT] = "audit"};

/* What a mark is to OCSF: that something goes wrong is a finding, with a title; all else is a change of what
 * is in force on this machine, which is logged. */
static const struct {
	uint8_t severity;
	const char *title; /* NULL: no finding */
} kinds[TRAIL_TYPE_MAX] = {
	[TRAIL_START] = {1, NULL},
	[TRAIL_END] = {1, NULL},
	[TRAIL_STOP] = {1, NULL},
	[TRAIL_SERVICE] = {1, NULL},
	[TRAIL_ROTATE] = {1, NULL},
	[TRAIL_CONTINUE] = {1, NULL},
	[TRAIL_RETIRED] = {1, NULL},
	[TRAIL_CLOCK] = {2, NULL},
	[TRAIL_LOST] = {3, "events are missing in the trail"},
	[TRAIL_SKIPPED] = {4, "the kernel skipped decisions: what they were about was allowed"},
	[TRAIL_STRAYED] = {3, "processes had left the cgroup of their cell"},
	[TRAIL_MISSING] = {3, "lines could not be written to the trail"},
	[TRAIL_FAILURE] = {3, "for a while the trail could not be written"},
	[TRAIL_SINK] = {2, "a sink of the trail failed, works again, or lost lines"},
};

/* The part that OCSF has words for; more may follow. */
static void begin_event(struct writer *writer, enum trail_type type, uint32_t cell_id, uint64_t now)
{
	const char *title = kinds[type].title;

	ambit_ocsf_begin(writer,
		(struct ocsf_kind){title ? OCSF_FINDING : OCSF_CONFIG, 1, kinds[type].severity},
		clock_ns(CLOCK_REALTIME));
	if (title)
		ambit_ocsf_finding(writer, now, cell_id, title);
}

static void begin_rest(struct writer *writer, enum trail_type type, uint64_t now)
{
	ambit_ocsf_own(writer, ambit_trail_type(type));
	ambit_writer_number(writer, "mono_ns", now);
}

static void put_cell(struct writer *writer, const char *cell, uint32_t cell_id)
{
	ambit_writer_string(writer, "cell", cell);
	ambit_writer_number(writer, "cell_id", cell_id);
}

/* Of a line that is about the trail and not about a cell. */
static void begin_own(struct writer *writer, enum trail_type type)
{
	const uint64_t now = clock_ns(CLOCK_MONOTONIC);

	begin_event(writer, type, 0, now);
	begin_rest(writer, type, now);
}

static void begin(struct writer *writer, enum trail_type type, const char *cell, uint32_t cell_id)
{
	const uint64_t now = clock_ns(CLOCK_MONOTONIC);

	begin_event(writer, type, cell_id, now);
	begin_rest(writer, type, now);
	put_cell(writer, cell, cell_id);
}

static char *end(struct writer *writer)
{
	ambit_writer_close(writer, '}');
	ambit_writer_close(writer, '}');
	return ambit_writer_end(writer);
}

/* Left out where all is promised that a policy says. */
static void put_weaker(struct writer *writer, const char *weaker)
{
	if (weaker && *weaker)
		ambit_writer_string(writer, "best_effort", weaker);
}

/* Nobody needs to know a secret to know what was run. */
static void put_argv(struct writer *writer, char *const *argv)
{
	struct secrets secrets = {0};

	ambit_writer_open(writer, "argv", '[');
	for (; *argv; argv++) {
		_cleanup_free_ char *shown = ambit_secrets_hide(&secrets, *argv);

		if (shown)
			ambit_writer_item(writer, shown);
		else
			writer->failed = true;
	}
	ambit_writer_close(writer, ']');
}

static void put_policy(struct writer *writer, const struct policy *policy)
{
	ambit_writer_open(writer, "policy", '{');
	ambit_writer_string(writer, "name", policy->name);
	ambit_writer_close(writer, '}');
}

char *ambit_start_json(const struct trail_start *start)
{
	const uint64_t now = clock_ns(CLOCK_MONOTONIC);
	struct writer writer = {0};
	struct utsname uts;

	begin_event(&writer, TRAIL_START, start->cell_id, now);
	put_policy(&writer, start->policy);
	begin_rest(&writer, TRAIL_START, now);
	put_cell(&writer, start->cell, start->cell_id);
	/* Monotonic time starts anew with each boot. */
	ambit_writer_string(&writer, "boot_id", ambit_ocsf_boot());
	if (!uname(&uts))
		ambit_writer_string(&writer, "kernel", uts.release);
	ambit_writer_string(&writer, "file", start->policy->file);
	ambit_writer_string(&writer, "mode", modes[start->mode]);
	ambit_writer_number(&writer, "rules", start->policy->rule_count);
	ambit_writer_number(&writer, "epoch", start->epoch);
	ambit_writer_number(&writer, "uid", start->uid);
	put_weaker(&writer, start->weaker);
	put_argv(&writer, start->argv);
	return end(&writer);
}

uint64_t ambit_events_lost(const struct ambit_counters *counters)
{
	return counters->lost_full + counters->lost_scratch + counters->lost_spared;
}

static void put_lost(struct writer *writer, const struct ambit_counters *now,
	const struct ambit_counters *before)
{
	ambit_writer_number(writer, "lost", ambit_events_lost(now) - ambit_events_lost(before));
	ambit_writer_number(writer, "lost_ring_full", now->lost_full - before->lost_full);
	ambit_writer_number(writer, "lost_no_scratch", now->lost_scratch - before->lost_scratch);
	ambit_writer_number(writer, "lost_for_denials", now->lost_spared - before->lost_spared);
	ambit_writer_number(writer, "lost_tallies", now->lost_tally - before->lost_tally);
}

char *ambit_lost_json(const char *cell, uint32_t cell_id, const struct ambit_counters *now,
	const struct ambit_counters *before)
{
	struct writer writer = {0};

	begin(&writer, TRAIL_LOST, cell, cell_id);
	put_lost(&writer, now, before);
	return end(&writer);
}

char *ambit_skipped_json(const char *cell, uint32_t cell_id, uint64_t count)
{
	struct writer writer = {0};

	begin(&writer, TRAIL_SKIPPED, cell, cell_id);
	ambit_writer_number(&writer, "skipped", count);
	return end(&writer);
}

char *ambit_strayed_json(const char *cell, uint32_t cell_id, uint64_t count)
{
	struct writer writer = {0};

	begin(&writer, TRAIL_STRAYED, cell, cell_id);
	ambit_writer_number(&writer, "strayed", count);
	return end(&writer);
}

char *ambit_missing_json(uint64_t count)
{
	struct writer writer = {0};

	begin_own(&writer, TRAIL_MISSING);
	ambit_writer_number(&writer, "missing", count);
	return end(&writer);
}

char *ambit_clock_json(uint64_t was)
{
	struct writer writer = {0};

	begin_own(&writer, TRAIL_CLOCK);
	ambit_writer_time(&writer, "was", was);
	return end(&writer);
}

char *ambit_rotate_json(const char *piece)
{
	struct writer writer = {0};

	begin_own(&writer, TRAIL_ROTATE);
	ambit_writer_string(&writer, "piece", piece);
	return end(&writer);
}

char *ambit_continue_json(const char *piece)
{
	struct writer writer = {0};

	begin_own(&writer, TRAIL_CONTINUE);
	ambit_writer_string(&writer, "piece", piece);
	return end(&writer);
}

char *ambit_retired_json(uint64_t count, const char *newest, const uint8_t until[32])
{
	struct writer writer = {0};

	begin_own(&writer, TRAIL_RETIRED);
	ambit_writer_number(&writer, "files", count);
	ambit_writer_string(&writer, "piece", newest);
	ambit_writer_hex(&writer, "until", until, 32);
	return end(&writer);
}

char *ambit_failure_json(uint64_t since, int error, bool denied)
{
	struct writer writer = {0};

	begin_own(&writer, TRAIL_FAILURE);
	ambit_writer_time(&writer, "since", since);
	ambit_writer_string(&writer, "error", strerror(-error));
	ambit_writer_bool(&writer, "denied_all", denied);
	return end(&writer);
}

char *ambit_sink_json(const struct trail_sink *sink)
{
	struct writer writer = {0};

	begin_own(&writer, TRAIL_SINK);
	ambit_writer_string(&writer, "sink", sink->kind);
	ambit_writer_string(&writer, "to", sink->to);
	ambit_writer_bool(&writer, "failing", sink->failing);
	ambit_writer_string(&writer, "error", sink->error);
	ambit_writer_number(&writer, "dropped", sink->dropped);
	return end(&writer);
}

char *ambit_stop_json(void)
{
	struct writer writer = {0};

	begin_own(&writer, TRAIL_STOP);
	return end(&writer);
}

char *ambit_service_json(const char *cell, uint32_t cell_id, const char *what, uint64_t epoch,
	const char *detail)
{
	struct writer writer = {0};

	begin(&writer, TRAIL_SERVICE, cell, cell_id);
	ambit_writer_string(&writer, "what", what);
	ambit_writer_number(&writer, "epoch", epoch);
	if (detail)
		ambit_writer_string(&writer, "detail", detail);
	return end(&writer);
}

/* {"read": 12, …}: operations that did not occur are left out. */
static void put_counts(struct writer *writer, const char *key, const __u64 counts[OP_MAX])
{
	ambit_writer_open(writer, key, '{');
	for (unsigned op = 0; op < OP_MAX; op++)
		if (counts[op])
			ambit_writer_number(writer, ambit_op_text(op), counts[op]);
	ambit_writer_close(writer, '}');
}

static void put_tally(
	struct writer *writer, const struct trail_end *end, const struct trail_tally *tally)
{
	const struct rule *rule = ambit_policy_rule(end->policy, tally->key.rule);

	ambit_writer_open(writer, NULL, '{');
	ambit_writer_number(writer, "count", tally->count);
	ambit_writer_string(writer, "op", ambit_op_text(tally->key.op));
	ambit_writer_string(writer, "reason", ambit_reason_code(tally->key.reason));
	if (rule) {
		ambit_writer_number(writer, "rule", rule->id);
		ambit_writer_number(writer, "line", rule->line);
		ambit_writer_string(writer, "pattern", rule->text);
	}
	ambit_writer_close(writer, '}');
}

uint64_t ambit_counts_sum(const __u64 counts[OP_MAX])
{
	uint64_t total = 0;

	for (unsigned op = 0; op < OP_MAX; op++)
		total += counts[op];
	return total;
}

char *ambit_end_json(const struct trail_end *about)
{
	static const struct ambit_counters none;
	struct writer writer = {0};

	begin(&writer, TRAIL_END, about->cell, about->cell_id);
	ambit_writer_number(&writer, "epoch", about->epoch);
	ambit_writer_string(&writer, "mode", modes[about->mode]);
	ambit_writer_number(&writer, "status", (uint64_t)about->status);
	ambit_writer_number(&writer, "allowed", ambit_counts_sum(about->counters->allowed));
	ambit_writer_number(&writer, "denied", ambit_counts_sum(about->counters->denied));
	put_lost(&writer, about->counters, &none);
	ambit_writer_number(&writer, "unreadable", about->unreadable);
	ambit_writer_number(&writer, "skipped", about->skipped);
	put_weaker(&writer, about->weaker);
	put_counts(&writer, "allowed_by_op", about->counters->allowed);
	put_counts(&writer, "denied_by_op", about->counters->denied);
	ambit_writer_open(&writer, "denied_by_rule", '[');
	for (size_t i = 0; i < about->tally_count; i++)
		put_tally(&writer, about, &about->tallies[i]);
	ambit_writer_close(&writer, ']');
	return end(&writer);
}
