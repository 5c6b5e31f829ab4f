/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share about rules. */
#ifndef AMBIT_RULE_H
#define AMBIT_RULE_H

#include "policy/policy.h"

/* Frees what a rule owns. */
void policy_rule_clear(struct rule *rule);

#endif
