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

#endif
