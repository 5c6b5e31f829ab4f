/* SPDX-License-Identifier: Apache-2.0 */
/* What goes on in a cell, from its ring to the trail and to stderr. */
#include <ctype.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include "base/util.h"
#include "cli/run.h"

/* Events a turn of the loop: a few milliseconds of work. */
#define TURN_EVENTS 2048

/* The policy's name and the cell's id, fit for a file name. */
static char *name_cell(const struct policy *policy, uint32_t id)
{
	char *name;

	if (asprintf(&name, "%.64s-%08x", policy->name ?: "policy", id) < 0)
		return NULL;
	for (char *at = name; *at; at++)
		if (!isalnum((unsigned char)*at) && *at != '-' && *at != '_')
			*at = '_';
	return name;
}

/* A new file of its own for each run: its name begins with the time, so that `ls` sorts them. */
static char *name_trail(const char *cell_name)
{
	time_t now = time(NULL);
	char stamp[32], *path;
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	if (asprintf(&path, AMBIT_TRAIL_DIR "/%s-%s.jsonl", stamp, cell_name) < 0)
		return NULL;
	return path;
}

static int make_trail_dir(struct diag *diag)
{
	int error;

	if (mkdir(AMBIT_TRAIL_DIR, 0700) == 0 || errno == EEXIST)
		return 0;
	error = -errno;
	ambit_diag_set(diag, NULL, 0, 0,
		"cannot make \"" AMBIT_TRAIL_DIR "\" for the trail: %s; "
		"name a file with --trail",
		strerror(-error));
	return error;
}

static void write_start(struct session *session, const struct target *target)
{
	const struct trail_start start = {
		.cell = session->cell_name,
		.cell_id = ambit_cell_id(session->cell),
		.policy = session->policy,
		.mode = session->mode,
		.epoch = AMBIT_EPOCH,
		.uid = target->uid,
		.argv = session->options->argv,
		.weaker = session->state->weaker,
	};

	ambit_session_write(session, ambit_start_json(&start));
}

int ambit_session_open(struct session *session, const struct target *target, struct diag *diag)
{
	const char *path = session->options->trail;
	int error;

	session->fold = ambit_fold_new();
	session->cell_name = name_cell(session->policy, ambit_cell_id(session->cell));
	session->trail_path = path ? strdup(path) : name_trail(session->cell_name ?: "");
	if (!session->fold || !session->cell_name || !session->trail_path) {
		ambit_diag_set(diag, NULL, 0, 0, "out of memory");
		return -ENOMEM;
	}
	if (!path) {
		error = make_trail_dir(diag);
		if (error)
			return error;
	}
	error = ambit_trail_open(session->trail_path, &session->trail, diag);
	if (error)
		return error;
	session->colour = ambit_ui_colour(STDERR_FILENO);
	write_start(session, target);
	if (!session->trail_error)
		return 0;
	ambit_diag_set(diag, NULL, 0, 0, "cannot write the trail \"%s\": %s", session->trail_path,
		strerror(-session->trail_error));
	return session->trail_error;
}

void ambit_session_write(struct session *session, char *json)
{
	_cleanup_free_ char *line = json;
	int error = line ? ambit_trail_write(session->trail, line) : -ENOMEM;

	if (!error)
		return;
	session->trail_missing++;
	if (session->trail_error)
		return;
	session->trail_error = error;
	ambit_ui_say("cannot write the trail \"%s\": %s; the policy stays in force",
		session->trail_path, strerror(-error));
}

/* Without a policy everything would be "denied": then the trail and the summary are enough. */
static bool is_shown(const struct session *session, const struct record *record)
{
	const struct run_options *options = session->options;

	return !options->quiet && options->policy && record->event->kind == EVENT_DECISION &&
	       record->event->verdict != VERDICT_ALLOW && ambit_fold_is_new(session->fold, record);
}

/* A terminal that was stopped, or a pipe that nobody reads, must not stop the trail. The counts by
 * rule in the summary are complete whatever was shown. */
static bool can_show(void)
{
	struct pollfd fd = {.fd = STDERR_FILENO, .events = POLLOUT};

	return poll(&fd, 1, 0) > 0 && fd.revents & (POLLOUT | POLLERR);
}

static int handle(const struct ambit_event *event, size_t size, void *data)
{
	struct session *session = data;
	_cleanup_free_ char *json = NULL, *line = NULL;
	struct record record;

	if (ambit_record_decode(event, size, session->policy, session->cell_name, &record)) {
		session->unreadable++;
		return 0;
	}
	json = ambit_record_json(&record);
	if (can_show() && is_shown(session, &record)) {
		line = session->options->json ? NULL : ambit_record_line(&record);
		ambit_ui_line(stderr, line ?: json ?: "", session->colour);
	}
	ambit_session_write(session, TAKE_PTR(json));
	return --session->budget ? 0 : -EAGAIN;
}

/* A gap becomes a record where it is, not only a number at the end. */
static void note_losses(struct session *session)
{
	struct ambit_counters now;

	if (ambit_cell_counters(session->cell, &now) ||
		(ambit_events_lost(&now) == ambit_events_lost(&session->seen) &&
			now.lost_tally == session->seen.lost_tally))
		return;
	ambit_session_write(session, ambit_lost_json(session->cell_name,
					     ambit_cell_id(session->cell), &now, &session->seen));
	session->seen = now;
}

int ambit_session_drain(struct session *session, bool all)
{
	int result;

	do {
		session->budget = TURN_EVENTS;
		result = ambit_cell_drain(session->cell, handle, session);
		note_losses(session);
	} while (all && result == -EAGAIN);
	return result < 0 && result != -EAGAIN ? result : 0;
}

void ambit_session_close(struct session *session)
{
	int error = ambit_trail_close(TAKE_PTR(session->trail));

	if (error && !session->trail_error)
		ambit_ui_say("cannot finish the trail \"%s\": %s", session->trail_path,
			strerror(-error));
	ambit_fold_free(session->fold);
	free(session->cell_name);
	free(session->trail_path);
}
