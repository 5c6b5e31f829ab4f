/* SPDX-License-Identifier: Apache-2.0 */
/* ambit log: a trail for people. A line that is none is passed over and counted, never believed. */
#include <argp.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include "base/util.h"
#include "cli/log.h"
#include "trail/clock.h"
#include "trail/text.h"
#include "trail/trail.h"

struct log_options {
	const char *file;
	const char *cell; /* NULL: any */
	uint64_t since;	  /* ns since 1970 */
	bool denied, json, follow;
	bool colour;
	uint64_t unreadable; /* lines so far */
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct log_options *log = state->input;

	switch (key) {
	case 'd':
		log->denied = true;
		return 0;
	case 'j':
		log->json = true;
		return 0;
	case 'f':
		log->follow = true;
		return 0;
	case 'c':
		log->cell = arg;
		return 0;
	case 's':
		if (ambit_since_parse(arg, clock_ns(CLOCK_REALTIME), &log->since))
			argp_error(state,
				"\"%s\" is no time; write 10m, 2h, 7d, or a date such as "
				"\"2026-01-31 12:00\"", arg);
		return 0;
	case ARGP_KEY_ARG:
		if (log->file)
			argp_error(state, "one file at a time");
		log->file = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "name a trail: ambit log FILE");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void put_time(FILE *out, uint64_t ns)
{
	time_t seconds = (time_t)(ns / 1000000000U);
	char text[64] = "?";
	struct tm tm;

	if (localtime_r(&seconds, &tm))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	fprintf(out, "%s.%03u  ", text, (unsigned)(ns / 1000000U % 1000U));
}

static void put_word(FILE *out, const char *label, const char *word)
{
	if (!word)
		return;
	fprintf(out, "  %s ", label);
	ambit_text_word(out, word, strlen(word));
}

static void print_failure(const struct trail_entry *entry)
{
	fputs("failure  ", stdout);
	put_time(stdout, entry->since);
	fputs("was when it began", stdout);
	put_word(stdout, "error", entry->error);
	puts(entry->denied_all ? "  meanwhile everything was denied" : "");
}

static void print_sink(const struct trail_entry *entry)
{
	const struct trail_sink *sink = &entry->sink;

	fputs("sink", stdout);
	put_word(stdout, sink->failing ? "fails" : "works", sink->kind);
	put_word(stdout, "to", sink->to);
	put_word(stdout, "error", sink->error);
	printf("  %" PRIu64 " lines dropped\n", sink->dropped);
}

/* A line that is about the run and not about an event. */
static void print_mark(const struct trail_entry *entry)
{
	switch (entry->type) {
	case TRAIL_START:
		fputs("start", stdout);
		put_word(stdout, "cell", entry->record.cell);
		put_word(stdout, "policy", entry->record.policy_name);
		put_word(stdout, "file", entry->record.policy);
		printf("  %s%s\n", entry->audit ? "audit" : "enforce",
			entry->weaker ? "  best effort" : "");
		break;
	case TRAIL_LOST:
		printf("lost  %" PRIu64 " events\n", entry->lost);
		break;
	case TRAIL_SKIPPED:
		printf("skipped  %" PRIu64 " decisions, that is, allowed\n", entry->skipped);
		break;
	case TRAIL_STRAYED:
		printf("strayed  %" PRIu64 " processes left the cell's cgroup and were ended\n",
			entry->strayed);
		break;
	case TRAIL_MISSING:
		printf("missing  %" PRIu64 " lines could not be written\n", entry->missing);
		break;
	case TRAIL_CLOCK:
		fputs("clock  ", stdout);
		put_time(stdout, entry->was);
		puts("it would be, had it not been set");
		break;
	case TRAIL_ROTATE:
		fputs("rotate", stdout);
		put_word(stdout, "this file is now", entry->piece);
		putchar('\n');
		break;
	case TRAIL_CONTINUE:
		fputs("continue", stdout);
		put_word(stdout, "the file before is", entry->piece);
		putchar('\n');
		break;
	case TRAIL_RETIRED:
		printf("retired  %" PRIu64 " files removed", entry->files);
		put_word(stdout, "up to", entry->piece);
		putchar('\n');
		break;
	case TRAIL_FAILURE:
		print_failure(entry);
		break;
	case TRAIL_SINK:
		print_sink(entry);
		break;
	case TRAIL_STOP:
		puts("stop  without an end of the command");
		break;
	case TRAIL_END:
		printf("end  status %d  %" PRIu64 " allowed  %" PRIu64 " %s  events lost: %" PRIu64
		       "%s\n",
			entry->status, entry->allowed, entry->denied,
			entry->audit ? "would be denied" : "denied", entry->lost,
			entry->weaker ? "  best effort" : "");
		break;
	case TRAIL_SERVICE:
		fputs("service", stdout);
		put_word(stdout, "does", entry->what);
		put_word(stdout, "cell", entry->record.cell);
		putchar('\n');
		break;
	case TRAIL_DECISION:
	case TRAIL_EXEC:
	case TRAIL_TYPE_MAX:
		break;
	}
}

static void print_entry(const struct log_options *log, const struct trail_entry *entry)
{
	_cleanup_free_ char *line = NULL;

	put_time(stdout, entry->record.wall);
	if (!entry->record.event) {
		print_mark(entry);
		return;
	}
	line = ambit_record_line(&entry->record);
	ambit_ui_line(stdout, line ?: "out of memory", log->colour);
}

static bool is_of_cell(const struct log_options *log, const struct trail_entry *entry)
{
	const char *cell = entry->record.cell;
	size_t length = log->cell ? strlen(log->cell) : 0;

	if (!log->cell)
		return true;
	/* "agent", or "agent-0badcafe" alone. */
	return cell && !strncmp(cell, log->cell, length) &&
	       (!cell[length] || (cell[length] == '-' && strlen(cell + length) == 9));
}

static bool is_shown(const struct log_options *log, const struct trail_entry *entry)
{
	if (log->denied &&
		(entry->type != TRAIL_DECISION || entry->record.event->verdict == VERDICT_ALLOW))
		return false;
	/* What stands for several events came until the last of them. */
	return (entry->record.wall >= log->since || entry->record.last >= log->since) &&
	       is_of_cell(log, entry);
}

static void each_line(const char *line, size_t size, void *data)
{
	_cleanup_(entry_cleanup) struct trail_entry *entry = NULL;
	struct log_options *log = data;

	if (ambit_entry_parse(line, size, &entry)) {
		log->unreadable++;
		return;
	}
	if (!is_shown(log, entry))
		return;
	if (log->json)
		printf("%.*s\n", (int)size, line);
	else
		print_entry(log, entry);
}

static int print_trail(struct log_options *log)
{
	struct lines lines = {.each = each_line, .data = log};
	struct diag diag = {0};
	int error;

	log->colour = !log->json && ambit_ui_colour(STDOUT_FILENO);
	error = ambit_follow(log->file, log->follow, &lines, &diag);
	if (error)
		ambit_ui_diag(&diag);
	if (ambit_lines_reset(&lines))
		log->unreadable++; /* cut short */
	log->unreadable += lines.too_long;
	fflush(stdout);
	if (log->unreadable)
		ambit_ui_say("passed over in \"%s\", because they are not a trail's: %" PRIu64
			     " lines",
			log->file, log->unreadable);
	ambit_lines_clear(&lines);
	ambit_diag_clear(&diag);
	return error || log->unreadable ? EXIT_DENIED : EXIT_SUCCESS;
}

int ambit_verb_log(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"denied", 'd', NULL, 0, "only what was denied, or in audit mode would be", 0},
		{"json", 'j', NULL, 0, "print the lines as they stand in the trail", 0},
		{"cell", 'c', "NAME", 0, "only of this cell, or of those of a policy", 0},
		{"since", 's', "TIME", 0, "only what came later: 10m, 2h, 7d ago, or a date", 0},
		{"follow", 'f', NULL, 0, "go on with what is appended", 0},
		{0},
	};
	static const struct argp argp = {
		.options = options,
		.parser = parse_option,
		.args_doc = "FILE",
		.doc = "Prints a trail.\vExit status: 0, or 1 if the file cannot be read or holds "
		       "lines "
		       "that are not a trail's.",
	};
	struct log_options log = {0};

	if (argp_parse(&argp, argc, argv, 0, NULL, &log))
		return EXIT_USAGE;
	return print_trail(&log);
}
