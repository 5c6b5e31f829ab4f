/* SPDX-License-Identifier: Apache-2.0 */
/* What goes on in a cell, from its ring to the trail and to stderr. */
#include <ctype.h>
#include <inttypes.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include "base/util.h"
#include "cli/run.h"
#include "trail/clock.h"
#include "trail/room.h"

/* Events a turn of the loop: a few milliseconds of work. */
#define TURN_EVENTS 8192
/* How long sinks may take at the end to send what they have. */
#define SINKS_PATIENCE_MS 3000
/* How long more events may come together after the first one: no longer than a person waits. */
#define BATCH_NS (50 * 1000000ULL)

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
static char *name_trail(const struct run_options *options, const char *cell_name)
{
	char mark[16] = "-";
	time_t now = time(NULL);
	char stamp[32], *path;
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	if (options->lent)
		ambit_room_mark(options->lent, mark);
	if (asprintf(&path, AMBIT_TRAIL_DIR "/%s%s%s.jsonl", stamp, mark, cell_name) < 0)
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
		.epoch = session->epoch,
		.uid = target->uid,
		.argv = session->options->argv,
		.weaker = session->state->weaker,
	};

	ambit_session_write(session, ambit_start_json(&start));
}

static int load_config(struct session *session)
{
	const char *path = session->options->trail_config;
	struct diags diags = {0};
	int error;

	if (path && access(path, F_OK) < 0) {
		error = -errno;
		ambit_ui_say("%s: %s", path, strerror(-error));
		return error;
	}
	error = ambit_trail_config_load(path ?: AMBIT_TRAIL_CONFIG, &diags, &session->config);
	ambit_ui_diags(&diags);
	ambit_diags_clear(&diags);
	return error;
}

static int open_sinks(struct session *session, struct diag *diag)
{
	const struct trail_config *config = &session->config;
	int error = config->sink_count
			    ? ambit_sinks_new(config->sinks, config->sink_count, &session->sinks)
			    : 0;

	if (error)
		ambit_diag_set(diag, NULL, 0, 0, "cannot begin the sinks of the trail: %s", strerror(-error));
	return error;
}

int ambit_session_open(struct session *session, const struct target *target, struct diag *diag)
{
	const char *path = session->options->trail;
	int error;

	session->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (session->timer_fd < 0) {
		error = -errno;
		ambit_diag_set(diag, NULL, 0, 0, "cannot make a timer: %s", strerror(-error));
		return error;
	}
	error = load_config(session);
	if (error)
		return error;
	session->fold = ambit_fold_new();
	session->cell_name = name_cell(session->policy, ambit_cell_id(session->cell));
	session->trail_path = path ? strdup(path) : name_trail(session->options, session->cell_name ?: "");
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
	if (session->options->share)
		ambit_room_keep(&session->config.keep, session->options->share);
	ambit_trail_keep(session->trail, &session->config.keep);
	error = ambit_shut_open(session, target);
	if (!error)
		error = open_sinks(session, diag);
	if (!error)
		error = ambit_recorder_open(
			&session->recorder, session->trail, session->policy, session->cell_name);
	if (error)
		return error;
	session->recorder.sinks = session->sinks;
	session->colour = ambit_ui_colour(STDERR_FILENO);
	write_start(session, target);
	if (!session->recorder.error)
		return 0;
	ambit_diag_set(diag, NULL, 0, 0, "cannot write the trail \"%s\": %s", session->trail_path,
		strerror(-session->recorder.error));
	return session->recorder.error;
}

/* Says it once that lines are missing. */
static void check_trail(struct session *session)
{
	if (!session->recorder.error || session->told)
		return;
	session->told = true;
	ambit_ui_say("cannot write the trail \"%s\": %s; the policy stays in force, and it is tried again",
		session->trail_path, strerror(-session->recorder.error));
}

void ambit_session_write(struct session *session, char *json)
{
	_cleanup_free_ char *line = json;

	ambit_recorder_mark(&session->recorder, line);
	ambit_recorder_flush(&session->recorder);
	check_trail(session);
	ambit_shut_check(session);
}

/* A terminal that was stopped, or a pipe that nobody reads, must not stop the trail. The counts by
 * rule in the summary are complete whatever was shown. */
static bool can_show(void)
{
	struct pollfd fd = {.fd = STDERR_FILENO, .events = POLLOUT};

	return poll(&fd, 1, 0) > 0 && fd.revents & (POLLOUT | POLLERR);
}

/* Without a policy everything would be "denied": then the trail and the summary are enough. */
static bool is_shown(const struct session *session, const struct record *record)
{
	const struct run_options *options = session->options;

	return !options->quiet && options->policy && record->event->kind == EVENT_DECISION &&
	       record->event->verdict != VERDICT_ALLOW && can_show() &&
	       ambit_fold_is_new(session->fold, record);
}

static void show(struct session *session, const struct record *record)
{
	bool json = session->options->json;
	_cleanup_free_ char *line = json ? ambit_record_json(record) : ambit_record_line(record);

	ambit_ui_line(stderr, line ?: "out of memory", session->colour);
}

static int handle(const struct ambit_event *event, size_t size, void *data)
{
	struct session *session = data;
	struct record record;

	if (ambit_recorder_take(&session->recorder, event, size, &record) &&
		is_shown(session, &record))
		show(session, &record);
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

/* Wakes us at `when` (CLOCK_MONOTONIC, ns), or before if that was asked for. */
static void wake_at(struct session *session, uint64_t when)
{
	const struct itimerspec timer = {.it_value = {.tv_sec = (time_t)(when / 1000000000U),
						 .tv_nsec = (long)(when % 1000000000U)}};

	if (session->due && session->due <= when)
		return;
	session->due = when;
	timerfd_settime(session->timer_fd, TFD_TIMER_ABSTIME, &timer, NULL);
}

/* What is left wakes us by the timer, and what comes into an empty ring by the kernel. */
static void wake_again(struct session *session, bool more)
{
	uint64_t due = ambit_recorder_due(&session->recorder);

	if (more)
		wake_at(session, 1);
	else if (ambit_cell_ring_used(session->cell))
		wake_at(session, clock_ns(CLOCK_MONOTONIC) + BATCH_NS);
	if (due)
		wake_at(session, due);
}

void ambit_session_sinks(struct session *session)
{
	char *json;

	/* One for each sink at most: a report changes none. */
	while ((json = ambit_sinks_report(session->sinks)))
		ambit_session_write(session, json);
	wake_again(session, false);
}

int ambit_session_drain(struct session *session, bool all)
{
	int result;

	session->due = 0;
	do {
		session->budget = TURN_EVENTS;
		ambit_recorder_clock(&session->recorder);
		result = ambit_cell_drain(session->cell, handle, session);
		ambit_recorder_expire(&session->recorder,
			all && result != -EAGAIN ? UINT64_MAX : clock_ns(CLOCK_MONOTONIC));
		/* What comes at the end is signed with the line that follows it. */
		if (!all || result == -EAGAIN)
			ambit_recorder_flush(&session->recorder);
		note_losses(session);
	} while (all && result == -EAGAIN);
	check_trail(session);
	ambit_shut_check(session);
	wake_again(session, result == -EAGAIN);
	return result < 0 && result != -EAGAIN ? result : 0;
}

void ambit_session_woken(struct session *session)
{
	ambit_cell_ring_woken(session->cell);
	if (ambit_cell_ring_used(session->cell) >= 50)
		ambit_session_drain(session, false);
	else
		wake_at(session, clock_ns(CLOCK_MONOTONIC) + BATCH_NS);
}

void ambit_session_tick(struct session *session)
{
	uint64_t expired;

	if (read(session->timer_fd, &expired, sizeof(expired)) == sizeof(expired))
		ambit_session_drain(session, false);
}

void ambit_session_end(struct session *session, char *json)
{
	_cleanup_free_ char *line = json;

	ambit_session_sinks(session);
	/* What has to be said of the file before is: behind the last line nothing can be. */
	if (ambit_recorder_has_news(&session->recorder))
		ambit_recorder_flush(&session->recorder);
	ambit_recorder_mark(&session->recorder, line);
	ambit_recorder_end(&session->recorder);
	check_trail(session);
}

void ambit_session_close(struct session *session)
{
	struct recorder *recorder = &session->recorder;
	uint64_t unsent;
	int error;

	/* The command was not started, or its end could not be written. */
	if (recorder->chain.seq && !recorder->chain.closed)
		ambit_session_end(session, ambit_stop_json());
	ambit_recorder_close(recorder);
	unsent = ambit_sinks_free(session->sinks, SINKS_PATIENCE_MS);
	if (unsent)
		ambit_ui_say("%" PRIu64 " lines did not get to all sinks of the trail", unsent);
	ambit_shut_close(session);
	error = ambit_trail_close(TAKE_PTR(session->trail));
	if (error && !recorder->error)
		ambit_ui_say("cannot finish the trail \"%s\": %s", session->trail_path,
			strerror(-error));
	if (session->timer_fd >= 0)
		close(session->timer_fd);
	ambit_trail_config_clear(&session->config);
	ambit_fold_free(session->fold);
	free(session->cell_name);
	free(session->trail_path);
}
