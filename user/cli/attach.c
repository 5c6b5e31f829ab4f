/* SPDX-License-Identifier: Apache-2.0 */
/* ambit attach: asks the daemon to bind a cgroup to a policy. */
#include <argp.h>
#include <ctype.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <limits.h>
#include <string.h>
#include "base/util.h"
#include "cli/service.h"

#define CGROUP_ROOT "/sys/fs/cgroup"

struct attach_options {
	const char *unit, *cgroup, *policy;
	pid_t pid;
};

/* 0 where it is none. */
static pid_t pid_parse(const char *text)
{
	char *end;
	long number = isdigit((unsigned char)*text) ? strtol(text, &end, 10) : 0;

	return number > 0 && number <= INT_MAX && !*end ? (pid_t)number : 0;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct attach_options *options = state->input;

	switch (key) {
	case 'u':
		options->unit = arg;
		return 0;
	case 'c':
		options->cgroup = arg;
		return 0;
	case 'p':
		options->policy = arg;
		return 0;
	case 'P':
		options->pid = pid_parse(arg);
		if (!options->pid)
			argp_error(state, "\"%s\" is no number of a process", arg);
		return 0;
	case ARGP_KEY_END:
		if (!options->policy || !!options->unit + !!options->cgroup + !!options->pid != 1)
			argp_error(state, "a policy, and one of: a unit, a cgroup, a process");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int attach(const char *cgroup, pid_t pid, const char *policy, struct diag *diag)
{
	struct json_object *parameters = json_object_new_object(), *reply = NULL, *cell, *tasks, *where;
	int error;

	if (cgroup)
		json_object_object_add(parameters, "cgroup", json_object_new_string(cgroup));
	else
		json_object_object_add(parameters, "pid", json_object_new_int(pid));
	json_object_object_add(parameters, "policy", json_object_new_string(policy));
	error = ambit_daemon_call(cgroup ? "Attach" : "AttachProcess", parameters, &reply, diag);
	if (error)
		return error;
	if (!cgroup && json_object_object_get_ex(reply, "cgroup", &where))
		cgroup = json_object_get_string(where);
	if (json_object_object_get_ex(reply, "cell", &cell) &&
		json_object_object_get_ex(reply, "tasks", &tasks))
		printf("cell %s: %s, tasks that ran already: %" PRId64 "\n", json_object_get_string(cell),
			cgroup ?: "", json_object_get_int64(tasks));
	json_object_put(reply);
	return 0;
}

static int run(const struct attach_options *options, struct diag *diag)
{
	_cleanup_free_ char *policy = realpath(options->policy, NULL);
	_cleanup_free_ char *cgroup = options->unit
					      ? ambit_unit_cgroup(CGROUP_ROOT, options->unit, diag)
			       : options->cgroup ? strdup(options->cgroup)
						      : NULL;
	size_t length = cgroup ? strlen(cgroup) : 0;

	if (!cgroup && !options->pid)
		return -EINVAL;
	while (length > 1 && cgroup[length - 1] == '/')
		cgroup[--length] = '\0';
	if (!policy) {
		ambit_diag_set(diag, options->policy, 0, 0, "%s", strerror(errno));
		return -EINVAL;
	}
	return attach(cgroup, options->pid, policy, diag);
}

int ambit_verb_attach(int argc, char **argv)
{
	static const struct argp_option list[] = {
		{"policy", 'p', "FILE", 0, "the policy", 0},
		{"unit", 'u', "UNIT", 0, "the cgroup of a systemd unit, also one that does not run yet", 0},
		{"cgroup", 'c', "PATH", 0, "a cgroup; it need not exist, the one above it does", 0},
		{"pid", 'P', "PID", 0, "a process, with its threads and what it makes from now on", 0},
		{0},
	};
	static const struct argp argp = {
		.options = list,
		.parser = parse_option,
		.args_doc = "",
		.doc = "Binds a cgroup to a policy: all tasks in it at once, and each that comes into it, or "
		       "into one beneath it, before it runs there. The daemon does it (ambit daemon).",
	};
	struct attach_options options = {0};
	struct diag diag = {0};

	if (argp_parse(&argp, argc, argv, 0, NULL, &options))
		return EXIT_USAGE;
	if (!ambit_ui_root("ambit attach"))
		return EXIT_DENIED;
	return ambit_service_result(run(&options, &diag), &diag);
}
