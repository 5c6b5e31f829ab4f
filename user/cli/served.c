/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service's side of `ambit run` for a user who is not root, in a process of its own. It does what run.c does,
 * but that the command's process is the user's, and that what is said goes to him: as stderr of this process, which
 * is a pipe that ends here again, line by line.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/util.h"
#include "cli/run.h"
#include "cli/service.h"
#include "compile/limits.h"
#include "daemon/request.h"
#include "trail/clock.h"
#include "trail/config.h"
#include "trail/room.h"

/* Bytes of what is said that wait for a user who does not read; more is not said. */
#define TEXT_ROOM (1 << 20)
/* How long reading a policy may take, and looking for files with several names. */
#define LOAD_SECONDS 60
/* Of a policy that is read: private memory. What the service has mapped of the kernel does not count. */
#define LOAD_BYTES (1UL << 30)
/* How long a user may take to say how his process ended, and to read what it came to. */
#define PATIENCE_MS 10000

struct served {
	struct run run;
	const struct user_call *user;
	int text;   /* what is said */
	int pidfd;  /* of the command */
	int status; /* that it ended with, with `ended` */
	bool ended, gone;
	char *line, *call; /* what is not whole yet */
	size_t line_size, call_size;
};

/* --- what is said --- */

static int text_open(struct served *served)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	fcntl(fds[1], F_SETPIPE_SZ, TEXT_ROOM); /* with less room less is said */
	served->text = fds[0];
	if (dup2(fds[1], STDERR_FILENO) < 0)
		return -errno;
	close(fds[1]);
	return 0;
}

/* All of a message, or the connection is of no use any more. */
static void send_message(struct served *served, char *message, size_t size)
{
	_cleanup_free_ char *owned = message;
	struct pollfd fd = {.fd = served->user->fd, .events = POLLOUT};

	for (size_t at = 0; owned && at < size && !served->gone;) {
		ssize_t done = send(fd.fd, owned + at, size - at, MSG_NOSIGNAL | MSG_DONTWAIT);

		at += done > 0 ? (size_t)done : 0;
		if (done < 0 && (errno != EAGAIN || poll(&fd, 1, PATIENCE_MS) <= 0))
			served->gone = true;
	}
}

static void send_part(struct served *served, const char *key, const char *text, size_t length)
{
	struct json_object *parameters = json_object_new_object();
	size_t size = 0;
	char *message;

	json_object_object_add(parameters, key, json_object_new_string_len(text, (int)length));
	message = varlink_part(parameters, &size);
	send_message(served, message, size);
}

static void line_send(struct served *served, const char *end)
{
	const size_t size = end ? (size_t)(end - served->line) : served->line_size;
	const size_t taken = size + (end ? 1 : 0);

	send_part(served, "line", served->line, size);
	served->line_size -= taken;
	memmove(served->line, served->line + taken, served->line_size);
}

/* Hands on whole lines. Unless `all`, only as long as somebody reads them; true: nobody does. */
static bool text_send(struct served *served, bool all)
{
	struct pollfd fd = {.fd = served->user->fd, .events = POLLOUT};
	ssize_t length;
	char *end;

	while (!served->gone) {
		if (!all && poll(&fd, 1, 0) == 0)
			return true;
		length = read(served->text, served->line + served->line_size,
			VARLINK_MAX - served->line_size);
		if (length <= 0)
			return false;
		served->line_size += (size_t)length;
		while ((end = memchr(served->line, '\n', served->line_size)) ||
			served->line_size == VARLINK_MAX)
			line_send(served, end);
	}
	return false;
}

/* --- what the user says --- */

static void call_handle(struct served *served, const char *bytes, size_t size)
{
	struct varlink_call call = {0};
	struct json_object *status = NULL;

	if (varlink_parse(bytes, size, &call) < 0) {
		served->gone = true;
		return;
	}
	if (strcmp(call.method, VARLINK_INTERFACE ".Ended") == 0 && call.oneway && call.parameters &&
		json_object_object_get_ex(call.parameters, "status", &status) &&
		json_object_is_type(status, json_type_int)) {
		served->status = json_object_get_int(status) & 255;
		served->ended = true;
	} else {
		served->gone = true;
	}
	varlink_clear(&call);
}

static void call_read(struct served *served)
{
	ssize_t length = recv(served->user->fd, served->call + served->call_size,
		VARLINK_MAX - served->call_size, MSG_DONTWAIT);
	char *end;

	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	served->gone = served->gone || length <= 0;
	served->call_size += length > 0 ? (size_t)length : 0;
	while (!served->gone && (end = memchr(served->call, '\0', served->call_size))) {
		const size_t size = (size_t)(end - served->call);

		call_handle(served, served->call, size);
		served->call_size -= size + 1;
		memmove(served->call, end + 1, served->call_size);
	}
	if (served->call_size == VARLINK_MAX)
		served->gone = true;
}

/* --- the run --- */

static int target_fill(const struct user_call *user, struct target *target)
{
	const struct passwd *account = getpwuid(user->uid);

	*target = (struct target){.uid = user->uid, .gid = user->gid};
	target->home = strdup(account && account->pw_dir && *account->pw_dir == '/' ? account->pw_dir : "/");
	if (account)
		target->name = strdup(account->pw_name);
	return target->home ? 0 : -ENOMEM;
}

/* What a socket sends is counted in the cgroup that it was made in, which is not the cell's. */
static int refuse_sockets(const struct policy *policy, pid_t pid, struct diag *diag)
{
	char path[64], text[16];

	if (!(ambit_limits_flags(policy) & AMBIT_CELL_EGRESS))
		return 0;
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		ssize_t length;

		snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
		length = readlink(path, text, sizeof(text));
		if (length < 7 || memcmp(text, "socket:", 7))
			continue;
		ambit_diag_set(diag, NULL, 0, 0,
			"descriptor %d of the command is a socket, and the policy limits what is sent: hand it "
			"a pipe",
			fd);
		return -ENOTSUP;
	}
	return 0;
}

/* One policy of a user is read at a time, with the least of priorities and a bound of memory; whoever waits has his
 * time run. Returns the lock. */
static int load_begin(uid_t uid, struct rlimit *ret_before)
{
	struct rlimit limit;
	char path[sizeof(AMBIT_RUN_DIR) + 32];
	_cleanup_close_ int fd = -1;

	snprintf(path, sizeof(path), AMBIT_RUN_DIR "/load-%u", uid);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || flock(fd, LOCK_EX) < 0 || getrlimit(RLIMIT_DATA, ret_before) < 0)
		return -errno;
	limit = *ret_before;
	if (limit.rlim_cur > LOAD_BYTES)
		limit.rlim_cur = LOAD_BYTES;
	if (setrlimit(RLIMIT_DATA, &limit) < 0 || setpriority(PRIO_PROCESS, 0, 19) < 0)
		return -errno;
	return TAKE_FD(fd);
}

/* Events are read with the priority of the service again: a user who is slow loses his own. */
static int load_end(int lock, const struct rlimit *before)
{
	const int error = setrlimit(RLIMIT_DATA, before) < 0 || setpriority(PRIO_PROCESS, 0, 0) < 0 ? -errno : 0;

	close(lock);
	return error;
}

static int load(struct served *served, struct diags *diags)
{
	struct run *run = &served->run;
	struct rlimit before;
	int lock = load_begin(served->user->uid, &before), error, end;

	if (lock < 0)
		return lock;
	error = ambit_loaded_under(served->user, &run->target, diags, &run->loaded);
	end = load_end(lock, &before);
	return error ?: end;
}

/* What the trails of a user take, with the shares of those that are being written, is no more than the room that they
 * have all together. */
static int room_take(const struct user_call *user, const struct trail_config *config, uint64_t *ret_share,
	struct diag *diag)
{
	const uint64_t share = config->user_room / AMBIT_ROOM_SHARES;
	uint64_t used;
	int error = ambit_room_used(AMBIT_TRAIL_DIR, user->uid, &used);

	if (error) {
		ambit_diag_set(diag, NULL, 0, 0, "cannot find out what your trails take: %s", strerror(-error));
		return error;
	}
	*ret_share = share;
	if (used + (user->others + 1) * share <= config->user_room)
		return 0;
	ambit_diag_set(diag, NULL, 0, 0,
		"your trails take %" PRIu64 " MiB, and %" PRIu64 " are for all of them (userRoom in " AMBIT_TRAIL_CONFIG
		"): an administrator has to remove some of " AMBIT_TRAIL_DIR,
		used >> 20, config->user_room >> 20);
	return -EDQUOT;
}

static int begin(struct served *served, const struct daemon_options *options, struct diag *diag)
{
	const struct run_request *request = served->user->request;
	struct run *run = &served->run;
	struct diags diags = {0};
	int error;

	run->lent = served->user;
	run->options = (struct run_options){
		.audit = request->audit,
		.policy = request->policy ? request->file ?: "policy" : NULL,
		.ring = AMBIT_RING_SIZE,
		.quiet = request->quiet,
		.json = request->json,
		.best_effort = options->best_effort,
		.lent = served->user->uid,
		.argv = request->command,
	};
	error = room_take(served->user, options->trail, &run->options.share, diag);
	if (error)
		return error;
	error = target_fill(served->user, &run->target);
	alarm(LOAD_SECONDS);
	if (!error)
		error = load(served, &diags);
	ambit_ui_diags(&diags);
	ambit_diags_clear(&diags);
	if (error)
		return error;
	run->mode = run->loaded.policy->mode;
	error = refuse_sockets(run->loaded.policy, request->pid, diag);
	if (!error)
		error = ambit_run_open(run, diag);
	alarm(0);
	return error;
}

static int admit(struct served *served, struct diag *diag)
{
	struct run *run = &served->run;
	const struct stranger stranger = {
		.pid = served->user->request->pid,
		.parent = served->user->pid,
		.uid = served->user->uid,
		.file_size = run->mode == MODE_ENFORCE ? run->loaded.policy->file_size.value : 0,
	};

	return ambit_cell_admit(run->cell, &stranger, &served->pidfd, diag);
}

/* Until the user says how the command ended, or is not there any more. */
static void attend(struct served *served)
{
	struct session *session = &served->run.session;
	struct pollfd fds[] = {
		{.fd = served->pidfd, .events = POLLIN},
		{.fd = ambit_cell_ring_fd(served->run.cell), .events = POLLIN},
		{.fd = session->timer_fd, .events = POLLIN},
		{.fd = ambit_sinks_fd(session->sinks), .events = POLLIN},
		{.fd = served->user->fd, .events = POLLIN},
		{.fd = served->text, .events = POLLIN},
	};
	uint64_t until = 0;

	while (!served->ended && !served->gone) {
		const uint64_t now = clock_ns(CLOCK_MONOTONIC) / 1000000;

		if (until && now >= until)
			return;
		if (poll(fds, ARRAY_SIZE(fds), until ? (int)(until - now) : -1) < 0)
			continue;
		if (fds[0].revents) {
			fds[0].fd = -1;
			until = now + PATIENCE_MS;
		}
		if (fds[1].revents)
			ambit_session_woken(session);
		if (fds[2].revents)
			ambit_session_tick(session);
		if (fds[3].revents)
			ambit_session_sinks(session);
		if (fds[4].revents & ~POLLOUT)
			call_read(served);
		if (fds[5].revents || fds[4].revents & POLLOUT) {
			const bool waits = text_send(served, false);

			/* What nobody reads would wake us again and again. */
			fds[4].events = waits ? POLLIN | POLLOUT : POLLIN;
			fds[5].fd = waits ? -1 : served->text;
		}
	}
}

static void finish(struct served *served, int error)
{
	struct json_object *parameters = json_object_new_object();
	size_t size = 0;
	char *message;

	text_send(served, true);
	if (error)
		json_object_object_add(
			parameters, "reason", json_object_new_string("the command was not started"));
	message = varlink_reply(error ? VARLINK_INTERFACE ".Refused" : NULL, parameters, &size);
	send_message(served, message, size);
}

static int serve(struct served *served, const struct daemon_options *options)
{
	struct diag diag = {0};
	int error = text_open(served);

	served->line = malloc(VARLINK_MAX);
	served->call = malloc(VARLINK_MAX);
	if (!error && (!served->line || !served->call))
		error = -ENOMEM;
	if (error)
		return error;
	error = begin(served, options, &diag);
	if (!error)
		error = admit(served, &diag);
	if (!error) {
		send_part(served, "cell", served->run.session.cell_name,
			strlen(served->run.session.cell_name));
		attend(served);
		ambit_run_end(&served->run);
		ambit_summary(&served->run.session, served->ended ? served->status : EXIT_AMBIT);
	} else if (diag.text) {
		ambit_ui_diag(&diag);
	}
	ambit_diag_clear(&diag);
	ambit_run_clear(&served->run);
	finish(served, error);
	return error;
}

int ambit_serve_user(const struct daemon_options *options, const struct user_call *user)
{
	struct served served = {
		.user = user, .text = -1, .pidfd = -1, .run.session.timer_fd = -1};

	return serve(&served, options) ? EXIT_DENIED : EXIT_SUCCESS;
}
