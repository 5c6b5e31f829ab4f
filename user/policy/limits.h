/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers and sizes of limits. */
#ifndef AMBIT_POLICY_LIMITS_H
#define AMBIT_POLICY_LIMITS_H

#include "policy/policy.h"
#include "policy/yaml.h"

/* Reads the value of a limit of this kind, which is the current node; an error leaves `*ret`. A limit that
 * is set already (by an older name for it) is an error, too. */
int limit_parse_rate(
	struct yaml *yaml, const struct yaml_key *key, enum ambit_limit kind, struct quota *ret);
/* The same for a size in bytes (500KiB, 10MiB, 1GiB), or with `unit` not 1 a number of units. */
int limit_parse_size(
	struct yaml *yaml, const struct yaml_key *key, uint64_t unit, struct quota *ret);

/* The limits that a connect to a single peer counts for, and what is sent there: "line 7 (egressPerDay 1000), the
 * cell (connectsPerMinute 4)". The caller frees it; NULL: none, or no memory. */
char *limits_text(const struct policy *policy, const struct peer *peer);

/* The value of `limits`. */
int limits_parse(struct yaml *yaml, struct policy *policy);

#endif
