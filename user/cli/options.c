/* SPDX-License-Identifier: Apache-2.0 */
#include <argp.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "cli/run.h"

enum {
	KEY_QUIET = 'q',
	KEY_JSON = 'j',
	KEY_POLICY = 'p',
	KEY_USER = 'u',
	KEY_TRAIL = 't',
	KEY_TRAIL_CONFIG = 'c',
	KEY_RING = 'r',
	KEY_BEST_EFFORT = 'b'
};

static const struct argp_option options[] = {
	{"policy", KEY_POLICY, "FILE", 0, "the policy", 0},
	{"user", KEY_USER, "NAME", 0, "run the command as this user (else: who called sudo)", 0},
	{"trail", KEY_TRAIL, "FILE", 0,
		"append the trail to FILE (else: a new one in " AMBIT_TRAIL_DIR ")", 0},
	{"trail-config", KEY_TRAIL_CONFIG, "FILE", 0,
		"how the trail is kept (else: " AMBIT_TRAIL_CONFIG ", if there is one)", 0},
	{"ring", KEY_RING, "SIZE", 0,
		"room for events that are not in the trail yet, 4K to 64M, a power of two (else "
		"4M)",
		0},
	{"quiet", KEY_QUIET, NULL, 0, "print no denials and no summary", 0},
	{"json", KEY_JSON, NULL, 0, "print denials and summary as JSON lines", 0},
	{"best-effort", KEY_BEST_EFFORT, NULL, 0,
		"take a weaker promise where the kernel allows no other, and say so", 0},
	{0},
};

/* Bytes, or with K or M behind them. 0 where that is no size of a ring. */
static uint32_t ring_size(const char *text)
{
	char *end;
	unsigned long long size = isdigit((unsigned char)*text) ? strtoull(text, &end, 10) : 0;

	if (!size || size > AMBIT_RING_MAX)
		return 0;
	if (strcmp(end, "K") == 0)
		size <<= 10;
	else if (strcmp(end, "M") == 0)
		size <<= 20;
	else if (*end)
		return 0;
	return size >= AMBIT_RING_MIN && size <= AMBIT_RING_MAX && !(size & (size - 1))
		       ? (uint32_t)size
		       : 0;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct run_options *run = state->input;

	switch (key) {
	case KEY_POLICY:
		run->policy = arg;
		return 0;
	case KEY_USER:
		run->user = arg;
		return 0;
	case KEY_TRAIL:
		run->trail = arg;
		return 0;
	case KEY_TRAIL_CONFIG:
		run->trail_config = arg;
		return 0;
	case KEY_RING:
		run->ring = ring_size(arg);
		if (!run->ring)
			argp_error(state,
				"\"%s\" is no size of a ring; write a power of two from 4K to 64M, "
				"as in "
				"--ring 16M",
				arg);
		return run->ring ? 0 : EINVAL;
	case KEY_QUIET:
		run->quiet = true;
		return 0;
	case KEY_JSON:
		run->json = true;
		return 0;
	case KEY_BEST_EFFORT:
		run->best_effort = true;
		return 0;
	case ARGP_KEY_ARG:
		run->argv = state->argv + state->next - 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_END:
		if (!run->argv)
			argp_error(state, "a command is missing: %s -- COMMAND", state->name);
		else if (!run->policy && !run->audit)
			argp_error(
				state, "a policy is missing: %s -p POLICY -- COMMAND", state->name);
		return run->argv && (run->policy || run->audit) ? 0 : EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int ambit_run_options(int argc, char **argv, bool audit, unsigned flags, struct run_options *ret)
{
	const struct argp argp = {
		.options = options,
		.parser = parse_option,
		.args_doc = "[--] COMMAND [ARGUMENT...]",
		.doc = audit ? "Runs COMMAND and records what the policy would deny, or without "
			       "one "
			       "everything it does.\vExit status: that of COMMAND; 125 if ambit "
			       "failed, "
			       "126 if COMMAND cannot be executed, 127 if it is not found."
			     : "Runs COMMAND inside what the policy names.\vExit status: that of "
			       "COMMAND; 125 if ambit failed, 126 if COMMAND cannot be executed, "
			       "127 if "
			       "it is not found.",
	};
	struct run_options parsed = {.audit = audit, .ring = AMBIT_RING_SIZE};
	int error;

	argp_err_exit_status = EXIT_AMBIT;
	/* In order: what follows the command is the command's, also if it looks like an option. */
	error = argp_parse(&argp, argc, argv, ARGP_IN_ORDER | flags, NULL, &parsed);
	if (error)
		return -error;
	*ret = parsed;
	return 0;
}
