/* SPDX-License-Identifier: Apache-2.0 */
/* The limits of a policy -> the row of bpf/abi.h. */
#ifndef AMBIT_COMPILE_LIMITS_H
#define AMBIT_COMPILE_LIMITS_H

#include "policy/policy.h"

/* What a cell has limits of: bits AMBIT_CELL_CONNECTS, _EGRESS, _FILE_SIZE, and _NAMED; 0: of
 * nothing. */
uint32_t ambit_limits_flags(const struct policy *policy);
/* Fills the row of a cell of this (resolved) policy, its buckets full; `now` is CLOCK_MONOTONIC in ns. The
 * rest of the row is the caller's. -E2BIG with a diag that names the rule for which there is no
 * room. */
int ambit_limits_compile(const struct policy *policy, uint64_t now, struct ambit_limits *ret,
	struct diag *diag);
/* What was drawn of the limits of one policy stays drawn of those of another that has `now` for its buckets: of the
 * whole cell, and of each rule that limits the same peers. Both are filled as of one time. */
void ambit_limits_carry(const struct ambit_limits *before, struct ambit_limits *now);
/* The destinations (a bit each) that a name counts for, which is in the form of `peer.name`. */
uint32_t ambit_limits_named(const struct ambit_limits *limits, const char *name, size_t length);

#endif
