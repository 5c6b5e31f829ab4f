/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include "base/array.h"
#include "base/util.h"
#include "compile/links.h"
#include "compile/places.h"
#include "policy/mounts.h"

#define DEPTH_MAX 256 /* each level holds a descriptor */

/* Where the automata of all operations are after a path; and those of the patterns that name places,
 * which say where to look for what they cover. */
struct states {
	uint32_t of[AMBIT_COLUMNS];
	uint32_t named[AMBIT_COLUMNS];
};

struct search {
	const struct tables *tables;
	struct tables *named; /* owned */
	enum kind kind;	      /* of the place that is searched */
	uint64_t place_mount; /* what it lies on */
	struct mounts mounts;
	const struct mount *mount; /* the last one that was looked up */
	struct places places;
	struct identity *done; /* directories that were searched to the end; only their keys */
	size_t done_room, done_count;
	size_t left; /* names */
	bool cut;
	struct identities found;
};

static void search_clear(struct search *search)
{
	places_clear(&search->places);
	free(search->done);
	ambit_tables_free(search->named);
	mounts_clear(&search->mounts);
	ambit_identities_clear(&search->found);
}

void ambit_identities_clear(struct identities *identities)
{
	free(identities->items);
	free(identities->cut_path);
	*identities = (struct identities){};
}

int identity_compare(const void *left, const void *right)
{
	const struct identity *a = left, *b = right;

	if (a->key.device != b->key.device)
		return a->key.device < b->key.device ? -1 : 1;
	return (a->key.inode > b->key.inode) - (a->key.inode < b->key.inode);
}

/* --- what is there --- */

static const struct mount *mount_find(struct search *search, uint64_t id)
{
	if (search->mount && search->mount->id == id)
		return search->mount;
	search->mount = NULL;
	for (size_t i = 0; i < search->mounts.count; i++)
		if (search->mounts.items[i].id == id)
			search->mount = &search->mounts.items[i];
	return search->mount;
}

/* What the kernel knows the file by. Of btrfs stat(2) has a device for each subvolume, the kernel one
 * for all, which mountinfo names. */
static struct ambit_identity_key key_of(struct search *search, const struct statx *status)
{
	const struct mount *mount = mount_find(search, status->stx_mnt_id);
	uint64_t major = mount ? mount->device >> 32 : status->stx_dev_major;
	uint64_t minor = mount ? mount->device & UINT32_MAX : status->stx_dev_minor;

	return (struct ambit_identity_key){
		.inode = status->stx_ino,
		.device = (uint32_t)(major << 20 | minor),
	};
}

static int key_compare(const void *left, const void *right)
{
	const struct identity *a = left, *b = right;

	if (a->key.inode != b->key.inode)
		return a->key.inode < b->key.inode ? -1 : 1;
	return a->key.device < b->key.device ? -1 : a->key.device > b->key.device;
}

static bool statx_get(int dir, const char *name, struct statx *ret)
{
	unsigned mask = STATX_TYPE | STATX_NLINK | STATX_INO | STATX_MNT_ID;

	return !statx(dir, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH, mask, ret);
}

static struct states states_step(
	const struct search *search, const struct states *from, const char *bytes, size_t length)
{
	struct states to;

	for (size_t op = 0; op < AMBIT_COLUMNS; op++) {
		to.of[op] = ambit_tables_step(search->tables, from->of[op], bytes, length);
		to.named[op] = ambit_tables_step(search->named, from->named[op], bytes, length);
	}
	return to;
}

/* True if what is searched for may lie beneath. */
static bool states_may_deny(const struct search *search, const struct states *states)
{
	for (size_t op = 0; op < AMBIT_COLUMNS; op++)
		if (search->kind == KIND_NAMED
				? ambit_tables_may_deny(search->named, states->named[op])
				: ambit_tables_may_deny(search->tables, states->of[op]))
			return true;
	return false;
}

/* What is denied to a file there, whatever it is; false: nothing by a rule. */
static bool states_deny(
	const struct search *search, const struct states *states, struct ambit_identity *ret)
{
	bool denied = false;

	for (unsigned op = 0; op < AMBIT_COLUMNS; op++) {
		const struct decision decision =
			ambit_tables_state(search->tables, (enum ambit_op)op, states->of[op]);

		ret->deny[op] = decision.reason == REASON_GUARD ? AMBIT_RULE_GUARD : 0;
		if (decision.reason == REASON_RULE && decision.verdict == VERDICT_DENY)
			ret->deny[op] = decision.rule;
		denied |= ret->deny[op] != 0;
	}
	return denied;
}

static int found_add(
	struct search *search, const struct statx *status, const struct ambit_identity *value)
{
	struct identities *found = &search->found;
	int r = ARRAY_GROW(found, items, found->count + 1);

	if (r < 0)
		return r;
	found->items[found->count++] = (struct identity){key_of(search, status), *value};
	return 0;
}

/* --- the walk --- */

static int search_dir(struct search *search, int fd, const struct states *states, unsigned depth);

static bool is_done(const struct search *search, const struct ambit_identity_key *key)
{
	for (size_t i = 0; i < search->done_count; i++)
		if (search->done[i].key.inode == key->inode &&
			search->done[i].key.device == key->device)
			return true;
	return false;
}

/* True for what is mounted beneath a place and is better left alone: settings of the kernel, and file
 * systems that may keep one waiting. */
static bool is_left_out(struct search *search, const struct statx *status)
{
	const struct mount *mount = mount_find(search, status->stx_mnt_id);

	return status->stx_attributes & STATX_ATTR_AUTOMOUNT ||
	       (mount && (mount_is_kernel(mount) || (mount->id != search->place_mount &&
							    mount_is_remote(mount))));
}

/* A directory that was met: searched unless it was already. */
static int search_child(
	struct search *search, int dir, const char *name, const struct states *states, unsigned depth)
{
	struct ambit_identity_key key;
	struct statx status;
	int fd;

	if (!states_may_deny(search, states) || !statx_get(dir, name, &status) ||
		!S_ISDIR(status.stx_mode) || is_left_out(search, &status))
		return 0;
	key = key_of(search, &status);
	if (is_done(search, &key))
		return 0;
	if (depth == DEPTH_MAX) {
		search->cut = true;
		return 0;
	}
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? 0 : search_dir(search, fd, states, depth + 1);
}

/* Something else than a directory. */
static int search_file(
	struct search *search, int dir, const char *name, const struct states *states)
{
	struct ambit_identity value;
	struct statx status;

	if (!states_deny(search, states, &value) || !statx_get(dir, name, &status) ||
		S_ISDIR(status.stx_mode) || S_ISLNK(status.stx_mode) || status.stx_nlink < 2)
		return 0;
	return found_add(search, &status, &value);
}

static int search_entry(struct search *search, int dir, const struct dirent *entry,
	const struct states *beneath, unsigned depth)
{
	const char *name = entry->d_name;
	struct states states;
	int r = 0;

	if (!strcmp(name, ".") || !strcmp(name, ".."))
		return 0;
	if (!search->left) {
		search->cut = true;
		return 0;
	}
	search->left--;
	states = states_step(search, beneath, name, strlen(name));
	if (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN)
		r = search_child(search, dir, name, &states, depth);
	if (r >= 0 && entry->d_type != DT_DIR && entry->d_type != DT_LNK)
		r = search_file(search, dir, name, &states);
	return r;
}

/* Takes `fd` over. */
static int search_dir(struct search *search, int fd, const struct states *states, unsigned depth)
{
	const struct states beneath = states_step(search, states, "/", 1);
	const struct dirent *entry;
	DIR *dir = fdopendir(fd);
	int r = 0;

	if (!dir) {
		close(fd);
		return 0;
	}
	while (r >= 0 && !search->cut && (entry = readdir(dir)))
		r = search_entry(search, fd, entry, &beneath, depth);
	closedir(dir);
	return r;
}

static int done_add(struct search *search, const struct statx *status)
{
	int r = ARRAY_GROW(search, done, search->done_count + 1);

	if (r < 0)
		return r;
	search->done[search->done_count++] = (struct identity){.key = key_of(search, status)};
	return 0;
}

/* Without symbolic links: where they lead is a place of its own. */
static int place_open(const char *path)
{
	const struct open_how how = {
		.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};

	return (int)syscall(SYS_openat2, AT_FDCWD, *path ? path : "/", &how, sizeof(how));
}

static int search_place(struct search *search, const struct place *place)
{
	_cleanup_close_ int fd = place_open(place->path);
	struct states states;
	struct statx status;
	int r;

	if (fd < 0 || !statx_get(fd, "", &status))
		return 0;
	for (unsigned op = 0; op < AMBIT_COLUMNS; op++) {
		states.of[op] = ambit_tables_start(search->tables, (enum ambit_op)op);
		states.named[op] = ambit_tables_start(search->named, (enum ambit_op)op);
	}
	search->place_mount = status.stx_mnt_id;
	states = states_step(search, &states, place->path, strlen(place->path));
	if (!S_ISDIR(status.stx_mode))
		return search_file(search, fd, "", &states);
	r = search_child(search, fd, ".", &states, 0);
	/* A place that is named is searched for named patterns only. */
	return r < 0 || search->cut || place->kind == KIND_NAMED ? r : done_add(search, &status);
}

/* All places of a kind, those that lie in others left out. */
static int search_places(struct search *search, enum kind kind, size_t limit)
{
	const struct place *last = NULL;
	int r = 0;

	search->kind = kind;
	search->left = limit;
	search->cut = false;
	for (size_t i = 0; r >= 0 && i < search->places.count; i++) {
		const struct place *place = &search->places.items[i];

		if (place->kind != kind || (last && place_within(place, last)))
			continue;
		last = place;
		if (!search->cut)
			r = search_place(search, place);
		if (!search->cut || search->found.cut_count++)
			continue;
		search->found.cut_rule = place->rule;
		search->found.cut_path = strdup(*place->path ? place->path : "/");
		r = search->found.cut_path ? r : -ENOMEM;
	}
	return r;
}

/* Sorts what was found and puts together what stands for the same file. */
static void found_merge(struct identities *found)
{
	size_t kept = 0;

	if (found->count)
		qsort(found->items, found->count, sizeof(*found->items), key_compare);
	for (size_t i = 0; i < found->count; i++) {
		struct identity *item = &found->items[i], *last = &found->items[kept - !!kept];

		if (!kept || key_compare(last, item)) {
			found->items[kept++] = *item;
			continue;
		}
		/* The rule that comes first in the file: 0 is none, ambit's own are the last. */
		for (size_t op = 0; op < AMBIT_COLUMNS; op++)
			if (item->value.deny[op] - 1 < last->value.deny[op] - 1)
				last->value.deny[op] = item->value.deny[op];
	}
	found->count = kept;
}

int ambit_identities_find(const struct policy *policy, const struct tables *tables,
	const struct policy_env *env, enum search_part part, const char *store, size_t limit, struct identities *ret)
{
	_cleanup_(search_clear) struct search search = {.tables = tables};
	int r = 0;

	search.found = *ret;
	*ret = (struct identities){};
	if (env->mountinfo)
		r = mounts_parse(env->mountinfo, strlen(env->mountinfo), &search.mounts);
	if (r >= 0)
		r = places_find(policy, env, part, &search.places);
	if (r >= 0)
		r = places_compile(policy, store, &search.named);
	for (unsigned kind = 0; r >= 0 && kind < KIND_MAX; kind++)
		r = search_places(&search, (enum kind)kind, limit);
	if (r < 0)
		return r;
	found_merge(&search.found);
	*ret = search.found;
	search.found = (struct identities){};
	return 0;
}
