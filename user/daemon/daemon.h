/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service: it holds cells that are bound to cgroups. The kernel enforces without it; what it does is
 * to read their rings into trails, to give them other policies, and to answer on a socket.
 *
 *   hold.c     one cell: made, taken over, let go
 *   loads.c    policies that many of them have
 *   record.c   from its ring to its trail
 *   reload.c   another policy for it; or nothing, while its trail fails
 *   tighten.c  what its tasks hold open when that is narrower: narrower.c (whether it is), held_files.c,
 *              held_sockets.c
 *   freeze.c   and they stand still meanwhile
 *   sinks.c    where lines go besides
 *   state.c    what the next one has to know of it: AMBIT_STATE in a file system that goes with the boot
 *   serve.c    the loop
 *   control.c  the socket: who may ask
 *   methods.c  what can be asked
 *   cells_d.c  what is bound by files (rules.c reads them)
 *   process.c  one process, bound
 *   users.c    what those may ask who are not root
 *   request.c  how they say it
 *   varlink.c  how it is asked: the protocol
 *   client.c   how ambit's own verbs ask
 *   notify.c   what systemd is told
 */
#ifndef AMBIT_DAEMON_H
#define AMBIT_DAEMON_H

#include "base/diag.h"
#include "compile/links.h"
#include "compile/tables.h"
#include "kernel/kernel.h"
#include "trail/config.h"

#define AMBIT_CONTROL	AMBIT_RUN_DIR "/control"
#define AMBIT_DAEMON_LOCK "daemon" /* in AMBIT_RUN_DIR: held while one serves */
#define AMBIT_HOLDS	AMBIT_RUN_DIR "/holds"

/* A policy, ready to be bound. */
struct ready {
	struct policy *policy;
	struct tables *tables;
	struct identities links;
};
void ambit_ready_clear(struct ready *ready);

/* How a policy is read, which is the command line's to know. `file` is where its text is, `shown` where it
 * came from and what is said of it. A negative errno, and what is wrong in `diags`. */
typedef int (*ambit_loader)(
	const char *file, const char *shown, struct diags *diags, struct ready *ret);

struct daemon_options;
struct user_call; /* request.h */
/* In a process of its own: what a user asked for. Its exit status. */
typedef int (*ambit_user_server)(const struct daemon_options *options, const struct user_call *user);

struct daemon_options {
	ambit_loader load;
	ambit_user_server serve_user;
	void (*say)(const char *format, ...) __attribute__((format(printf, 1, 2)));
	const struct trail_config *trail; /* how its trails are kept, and where their lines go besides */
	struct sinks *sinks; /* the service's own, one set for all its trails; NULL: nowhere */
	bool best_effort;
	bool keep_nothing;
};

/* Serves until it is told to end; what is enforced stays so. A negative errno with a diag if it could not
 * begin, -EALREADY if another one serves. */
int ambit_daemon_serve(const struct daemon_options *options, struct diag *diag);
/* Takes over all cells that nobody holds, records that they end, and takes ambit out of the kernel. */
int ambit_daemon_disarm(const struct daemon_options *options, struct diag *diag);

/* --- client.c --- */

struct json_object;
/* Asks the daemon; `parameters` is taken over and may be NULL. The reply's parameters are the caller's. A
 * negative errno with a diag: -ENOENT if none serves, -EREMOTEIO if it refused. */
int ambit_daemon_call(const char *method, struct json_object *parameters, struct json_object **ret,
	struct diag *diag);
/* The same in steps, for a call that has several answers. A connection, or a negative errno with a diag. */
int ambit_daemon_connect(struct diag *diag);
/* Sends a call; `more`: several answers are wanted, `oneway`: none. Takes `parameters`. */
enum daemon_call { CALL_MORE, CALL_ONEWAY };
int ambit_daemon_send(int fd, const char *method, struct json_object *parameters, enum daemon_call how);
/* Waits until none serves any more. */
int ambit_daemon_await_end(struct diag *diag);

#endif
