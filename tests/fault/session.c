// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "fault.h"

struct session session_start(char *const argv[])
{
	struct session session = {};
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
		die("no pipes");
	session.pid = fork();
	if (session.pid < 0)
		die("no process");
	if (session.pid == 0) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	session.in = in[1];
	session.out = out[0];
	return session;
}

static void say(struct session *session, const char *line)
{
	if (dprintf(session->in, "%s\n", line) < 0)
		die("a session has ended");
}

/* The number on the next line. */
static int hear(struct session *session)
{
	char line[32] = "";
	size_t length = 0;

	while (length < sizeof(line) - 1 && read(session->out, line + length, 1) == 1) {
		if (line[length++] == '\n')
			return atoi(line);
	}
	die("a session has ended");
}

int session_act(struct session *session, enum ambit_fault fault, const char *act, pid_t *ret_pid)
{
	int error;

	say(session, act);
	*ret_pid = hear(session);
	fault_force(fault);
	say(session, "go");
	error = hear(session);
	session->met = fault_met();
	fault_force(FAULT_NONE);
	return error;
}

int session_end(struct session *session)
{
	int status;

	close(session->in);
	close(session->out);
	return waitpid(session->pid, &status, 0) < 0 ? -1 : WEXITSTATUS(status);
}

static bool is(struct json_object *line, const char *key, const char *value)
{
	char copy[64], *rest = copy, *part;

	snprintf(copy, sizeof(copy), "%s", key);
	while (line && (part = strsep(&rest, ".")))
		line = json_object_object_get(line, part);
	return line && strcmp(json_object_get_string(line), value) == 0;
}

bool trail_has(
	const char *path, pid_t pid, enum ambit_op op, enum ambit_reason reason, bool enforced)
{
	static const char *const ops[] = {
#define X(name, text) text,
		AMBIT_OPS(X)
#undef X
	};
	static const char *const reasons[] = {
#define X(name, code, text) code,
		AMBIT_REASONS(X)
#undef X
	};
	FILE *trail = fopen(path, "re");
	bool found = false;
	char *text = NULL, id[16];
	size_t size = 0;

	snprintf(id, sizeof(id), "%d", pid);
	while (trail && !found && getline(&text, &size, trail) > 0) {
		struct json_object *line = json_tokener_parse(text);

		/* What the act forked is of the same act. */
		found = (is(line, "actor.process.pid", id) || is(line, "actor.process.parent_process.pid", id)) &&
			is(line, "unmapped.op", ops[op]) &&
			is(line, "unmapped.reason", reasons[reason]) && is(line, "unmapped.verdict", "deny") &&
			is(line, "unmapped.enforced", enforced ? "true" : "false");
		json_object_put(line);
	}
	free(text);
	if (trail)
		fclose(trail);
	return found;
}
