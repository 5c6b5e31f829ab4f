/* SPDX-License-Identifier: Apache-2.0 */
/* What the loop, the socket and the methods share. */
#ifndef AMBIT_SERVE_H
#define AMBIT_SERVE_H

#include "daemon/hold.h"
#include "daemon/varlink.h"

/* What a descriptor of the loop is; the first member of whatever has one. */
struct source {
	enum { SOURCE_RING, SOURCE_TIMER, SOURCE_SIGNAL, SOURCE_LISTEN, SOURCE_CLIENT, SOURCE_WATCHDOG } kind;
	int fd;
};

struct held {
	struct source source;
	struct held *next;
	struct hold *hold;
};

/* Of one who asks. */
struct client {
	struct source source;
	struct client *next;
	char *bytes; /* VARLINK_MAX of them; what is not a whole message yet */
	size_t size;
};

struct service {
	const struct daemon_options *options;
	struct kernel *kernel;
	struct held *held;
	struct client *clients;
	int epoll, lock;
	struct source timer, signals, listener, watchdog;
	unsigned untaken; /* bound cells that could not be taken over */
	uint64_t looked; /* when, CLOCK_MONOTONIC */
	unsigned missed; /* tasks that got no label, of those that were looked for */
	bool armed; /* the timer */
	bool ends;
};

/* --- serve.c --- */
int service_watch(struct service *service, struct source *source);
/* The service has a hold from here on, also where an error is returned. */
int service_add(struct service *service, struct hold *hold);

/* --- control.c --- */
int control_open(struct service *service, struct diag *diag);
void control_accept(struct service *service);
void control_read(struct service *service, struct client *client);
void control_close(struct service *service);

/* --- methods.c --- */
/* An answer to a call, as varlink_reply() makes it. */
char *methods_answer(struct service *service, const struct varlink_call *call, size_t *ret_size);
/* Reloads one cell (its name or id) or, with NULL, all; how many, or the first error. */
int methods_reload(struct service *service, const char *cell, struct diag *diag);

/* --- notify.c --- */
/* Tells systemd, if it is what started us: "READY=1". */
void notify(const char *text);
/* How often it wants to hear from us, in µs; 0: never. */
uint64_t notify_interval(void);
/* A listening socket that it handed over, or -1. */
int notify_socket(void);

#endif
