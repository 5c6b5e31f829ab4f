/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy with `onTrailFailure: deny`: while the trail cannot be written, its cell is given the policy
 * that allows nothing. Who compiles it beforehand needs neither memory nor a disk when it comes to that.
 */
#include <string.h>
#include "base/util.h"
#include "cli/run.h"

int ambit_shut_open(struct session *session, const struct target *target)
{
	int error;

	if (!session->policy->trail_denies || session->mode != MODE_ENFORCE)
		return 0;
	error = ambit_loaded_read(NULL, target, session->options->trail, &session->shut);
	ambit_policy_env_clear(&session->shut.env); /* mounts may be others when it is swapped in */
	return error;
}

static int swap(struct session *session, const struct loaded *loaded, struct diag *diag)
{
	_cleanup_(ambit_identities_clear) struct identities links = {0};
	int error = ambit_loaded_links(loaded, PART_ALL, &links, diag);

	if (!error)
		error = ambit_cell_swap(session->cell, loaded->tables, &links, NULL, session->epoch + 1, diag);
	if (!error)
		session->epoch++;
	return error;
}

void ambit_shut_check(struct session *session)
{
	struct recorder *recorder = &session->recorder;
	bool failing = recorder->failing;
	struct diag diag = {0};
	int error;

	if (!session->shut.tables || failing == recorder->denies)
		return;
	/* Opened again only when the trail is; where either fails it is tried again with the next batch. */
	error = swap(session, failing ? &session->shut : session->loaded, &diag);
	if (error) {
		ambit_ui_diag(&diag);
		ambit_diag_clear(&diag);
		return;
	}
	recorder->denies = failing;
	ambit_ui_say(failing ? "everything is denied until the trail can be written (onTrailFailure)"
			     : "the trail can be written again, and the policy is in force");
}

void ambit_shut_close(struct session *session)
{
	ambit_loaded_clear(&session->shut);
}
