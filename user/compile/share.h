/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the tree of patterns smaller than a tree. */
#ifndef AMBIT_SHARE_H
#define AMBIT_SHARE_H

#include "compile/nfa.h"

/* Lets all that lead to nodes which match the same lead to one of them. After nfa_finish(). -ENOMEM. */
int nfa_share(struct nfa *nfa);

#endif
