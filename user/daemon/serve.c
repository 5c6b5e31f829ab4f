/* SPDX-License-Identifier: Apache-2.0 */
/* The loop: rings into trails, and answers. One thread; nothing in it waits for anybody. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include "base/util.h"
#include "daemon/serve.h"
#include "trail/clock.h"

/* How long more events may come together after the first one, as for `ambit run`. */
#define BATCH_NS 50000000
#define TURN	 32   /* descriptors */
#define LOOK_MS	 1000 /* how long what nothing tells of is not looked at */

static void timer_arm(struct service *service, long ns)
{
	const struct itimerspec timer = {.it_value.tv_nsec = ns};

	if (service->armed && ns != 1)
		return;
	service->armed = true;
	timerfd_settime(service->timer.fd, 0, &timer, NULL);
}

int service_add(struct service *service, struct hold *hold)
{
	struct held *held = calloc(1, sizeof(*held));

	if (!held) {
		ambit_hold_free(hold, "release");
		return -ENOMEM;
	}
	held->source = (struct source){SOURCE_RING, ambit_cell_ring_fd(hold->cell)};
	held->hold = hold;
	held->next = service->held;
	service->held = held;
	/* What waits since before. */
	timer_arm(service, 1);
	return service_watch(service, &held->source);
}

/* --- events --- */

static void drain(struct service *service, struct hold *hold)
{
	if (ambit_hold_drain(hold))
		timer_arm(service, 1);
	else if (ambit_cell_ring_used(hold->cell))
		timer_arm(service, BATCH_NS);
}

static void drain_all(struct service *service)
{
	uint64_t expired;

	if (read(service->timer.fd, &expired, sizeof(expired)) < 0)
		return;
	service->armed = false;
	for (struct held *held = service->held; held; held = held->next)
		if (ambit_cell_ring_used(held->hold->cell))
			drain(service, held->hold);
}

static void ring_woken(struct service *service, struct held *held)
{
	ambit_cell_ring_woken(held->hold->cell);
	if (ambit_cell_ring_used(held->hold->cell) >= 50)
		drain(service, held->hold);
	else
		timer_arm(service, BATCH_NS);
}

static void signalled(struct service *service)
{
	struct signalfd_siginfo info;
	struct diag diag = {0};

	if (read(service->signals.fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo != SIGHUP) {
		service->ends = true;
	} else if (methods_reload(service, NULL, &diag) < 0) {
		service->options->say("%s%s%s: the policy before stays in force", diag.file ?: "",
			diag.file ? ": " : "", diag.text ?: "cannot reload");
		ambit_diag_clear(&diag);
	}
}

static void watchdog_tick(struct service *service)
{
	uint64_t expired;

	if (read(service->watchdog.fd, &expired, sizeof(expired)) == sizeof(expired))
		notify("WATCHDOG=1");
}

static void step(struct service *service, struct source *source)
{
	switch (source->kind) {
	case SOURCE_RING:
		ring_woken(service, (struct held *)source);
		break;
	case SOURCE_TIMER:
		drain_all(service);
		break;
	case SOURCE_SIGNAL:
		signalled(service);
		break;
	case SOURCE_LISTEN:
		control_accept(service);
		break;
	case SOURCE_CLIENT:
		control_read(service, (struct client *)source);
		break;
	case SOURCE_WATCHDOG:
		watchdog_tick(service);
		break;
	case SOURCE_RUN:
		service->reaps = true;
		break;
	case SOURCE_SINKS:
		sinks_report(service);
		break;
	}
}

/*
 * A task that came into a bound cgroup when the kernel had no memory for its label is outside: that
 * is said in every trail, since nobody knows whose it was, and it is looked for until it has one.
 */
static void missed_look(struct service *service)
{
	const unsigned missed = ambit_bound_missed(service->kernel);
	const bool changed = missed != service->missed;
	bool left = false;

	if (!changed && !service->unlabelled)
		return;
	for (struct held *held = service->held; held; held = held->next)
		left |= hold_spread(held->hold) < 0;
	left |= ambit_bound_label(service->kernel) < 0;
	/* Once for each change, however often it is tried. */
	if (changed || !left) {
		for (struct held *held = service->held; held; held = held->next)
			ambit_hold_mark(held->hold, "missed", left ? strerror(ENOMEM) : NULL);
		service->options->say("%u tasks came into a bound cgroup without a label, so far; %s", missed,
			left ? "some still have none" : "all have one now");
	}
	service->missed = missed;
	service->unlabelled = left;
}

/* What nothing wakes us for. */
static void look(struct service *service)
{
	const uint64_t now = clock_ns(CLOCK_MONOTONIC);

	if (now - service->looked < LOOK_MS * 1000000ULL)
		return;
	service->looked = now;
	missed_look(service);
	users_reap(service);
	users_expire(service);
	for (struct held *held = service->held; held; held = held->next)
		ambit_hold_look(held->hold);
}

static void loop(struct service *service)
{
	struct epoll_event events[TURN];

	while (!service->ends) {
		int count = epoll_wait(service->epoll, events, TURN, LOOK_MS);

		/* Only a client's own event lets it go, and nothing else is let go in a step, so none of
		 * the others is of one that is gone. */
		for (int i = 0; i < count && !service->ends; i++)
			step(service, events[i].data.ptr);
		if (service->reaps)
			users_reap(service);
		look(service);
	}
}

/* --- beginning and end --- */

static int lock_take(struct diag *diag)
{
	_cleanup_close_ int fd = -1;

	if (mkdir(AMBIT_RUN_DIR, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = open(AMBIT_RUN_DIR "/" AMBIT_DAEMON_LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
		0600);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		return TAKE_FD(fd);
	if (errno == EWOULDBLOCK) {
		ambit_diag_set(diag, NULL, 0, 0, "the daemon is running already");
		return -EALREADY;
	}
	ambit_diag_set(diag, NULL, 0, 0,
		"cannot lock \"" AMBIT_RUN_DIR "/" AMBIT_DAEMON_LOCK "\": %s", strerror(errno));
	return -errno;
}

static int kernel_take(struct service *service, struct diag *diag)
{
	const struct arm_options options = {
		.best_effort = service->options->best_effort,
		.keep_nothing = service->options->keep_nothing,
	};
	int results[OP_MAX];
	int result = ambit_kernel_arm(&options, &service->kernel, diag);

	if (result == 0) {
		ambit_cells_reap(service->kernel);
		ambit_bound_reap(service->kernel);
	}
	return result < 0 ? result
			  : ambit_kernel_canary(service->kernel, (1U << OP_MAX) - 1, true, results, diag);
}

struct found {
	uint32_t *ids;
	size_t count;
	int result;
};

static void cell_find(const struct cell_info *info, void *data)
{
	struct found *found = data;
	uint32_t *ids;

	if (!(info->row.flags & AMBIT_CELL_BOUND) || found->result < 0)
		return;
	ids = reallocarray(found->ids, found->count + 1, sizeof(*ids));
	if (!ids) {
		found->result = -ENOMEM;
		return;
	}
	found->ids = ids;
	ids[found->count++] = info->id;
}

/* One that cannot be taken over goes on without us; what it does is not recorded, and that is said.
 */
static int cells_take(struct service *service)
{
	struct found found = {0};

	loads_many(true);
	ambit_cells_each(service->kernel, cell_find, &found);
	for (size_t i = 0; found.result == 0 && i < found.count; i++) {
		struct diag diag = {0};
		struct hold *hold = NULL;

		if (ambit_hold_take(
			    service->options, service->kernel, found.ids[i], &hold, &diag) == 0) {
			hold_spread(hold);
			found.result = service_add(service, hold);
		} else {
			service->untaken++;
			service->options->say("%s", diag.text ?: "a cell cannot be taken over");
		}
		ambit_diag_clear(&diag);
	}
	loads_many(false);
	/* Whoever bound one may have been killed before all tasks had been looked at. */
	if (found.count && ambit_bound_label(service->kernel) < 0)
		service->options->say("not all tasks in bound cgroups have a label");
	free(found.ids);
	return found.result;
}

static int sources_open(struct service *service)
{
	const uint64_t interval = notify_interval();
	const struct timespec every = {
		(time_t)(interval / 1000000), (long)(interval % 1000000) * 1000};
	const struct itimerspec timer = {every, every};
	sigset_t mask;
	int result;

	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGHUP);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	service->epoll = epoll_create1(EPOLL_CLOEXEC);
	service->timer = (struct source){
		SOURCE_TIMER, timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)};
	service->signals =
		(struct source){SOURCE_SIGNAL, signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK)};
	if (service->epoll < 0 || service->timer.fd < 0 || service->signals.fd < 0)
		return -errno;
	result = service_watch(service, &service->timer);
	if (result == 0)
		result = service_watch(service, &service->signals);
	if (result == 0)
		result = sinks_open(service);
	if (result < 0 || !interval)
		return result;
	service->watchdog = (struct source){
		SOURCE_WATCHDOG, timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)};
	if (service->watchdog.fd < 0 || timerfd_settime(service->watchdog.fd, 0, &timer, NULL) < 0)
		return -errno;
	return service_watch(service, &service->watchdog);
}

/* The last events are written; what comes after waits in the rings. */
static void service_close(struct service *service, const char *what)
{
	sinks_report(service);
	while (service->held) {
		struct held *held = service->held;

		service->held = held->next;
		ambit_hold_drain_waiting(held->hold);
		ambit_hold_free(held->hold, what);
		free(held);
	}
	sinks_close(service);
	control_close(service);
	users_close(service);
	cell_rules_clear(&service->rules);
	for (size_t i = 0; i < 3; i++) {
		const int fds[] = {service->timer.fd, service->signals.fd, service->watchdog.fd};

		if (fds[i] >= 0)
			close(fds[i]);
	}
	if (service->epoll >= 0)
		close(service->epoll);
	ambit_kernel_close(service->kernel);
	if (service->lock >= 0) {
		/* Also where nothing could be taken over: then nobody else would. */
		ambit_state_thaw_all();
		close(service->lock);
	}
}

static int service_open(
	struct service *service, const struct daemon_options *options, struct diag *diag)
{
	int result;

	*service = (struct service){
		.options = &service->with,
		.with = *options,
		.epoll = -1,
		.timer.fd = -1,
		.signals.fd = -1,
		.listener.fd = -1,
		.watchdog.fd = -1,
	};
	service->lock = lock_take(diag);
	if (service->lock < 0)
		return service->lock;
	result = sources_open(service);
	return result;
}

static int fill(struct diag *diag, int result)
{
	if (result < 0 && !diag->text)
		ambit_diag_set(diag, NULL, 0, 0, "cannot serve: %s", strerror(-result));
	return result;
}

/* Where a daemon was killed while tasks stood still. They do no longer, whoever could be taken over; nobody waits
 * for us meanwhile. */
static void go_on(struct service *service)
{
	for (struct held *held = service->held; held; held = held->next)
		hold_tighten_again(held->hold);
	ambit_state_thaw_all();
}

/* Each cell has four descriptors. Where there are no more of them a cgroup is not bound, and that is said. */
#define FILES (4 * AMBIT_CELLS_MAX + 1024)
static void files_raise(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return;
	/* Where we were started from there may be room for 1,000 cells (4,096). Who may not raise that takes what there
	 * is. */
	if (files.rlim_max < FILES && setrlimit(RLIMIT_NOFILE, &(struct rlimit){FILES, FILES}) == 0)
		return;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

int ambit_daemon_serve(const struct daemon_options *options, struct diag *diag)
{
	struct service service;
	int result = service_open(&service, options, diag);

	files_raise();
	if (result == 0)
		result = kernel_take(&service, diag);
	if (result == 0)
		result = cells_take(&service);
	if (result == 0) {
		cells_d_begin(&service);
		result = control_open(&service, diag);
	}
	if (result == 0) {
		notify("READY=1");
		go_on(&service);
		loop(&service);
		notify("STOPPING=1");
	}
	service_close(&service, "release");
	return fill(diag, result);
}

int ambit_daemon_disarm(const struct daemon_options *options, struct diag *diag)
{
	struct service service;
	int result = service_open(&service, options, diag);

	/* Where nothing is armed, or by another version, there is nothing that we could record. */
	if (result == 0 && ambit_kernel_is_armed())
		result = ambit_kernel_open(&service.kernel, diag);
	if (result == 0 && service.kernel)
		result = cells_take(&service);
	service_close(&service, "disarm");
	if (result == 0)
		result = ambit_kernel_disarm(true, diag);
	if (result == 0)
		ambit_state_drop_all();
	return fill(diag, result);
}
