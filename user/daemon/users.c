/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Members of the group ambit, who are not root. All that they may ask for is a cell for a child of theirs. It is
 * made by a process of its own, forked for them: what they send is read there, with their rights as far as files
 * are concerned, and neither how long that takes nor how it ends is felt by anybody else.
 */
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "base/util.h"
#include "daemon/request.h"
#include "daemon/serve.h"
#include "trail/clock.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* since Linux 6.5 */
#endif

#define GROUPS_MAX (1U << 16) /* NGROUPS_MAX of the kernel */

/* What one user, and all together, can have: connections that have not asked yet, and cells. */
#define ASKING_MAX 8
#define ASKING_ALL 32
#define RUNS_MAX   16
#define RUNS_ALL   256
/* How long a user's connection may take until its call is there. */
#define PATIENCE_NS 5000000000ULL

struct user_run {
	struct source source; /* a pidfd */
	struct user_run *next;
	pid_t pid;
	uid_t uid;
};

/* Where there is no such group nobody but root is answered. */
static bool group_find(gid_t *ret)
{
	const struct group *group = getgrnam(USERS_GROUP);

	if (group)
		*ret = group->gr_gid;
	return group;
}

void users_open(struct service *service)
{
	service->has_group = group_find(&service->group);
	if (!service->has_group)
		return;
	/* Through the directory to the socket, and to nothing else there. */
	if (chown(AMBIT_RUN_DIR, 0, service->group) < 0 || chmod(AMBIT_RUN_DIR, 0710) < 0 ||
		chown(AMBIT_CONTROL, 0, service->group) < 0 || chmod(AMBIT_CONTROL, 0660) < 0)
		service->options->say("the group " USERS_GROUP " cannot reach \"" AMBIT_CONTROL "\": %s",
			strerror(errno));
}

/* The groups that the other end had when it connected; NULL with none, or without memory. */
static gid_t *groups_of(int fd, size_t *ret_count)
{
	socklen_t size = GROUPS_MAX * sizeof(gid_t);
	gid_t *groups = malloc(size);

	*ret_count = 0;
	if (!groups || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0) {
		free(groups);
		return NULL;
	}
	*ret_count = size / sizeof(gid_t);
	return groups;
}

bool users_may_ask(const struct service *service, int fd, const struct ucred *peer)
{
	size_t count, asking = 0, all = 0;
	_cleanup_free_ gid_t *groups = groups_of(fd, &count);
	bool member = peer->gid == service->group;

	for (size_t i = 0; i < count; i++)
		member = member || groups[i] == service->group;
	for (const struct client *client = service->clients; client; client = client->next) {
		asking += client->uid == peer->uid;
		all += client->uid != 0;
	}
	return service->has_group && member && asking < ASKING_MAX && all < ASKING_ALL;
}

int peer_pidfd(int fd, pid_t pid)
{
	_cleanup_close_ int pidfd = -1;
	struct pollfd ended;
	socklen_t size = sizeof(pidfd);

	/* Before 6.5 the number is all there is. A task of a cell cannot connect here in the first place. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) < 0 && errno == ENOPROTOOPT && pid > 0)
		pidfd = pidfd_open(pid, 0);
	ended = (struct pollfd){.fd = pidfd, .events = POLLIN};
	return pidfd >= 0 && poll(&ended, 1, 0) == 0 ? TAKE_FD(pidfd) : -1;
}

void users_expire(struct service *service)
{
	const uint64_t now = clock_ns(CLOCK_MONOTONIC);
	struct client *next;

	for (struct client *client = service->clients; client; client = next) {
		next = client->next;
		if (client->uid && now - client->since > PATIENCE_NS)
			client_free(service, client);
	}
}

/* --- a process for each --- */

static void service_leave(int connection)
{
	const struct sigaction plain = {.sa_handler = SIG_DFL}, ignore = {.sa_handler = SIG_IGN};
	_cleanup_close_ int score = -1;
	sigset_t none;

	sigemptyset(&none);
	if (connection > 3)
		close_range(3, (unsigned)connection - 1, 0);
	close_range((unsigned)connection + 1, ~0U, 0);
	sigaction(SIGTERM, &plain, NULL);
	sigaction(SIGINT, &plain, NULL);
	sigaction(SIGHUP, &ignore, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	unsetenv("NOTIFY_SOCKET");
	/* The service is to be spared where memory is short; what a user asked for is not. */
	score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (score >= 0 && write(score, "0", 1) != 1)
		_exit(EXIT_FAILURE);
}

static unsigned runs_of(const struct service *service, uid_t uid)
{
	unsigned count = 0;

	for (const struct user_run *run = service->runs; run; run = run->next)
		count += run->uid == uid;
	return count;
}

static int fork_for(struct service *service, const struct client *client,
	const struct run_request *request, struct user_run *run)
{
	struct user_call user = {
		.fd = client->source.fd,
		.uid = client->uid,
		.gid = client->gid,
		.pid = client->pid,
		.others = runs_of(service, client->uid),
		.request = request,
	};
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid) {
		service_leave(user.fd);
		user.groups = groups_of(user.fd, &user.group_count);
		_exit(service->options->serve_user(service->options, &user));
	}
	run->pid = pid;
	run->uid = client->uid;
	run->source = (struct source){SOURCE_RUN, pidfd_open(pid, 0)};
	run->next = service->runs;
	service->runs = run;
	/* Without a descriptor, for lack of room, it is looked for each second. */
	if (run->source.fd >= 0)
		service_watch(service, &run->source);
	return 0;
}

static const char *room_refuse(const struct service *service, uid_t uid)
{
	unsigned all = 0;

	for (const struct user_run *run = service->runs; run; run = run->next)
		all++;
	return runs_of(service, uid) >= RUNS_MAX ? "you have as many cells as a user can have"
	       : all >= RUNS_ALL ? "users have as many cells as there can be"
				 : NULL;
}

static char *refuse(const char *why, size_t *ret_size)
{
	struct json_object *parameters = json_object_new_object();

	json_object_object_add(parameters, "reason", json_object_new_string(why));
	return varlink_reply(VARLINK_INTERFACE ".Refused", parameters, ret_size);
}

static char *run(struct service *service, const struct client *client, const struct varlink_call *call,
	bool *ret_taken, size_t *ret_size)
{
	const char *why = room_refuse(service, client->uid), *wrong = NULL;
	struct run_request request = {0};
	struct user_run *run = NULL;
	int result = 0;

	if (!why && !call->more)
		why = "Run has several answers: call it with \"more\"";
	if (!why)
		result = run_request_read(call, &request, &wrong);
	if (wrong) {
		struct json_object *parameters = json_object_new_object();

		json_object_object_add(parameters, "parameter", json_object_new_string(wrong));
		return varlink_reply("org.varlink.service.InvalidParameter", parameters, ret_size);
	}
	if (!why && result == 0) {
		run = calloc(1, sizeof(*run));
		result = run ? fork_for(service, client, &request, run) : -ENOMEM;
	}
	run_request_clear(&request);
	if (!why && result == 0) {
		*ret_taken = true;
		return NULL;
	}
	free(run);
	return refuse(why ?: strerror(-result), ret_size);
}

char *users_answer(struct service *service, const struct client *client,
	const struct varlink_call *call, bool *ret_taken, size_t *ret_size)
{
	if (strncmp(call->method, "org.varlink.service.", strlen("org.varlink.service.")) == 0)
		return methods_answer(service, call, ret_size);
	if (strcmp(call->method, VARLINK_INTERFACE ".Run"))
		return refuse("only root can ask for this", ret_size);
	return run(service, client, call, ret_taken, ret_size);
}

void users_reap(struct service *service)
{
	struct user_run **at = &service->runs;

	service->reaps = false;
	while (*at) {
		struct user_run *run = *at;
		siginfo_t info = {0};

		if (waitid(P_PID, (id_t)run->pid, &info, WEXITED | WNOHANG) == 0 && !info.si_pid) {
			at = &run->next;
			continue;
		}
		*at = run->next;
		service_unwatch(service, &run->source);
		free(run);
	}
}

/* They go on without us, as other cells do. */
void users_close(struct service *service)
{
	while (service->runs) {
		struct user_run *run = service->runs;

		service->runs = run->next;
		service_unwatch(service, &run->source);
		free(run);
	}
}
