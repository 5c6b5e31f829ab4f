/* SPDX-License-Identifier: Apache-2.0 */
/* The records of a trail that are no events: its start, gaps, its end. */
#include <fcntl.h>
#include <string.h>
#include <sys/utsname.h>
#include "base/util.h"
#include "trail/clock.h"
#include "trail/trail.h"
#include "trail/writer.h"

static const char *const modes[] = {[MODE_ENFORCE] = "enforce", [MODE_AUDIT] = "audit"};

/* Of a line that is about the trail and not about a cell. */
static void begin_own(struct writer *writer, const char *type)
{
	ambit_writer_begin(writer, type);
	ambit_writer_time(writer, "time", clock_ns(CLOCK_REALTIME));
	ambit_writer_number(writer, "mono_ns", clock_ns(CLOCK_MONOTONIC));
}

static void begin(struct writer *writer, const char *type, const char *cell, uint32_t cell_id)
{
	begin_own(writer, type);
	ambit_writer_string(writer, "cell", cell);
	ambit_writer_number(writer, "cell_id", cell_id);
}

/* Left out where all is promised that a policy says. */
static void put_weaker(struct writer *writer, const char *weaker)
{
	if (weaker && *weaker)
		ambit_writer_string(writer, "best_effort", weaker);
}

/* Monotonic time starts anew with each boot: the id says which one it belongs to. */
static void put_host(struct writer *writer)
{
	_cleanup_close_ int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	struct utsname uts;
	char boot[37] = "";

	if (fd >= 0 && read(fd, boot, sizeof(boot) - 1) > 0)
		ambit_writer_string(writer, "boot_id", boot);
	if (!uname(&uts)) {
		ambit_writer_string(writer, "host", uts.nodename);
		ambit_writer_string(writer, "kernel", uts.release);
	}
}

static void put_argv(struct writer *writer, char *const *argv)
{
	ambit_writer_open(writer, "argv", '[');
	for (; *argv; argv++)
		ambit_writer_item(writer, *argv);
	ambit_writer_close(writer, ']');
}

char *ambit_start_json(const struct trail_start *start)
{
	struct writer writer = {0};

	begin(&writer, "start", start->cell, start->cell_id);
	ambit_writer_string(&writer, "ambit", AMBIT_VERSION);
	put_host(&writer);
	ambit_writer_string(&writer, "policy", start->policy->name);
	ambit_writer_string(&writer, "file", start->policy->file);
	ambit_writer_string(&writer, "mode", modes[start->mode]);
	ambit_writer_number(&writer, "rules", start->policy->rule_count);
	ambit_writer_number(&writer, "epoch", start->epoch);
	ambit_writer_number(&writer, "uid", start->uid);
	put_weaker(&writer, start->weaker);
	put_argv(&writer, start->argv);
	return ambit_writer_end(&writer);
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

	begin(&writer, "lost", cell, cell_id);
	put_lost(&writer, now, before);
	return ambit_writer_end(&writer);
}

char *ambit_skipped_json(const char *cell, uint32_t cell_id, uint64_t count)
{
	struct writer writer = {0};

	begin(&writer, "skipped", cell, cell_id);
	ambit_writer_number(&writer, "skipped", count);
	return ambit_writer_end(&writer);
}

char *ambit_strayed_json(const char *cell, uint32_t cell_id, uint64_t count)
{
	struct writer writer = {0};

	begin(&writer, "strayed", cell, cell_id);
	ambit_writer_number(&writer, "strayed", count);
	return ambit_writer_end(&writer);
}

char *ambit_missing_json(uint64_t count)
{
	struct writer writer = {0};

	begin_own(&writer, "missing");
	ambit_writer_number(&writer, "missing", count);
	return ambit_writer_end(&writer);
}

char *ambit_clock_json(uint64_t was)
{
	struct writer writer = {0};

	begin_own(&writer, "clock");
	ambit_writer_time(&writer, "was", was);
	return ambit_writer_end(&writer);
}

char *ambit_rotate_json(const char *piece)
{
	struct writer writer = {0};

	begin_own(&writer, "rotate");
	ambit_writer_string(&writer, "piece", piece);
	return ambit_writer_end(&writer);
}

char *ambit_continue_json(const char *piece)
{
	struct writer writer = {0};

	begin_own(&writer, "continue");
	ambit_writer_string(&writer, "piece", piece);
	return ambit_writer_end(&writer);
}

char *ambit_retired_json(uint64_t count, const char *newest, const uint8_t until[32])
{
	struct writer writer = {0};

	begin_own(&writer, "retired");
	ambit_writer_number(&writer, "files", count);
	ambit_writer_string(&writer, "piece", newest);
	ambit_writer_hex(&writer, "until", until, 32);
	return ambit_writer_end(&writer);
}

char *ambit_failure_json(uint64_t since, int error, bool denied)
{
	struct writer writer = {0};

	begin_own(&writer, "failure");
	ambit_writer_time(&writer, "since", since);
	ambit_writer_string(&writer, "error", strerror(-error));
	ambit_writer_bool(&writer, "denied_all", denied);
	return ambit_writer_end(&writer);
}

char *ambit_sink_json(const struct trail_sink *sink)
{
	struct writer writer = {0};

	begin_own(&writer, "sink");
	ambit_writer_string(&writer, "sink", sink->kind);
	ambit_writer_string(&writer, "to", sink->to);
	ambit_writer_bool(&writer, "failing", sink->failing);
	ambit_writer_string(&writer, "error", sink->error);
	ambit_writer_number(&writer, "dropped", sink->dropped);
	return ambit_writer_end(&writer);
}

char *ambit_stop_json(void)
{
	struct writer writer = {0};

	begin_own(&writer, "stop");
	return ambit_writer_end(&writer);
}

char *ambit_service_json(const char *cell, uint32_t cell_id, const char *what, uint64_t epoch,
	const char *detail)
{
	struct writer writer = {0};

	begin(&writer, "service", cell, cell_id);
	ambit_writer_string(&writer, "what", what);
	ambit_writer_number(&writer, "epoch", epoch);
	if (detail)
		ambit_writer_string(&writer, "detail", detail);
	return ambit_writer_end(&writer);
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

char *ambit_end_json(const struct trail_end *end)
{
	static const struct ambit_counters none;
	struct writer writer = {0};

	begin(&writer, "end", end->cell, end->cell_id);
	ambit_writer_number(&writer, "epoch", end->epoch);
	ambit_writer_string(&writer, "mode", modes[end->mode]);
	ambit_writer_number(&writer, "status", (uint64_t)end->status);
	ambit_writer_number(&writer, "allowed", ambit_counts_sum(end->counters->allowed));
	ambit_writer_number(&writer, "denied", ambit_counts_sum(end->counters->denied));
	put_lost(&writer, end->counters, &none);
	ambit_writer_number(&writer, "unreadable", end->unreadable);
	ambit_writer_number(&writer, "skipped", end->skipped);
	put_weaker(&writer, end->weaker);
	put_counts(&writer, "allowed_by_op", end->counters->allowed);
	put_counts(&writer, "denied_by_op", end->counters->denied);
	ambit_writer_open(&writer, "denied_by_rule", '[');
	for (size_t i = 0; i < end->tally_count; i++)
		put_tally(&writer, end, &end->tallies[i]);
	ambit_writer_close(&writer, ']');
	return ambit_writer_end(&writer);
}
