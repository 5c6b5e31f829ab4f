/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that a rule denies by one of their names and that have others: hard links made before. They
 * are denied by what they are, too.
 */
#ifndef AMBIT_LINKS_H
#define AMBIT_LINKS_H

#include "compile/tables.h"

struct identity {
	struct ambit_identity_key key;
	struct ambit_identity value;
};

struct identities {
	struct identity *items; /* owned; each key once */
	size_t items_room, count;
	/* Places that were not searched to the end because the limit was reached; the first of them
	 * (owned), and the rule that it belongs to (0: none, it is ambit's own). */
	size_t cut_count;
	char *cut_path;
	uint32_t cut_rule;
};

/* Names that are looked at beneath the places that patterns name, in the working directory, and where
 * the policy lets be written: as many of each kind. A tenth of a second, when the kernel knows them. */
#define IDENTITIES_NAMES 100000

/* Of which places. Those of a narrowed policy (ambit_policy_narrow()) are searched with different rights: its own
 * are named by who may not read everything, those of the outer one and ambit's own by root. */
enum search_part { PART_ALL, PART_OWN, PART_OUTER };

/*
 * Searches what denying rules cover for files with more than one link. A pattern that names a place is
 * searched for there; one that begins with "**" in the working directory and where the policy lets be
 * written. Directories that cannot be read are passed over; symbolic links and automounts are not
 * followed; file systems of the kernel, and those of other machines that are mounted beneath, are not
 * entered. `store`: for ambit_tables_obtain(). What is found comes to what is in `ret`. -ENOMEM, or -E2BIG as the
 * compiler.
 */
int ambit_identities_find(const struct policy *policy, const struct tables *tables,
	const struct policy_env *env, enum search_part part, const char *store, size_t limit, struct identities *ret);
void ambit_identities_clear(struct identities *identities);
/* An order of `struct identity`, for qsort() and bsearch(): by key. */
int identity_compare(const void *left, const void *right);

#endif
