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

static int look(const char *path, const struct stat *status, int type, struct FTW *where)
{
	(void)status;
	if (type != FTW_D || strcmp(path + where->base, wanted) != 0)
		return 0;
	if (count++ == 0)
		found = strdup(path);
	return 0;
}

static bool is_unit(const char *unit)
{
	const char *dot = strrchr(unit, '.');

	return !strchr(unit, '/') && dot && dot != unit &&
	       (!strcmp(dot, ".service") || !strcmp(dot, ".slice") || !strcmp(dot, ".scope"));
}

char *ambit_unit_cgroup(const char *root, const char *unit, struct diag *diag)
{
	if (!is_unit(unit)) {
		ambit_diag_set(diag, NULL, 0, 0,
			"\"%s\" is no unit with processes; name a .service, .slice or .scope", unit);
		return NULL;
	}
	wanted = unit;
	found = NULL;
	count = 0;
	nftw(root, look, DEPTH, FTW_PHYS);
	if (count > 1) {
		ambit_diag_set(diag, NULL, 0, 0,
			"there are %u cgroups \"%s\" (of several managers); name one with --cgroup", count,
			unit);
		free(TAKE_PTR(found));
		return NULL;
	}
	if (!found && strcmp(strrchr(unit, '.'), ".service")) {
		ambit_diag_set(diag, NULL, 0, 0, "\"%s\" has no cgroup now; name it with --cgroup", unit);
		return NULL;
	}
	if (!found)
		found = text_format("%s/system.slice/%s", root, unit);
	if (!found)
		ambit_diag_set(diag, NULL, 0, 0, "out of memory");
	return TAKE_PTR(found);
}
