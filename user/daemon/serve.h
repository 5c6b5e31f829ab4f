/* SPDX-License-Identifier: Apache-2.0 */
/* What the loop, the socket and the methods share. */
#ifndef AMBIT_SERVE_H
#define AMBIT_SERVE_H

#include <sys/socket.h>
#include "daemon/hold.h"
#include "daemon/rules.h"
#include "daemon/varlink.h"

/* What a descriptor of the loop is; the first member of whatever has one. */
struct source {
	enum { SOURCE_RING, SOURCE_TIMER, SOURCE_SIGNAL, SOURCE_LISTEN, SOURCE_CLIENT, SOURCE_WATCHDOG,
		SOURCE_RUN, SOURCE_SINKS } kind;
	int fd;
};

struct held {
	struct source source;
	struct held *next;
	struct hold *hold;
	uint64_t epoch; /* before the reload that is going on; 0: bound meanwhile */
};

/* Of one who asks. */
struct client {
	struct source source;
	struct client *next;
	char *bytes; /* VARLINK_MAX of them; what is not a whole message yet */
	size_t size;
	uid_t uid; /* 0: may ask for everything */
	gid_t gid;
	pid_t pid;
	uint64_t since; /* CLOCK_MONOTONIC, ns */
};

struct user_run; /* a process that a user has: users.c */

struct service {
	const struct daemon_options *options; /* `with` */
	struct daemon_options with;
	struct kernel *kernel;
	struct held *held;
	struct client *clients;
	struct user_run *runs;
	struct cell_rules rules; /* of AMBIT_CELLS_DIR, in force */
	int epoll, lock;
	struct source timer, signals, listener, watchdog, sinks;
	unsigned untaken; /* bound cells that could not be taken over */
	uint64_t looked; /* when, CLOCK_MONOTONIC */
	unsigned missed; /* tasks that got no label, as far as the trails say */
	bool unlabelled; /* and some have none yet */
	bool unspread; /* globs were written anew, and what they name was not looked for yet */
	gid_t group; /* USERS_GROUP, with `has_group` */
	bool has_group;
	bool armed; /* the timer */
	bool reaps; /* a process of a user has ended */
	bool ends;
};

/* --- watch.c --- */
/* Has the loop wake for `source`, which stays where it is until service_unwatch(). A negative errno. */
int service_watch(struct service *service, struct source *source);
/* Closes its descriptor. The loop forgets it also where another process, forked meanwhile, has it open still: for
 * epoll(7) it is not closed before that process closes it, and its events would go on naming `source`. In a step
 * of the loop only of the source whose event it is, since others may have one in the same batch. */
void service_unwatch(struct service *service, struct source *source);

/* --- serve.c --- */
/* The service has a hold from here on, also where an error is returned. */
int service_add(struct service *service, struct hold *hold);

/* --- sinks.c --- */
int sinks_open(struct service *service);
/* What they have to say becomes lines of the trails. */
void sinks_report(struct service *service);
/* Lets them send what they have, for a while. */
void sinks_close(struct service *service);

/* --- control.c --- */
int control_open(struct service *service, struct diag *diag);
void control_accept(struct service *service);
void control_read(struct service *service, struct client *client);
void control_close(struct service *service);
/* Ends a connection. */
void client_free(struct service *service, struct client *client);

/* --- users.c --- */

#define USERS_GROUP "ambit" /* whose members may ask */
/* Has the group reach the socket, when it is there. */
void users_open(struct service *service);
/* Whether a user who is not root may ask, now. */
bool users_may_ask(const struct service *service, int fd, const struct ucred *peer);
/* A pidfd of the other end of a connection; -1 where it has ended. */
int peer_pidfd(int fd, pid_t pid);
/* An answer to a user's call. NULL with `ret_taken`: another process has the connection now. */
char *users_answer(struct service *service, const struct client *client,
	const struct varlink_call *call, bool *ret_taken, size_t *ret_size);
/* Ends connections that ask for nothing. */
void users_expire(struct service *service);
/* Forgets processes that have ended. */
void users_reap(struct service *service);
void users_close(struct service *service);

/* --- methods.c --- */
/* An answer to a call, as varlink_reply() makes it. */
char *methods_answer(struct service *service, const struct varlink_call *call, size_t *ret_size);
/* Reloads one cell (its name or id) or, with NULL, all; how many, or the first error. */
int methods_reload(struct service *service, const char *cell, struct diag *diag);

/* --- cells_d.c --- */
/* Binds what AMBIT_CELLS_DIR says. What is wrong there is said, and the rest is bound. */
void cells_d_begin(struct service *service);
/* Reads the files anew; with an error in any of them, and a diag, nothing changes. A rule that is gone stays in force,
 * as all that is bound does. */
int cells_d_read(struct service *service, struct diag *diag);
/* Binds what was read and is not bound so. With a rule that cannot be bound the others are; the first error. */
int cells_d_apply(struct service *service, struct diag *diag);

/* --- process.c --- */
/* Binds a process, with all its threads and all that it makes later, to a policy file. -EPERM for what cannot be
 * bound; else as ambit_hold_new(). */
int process_attach(struct service *service, pid_t pid, const char *policy, struct hold **ret,
	unsigned *ret_tasks, struct diag *diag);

/* --- notify.c --- */
/* How often it wants to hear from us, in µs; 0: never. */
uint64_t notify_interval(void);
/* A listening socket that it handed over, or -1. */
int notify_socket(void);

#endif
