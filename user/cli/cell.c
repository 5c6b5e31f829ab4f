/* SPDX-License-Identifier: Apache-2.0 */
/* The cell of a run, whoever starts the command: from an armed kernel to its end. */
#include <string.h>
#include "base/util.h"
#include "cli/run.h"

/* Everything is denied that no rule names, so every operation has to be proved. */
static int prove(struct run *run, struct diag *diag)
{
	int results[OP_MAX];

	return ambit_kernel_canary(run->kernel, (1U << OP_MAX) - 1, false, results, diag);
}

static int open_cell(struct run *run, struct diag *diag)
{
	_cleanup_(ambit_identities_clear) struct identities links = {0};
	const struct cell_options options = {
		.tables = run->loaded.tables,
		.identities = &links,
		.dns = run->loaded.policy->names ? &run->loaded.policy->dns : NULL,
		.name = run->lent ? NULL : run->loaded.policy->name,
		.mode = run->mode,
		.flags = (run->loaded.policy->jit ? AMBIT_CELL_JIT : 0) |
			 (run->lent ? AMBIT_CELL_UNMARKED : 0),
		.epoch = AMBIT_EPOCH,
		.ring_size = run->options.ring,
		.cgroup = true,
		.limits = run->loaded.policy,
	};
	int error = run->lent ? ambit_links_under(run->lent, &run->loaded, &links, diag)
			      : ambit_loaded_links(&run->loaded, PART_ALL, &links, diag);

	/* Whoever swaps the policy later looks at the mounts of then. */
	ambit_policy_env_clear(&run->loaded.env);
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

int ambit_run_open(struct run *run, struct diag *diag)
{
	const struct arm_options options = {
		.best_effort = run->options.best_effort,
		.keep_nothing = ambit_keeps_nothing(),
		.policy = run->loaded.policy,
	};
	int error = ambit_kernel_arm(&options, &run->kernel, diag);

	if (error)
		return error;
	ambit_kernel_armed_state(run->kernel, &options, &run->state);
	ambit_cells_reap(run->kernel);
	error = prove(run, diag);
	return error ? error : open_cell(run, diag);
}

/* Only who has the rights of root outside, too, leaves a cgroup that root made. */
static void alarm_strays(struct run *run, int count)
{
	ambit_session_write(&run->session, ambit_strayed_json(run->session.cell_name,
						   ambit_cell_id(run->cell), (uint64_t)count));
	ambit_ui_say("ALARM: the cell's cgroup was left by %d of its processes, which stayed in the cell "
		     "and ended with it",
		count);
}

void ambit_run_end(struct run *run)
{
	int strays = ambit_cell_kill(run->cell);

	if (strays < 0)
		ambit_ui_say("cannot end what the command left running: %s; the next run and "
			     "`ambit disarm` try again",
			strerror(-strays));
	ambit_session_drain(&run->session, true);
	if (strays > 0)
		alarm_strays(run, strays);
}

void ambit_run_clear(struct run *run)
{
	struct diag diag = {0};

	ambit_session_close(&run->session);
	if (run->cell && ambit_cell_free(run->cell, &diag))
		ambit_ui_diag(&diag);
	ambit_diag_clear(&diag);
	ambit_kernel_close(run->kernel);
	ambit_loaded_clear(&run->loaded);
	ambit_target_clear(&run->target);
}
