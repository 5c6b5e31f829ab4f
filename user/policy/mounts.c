/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include "base/array.h"
#include "base/util.h"
#include "bpf/abi.h"
#include "policy/mounts.h"

static void mount_clear(struct mount *mount)
{
	free(mount->root);
	free(mount->point);
	free(mount->type);
}

void mounts_clear(struct mounts *mounts)
{
	for (size_t i = 0; i < mounts->count; i++)
		mount_clear(&mounts->items[i]);
	free(mounts->items);
	*mounts = (struct mounts){};
}

/* A field of a line: spaces and the like stand in it as \ooo (mangle() in fs/seq_file.c). */
static char *field_copy(const char *field, size_t length)
{
	char *copy = malloc(length + 1), *end = copy;

	if (!copy)
		return NULL;
	for (size_t i = 0; i < length; i++) {
		const char *digits = field + i + 1;
		unsigned byte = 0, count = 0;

		while (field[i] == '\\' && count < 3 && i + 1 + count < length &&
			digits[count] >= '0' && digits[count] <= '7')
			byte = byte * 8 + (unsigned)(digits[count++] - '0');
		*end++ = count == 3 ? (char)byte : field[i];
		i += count == 3 ? 3 : 0;
	}
	*end = '\0';
	return copy;
}

enum { FIELD_ID, FIELD_DEVICE = 2, FIELD_ROOT, FIELD_POINT, FIELD_OPTIONAL = 6, FIELDS_MAX = 64 };

struct field {
	const char *text;
	size_t length;
};

static size_t line_split(const char *line, size_t length, struct field fields[FIELDS_MAX])
{
	size_t count = 0;

	for (size_t at = 0; at < length && count < FIELDS_MAX;) {
		size_t end = at;

		while (end < length && line[end] != ' ')
			end++;
		if (end > at)
			fields[count++] = (struct field){line + at, end - at};
		at = end + 1;
	}
	return count;
}

/* The field behind the lone "-" that ends the optional ones; NULL without one. */
static const struct field *field_type(const struct field *fields, size_t count)
{
	for (size_t i = FIELD_OPTIONAL; i + 1 < count; i++)
		if (fields[i].length == 1 && *fields[i].text == '-')
			return &fields[i + 1];
	return NULL;
}

/* The numbers of a field, `count` of them with a ':' between. */
static bool numbers_parse(const struct field *field, uint64_t *ret, size_t count)
{
	size_t at = 0;

	for (size_t i = 0; i < count; i++) {
		size_t begin = at;

		ret[i] = 0;
		for (; at < field->length && at < begin + 10 && field->text[at] >= '0' &&
			field->text[at] <= '9';
			at++)
			ret[i] = ret[i] * 10 + (uint64_t)(field->text[at] - '0');
		if (at == begin || (i + 1 < count && (at == field->length || field->text[at++] != ':')))
			return false;
	}
	return at == field->length;
}

static bool is_path(const struct field *field)
{
	return *field->text == '/' && field->length < AMBIT_PATH_SIZE;
}

/* "/a/" is "/a", and the root is "". */
static void path_trim(char *path)
{
	size_t length = strlen(path);

	while (length && path[length - 1] == '/')
		path[--length] = '\0';
}

static int line_parse(struct mounts *mounts, const char *line, size_t length)
{
	struct field fields[FIELDS_MAX];
	size_t count = line_split(line, length, fields);
	const struct field *type = field_type(fields, count);
	struct mount mount = {};
	uint64_t device[2];
	int r;

	if (!type || !numbers_parse(&fields[FIELD_ID], &mount.id, 1) ||
		!numbers_parse(&fields[FIELD_DEVICE], device, 2) || !is_path(&fields[FIELD_ROOT]) || !is_path(&fields[FIELD_POINT]))
		return 0;
	r = ARRAY_GROW(mounts, items, mounts->count + 1);
	if (r < 0)
		return r;
	mount.device = device[0] << 32 | device[1];
	mount.root = field_copy(fields[FIELD_ROOT].text, fields[FIELD_ROOT].length);
	mount.point = field_copy(fields[FIELD_POINT].text, fields[FIELD_POINT].length);
	mount.type = field_copy(type->text, type->length);
	if (!mount.root || !mount.point || !mount.type) {
		mount_clear(&mount);
		return -ENOMEM;
	}
	path_trim(mount.root);
	path_trim(mount.point);
	mounts->items[mounts->count++] = mount;
	return 0;
}

static int mount_compare(const void *left, const void *right)
{
	const struct mount *a = left, *b = right;
	int order;

	if (a->device != b->device)
		return a->device < b->device ? -1 : 1;
	order = strcmp(a->root, b->root);
	return order ? order : strcmp(a->point, b->point);
}

int mounts_parse(const char *text, size_t size, struct mounts *ret)
{
	_cleanup_(mounts_clear) struct mounts mounts = {};
	int r;

	for (size_t at = 0; at < size;) {
		const char *end = memchr(text + at, '\n', size - at);
		size_t length = end ? (size_t)(end - text) - at : size - at;

		r = line_parse(&mounts, text + at, length);
		if (r < 0)
			return r;
		at += length + 1;
	}
	if (mounts.count)
		qsort(mounts.items, mounts.count, sizeof(*mounts.items), mount_compare);
	*ret = mounts;
	mounts = (struct mounts){};
	return 0;
}

bool mount_is_kernel(const struct mount *mount)
{
	static const char *const types[] = {"proc", "sysfs", "cgroup", "cgroup2", "bpf", "debugfs",
		"tracefs", "securityfs", "configfs", "binfmt_misc", "efivarfs", "pstore",
		"selinuxfs", "smackfs", "fusectl"};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (!strcmp(mount->type, types[i]))
			return true;
	return false;
}

bool mount_is_remote(const struct mount *mount)
{
	static const char *const types[] = {
		"nfs", "cifs", "smb", "9p", "ceph", "afs", "autofs", "fuse", "glusterfs"};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (!strncmp(mount->type, types[i], strlen(types[i])))
			return strcmp(mount->type, "fuseblk") && strcmp(mount->type, "fusectl");
	return false;
}
