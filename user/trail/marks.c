/* SPDX-License-Identifier: Apache-2.0 */
/* The records of a trail that are no events: its start, gaps, its end. */
#include <fcntl.h>
#include <json-c/json.h>
#include <string.h>
#include <sys/utsname.h>
#include "base/util.h"
#include "trail/clock.h"
#include "trail/trail.h"
#include "trail/writer.h"

static const char *const modes[] = {[MODE_ENFORCE] = "enforce", [MODE_AUDIT] = "audit"};

static void begin(struct writer *writer, const char *type, const char *cell, uint32_t cell_id)
{
	ambit_writer_begin(writer, type);
	ambit_writer_time(writer, "time", clock_ns(CLOCK_REALTIME));
	ambit_writer_number(writer, "mono_ns", clock_ns(CLOCK_MONOTONIC));
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

static struct json_object *argv_of(char *const *argv)
{
	struct json_object *array = json_object_new_array();

	for (; array && *argv; argv++) {
		struct writer item = {.root = json_object_new_object()};
		struct json_object *text = NULL;

		/* An empty argument has to stay an argument. */
		if (**argv)
			ambit_writer_string(&item, "text", *argv);
		if (!json_object_object_get_ex(item.root, "text", &text))
			text = json_object_new_string("");
		else
			json_object_get(text);
		json_object_array_add(array, text);
		json_object_put(item.root);
	}
	return array;
}

char *ambit_start_json(const struct trail_start *start)
{
	struct writer writer;

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
	ambit_writer_object(&writer, "argv", argv_of(start->argv));
	return ambit_writer_end(&writer);
}

uint64_t ambit_events_lost(const struct ambit_counters *counters)
{
	return counters->lost_full + counters->lost_scratch;
}

static void put_lost(struct writer *writer, const struct ambit_counters *now,
	const struct ambit_counters *before)
{
	ambit_writer_number(writer, "lost", ambit_events_lost(now) - ambit_events_lost(before));
	ambit_writer_number(writer, "lost_ring_full", now->lost_full - before->lost_full);
	ambit_writer_number(writer, "lost_no_scratch", now->lost_scratch - before->lost_scratch);
	ambit_writer_number(writer, "lost_tallies", now->lost_tally - before->lost_tally);
}

char *ambit_lost_json(const char *cell, uint32_t cell_id, const struct ambit_counters *now,
	const struct ambit_counters *before)
{
	struct writer writer;

	begin(&writer, "lost", cell, cell_id);
	put_lost(&writer, now, before);
	return ambit_writer_end(&writer);
}

char *ambit_skipped_json(const char *cell, uint32_t cell_id, uint64_t count)
{
	struct writer writer;

	begin(&writer, "skipped", cell, cell_id);
	ambit_writer_number(&writer, "skipped", count);
	return ambit_writer_end(&writer);
}

char *ambit_strayed_json(const char *cell, uint32_t cell_id, uint64_t count)
{
	struct writer writer;

	begin(&writer, "strayed", cell, cell_id);
	ambit_writer_number(&writer, "strayed", count);
	return ambit_writer_end(&writer);
}

/* {"read": 12, …}: operations that did not occur are left out. */
static struct json_object *counts_of(const __u64 counts[OP_MAX])
{
	struct writer writer = {.root = json_object_new_object()};

	for (unsigned op = 0; op < OP_MAX; op++)
		if (counts[op])
			ambit_writer_number(&writer, ambit_op_text(op), counts[op]);
	return writer.root;
}

static struct json_object *tally_of(const struct trail_end *end, const struct trail_tally *tally)
{
	const struct rule *rule = ambit_policy_rule(end->policy, tally->key.rule);
	struct writer writer = {.root = json_object_new_object()};

	ambit_writer_number(&writer, "count", tally->count);
	ambit_writer_string(&writer, "op", ambit_op_text(tally->key.op));
	ambit_writer_string(&writer, "reason", ambit_reason_code(tally->key.reason));
	if (rule) {
		ambit_writer_number(&writer, "rule", rule->id);
		ambit_writer_number(&writer, "line", rule->line);
		ambit_writer_string(&writer, "pattern", rule->text);
	}
	return writer.root;
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
	struct json_object *tallies = json_object_new_array();
	struct writer writer;

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
	ambit_writer_object(&writer, "allowed_by_op", counts_of(end->counters->allowed));
	ambit_writer_object(&writer, "denied_by_op", counts_of(end->counters->denied));
	for (size_t i = 0; tallies && i < end->tally_count; i++)
		json_object_array_add(tallies, tally_of(end, &end->tallies[i]));
	ambit_writer_object(&writer, "denied_by_rule", tallies);
	return ambit_writer_end(&writer);
}
