/* SPDX-License-Identifier: Apache-2.0 */
/* Lays an automaton out as bpf/abi.h says. */
#ifndef AMBIT_PACK_H
#define AMBIT_PACK_H

#include "compile/dfa.h"
#include "compile/tables.h"

/* Fills `tables` (empty before). -E2BIG when there are more accepts or segments than abi.h allows.
 */
int tables_pack(struct tables *tables, const struct dfa *dfa, const struct ids *ids);

#endif
