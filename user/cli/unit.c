/* SPDX-License-Identifier: Apache-2.0 */
/* Where systemd keeps a unit's processes (systemd.resource-control(5), systemd.slice(5)). */
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "base/util.h"
#include "cli/service.h"
#include "policy/text.h"

#define DEPTH 16 /* descriptors that the walk may use */

/* nftw(3) has no room for more. */
static const char *wanted;
static char *found;
static unsigned count;

static bool is_slice(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && strcmp(dot, ".slice") == 0;
}

/* Units lie in slices; what lies beneath another unit was made, and named, by whoever runs there.
 */
static int look(const char *path, const struct stat *status, int type, struct FTW *where)
{
	(void)status;
	if (type != FTW_D)
		return FTW_CONTINUE;
	if (strcmp(path + where->base, wanted) == 0 && count++ == 0)
		found = strdup(path);
	return !where->level || is_slice(path + where->base) ? FTW_CONTINUE : FTW_SKIP_SUBTREE;
}

static bool is_unit(const char *unit)
{
	const char *dot = strrchr(unit, '.');

	return !strpbrk(unit, "/*?[") && dot && dot != unit &&
	       (!strcmp(dot, ".service") || !strcmp(dot, ".slice") || !strcmp(dot, ".scope"));
}

char *ambit_unit_cgroup(const char *root, const char *unit, struct diag *diag)
{
	if (!is_unit(unit)) {
		ambit_diag_set(diag, NULL, 0, 0,
			"\"%s\" is no unit with processes; name a .service, .slice or .scope (globs stand in rules: "
			"/etc/ambit/cells.d)",
			unit);
		return NULL;
	}
	wanted = unit;
	found = NULL;
	count = 0;
	nftw(root, look, DEPTH, FTW_PHYS | FTW_ACTIONRETVAL);
	if (count > 1) {
		ambit_diag_set(diag, NULL, 0, 0,
			"there are %u cgroups \"%s\" (of several managers); name one with --cgroup",
			count, unit);
		free(TAKE_PTR(found));
		return NULL;
	}
	/* Instances lie in a slice of their template. */
	if (!found && (strchr(unit, '@') || strcmp(strrchr(unit, '.'), ".service"))) {
		ambit_diag_set(diag, NULL, 0, 0,
			"\"%s\" has no cgroup now; start it, or name its cgroup with "
			"--cgroup",
			unit);
		return NULL;
	}
	if (!found)
		found = text_format("%s/system.slice/%s", root, unit);
	if (!found)
		ambit_diag_set(diag, NULL, 0, 0, "out of memory");
	return TAKE_PTR(found);
}
