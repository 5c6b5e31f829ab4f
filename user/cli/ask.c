/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ambit run, ambit audit for who is not root: the service makes the cell, puts our child into it, and attends to
 * it. The child is ours, with our rights, and executes the command when the service says that it is inside.
 */
#include <ctype.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include "base/util.h"
#include "cli/run.h"
#include "daemon/daemon.h"
#include "daemon/varlink.h"
#include "policy/text.h"

struct ask {
	const struct run_options *options;
	struct target target;
	struct relay relay;
	struct signal_state signals;
	struct launch launch;
	int fd; /* to the service */
	char *bytes;
	size_t size; /* of what is no whole answer yet */
	int status;
	bool started, waited, done;
	bool refused; /* the service did not do it */
	bool colour;
};

/* --- the question --- */

/* The values of all ${NAME} in a policy: the service has another environment. */
static struct json_object *variables_of(const char *text)
{
	struct json_object *variables = json_object_new_object();

	while ((text = strstr(text, "${"))) {
		const size_t length = strcspn(text += 2, "}\n");
		_cleanup_free_ char *name = text[length] == '}' ? strndup(text, length) : NULL;
		const char *value = name ? getenv(name) : NULL;

		if (value)
			json_object_object_add(variables, name, json_object_new_string(value));
	}
	return variables;
}

/* As far as it can be text: what is executed is what we have. */
static struct json_object *command_of(char **argv)
{
	struct json_object *command = json_object_new_array();

	for (; *argv; argv++) {
		_cleanup_free_ char *word = text_clean(*argv);

		json_object_array_add(command, json_object_new_string(word ?: ""));
	}
	return command;
}

static int question(const struct ask *ask, const char *text, struct json_object **ret)
{
	_cleanup_free_ char *directory = getcwd(NULL, 0);
	const struct run_options *options = ask->options;
	struct json_object *parameters;

	if (!directory)
		return -errno;
	parameters = json_object_new_object();
	if (text) {
		json_object_object_add(parameters, "policy", json_object_new_string(text));
		json_object_object_add(parameters, "file", json_object_new_string(options->policy));
		json_object_object_add(parameters, "variables", variables_of(text));
	}
	json_object_object_add(parameters, "directory", json_object_new_string(directory));
	json_object_object_add(parameters, "pid", json_object_new_int(ask->launch.pid));
	json_object_object_add(parameters, "command", command_of(options->argv));
	json_object_object_add(parameters, "audit", json_object_new_boolean(options->audit));
	json_object_object_add(parameters, "json", json_object_new_boolean(options->json));
	json_object_object_add(parameters, "quiet", json_object_new_boolean(options->quiet));
	*ret = parameters;
	return 0;
}

/* --- answers --- */

static void part_handle(struct ask *ask, struct json_object *parameters)
{
	struct json_object *value;

	if (json_object_object_get_ex(parameters, "line", &value))
		ambit_ui_line(stderr, json_object_get_string(value), ask->colour);
	if (!json_object_object_get_ex(parameters, "cell", &value) || ask->started)
		return;
	ask->started = true;
	ambit_launch_go(&ask->launch);
}

static void answer_handle(struct ask *ask, const char *text)
{
	struct json_object *root = json_tokener_parse(text), *parameters = NULL, *value = NULL;

	json_object_object_get_ex(root, "parameters", &parameters);
	if (json_object_object_get_ex(root, "error", &value)) {
		const char *error = json_object_get_string(value);

		ask->refused = true;
		ambit_ui_say("%s", json_object_object_get_ex(parameters, "reason", &value)
					   ? json_object_get_string(value)
					   : error);
	} else {
		part_handle(ask, parameters);
	}
	if (!json_object_object_get_ex(root, "continues", &value))
		ask->done = true;
	json_object_put(root);
}

static void answers_read(struct ask *ask)
{
	ssize_t length = read(ask->fd, ask->bytes + ask->size, 2 * VARLINK_MAX - ask->size);
	char *end;

	if (length < 0 && errno == EINTR)
		return;
	if (length <= 0) {
		ambit_ui_say("the service ended the connection");
		ask->done = ask->refused = true;
		return;
	}
	ask->size += (size_t)length;
	while (!ask->done && (end = memchr(ask->bytes, '\0', ask->size))) {
		const size_t size = (size_t)(end - ask->bytes) + 1;

		answer_handle(ask, ask->bytes);
		ask->size -= size;
		memmove(ask->bytes, ask->bytes + size, ask->size);
	}
	if (ask->size == 2 * VARLINK_MAX)
		ask->done = ask->refused = true;
}

/* --- the run --- */

/* The command ended: its status goes to the service, which then says what it came to. */
static void child_wait(struct ask *ask)
{
	struct json_object *parameters = json_object_new_object();
	siginfo_t info = {0};
	int error;

	waitid(P_PIDFD, (id_t)ask->launch.pidfd, &info, WEXITED);
	ask->launch.pid = -1;
	ask->waited = true;
	ask->status = ambit_status_of_child(info.si_code, info.si_status);
	error = ambit_launch_exec_error(&ask->launch);
	if (error)
		ambit_ui_say("cannot execute \"%s\": %s", ask->options->argv[0], strerror(error));
	json_object_object_add(parameters, "status", json_object_new_int(ask->status));
	/* Where this fails the answers end, too. */
	ambit_daemon_send(ask->fd, "Ended", parameters, CALL_ONEWAY);
}

static void attend(struct ask *ask)
{
	struct pollfd fds[] = {
		{.fd = ask->fd, .events = POLLIN},
		{.fd = ask->launch.pidfd, .events = POLLIN},
		{.fd = ask->relay.signal_fd, .events = POLLIN},
		{.fd = ask->relay.timer_fd, .events = POLLIN},
	};

	while (!ask->done) {
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
			continue; /* EINTR: stopped and continued */
		if (fds[1].revents && !ask->waited) {
			child_wait(ask);
			fds[1].fd = -1;
		}
		if ((fds[2].revents || fds[3].revents) && !ask->waited &&
			(!ask->started || ambit_relay_step(&ask->relay, ask->launch.pidfd) == RELAY_KILL))
			pidfd_send_signal(ask->launch.pidfd, SIGKILL, NULL, 0);
		if (fds[0].revents)
			answers_read(ask);
	}
}

static int prepare(struct ask *ask, const char *text, struct diag *diag)
{
	struct json_object *parameters = NULL;
	int error = ambit_target_find(NULL, &ask->target, diag);

	ask->target.size_later = true;
	ask->bytes = malloc(2 * VARLINK_MAX);
	if (!error && !ask->bytes)
		error = -ENOMEM;
	if (!error)
		error = ambit_relay_open(&ask->relay, &ask->signals);
	if (!error) {
		ask->fd = ambit_daemon_connect(diag);
		error = ask->fd < 0 ? ask->fd : 0;
	}
	if (!error)
		error = ambit_launch_new(
			&ask->target, ask->options->argv, &ask->signals, -1, &ask->launch, diag);
	if (!error)
		error = question(ask, text, &parameters);
	if (!error)
		error = ambit_daemon_send(ask->fd, "Run", parameters, CALL_MORE);
	if (error == -EMSGSIZE)
		ambit_diag_set(diag, ask->options->policy, 0, 0,
			"the policy, with the command, is too large for the service, which takes %d bytes",
			VARLINK_MAX);
	return error;
}

/* What only root can say: where the trail goes, whose rights a command has, what is promised. */
static int options_refuse(const struct run_options *options)
{
	const char *which = options->user	      ? "--user"
			    : options->trail	      ? "--trail"
			    : options->trail_config   ? "--trail-config"
			    : options->best_effort    ? "--best-effort"
			    : options->ring != AMBIT_RING_SIZE ? "--ring"
						      : NULL;

	if (which)
		ambit_ui_say("only root can use %s: sudo ambit %s", which, options->audit ? "audit" : "run");
	return which ? -EPERM : 0;
}

static int policy_read(const struct run_options *options, char **ret)
{
	struct diags diags = {0};
	size_t size;
	int error = options->policy ? ambit_policy_read(options->policy, ret, &size, &diags) : 0;

	ambit_ui_diags(&diags);
	ambit_diags_clear(&diags);
	return error;
}

static void ask_clear(struct ask *ask)
{
	ambit_launch_clear(&ask->launch);
	ambit_relay_close(&ask->relay);
	ambit_target_clear(&ask->target);
	if (ask->fd >= 0)
		close(ask->fd);
	free(ask->bytes);
}

int ambit_ask_run(const struct run_options *options)
{
	struct ask ask = {
		.options = options,
		.relay = RELAY_NONE,
		.launch = LAUNCH_NONE,
		.fd = -1,
		.status = EXIT_AMBIT,
		.colour = ambit_ui_colour(STDERR_FILENO),
	};
	_cleanup_free_ char *text = NULL;
	struct diag diag = {0};
	int error = options_refuse(options);

	if (!error)
		error = policy_read(options, &text);
	if (error)
		return EXIT_AMBIT;
	error = prepare(&ask, text, &diag);
	if (!error) {
		attend(&ask);
	} else {
		if (!diag.text)
			ambit_diag_set(&diag, NULL, 0, 0, "%s", strerror(-error));
		ambit_ui_diag(&diag);
		ambit_ui_say("the command was not started");
	}
	ambit_diag_clear(&diag);
	ask_clear(&ask);
	return ask.refused || !ask.started ? EXIT_AMBIT : ask.status;
}
