/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel counts, in the text format of Prometheus (version 0.0.4). For whoever shows it: the verb
 * `ambit metrics`, or a service.
 */
#ifndef AMBIT_METRICS_H
#define AMBIT_METRICS_H

#include <stdio.h>
#include "kernel/kernel.h"

/* `kernel` NULL: nothing is armed, which is a fact, too. A negative errno when the kernel's facts could not be
 * read; what was written then is not to be used. */
int ambit_metrics_write(struct kernel *kernel, FILE *out);

/* --- prometheus.c --- */

struct metric_label {
	const char *name, *value; /* value NULL: left out */
};
/* The two lines in front of the values of a metric. `type`: "gauge" or "counter". */
void metric_begin(FILE *out, const char *name, const char *type, const char *help);
/* A value with its labels, whose list ends with a name NULL; values are escaped, and what is not UTF-8 in them
 * becomes U+FFFD. */
void metric_value(FILE *out, const char *name, const struct metric_label *labels, uint64_t value);

#endif
