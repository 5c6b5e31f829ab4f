/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ambit run, ambit audit: one command in one cell. The order is what makes it safe: the kernel is
 * proved to deny before there is a cell, the cell is complete before a process is in it, and the
 * process is in it before it executes the command. Whatever fails on the way, the command has not
 * started, and what was made is taken away again.
 */
#include <malloc.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/util.h"
#include "cli/run.h"
#include "compile/limits.h"

struct command {
	struct run run;
	struct relay relay;
	struct signal_state signals;
	struct launch launch;
};

/* What a socket sends is counted in the cgroup that it was made in. */
static int refuse_sockets(const struct policy *policy, struct diag *diag)
{
	if (!(ambit_limits_flags(policy) & AMBIT_CELL_EGRESS))
		return 0;
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		int family = AF_UNIX;
		socklen_t size = sizeof(family);

		getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size);
		if (family == AF_UNIX)
			continue;
		ambit_diag_set(diag, NULL, 0, 0,
			"descriptor %d of the command is a network socket, and the policy limits what is "
			"sent, which is counted for sockets made in the cell only: hand it a pipe", fd);
		return -ENOTSUP;
	}
	return 0;
}

static int start(struct command *command, struct diag *diag)
{
	struct run *run = &command->run;
	_cleanup_close_ int cgroup = ambit_cell_cgroup(run->cell);
	int error = ambit_launch_new(
		&run->target, run->options.argv, &command->signals, cgroup, &command->launch, diag);

	if (!error)
		error = ambit_cell_enter(run->cell, command->launch.pid, command->launch.pidfd, diag);
	if (!error && ambit_relay_is_pending(&command->relay)) {
		ambit_diag_set(diag, NULL, 0, 0, "interrupted");
		error = -EINTR;
	}
	if (!error)
		error = ambit_launch_go(&command->launch);
	return error;
}

/* All that has to be there before the command starts. From the first line on signals wait, so that
 * none ends us half way. */
static int prepare(struct command *command, struct diag *diag)
{
	int error = refuse_sockets(command->run.loaded.policy, diag);

	if (!error)
		error = ambit_relay_open(&command->relay, &command->signals);
	if (!error)
		error = ambit_run_open(&command->run, diag);
	if (!error)
		error = start(command, diag);
	return error;
}

/* Until the command has ended; returns its exit status. */
static int attend(struct command *command)
{
	struct run *run = &command->run;
	struct pollfd fds[] = {
		{.fd = command->launch.pidfd, .events = POLLIN},
		{.fd = ambit_cell_ring_fd(run->cell), .events = POLLIN},
		{.fd = command->relay.signal_fd, .events = POLLIN},
		{.fd = command->relay.timer_fd, .events = POLLIN},
		{.fd = run->session.timer_fd, .events = POLLIN},
		{.fd = ambit_sinks_fd(run->session.sinks), .events = POLLIN},
	};
	siginfo_t info = {0};

	while (!(fds[0].revents & POLLIN)) {
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
			continue; /* EINTR: stopped and continued */
		if (fds[1].revents)
			ambit_session_woken(&run->session);
		if (fds[4].revents)
			ambit_session_tick(&run->session);
		if (fds[5].revents)
			ambit_session_sinks(&run->session);
		if ((fds[2].revents || fds[3].revents) &&
			ambit_relay_step(&command->relay, command->launch.pidfd) == RELAY_KILL)
			ambit_cell_kill(run->cell);
	}
	waitid(P_PIDFD, (id_t)command->launch.pidfd, &info, WEXITED);
	command->launch.pid = -1;
	return ambit_status_of_child(info.si_code, info.si_status);
}

/* What the command left running ends with it, and its last events are read before the summary. */
static void conclude(struct command *command, int status)
{
	int error;

	ambit_run_end(&command->run);
	error = ambit_launch_exec_error(&command->launch);
	if (error) {
		ambit_recorder_flush(&command->run.session.recorder);
		ambit_ui_say("cannot execute \"%s\": %s", command->run.options.argv[0], strerror(error));
	}
	ambit_summary(&command->run.session, status);
}

static void command_clear(struct command *command)
{
	ambit_launch_clear(&command->launch);
	ambit_run_clear(&command->run);
	ambit_relay_close(&command->relay);
}

static int load_policy(struct run *run, struct diag *diag)
{
	int error = ambit_target_find(run->options.user, &run->target, diag);

	if (error) {
		ambit_ui_diag(diag);
		return error;
	}
	error = ambit_loaded_read(
		run->options.policy, &run->target, run->options.trail, &run->loaded);
	if (error)
		return error;
	run->mode = run->options.audit ? MODE_AUDIT : run->loaded.policy->mode;
	if (run->mode == MODE_ENFORCE)
		run->target.file_size = run->loaded.policy->file_size.value;
	return 0;
}

static int run_command(struct command *command)
{
	struct diag diag = {0};
	int status = EXIT_AMBIT, error;

	if (load_policy(&command->run, &diag)) {
		ambit_diag_clear(&diag);
		return EXIT_AMBIT;
	}
	error = prepare(command, &diag);
	if (!error) {
		status = attend(command);
		conclude(command, status);
	} else {
		if (!diag.text)
			ambit_diag_set(&diag, NULL, 0, 0, "%s", strerror(-error));
		ambit_ui_diag(&diag);
		ambit_ui_say("the command was not started");
	}
	ambit_diag_clear(&diag);
	return status;
}

/* A short command should not pay for memory that is given back and asked for again, nor for pages of a table that
 * nothing is in: a segment that is mapped by itself is zero without being written. */
static void keep_memory(void)
{
	mallopt(M_MMAP_THRESHOLD, sizeof(struct ambit_segment));
	mallopt(M_TOP_PAD, 4 * sizeof(struct ambit_segment));
	mallopt(M_TRIM_THRESHOLD, 64 * sizeof(struct ambit_segment));
}

static int verb(int argc, char **argv, bool audit)
{
	struct command command = {
		.relay = RELAY_NONE, .launch = LAUNCH_NONE, .run.session.timer_fd = -1};
	int status;

	if (ambit_run_options(argc, argv, audit, 0, &command.run.options))
		return EXIT_AMBIT;
	if (geteuid())
		return ambit_ask_run(&command.run.options);
	keep_memory();
	status = run_command(&command);
	command_clear(&command);
	return status;
}

int ambit_verb_run(int argc, char **argv)
{
	return verb(argc, argv, false);
}

int ambit_verb_audit(int argc, char **argv)
{
	return verb(argc, argv, true);
}
