/* SPDX-License-Identifier: Apache-2.0 */
/* What a policy says, put into trees of tokens. */
#ifndef AMBIT_PATTERNS_H
#define AMBIT_PATTERNS_H

#include "compile/dfa.h"
#include "policy/policy.h"

/* Adds the paths of all rules for `op` that the tree is for, the kernel's places and ambit's own.
 * -EINVAL if one of them is not a pattern. */
int patterns_add_paths(struct nfa *nfa, const struct policy *policy, enum ambit_op op);

/* Adds a peer of unix sockets that is no path (pattern_is_peer() of user/policy). A '/' ends its stars, as in
 * paths, and it covers what goes on behind one. -EINVAL if it is not a pattern. */
int patterns_add_unix(struct nfa *nfa, const char *name, const struct ambit_accept *accept);

/* Adds the peers of all rules that the tree is for and the special ranges. */
int patterns_add_peers(struct nfa *nfa, const struct policy *policy);

/* The columns of the trees are not those of abi.h: these turn what state `first` and those after it
 * accept into that. */
int patterns_convert_paths(struct dfa *dfa, struct ids *ids, enum ambit_op op, uint32_t first);
int patterns_convert_peers(struct dfa *dfa, struct ids *ids, uint32_t first);

#endif
