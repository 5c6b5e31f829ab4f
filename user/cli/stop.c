/* SPDX-License-Identifier: Apache-2.0 */
/* ambit stop: ends the daemon; with --disarm, and only then, policies are no longer in force. */
#include <argp.h>
#include <json-c/json.h>
#include "cli/service.h"

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	(void)arg;
	if (key != 'd')
		return ARGP_ERR_UNKNOWN;
	*(bool *)state->input = true;
	return 0;
}

static int stop(bool disarm, struct diag *diag)
{
	const struct daemon_options options = ambit_service_options();
	struct json_object *reply = NULL;
	int error = ambit_daemon_call("Stop", NULL, &reply, diag);

	json_object_put(reply);
	/* With none there is nothing to end, but there may be what one has left. */
	if (error && !(error == -ENOENT && disarm))
		return error;
	ambit_diag_clear(diag);
	if (!options.trail)
		return -EINVAL;
	error = ambit_daemon_await_end(diag);
	if (!error && disarm)
		error = ambit_daemon_disarm(&options, diag);
	return error;
}

int ambit_verb_stop(int argc, char **argv)
{
	static const struct argp_option list[] = {
		{"disarm", 'd', NULL, 0, "take the policies off, and ambit out of the kernel", 0},
		{0},
	};
	static const struct argp argp = {
		.options = list,
		.parser = parse_option,
		.doc = "Ends the daemon. Its policies stay in force, and their events wait for the next "
		       "daemon, as far as their rings have room.",
	};
	bool disarm = false;
	struct diag diag = {0};
	int error;

	if (argp_parse(&argp, argc, argv, 0, NULL, &disarm))
		return EXIT_USAGE;
	if (!ambit_ui_root("ambit stop"))
		return EXIT_DENIED;
	error = stop(disarm, &diag);
	if (!error)
		puts(disarm ? "stopped and disarmed" : "stopped; what is in force stays so");
	return ambit_service_result(error, &diag);
}
