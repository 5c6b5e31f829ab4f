/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of verbs that arm the kernel, and take nothing else. */
#include <argp.h>
#include "cli/cli.h"

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	(void)arg;
	if (key != 'b')
		return ARGP_ERR_UNKNOWN;
	*(bool *)state->input = true;
	return 0;
}

int ambit_effort_parse(int argc, char **argv, const char *doc, bool *ret_best_effort)
{
	static const struct argp_option list[] = {
		{"best-effort", 'b', NULL, 0,
			"take a weaker promise where the kernel allows no other, and say so", 0},
		{0},
	};
	const struct argp argp = {.options = list, .parser = parse_option, .doc = doc};

	return argp_parse(&argp, argc, argv, 0, NULL, ret_best_effort);
}
