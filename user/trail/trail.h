/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events -> trail: one JSON object a line (docs/trail.md has the schema). Every line is valid JSON
 * whatever bytes a path holds.
 */
#ifndef AMBIT_TRAIL_H
#define AMBIT_TRAIL_H

#include <stdint.h>
#include <stdio.h>
#include "base/diag.h"
#include "policy/policy.h"

/* An event with everything that user space adds to it. Strings point into the event. */
struct record {
	const struct ambit_event *event;
	const char *path;
	size_t path_length;
	const char *exe;
	size_t exe_length;
	const char *cell; /* name */
	const char *policy; /* file */
	const struct rule *rule; /* NULL without one */
};

/* Checks the raw bytes of a ring record (sizes, ranges, ABI) and fills `ret`; -EBADMSG if they are
 * not an event. Reads nothing outside `size` bytes. */
int ambit_record_decode(const void *bytes, size_t size, const struct policy *policy,
	const char *cell, struct record *ret);

/* The one line for people: verb, object, program, policy line, remedy. Control characters and
 * invalid UTF-8 are shown as escapes. malloc()ed; NULL without memory. */
char *ambit_record_line(const struct record *record);
/* The one line for machines, without a newline. malloc()ed; NULL without memory. */
char *ambit_record_json(const struct record *record);

struct trail;
/* Opens (0600, append, created) a trail. */
int ambit_trail_open(const char *path, struct trail **ret, struct diag *diag);
/* Appends one line and the newline in one write; a short or failed write is a negative errno. */
int ambit_trail_write(struct trail *trail, const char *json);
int ambit_trail_close(struct trail *trail);

#endif
