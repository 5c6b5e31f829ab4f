/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ambit run, ambit audit: one command in one cell. The order is what makes it safe: the kernel is
 * proved to deny before there is a cell, the cell is complete before a process is in it, and the
 * process is in it before it executes the command. Whatever fails on the way, the command has not
 * started, and what was made is taken away again.
 */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include "base/util.h"
#include "cli/run.h"
#include "compile/limits.h"

struct run {
	struct run_options options;
	struct target target;
	struct loaded loaded;
	enum ambit_mode mode;
	struct kernel *kernel;
	struct kernel_state state;
	struct cell *cell;
	struct relay relay;
	struct signal_state signals;
	struct launch launch;
	struct session session;
};

/* Everything is denied that no rule names, so every operation has to be proved. */
static int prove(struct run *run, struct diag *diag)
{
	int results[OP_MAX];

	return ambit_kernel_canary(run->kernel, (1U << OP_MAX) - 1, results, diag);
}

static int open_cell(struct run *run, struct diag *diag)
{
	_cleanup_(ambit_identities_clear) struct identities links = {0};
	const struct cell_options options = {
		.tables = run->loaded.tables,
		.identities = &links,
		.dns = run->loaded.policy->names ? &run->loaded.policy->dns : NULL,
		.name = run->loaded.policy->name,
		.mode = run->mode,
		.flags = run->loaded.policy->jit ? AMBIT_CELL_JIT : 0,
		.epoch = AMBIT_EPOCH,
		.ring_size = run->options.ring,
		.cgroup = true,
		.limits = run->loaded.policy,
	};
	int error = ambit_loaded_links(&run->loaded, &links, diag);

	if (!error)
		error = ambit_cell_new(run->kernel, &options, &run->cell, diag);
	if (error)
		return error;
	run->session = (struct session){
		.options = &run->options,
		.policy = run->loaded.policy,
		.loaded = &run->loaded,
		.epoch = AMBIT_EPOCH,
		.mode = run->mode,
		.cell = run->cell,
		.state = &run->state,
		.timer_fd = -1,
	};
	error = ambit_session_open(&run->session, &run->target, diag);
	if (!error)
		error = ambit_cell_note(run->cell, run->session.cell_name);
	return error;
}

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

static int start(struct run *run, struct diag *diag)
{
	_cleanup_close_ int cgroup = ambit_cell_cgroup(run->cell);
	int error = ambit_launch_new(
		&run->target, run->options.argv, &run->signals, cgroup, &run->launch, diag);

	if (!error)
		error = ambit_cell_enter(run->cell, run->launch.pid, run->launch.pidfd, diag);
	if (!error && ambit_relay_is_pending(&run->relay)) {
		ambit_diag_set(diag, NULL, 0, 0, "interrupted");
		error = -EINTR;
	}
	if (!error)
		error = ambit_launch_go(&run->launch);
	return error;
}

/* All that has to be there before the command starts. From the first line on signals wait, so that
 * none ends us half way. */
static int prepare(struct run *run, struct diag *diag)
{
	const struct arm_options options = {
		.best_effort = run->options.best_effort,
		.keep_nothing = ambit_keeps_nothing(),
		.policy = run->loaded.policy,
	};
	int error = refuse_sockets(run->loaded.policy, diag);

	if (!error)
		error = ambit_relay_open(&run->relay, &run->signals);
	if (!error)
		error = ambit_kernel_arm(&options, &run->kernel, diag);
	if (!error)
		error = ambit_kernel_state(&options, &run->state);
	if (error)
		return error;
	ambit_cells_reap(run->kernel);
	error = prove(run, diag);
	if (!error)
		error = open_cell(run, diag);
	if (!error)
		error = start(run, diag);
	return error;
}

/* Until the command has ended; returns its exit status. */
static int attend(struct run *run)
{
	struct pollfd fds[] = {
		{.fd = run->launch.pidfd, .events = POLLIN},
		{.fd = ambit_cell_ring_fd(run->cell), .events = POLLIN},
		{.fd = run->relay.signal_fd, .events = POLLIN},
		{.fd = run->relay.timer_fd, .events = POLLIN},
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
			ambit_relay_step(&run->relay, run->launch.pidfd) == RELAY_KILL)
			ambit_cell_kill(run->cell);
	}
	waitid(P_PIDFD, (id_t)run->launch.pidfd, &info, WEXITED);
	run->launch.pid = -1;
	return ambit_status_of_child(info.si_code, info.si_status);
}

/* Only who has the rights of root outside, too, leaves a cgroup that root made. */
static void alarm_strays(struct run *run, int count)
{
	ambit_ui_say("ALARM: the cell's cgroup was left by %d of its processes, which stayed in the cell "
		     "and ended with it",
		count);
	ambit_session_write(&run->session, ambit_strayed_json(run->session.cell_name,
						   ambit_cell_id(run->cell), (uint64_t)count));
}

/* What the command left running ends with it, and its last events are read before the summary. */
static void conclude(struct run *run, int status)
{
	int strays = ambit_cell_kill(run->cell), error;

	if (strays < 0)
		ambit_ui_say("cannot end what the command left running: %s; the next run and "
			     "`ambit disarm` try again",
			strerror(-strays));
	ambit_session_drain(&run->session, true);
	if (strays > 0)
		alarm_strays(run, strays);
	error = ambit_launch_exec_error(&run->launch);
	if (error)
		ambit_ui_say("cannot execute \"%s\": %s", run->options.argv[0], strerror(error));
	ambit_summary(&run->session, status);
}

static void run_clear(struct run *run)
{
	struct diag diag = {0};

	ambit_launch_clear(&run->launch);
	ambit_session_close(&run->session);
	if (run->cell && ambit_cell_free(run->cell, &diag))
		ambit_ui_diag(&diag);
	ambit_diag_clear(&diag);
	ambit_relay_close(&run->relay);
	ambit_kernel_close(run->kernel);
	ambit_loaded_clear(&run->loaded);
	ambit_target_clear(&run->target);
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

static int run_command(struct run *run)
{
	struct diag diag = {0};
	int status = EXIT_AMBIT, error;

	if (load_policy(run, &diag)) {
		ambit_diag_clear(&diag);
		return EXIT_AMBIT;
	}
	error = prepare(run, &diag);
	if (!error) {
		status = attend(run);
		conclude(run, status);
	} else {
		if (!diag.text)
			ambit_diag_set(&diag, NULL, 0, 0, "%s", strerror(-error));
		ambit_ui_diag(&diag);
		ambit_ui_say("the command was not started");
	}
	ambit_diag_clear(&diag);
	return status;
}

static int verb(int argc, char **argv, bool audit)
{
	struct run run = {
		.relay = RELAY_NONE, .launch = LAUNCH_NONE, .session.timer_fd = -1};
	int status;

	if (ambit_run_options(argc, argv, audit, 0, &run.options))
		return EXIT_AMBIT;
	if (!ambit_ui_root(audit ? "ambit audit -- COMMAND" : "ambit run -p POLICY -- COMMAND"))
		return EXIT_AMBIT;
	status = run_command(&run);
	run_clear(&run);
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
