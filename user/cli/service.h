/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs around the service share (daemon.c). */
#ifndef AMBIT_SERVICE_H
#define AMBIT_SERVICE_H

#include "cli/cli.h"
#include "daemon/daemon.h"

struct daemon_options ambit_service_options(void);
/* The exit status of an error, which is said; clears `diag`. */
int ambit_service_result(int error, struct diag *diag);

/* --- served.c --- */

/* Makes the cell that a user asked for and attends to it; its exit status (ambit_user_server). */
int ambit_serve_user(const struct daemon_options *options, const struct user_call *user);

/* --- unit.c --- */

/* The cgroup of a systemd unit: where it runs, or, while it does not, where it will with the usual slice.
 * malloc()ed; NULL with a diag. `root` is where cgroup v2 is mounted. */
char *ambit_unit_cgroup(const char *root, const char *unit, struct diag *diag);
#endif
