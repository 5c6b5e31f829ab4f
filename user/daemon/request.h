/* SPDX-License-Identifier: Apache-2.0 */
/* What a user asks for with the method Run, and whose answer it is. */
#ifndef AMBIT_REQUEST_H
#define AMBIT_REQUEST_H

#include <sys/types.h>
#include "daemon/varlink.h"

#define REQUEST_WORDS 4096 /* of a command */

/* All of it is the caller's word. Texts belong to the call. */
struct run_request {
	const char *policy; /* its text; NULL: the empty one, of which everything is recorded */
	const char *file;   /* where that came from, for errors and the trail */
	const char *directory; /* absolute */
	pid_t pid;	       /* of the process that will be the command */
	char **command;	       /* ends with NULL; the array is owned */
	struct json_object *variables; /* NAME -> text; NULL: none */
	bool audit, json, quiet;
};
/* Reads a call of Run. -EINVAL with the parameter that is wrong; -ENOMEM. */
int run_request_read(
	const struct varlink_call *call, struct run_request *ret, const char **ret_wrong);
void run_request_clear(struct run_request *request);
/* The value of ${NAME}, or NULL. */
const char *run_request_variable(const struct run_request *request, const char *name);

/* A user who asked, on a connection that is his alone. */
struct user_call {
	int fd;
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	size_t group_count;
	pid_t pid;
	unsigned others; /* cells that the user has */
	const struct run_request *request;
};

#endif
