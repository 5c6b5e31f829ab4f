/* SPDX-License-Identifier: Apache-2.0 */
/* Files that bind cgroups to policies (AMBIT_CELLS_DIR), each with one rule. */
#ifndef AMBIT_RULES_H
#define AMBIT_RULES_H

#include <stdbool.h>
#include "base/diag.h"

#define AMBIT_CELLS_DIR	   "/etc/ambit/cells.d"
#define AMBIT_CGROUP_MOUNT "/sys/fs/cgroup"

struct cell_rule {
	char *file;   /* where it stands; owned, as all here */
	char *cgroup; /* the path of what it matches */
	bool glob;    /* whose last name is a glob */
	char *policy; /* absolute */
};
struct cell_rules {
	struct cell_rule *items;
	size_t items_room, count;
	void *index; /* of tsearch(3): where items are, by what they match */
};

/* Adds the rule of one file; adds every error to `diags` and returns -EINVAL if there was one. */
int cell_rules_parse(struct cell_rules *rules, const char *file, const char *text, size_t size,
	struct diags *diags);
/* Reads all of a directory, by name; one that is not there has no rules. Two that match the same are an error.
 * With errors in `diags`, -EINVAL: the rules of the other files are in `rules` all the same. */
int cell_rules_read(struct cell_rules *rules, const char *directory, struct diags *diags);
/* The rule that is written for a cgroup, or a glob, or NULL. */
const struct cell_rule *cell_rules_find(const struct cell_rules *rules, const char *cgroup);
/* The rule that binds a cgroup which is made now: the one with its name, else the first glob; or NULL. */
const struct cell_rule *cell_rules_bind(const struct cell_rules *rules, const char *cgroup);
void cell_rules_clear(struct cell_rules *rules);

#endif
