/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals for the command. One that somebody sent to ambit is sent on, and then means: end, within
 * RELAY_PATIENCE_S. One that a terminal made went to the whole foreground group, the command among
 * it: it is not sent twice, and since a program may well live on after Ctrl-C, it hurries nobody.
 * Only of a hangup the kernel tells the leader of the session alone, and that one twice.
 */
#include <poll.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include "base/util.h"
#include "cli/run.h"

static const int relayed[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

/* What is ignored (nohup, a shell's background job) stays ignored. */
static void signals_to_relay(sigset_t *ret)
{
	sigemptyset(ret);
	for (size_t i = 0; i < ARRAY_SIZE(relayed); i++) {
		struct sigaction action;

		if (!sigaction(relayed[i], NULL, &action) && action.sa_handler != SIG_IGN)
			sigaddset(ret, relayed[i]);
	}
}

int ambit_relay_open(struct relay *ret, struct signal_state *ret_state)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	struct relay relay = RELAY_NONE;
	sigset_t set;
	int error;

	signals_to_relay(&set);
	if (sigprocmask(SIG_BLOCK, &set, &ret_state->mask) < 0 ||
		sigaction(SIGPIPE, &ignore, &ret_state->pipe) < 0)
		return -errno;
	relay.signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	relay.timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (relay.signal_fd < 0 || relay.timer_fd < 0) {
		error = -errno;
		ambit_relay_close(&relay);
		return error;
	}
	*ret = relay;
	return 0;
}

bool ambit_relay_is_pending(const struct relay *relay)
{
	struct pollfd poll_fd = {.fd = relay->signal_fd, .events = POLLIN};

	return poll(&poll_fd, 1, 0) > 0;
}

static void start_timer(int fd)
{
	const struct itimerspec patience = {.it_value.tv_sec = RELAY_PATIENCE_S};

	timerfd_settime(fd, 0, &patience, NULL);
}

static enum relay_step pass_on(struct relay *relay, const struct signalfd_siginfo *info, int pidfd)
{
	bool terminal = info->ssi_code == SI_KERNEL;

	if (terminal && info->ssi_signo != SIGHUP)
		return RELAY_NOTHING;
	if (relay->asked)
		return terminal ? RELAY_NOTHING : RELAY_KILL;
	relay->asked = true;
	start_timer(relay->timer_fd);
	pidfd_send_signal(pidfd, (int)info->ssi_signo, NULL, 0);
	return RELAY_NOTHING;
}

enum relay_step ambit_relay_step(struct relay *relay, int pidfd)
{
	enum relay_step step = RELAY_NOTHING;
	struct signalfd_siginfo info;
	uint64_t expired;

	while (step == RELAY_NOTHING && read(relay->signal_fd, &info, sizeof(info)) == sizeof(info))
		step = pass_on(relay, &info, pidfd);
	if (read(relay->timer_fd, &expired, sizeof(expired)) == sizeof(expired))
		step = RELAY_KILL;
	return step;
}

void ambit_relay_close(struct relay *relay)
{
	if (relay->signal_fd >= 0)
		close(relay->signal_fd);
	if (relay->timer_fd >= 0)
		close(relay->timer_fd);
	*relay = RELAY_NONE;
}
