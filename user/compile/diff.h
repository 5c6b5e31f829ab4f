/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What two policies decide differently, worked out from their tables: every pair of states that some
 * input leads to is looked at, so nothing that differs is left out. Knows no kernel.
 */
#ifndef AMBIT_DIFF_H
#define AMBIT_DIFF_H

#include "compile/tables.h"

/* One way in which they differ. */
struct difference {
	enum ambit_op op;
	struct decision before, after; /* one of them allows; or both, other first bytes (`stream`) */
	/* Paths and names: the shortest that is decided so (a name as `peer.name` has it); else NULL. */
	const char *text;
	size_t length;
	/* Peers: all of this is decided so, from one address to another. */
	uint8_t proto, family; /* AMBIT_FAMILY_* */
	uint8_t addr[16], last[16];
	uint16_t port_low, port_high;
};

/*
 * Calls `each` for what differs: one path, and one name, for each two rules or reasons that decide it, and
 * every range of peers. The tables know the rules that allow by ambit_tables_name().
 * -E2BIG if there are more than DIFF_PAIRS pairs of states; -ENOMEM. A negative result of `each` ends it,
 * and is returned.
 */
#define DIFF_PAIRS (1U << 22)
int ambit_tables_diff(const struct tables *before, const struct tables *after,
	int (*each)(const struct difference *difference, void *data), void *data);

#endif
