/* SPDX-License-Identifier: Apache-2.0 */
/* ambit top: the cells, again and again, those first that are denied most. */
#include <argp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include "base/util.h"
#include "cli/sample.h"
#include "cli/cli.h"
#include "trail/trail.h"

#define DELAY_MAX 3600U

struct top {
	unsigned delay, count; /* s; 0: for ever */
	bool terminal;
	struct termios before;
	bool changed; /* the terminal's settings */
	struct sample samples[2];
	unsigned now; /* which of them */
	const struct sample *sorted_by; /* the one before */
};

static unsigned number(const char *text, unsigned max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	return *text >= '0' && *text <= '9' && !*end && value && value <= max ? (unsigned)value : 0;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct top *top = state->input;

	switch (key) {
	case 'd':
		top->delay = number(arg, DELAY_MAX);
		if (!top->delay)
			argp_error(state, "\"%s\" is no number of seconds from 1 to %u", arg, DELAY_MAX);
		return 0;
	case 'n':
		top->count = number(arg, UINT32_MAX);
		if (!top->count)
			argp_error(state, "\"%s\" is no number of times", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Keys come one by one, and are not shown. */
static void terminal_begin(struct top *top)
{
	struct termios settings;

	top->terminal = isatty(STDOUT_FILENO);
	if (!top->terminal || !isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &top->before) < 0)
		return;
	settings = top->before;
	settings.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	top->changed = tcsetattr(STDIN_FILENO, TCSANOW, &settings) == 0;
}

static void terminal_end(const struct top *top)
{
	if (top->changed)
		tcsetattr(STDIN_FILENO, TCSANOW, &top->before);
}

static int most_denied_first(const void *a, const void *b, void *data)
{
	struct top *top = data;
	const struct sample *before = top->sorted_by, *now = &top->samples[top->now];
	const struct cell_info *cells[] = {a, b};
	uint64_t rates[2], totals[2];

	for (int i = 0; i < 2; i++) {
		rates[i] = ambit_sample_rates(before, now, cells[i]).denied;
		totals[i] = ambit_counts_sum(cells[i]->counters.denied);
	}
	if (rates[0] != rates[1])
		return rates[0] > rates[1] ? -1 : 1;
	if (totals[0] != totals[1])
		return totals[0] > totals[1] ? -1 : 1;
	return cells[0]->id < cells[1]->id ? -1 : cells[0]->id > cells[1]->id;
}

static unsigned rows_of_screen(const struct top *top)
{
	struct winsize size;

	return top->terminal && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_row > 4
		       ? size.ws_row - 3U
		       : UINT32_MAX;
}

static void show(struct top *top)
{
	struct sample *now = &top->samples[top->now];
	const unsigned rows = rows_of_screen(top);

	if (now->count)
		qsort_r(now->cells, now->count, sizeof(*now->cells), most_denied_first, top);
	/* Home, and what was there before goes line by line: so nothing flickers. */
	if (top->terminal)
		fputs("\033[H\033[J", stdout);
	printf("ambit  %zu cells%s\n", now->count, top->terminal ? "  (q ends)" : "");
	ambit_sample_head(stdout, true);
	for (size_t i = 0; i < now->count && i < rows; i++) {
		const struct rates rates = ambit_sample_rates(top->sorted_by, now, &now->cells[i]);

		ambit_sample_row(stdout, &now->cells[i], &rates);
	}
	fflush(stdout);
}

/* False: a signal came, or the key. */
static bool wait_next(const struct top *top, int signals)
{
	struct pollfd fds[] = {{.fd = signals, .events = POLLIN},
		{.fd = top->changed ? STDIN_FILENO : -1, .events = POLLIN}};
	char key = 0;

	if (poll(fds, ARRAY_SIZE(fds), (int)top->delay * 1000) <= 0)
		return true;
	if (fds[0].revents)
		return false;
	return read(STDIN_FILENO, &key, 1) == 1 && key != 'q';
}

static int loop(struct top *top, int signals)
{
	unsigned done = 0;

	for (;;) {
		struct sample *now = &top->samples[top->now];

		if (ambit_sample_take(now))
			return EXIT_DENIED;
		top->sorted_by = &top->samples[!top->now];
		show(top);
		if (++done == top->count || !wait_next(top, signals))
			return EXIT_SUCCESS;
		top->now = !top->now;
	}
}

int ambit_verb_top(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"delay", 'd', "SECONDS", 0, "how long between two looks (else 1)", 0},
		{"count", 'n', "TIMES", 0, "end after so many", 0},
		{0},
	};
	static const struct argp argp = {
		.options = options,
		.parser = parse_option,
		.doc = "Shows the cells that are running, with what is decided a second, until q is pressed.",
	};
	struct top top = {.delay = 1};
	int status, signals;
	sigset_t set;

	if (argp_parse(&argp, argc, argv, 0, NULL, &top))
		return EXIT_USAGE;
	if (!ambit_ui_root("ambit top"))
		return EXIT_DENIED;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	terminal_begin(&top);
	status = loop(&top, signals);
	terminal_end(&top);
	for (size_t i = 0; i < ARRAY_SIZE(top.samples); i++)
		ambit_sample_clear(&top.samples[i]);
	return status;
}
