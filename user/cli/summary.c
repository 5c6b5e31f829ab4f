/* SPDX-License-Identifier: Apache-2.0 */
/* What a run came to, from the kernel's counts, which are exact even where events were lost. */
#include <inttypes.h>
#include <string.h>
#include "base/util.h"
#include "cli/run.h"
#include "trail/text.h"

struct tallies {
	struct trail_tally *items;
	size_t count;
	bool failed;
};

static void collect(const struct ambit_tally_key *key, uint64_t count, void *data)
{
	struct tallies *tallies = data;
	struct trail_tally *items;

	items = reallocarray(tallies->items, tallies->count + 1, sizeof(*items));
	if (!items) {
		tallies->failed = true;
		return;
	}
	items[tallies->count++] = (struct trail_tally){.key = *key, .count = count};
	tallies->items = items;
}

static int most_first(const void *a, const void *b)
{
	const struct trail_tally *left = a, *right = b;

	if (left->count != right->count)
		return left->count > right->count ? -1 : 1;
	return memcmp(&left->key, &right->key, sizeof(left->key));
}

/* What a tally is about, in the words of the line that each of its denials got. */
static void put_cause(FILE *out, const struct session *session, const struct ambit_tally_key *key)
{
	const struct rule *rule = ambit_policy_rule(session->policy, key->rule);
	const char *allow = ambit_section(key->op, VERDICT_ALLOW);

	if (rule && key->reason == REASON_RULE) {
		fprintf(out, "%s ", ambit_section(rule->op, rule->verdict) ?: "rule");
		ambit_text_word(out, rule->text, strlen(rule->text));
		if (rule->line)
			fprintf(out, " (line %u)", rule->line);
	} else if (key->reason == REASON_NO_RULE && allow) {
		fprintf(out, "not in %s", allow);
	} else {
		fputs(ambit_reason_text(key->reason) ?: "unknown reason", out);
	}
}

static void put_text(FILE *out, const struct session *session, const struct trail_end *end)
{
	const struct ambit_counters *counters = end->counters;
	bool audit = session->mode == MODE_AUDIT;
	char key[2 * SEAL_KEY + 1];

	fprintf(out,
		"ambit: cell %s: %" PRIu64 " allowed, %" PRIu64 " %s, events lost: %" PRIu64 "\n",
		session->cell_name, ambit_counts_sum(counters->allowed),
		ambit_counts_sum(counters->denied), audit ? "would be denied" : "denied",
		ambit_events_lost(counters));
	if (counters->lost_spared)
		fprintf(out,
			"ambit: %" PRIu64 " of them only record, and were given up so that denials "
			"found room\n",
			(uint64_t)counters->lost_spared);
	if (*end->weaker)
		fprintf(out, "ambit: best effort: %s\n", end->weaker);
	for (size_t i = 0; i < end->tally_count; i++) {
		const struct trail_tally *tally = &end->tallies[i];

		fprintf(out, "ambit: %7" PRIu64 "  %-7s  ", tally->count,
			ambit_op_text(tally->key.op) ?: "?");
		put_cause(out, session, &tally->key);
		fputc('\n', out);
	}
	if (counters->lost_tally)
		fprintf(out,
			"ambit: %" PRIu64 " denials are counted above but have no row here: "
			"the kernel's table was full\n",
			(uint64_t)counters->lost_tally);
	if (session->recorder.unreadable)
		fprintf(out, "ambit: %" PRIu64 " records of the kernel could not be read\n",
			session->recorder.unreadable);
	if (session->recorder.missing)
		fprintf(out, "ambit: %" PRIu64 " lines are missing in the trail\n",
			session->recorder.missing);
	fprintf(out, "ambit: trail: %s\n", session->trail_path);
	ambit_seal_hex(session->recorder.chain.key, SEAL_KEY, key);
	fprintf(out, "ambit: trail key: %s\n", key);
}

static void print_text(const struct session *session, const struct trail_end *end)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return;
	put_text(out, session, end);
	if (!fclose(out))
		fputs(text, stderr);
}

/* How many decisions the kernel skipped since the run began. The count is of all tasks, also of those
 * outside; which of them it were is not known. An alarm also where nothing else is printed. */
static uint64_t check_skipped(struct session *session)
{
	uint64_t now = 0, count;
	int error;

	if (!session->state->skips)
		return 0;
	error = ambit_kernel_skipped(&now);
	if (error) {
		ambit_recorder_flush(&session->recorder);
		ambit_ui_say("cannot read how many decisions were skipped: %s", strerror(-error));
		return 0;
	}
	count = now - session->state->skipped;
	if (!count)
		return 0;
	ambit_session_write(session, ambit_skipped_json(session->cell_name,
					     ambit_cell_id(session->cell), count));
	ambit_ui_say("ALARM: %" PRIu64 " decisions were skipped, that is, allowed, while the cell ran: "
		     "the kernel does not enter a program again that was interrupted on the same CPU "
		     "(any task of the machine counts)",
		count);
	return count;
}

void ambit_summary(struct session *session, int status)
{
	uint64_t skipped = check_skipped(session);
	struct ambit_counters counters;
	struct tallies tallies = {0};
	_cleanup_free_ char *json = NULL, *shown = NULL;
	int error = ambit_cell_totals(session->cell, &counters);
	struct trail_end end;

	if (!error)
		error = ambit_cell_tallies(session->cell, collect, &tallies);
	if (error || tallies.failed) {
		ambit_recorder_flush(&session->recorder);
		ambit_ui_say("the kernel's counts could not be read: %s",
			strerror(error ? -error : ENOMEM));
		free(tallies.items);
		return;
	}
	if (tallies.count)
		qsort(tallies.items, tallies.count, sizeof(*tallies.items), most_first);
	end = (struct trail_end){
		.cell = session->cell_name,
		.cell_id = ambit_cell_id(session->cell),
		.policy = session->policy,
		.mode = session->mode,
		.epoch = session->epoch,
		.status = status,
		.counters = &counters,
		.unreadable = session->recorder.unreadable,
		.tallies = tallies.items,
		.tally_count = tallies.count,
		.weaker = session->state->weaker,
		.skipped = skipped,
	};
	json = ambit_end_json(&end);
	if (json && session->options->json && !session->options->quiet)
		shown = strdup(json);
	ambit_session_end(session, TAKE_PTR(json));
	if (shown)
		fprintf(stderr, "%s\n", shown);
	if (!session->options->json && !session->options->quiet)
		print_text(session, &end);
	free(tallies.items);
}
