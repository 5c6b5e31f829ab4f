/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probe: one static program, one verb for each act that a policy may forbid. What a verb means
 * stands in its table; `probe` without arguments prints them all.
 *
 *   exit 0  the act succeeded
 *   exit 1  it was denied with the errno that ambit answers with
 *   exit 2  this kernel cannot do it, or the arguments are wrong
 *   exit 3  it failed with another errno, which is printed
 */
#ifndef PROBE_H
#define PROBE_H

#include <errno.h>
#include <stddef.h>

struct verb {
	const char *name;
	const char *usage;
	int arguments; /* at least */
	int denied;    /* errno of a denial */
	/* 0 or a negative errno. */
	int (*act)(int argc, char **argv);
};

/* Each ends with a verb without a name. */
extern const struct verb file_verbs[];	/* opening, and what an object carries */
extern const struct verb name_verbs[];	/* directory entries */
extern const struct verb long_verbs[];	/* deep paths and long names */
extern const struct verb exec_verbs[];	/* programs and executable mappings */
extern const struct verb net_verbs[];	/* IP */
extern const struct verb unix_verbs[];	/* unix sockets */
extern const struct verb task_verbs[];	/* other tasks, namespaces, mounts, bpf */
extern const struct verb uring_verbs[]; /* io_uring */
extern const struct verb option_verbs[]; /* socket options and control data */
extern const struct verb netlink_verbs[];
extern const struct verb queue_verbs[];
extern const struct verb pass_verbs[];	/* descriptors from elsewhere */
extern const struct verb ioctl_verbs[];
extern const struct verb dns_verbs[];	/* a resolver */
extern const struct verb ask_verbs[];	/* names */
extern const struct verb say_verbs[];	/* the first bytes of connections */
extern const struct verb call_verbs[];	/* services of varlink */
extern const struct verb serve_verbs[]; /* peers to talk to, outside of the cell */
extern const struct verb state_verbs[]; /* what a command is started with */
extern const struct verb crowd_verbs[]; /* many at once */
extern const struct verb many_verbs[];	/* the same over and over */
extern const struct verb memory_verbs[]; /* code that is made in memory */
extern const struct verb via_verbs[];	/* another verb, from another task */
extern const struct verb rate_verbs[];	/* how often, how much, how large */
extern const struct verb keep_verbs[]; /* what is held open */
extern const struct verb obey_verbs[];	/* verbs that come by stdin */

extern const struct verb guard_verbs[]; /* the machine's owner's acts, and other tasks again */

/* NULL if there is none. */
const struct verb *verb_find(const char *name);

/* The result of a call that fails with -1. */
static inline int result_of(long value)
{
	return value < 0 ? -errno : 0;
}

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#endif
