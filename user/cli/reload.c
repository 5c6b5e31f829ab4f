/* SPDX-License-Identifier: Apache-2.0 */
/* ambit reload: bound cells get what their policy files say now. */
#include <argp.h>
#include <json-c/json.h>
#include "cli/service.h"

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	const char **cell = state->input;

	if (key != ARGP_KEY_ARG || state->arg_num)
		return ARGP_ERR_UNKNOWN;
	*cell = arg;
	return 0;
}

int ambit_verb_reload(int argc, char **argv)
{
	static const struct argp argp = {
		.parser = parse_option,
		.args_doc = "[CELL]",
		.doc = "Has the daemon read the policy of CELL, or of all its cells, again. A policy that is "
		       "not valid is refused, and the one before stays in force.",
	};
	struct json_object *parameters, *reply = NULL, *cells;
	const char *cell = NULL;
	struct diag diag = {0};
	int error;

	if (argp_parse(&argp, argc, argv, 0, NULL, &cell))
		return EXIT_USAGE;
	if (!ambit_ui_root("ambit reload"))
		return EXIT_DENIED;
	parameters = json_object_new_object();
	if (cell)
		json_object_object_add(parameters, "cell", json_object_new_string(cell));
	error = ambit_daemon_call("Reload", parameters, &reply, &diag);
	if (!error && json_object_object_get_ex(reply, "cells", &cells))
		printf("reloaded: %d\n", json_object_get_int(cells));
	json_object_put(reply);
	if (error == -EREMOTEIO) {
		ambit_ui_diag(&diag);
		ambit_ui_say("the policy before stays in force");
		ambit_diag_clear(&diag);
		return EXIT_DENIED;
	}
	return ambit_service_result(error, &diag);
}
