/* SPDX-License-Identifier: Apache-2.0 */
/* What outlives the service, beside what is pinned: files in AMBIT_HOLDS, which goes with the boot
 * as the pins do. */
#include <dirent.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "base/array.h"
#include "base/util.h"
#include "compile/links.h"
#include "compile/store.h"
#include "daemon/hold.h"
#include "policy/text.h"

#define STATE_MAX 65536

/* In the order of `counters_of()`. */
static const char *const losses[] = {"lost_full", "lost_scratch", "lost_spared", "lost_tally"};

static __u64 *counters_of(struct ambit_counters *counters, size_t i)
{
	__u64 *all[] = {&counters->lost_full, &counters->lost_scratch, &counters->lost_spared,
		&counters->lost_tally};

	return all[i];
}

static char *state_path(uint32_t id)
{
	return text_format(AMBIT_HOLDS "/%08x", id);
}

char *ambit_state_policy(uint32_t id, uint64_t epoch)
{
	return text_format(AMBIT_HOLDS "/%08x.%lu.yaml", id, (unsigned long)epoch);
}

char *ambit_state_told(uint32_t id)
{
	return text_format(AMBIT_HOLDS "/%08x.told", id);
}

/* A file is there whole, or not at all. */
static int file_write(const char *path, const char *bytes, size_t size)
{
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *beside = text_format("%s.new", path);

	if (!beside)
		return -ENOMEM;
	if (mkdir(AMBIT_HOLDS, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	for (size_t at = 0; at < size;) {
		ssize_t done = write(fd, bytes + at, size - at);

		if (done < 0 && errno != EINTR)
			return -errno;
		at += done > 0 ? (size_t)done : 0;
	}
	return rename(beside, path) < 0 ? -errno : 0;
}

int ambit_state_write(uint32_t id, const struct hold_state *state)
{
	_cleanup_free_ char *path = state_path(id);
	struct json_object *root = json_object_new_object(), *frozen = json_object_new_array();
	struct ambit_counters seen = state->seen;
	const char *text;
	int result;

	if (!path || !root || !frozen) {
		json_object_put(root);
		json_object_put(frozen);
		return -ENOMEM;
	}
	json_object_object_add(root, "name", json_object_new_string(state->name));
	json_object_object_add(root, "cgroup", json_object_new_string(state->cgroup));
	json_object_object_add(root, "file", json_object_new_string(state->file));
	for (size_t i = 0; i < ARRAY_SIZE(losses); i++)
		json_object_object_add(
			root, losses[i], json_object_new_uint64(*counters_of(&seen, i)));
	json_object_object_add(root, "tightens", json_object_new_uint64(state->tightens));
	json_object_object_add(root, "glob", json_object_new_boolean(state->glob));
	for (size_t i = 0; i < state->frozen_count; i++)
		json_object_array_add(frozen, json_object_new_string(state->frozen[i]));
	json_object_object_add(root, "frozen", frozen);
	text = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN);
	result = text ? file_write(path, text, strlen(text)) : -ENOMEM;
	json_object_put(root);
	return result;
}

static char *string_of(struct json_object *root, const char *key)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(root, key, &value)
		       ? strdup(json_object_get_string(value) ?: "")
		       : NULL;
}

int ambit_state_freezes(struct hold_state *state, const char *path)
{
	char *copy = ARRAY_GROW(state, frozen, state->frozen_count + 1) < 0 ? NULL : strdup(path);

	if (!copy)
		return -ENOMEM;
	state->frozen[state->frozen_count++] = copy;
	return 0;
}

/* Before cells had globs a state said that its one cgroup was frozen, and there was one file of each kind of tables,
 * for which nothing asks any more. */
static int earlier_read(uint32_t id, bool thaws, struct hold_state *state)
{
	static const char *const files[] = {"before.tables", "before.links", "aside.tables", "aside.links"};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_free_ char *path = text_format(AMBIT_HOLDS "/%08x.%s", id, files[i]);

		if (path)
			unlink(path);
	}
	return thaws ? ambit_state_freezes(state, state->cgroup ?: "") : 0;
}

static int frozen_read(uint32_t id, struct json_object *root, struct hold_state *state)
{
	struct json_object *value;
	int result = 0;

	if (json_object_object_get_ex(root, "thaws", &value))
		return earlier_read(id, json_object_get_boolean(value), state);
	if (!json_object_object_get_ex(root, "frozen", &value) || !json_object_is_type(value, json_type_array))
		return 0;
	for (size_t i = 0; result == 0 && i < json_object_array_length(value); i++)
		result = ambit_state_freezes(
			state, json_object_get_string(json_object_array_get_idx(value, i)) ?: "");
	return result;
}

int ambit_state_thaw(struct hold_state *state)
{
	size_t left = 0;
	int first = 0;

	for (size_t i = 0; i < state->frozen_count; i++) {
		char *path = state->frozen[i];
		const int result = ambit_cgroup_freeze(path, false);

		/* A cgroup that is gone has no tasks. */
		if (result < 0 && result != -ENOENT && result != -ENODEV) {
			first = first ?: result;
			state->frozen[left++] = path;
		} else {
			free(path);
		}
	}
	state->frozen_count = left;
	return first;
}

int ambit_state_read(uint32_t id, struct hold_state *ret)
{
	_cleanup_free_ char *path = state_path(id);
	struct json_object *root = path ? json_object_from_file(path) : NULL, *value;
	struct hold_state state = {0};
	int result;

	if (!root)
		return -ENOENT;
	state.name = string_of(root, "name");
	state.cgroup = string_of(root, "cgroup");
	state.file = string_of(root, "file");
	for (size_t i = 0; i < ARRAY_SIZE(losses); i++)
		if (json_object_object_get_ex(root, losses[i], &value))
			*counters_of(&state.seen, i) = json_object_get_uint64(value);
	if (json_object_object_get_ex(root, "tightens", &value))
		state.tightens = json_object_get_uint64(value);
	if (json_object_object_get_ex(root, "glob", &value))
		state.glob = json_object_get_boolean(value);
	result = frozen_read(id, root, &state);
	json_object_put(root);
	if (result < 0 || !state.name || !state.cgroup || !state.file) {
		ambit_state_clear(&state);
		return result < 0 ? result : -EBADMSG;
	}
	*ret = state;
	return 0;
}

void ambit_state_clear(struct hold_state *state)
{
	free(state->name);
	free(state->cgroup);
	free(state->file);
	while (state->frozen_count)
		free(state->frozen[--state->frozen_count]);
	free(state->frozen);
	*state = (struct hold_state){0};
}

int ambit_state_keep(uint32_t id, uint64_t epoch, const char *file, struct diag *diag)
{
	_cleanup_free_ char *path = ambit_state_policy(id, epoch), *text = NULL;
	struct diags diags = {0};
	size_t size;
	int result = path ? ambit_policy_read(file, &text, &size, &diags) : -ENOMEM;

	if (result == 0)
		result = file_write(path, text, size);
	if (result < 0)
		ambit_diag_set(diag, file, 0, 0, "%s",
			diags.count ? diags.items[0].text : strerror(-result));
	ambit_diags_clear(&diags);
	return result;
}

void ambit_state_drop_policy(uint32_t id, uint64_t epoch)
{
	_cleanup_free_ char *path = ambit_state_policy(id, epoch);

	if (path)
		unlink(path);
}

/* --- tables that decided --- */

static const char *const times[] = {[STATE_BEFORE] = "before", [STATE_ASIDE] = "aside"};

static char *tables_path(uint32_t id, enum state_time time, uint64_t epoch)
{
	return text_format(AMBIT_HOLDS "/%08x.%s.%lu.tables", id, times[time],
		(unsigned long)epoch);
}

static char *links_path(uint32_t id, enum state_time time, uint64_t epoch)
{
	return text_format(AMBIT_HOLDS "/%08x.%s.%lu.links", id, times[time],
		(unsigned long)epoch);
}

/* In the form of the store (compile/store.h), which trusts no byte; whose they are the file's name says. */
static uint8_t asked[8] = "in force";
static const struct question in_force = {.bytes = asked, .count = sizeof(asked)};

int ambit_state_keep_tables(uint32_t id, enum state_time time, uint64_t epoch, const struct ready *ready)
{
	_cleanup_free_ char *path = tables_path(id, time, epoch), *beside = links_path(id, time, epoch);
	_cleanup_free_ uint8_t *bytes = NULL;
	size_t size = 0;
	int result = path && beside ? 0 : -ENOMEM;

	/* First of all nothing old is left, whatever happens. */
	ambit_state_drop_tables(id, time, epoch);
	if (!ready->tables)
		return result;
	bytes = store_write(&in_force, ready->tables, &size);
	if (!bytes)
		return -ENOMEM;
	if (result == 0)
		result = file_write(beside, (const char *)ready->links.items,
			ready->links.count * sizeof(*ready->links.items));
	return result < 0 ? result : file_write(path, (const char *)bytes, size);
}

/* All that a file has; NULL without one. */
static uint8_t *file_read(const char *path, size_t *ret_size)
{
	_cleanup_close_ int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
	_cleanup_free_ uint8_t *bytes = NULL;
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0)
		return NULL;
	bytes = malloc((size_t)status.st_size + 1); /* it may be empty */
	if (!bytes || read(fd, bytes, (size_t)status.st_size) != status.st_size)
		return NULL;
	*ret_size = (size_t)status.st_size;
	return TAKE_PTR(bytes);
}

int ambit_state_tables(uint32_t id, enum state_time time, uint64_t epoch, struct ready *ret)
{
	_cleanup_free_ char *path = tables_path(id, time, epoch), *beside = links_path(id, time, epoch);
	size_t size = 0, links_size = 0;
	_cleanup_free_ uint8_t *bytes = file_read(path, &size), *links = file_read(beside, &links_size);
	int result;

	/* Links are numbers, of which any will do. */
	if (!bytes || !links || links_size % sizeof(struct identity))
		return -ENOENT;
	result = store_read(bytes, size, &in_force, &ret->tables);
	if (result < 0)
		return result;
	ret->links.items = (struct identity *)TAKE_PTR(links);
	ret->links.count = links_size / sizeof(struct identity);
	if (ret->links.count)
		qsort(ret->links.items, ret->links.count, sizeof(*ret->links.items), identity_compare);
	return 0;
}

void ambit_state_drop_tables(uint32_t id, enum state_time time, uint64_t epoch)
{
	_cleanup_free_ char *path = tables_path(id, time, epoch), *beside = links_path(id, time, epoch);

	if (path)
		unlink(path);
	if (beside)
		unlink(beside);
}

void ambit_state_drop(uint32_t id)
{
	_cleanup_free_ char *path = state_path(id), *told = ambit_state_told(id);

	if (path)
		unlink(path);
	if (told)
		unlink(told);
}

static void thaw(const char *file)
{
	struct hold_state state = {0};
	char *end;
	const unsigned long id = strtoul(file, &end, 16);

	if (*end || end - file != 8 || ambit_state_read((uint32_t)id, &state) < 0)
		return;
	if (state.frozen_count) {
		ambit_state_thaw(&state);
		ambit_state_write((uint32_t)id, &state);
	}
	ambit_state_clear(&state);
}

void ambit_state_thaw_all(void)
{
	DIR *dir = opendir(AMBIT_HOLDS);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		thaw(entry->d_name);
	if (dir)
		closedir(dir);
}

void ambit_state_drop_all(void)
{
	DIR *dir = opendir(AMBIT_HOLDS);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
}
