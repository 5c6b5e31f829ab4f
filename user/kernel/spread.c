/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cells that are bound by a glob. The kernel has the glob (the map `globs`) and writes the row of each cgroup that is
 * made and matches, in the same words as for one that is bound by its name; for those that are there already it is
 * done here. The glob comes first, so none is missed.
 */
#include <bpf/bpf.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/util.h"
#include "compile/unitglob.h"
#include "kernel/cell.h"
#include "policy/text.h"

static int fail(struct diag *diag, const char *what, const char *problem)
{
	ambit_diag_set(diag, NULL, 0, 0, "cannot bind a cgroup: %s %s", what, problem);
	return -EINVAL;
}

/* Each name beneath a directory that matches. */
static int names_each(const char *path, const struct ambit_glob *glob,
	int (*each)(const char *path, const char *name, void *data), void *data)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int result = dir ? 0 : -errno;

	while (dir && result == 0 && (entry = readdir(dir))) {
		if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
			!ambit_glob_matches(glob, entry->d_name))
			continue;
		result = each(path, entry->d_name, data);
	}
	if (dir)
		closedir(dir);
	return result;
}

struct walking {
	int (*each)(const char *path, void *data);
	void *data;
};

static int walk_one(const char *path, const char *name, void *data)
{
	const struct walking *walking = data;
	_cleanup_free_ char *whole = text_format("%s/%s", path, name);

	return whole ? walking->each(whole, walking->data) : -ENOMEM;
}

int ambit_place_each(
	const struct ambit_place *place, int (*each)(const char *path, void *data), void *data)
{
	const char *name = strrchr(place->path, '/');
	_cleanup_free_ char *above = name ? strndup(place->path, (size_t)(name - place->path)) : NULL;
	struct walking walking = {each, data};
	struct ambit_glob glob;
	int result;

	if (!place->glob)
		return access(place->path, F_OK) < 0 ? 0 : each(place->path, data);
	if (!above)
		return -ENOMEM;
	if (ambit_glob_compile(name + 1, &glob))
		return -EINVAL;
	result = names_each(above, &glob, walk_one, &walking);
	return result == -ENOENT ? 0 : result;
}

/* --- rows of those that are there --- */

struct spreading {
	struct cell *cell;
	struct ambit_bound_key key;
};

/*
 * One that another cell has already stays with it. One that goes in front of the row would leave it for ever, so it
 * is looked for again. A cgroup is made and goes with the directory above it locked, and a look at a name that is
 * new or gone waits for that: where it is there, bind_gone comes later than the row; where it is not, and neither
 * behind the row's end, whoever makes it finds no row. Another round has one that came between the two looks.
 */
static int row_make(const char *path, const char *name, void *data)
{
	const struct spreading *spreading = data;
	const struct ambit_bound bound = {.cell = spreading->cell->id, .glob = 1};
	struct ambit_bound_key key = {.parent = spreading->key.parent};
	_cleanup_free_ char *whole = text_format("%s/%s", path, name);
	const int bounds = spreading->cell->kernel->bounds;

	if (!whole)
		return -ENOMEM;
	memcpy(key.name, name, strnlen(name, sizeof(key.name) - 1));
	do {
		if (bpf_map_update_elem(bounds, &key, &bound, BPF_NOEXIST) < 0)
			return errno == EEXIST ? 0 : -errno;
		if (access(whole, F_OK) == 0)
			return 0;
		bpf_map_delete_elem(bounds, &key);
	} while (access(whole, F_OK) == 0);
	return 0;
}

/* A row that is written anew may be passed over by who goes through the map just then; so not without need. */
static int glob_write(struct cell *cell, const struct ambit_glob *glob)
{
	struct ambit_glob now;

	if (bpf_map_lookup_elem(cell->kernel->globs, &cell->id, &now) == 0 && memcmp(&now, glob, sizeof(now)) == 0)
		return 0;
	return bpf_map_update_elem(cell->kernel->globs, &cell->id, glob, BPF_ANY) < 0 ? -errno : 0;
}

int spread_rows(struct cell *cell, const struct ambit_place *place, struct diag *diag)
{
	const char *name = strrchr(place->path, '/');
	_cleanup_free_ char *above = name ? strndup(place->path, (size_t)(name - place->path)) : NULL;
	struct spreading spreading = {.cell = cell};
	struct ambit_glob glob;
	const char *problem;
	int result = above ? ambit_bound_key(place->path, &spreading.key, diag) : -ENOMEM;

	if (result < 0)
		return result;
	problem = ambit_glob_compile(name + 1, &glob);
	if (problem)
		return fail(diag, name + 1, problem);
	glob.parent = spreading.key.parent;
	glob.cell = cell->id;
	glob.order = place->order;
	result = glob_write(cell, &glob);
	return result < 0 ? result : names_each(above, &glob, row_make, &spreading);
}

void spread_end(struct cell *cell)
{
	struct ambit_bound_key key, next;
	struct ambit_bound bound;
	bool more;

	bpf_map_delete_elem(cell->kernel->globs, &cell->id);
	more = bpf_map_get_next_key(cell->kernel->bounds, NULL, &next) == 0;
	while (more) {
		key = next;
		more = bpf_map_get_next_key(cell->kernel->bounds, &key, &next) == 0;
		if (bpf_map_lookup_elem(cell->kernel->bounds, &key, &bound) == 0 && bound.cell == cell->id &&
			bound.glob)
			bpf_map_delete_elem(cell->kernel->bounds, &key);
	}
}

int ambit_cell_order(struct cell *cell, uint32_t order)
{
	struct ambit_glob glob;

	if (bpf_map_lookup_elem(cell->kernel->globs, &cell->id, &glob) < 0)
		return -errno;
	if (glob.order == order)
		return 0;
	glob.order = order;
	return bpf_map_update_elem(cell->kernel->globs, &cell->id, &glob, BPF_EXIST) < 0 ? -errno : 1;
}
