/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a pattern covers, seen through other mounts.
 *
 * A pattern is a list of names; after some names of a path, what is left of it is one of its tails,
 * or several of them behind a "**". A set of tails says what is covered beneath a directory. For each
 * mount of a file system that is mounted more than once, the set at its mountpoint is worked out, and
 * brought to the other mounts that show the same directory, a directory above or one beneath.
 *
 * Mounts that show the same directory of a file system are a class: they are neighbours in the list.
 * Two classes see the same files if the root of one lies above that of the other, so a class has no
 * more relatives above it than its root has names.
 */
#include <string.h>
#include "base/array.h"
#include "base/util.h"
#include "bpf/abi.h"
#include "policy/glob.h"
#include "policy/mounts.h"
#include "policy/pattern.h"
#include "policy/text.h"

/* A set of tails: bit i stands for all names from the i-th on, the last for "everything". */
typedef uint64_t tails;

struct class {
	size_t first, count; /* mounts */
};

struct aliaser {
	const struct mounts *mounts;
	const char **names; /* of the pattern: where each begins, behind its '/' */
	size_t name_count, words;
	tails *start;	  /* before the first name */
	tails *at_mount;  /* of each mount, by the pattern's own names */
	tails *at_class;  /* of each class: those of its mounts */
	tails *work, *next; /* scratch */
	struct class *classes;
	size_t class_count;
	struct aliases *aliases;
};

static bool tails_have(const tails *set, size_t index)
{
	return set[index / 64] >> (index % 64) & 1;
}

static void tails_put(tails *set, size_t index)
{
	set[index / 64] |= 1ULL << (index % 64);
}

static bool tails_all(const struct aliaser *aliaser, const tails *set)
{
	return tails_have(set, aliaser->name_count);
}

static size_t name_length(const char *name)
{
	return strcspn(name, "/");
}

static bool name_is_depth(const char *name)
{
	return name_length(name) == 2 && !strncmp(name, "**", 2);
}

/* Puts a tail in, and what "**" may stand for nothing before. */
static void tails_enter(const struct aliaser *aliaser, tails *set, size_t index)
{
	tails_put(set, index);
	while (index < aliaser->name_count && name_is_depth(aliaser->names[index]))
		tails_put(set, ++index);
}

static bool tails_empty(const struct aliaser *aliaser, const tails *set)
{
	for (size_t i = 0; i < aliaser->words; i++)
		if (set[i])
			return false;
	return true;
}

/* The set after one more name. Once a tail is used up, everything beneath is covered. */
static void tails_step(struct aliaser *aliaser, tails *set, const char *name, size_t length)
{
	size_t size = aliaser->words * sizeof(*set);

	if (tails_all(aliaser, set))
		return;
	memset(aliaser->next, 0, size);
	for (size_t i = 0; i < aliaser->name_count; i++) {
		const char *own = aliaser->names[i];

		if (!tails_have(set, i) || (!strchr("*?[\\", *own) && *own != *name))
			continue;
		if (name_is_depth(own))
			tails_enter(aliaser, aliaser->next, i);
		else if (pattern_name_matches(own, name_length(own), name, length))
			tails_enter(aliaser, aliaser->next, i + 1);
	}
	memcpy(set, aliaser->next, size);
}

/* The set after a path, "" or "/a/b". */
static void tails_walk(struct aliaser *aliaser, tails *set, const char *path)
{
	while (*path && !tails_empty(aliaser, set)) {
		size_t length = name_length(path + 1);

		tails_step(aliaser, set, path + 1, length);
		path += 1 + length;
	}
}

static int alias_add(struct aliaser *aliaser, const char *point, const char *beneath, size_t tail)
{
	struct aliases *aliases = aliaser->aliases;
	_cleanup_free_ char *plain = text_format("%s%s", point, beneath);
	_cleanup_free_ char *prefix = plain ? glob_escape(plain) : NULL;
	const char *rest = tail < aliaser->name_count ? aliaser->names[tail] - 1 : "";
	char *text;
	int r;

	if (!prefix)
		return -ENOMEM;
	text = text_format("%s%s", prefix, rest);
	if (!text)
		return -ENOMEM;
	if (!*text || strlen(text) >= AMBIT_PATH_SIZE) {
		/* A path that is longer cannot be reached. The root itself is not meant by one who
		 * denies a place where it is mounted again: nothing could start. */
		free(text);
		return 0;
	}
	r = aliases->count == ALIASES_MAX ? -E2BIG
					  : ARRAY_GROW(aliases, items, aliases->count + 1);
	if (r < 0) {
		free(text);
		return r;
	}
	aliases->items[aliases->count++] = text;
	return 0;
}

/* Adds the tails of `set` at a place of which `known` is covered by the pattern itself. */
static int aliases_put(struct aliaser *aliaser, const char *point, const char *beneath,
	const tails *set, const tails *known)
{
	int r;

	if (tails_all(aliaser, known))
		return 0;
	if (tails_all(aliaser, set))
		return alias_add(aliaser, point, beneath, aliaser->name_count);
	for (size_t i = 0; i < aliaser->name_count; i++) {
		if (!tails_have(set, i) || tails_have(known, i))
			continue;
		/* "**" as a first name covers what "**" stands before. */
		if (i > 0 && name_is_depth(aliaser->names[i - 1]) && tails_have(set, i - 1))
			continue;
		r = alias_add(aliaser, point, beneath, i);
		if (r < 0)
			return r;
	}
	return 0;
}

static const struct mount *class_mount(const struct aliaser *aliaser, const struct class *class)
{
	return &aliaser->mounts->items[class->first];
}

static tails *class_tails(const struct aliaser *aliaser, const struct class *class)
{
	return aliaser->at_class + (size_t)(class - aliaser->classes) * aliaser->words;
}

static tails *mount_tails(const struct aliaser *aliaser, size_t mount)
{
	return aliaser->at_mount + mount * aliaser->words;
}

/* The class of this device whose root is the first `length` bytes of `root`; NULL if there is none. */
static const struct class *class_find(
	const struct aliaser *aliaser, uint64_t device, const char *root, size_t length)
{
	size_t low = 0, high = aliaser->class_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct mount *mount = class_mount(aliaser, &aliaser->classes[middle]);
		int order = mount->device < device ? -1 : mount->device > device;

		if (!order)
			order = strncmp(mount->root, root, length);
		if (!order)
			order = mount->root[length] != '\0';
		if (!order)
			return &aliaser->classes[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* What is covered in `from`, brought to the mounts of `to`, whose root is the same or lies beneath. */
static int class_lower(
	struct aliaser *aliaser, const struct class *from, const struct class *to, const char *beneath)
{
	tails *set = aliaser->work;
	int r = 0;

	memcpy(set, class_tails(aliaser, from), aliaser->words * sizeof(*set));
	tails_walk(aliaser, set, beneath);
	for (size_t i = 0; r >= 0 && !tails_empty(aliaser, set) && i < to->count; i++)
		r = aliases_put(aliaser, aliaser->mounts->items[to->first + i].point, "", set,
			mount_tails(aliaser, to->first + i));
	return r;
}

/* What is covered in `from`, brought to the mounts of `to`, whose root lies above. */
static int class_raise(
	struct aliaser *aliaser, const struct class *from, const struct class *to, const char *beneath)
{
	const tails *set = class_tails(aliaser, from);
	tails *known = aliaser->work;
	bool more = false;
	int r = 0;

	/* What is covered everywhere needs no look at each mount. */
	for (size_t i = 0; i <= aliaser->name_count; i++)
		more |= tails_have(set, i) && !(tails_have(aliaser->start, i) &&
						      name_is_depth(*aliaser->names));
	for (size_t i = 0; r >= 0 && more && i < to->count; i++) {
		memcpy(known, mount_tails(aliaser, to->first + i),
			aliaser->words * sizeof(*known));
		tails_walk(aliaser, known, beneath);
		r = aliases_put(aliaser, aliaser->mounts->items[to->first + i].point, beneath, set,
			known);
	}
	return r;
}

/* Brings what is covered in a class to its own mounts, and to and from the classes above it. */
static int class_relate(struct aliaser *aliaser, const struct class *class)
{
	const struct mount *mount = class_mount(aliaser, class);
	int r = class_lower(aliaser, class, class, "");

	for (size_t length = strlen(mount->root); r >= 0 && length > 0;) {
		const struct class *above;

		while (mount->root[--length] != '/')
			;
		above = class_find(aliaser, mount->device, mount->root, length);
		if (!above)
			continue;
		r = class_lower(aliaser, above, class, mount->root + length);
		if (r >= 0)
			r = class_raise(aliaser, class, above, mount->root + length);
	}
	return r;
}

/* Where the names of a pattern begin; the pattern has normal form. */
static int names_split(struct aliaser *aliaser, const char *pattern)
{
	size_t room = 1;

	for (const char *at = pattern; *at; at++)
		room += *at == '/';
	aliaser->names = calloc(room, sizeof(*aliaser->names));
	if (!aliaser->names)
		return -ENOMEM;
	for (const char *at = strcmp(pattern, "/") ? pattern : ""; *at; at += 1 + name_length(at + 1))
		aliaser->names[aliaser->name_count++] = at + 1;
	aliaser->words = aliaser->name_count / 64 + 1;
	return 0;
}

/* Finds the classes, and the sets at each mount of a file system that has more than one. */
static int classes_find(struct aliaser *aliaser)
{
	const struct mount *mounts = aliaser->mounts->items;
	size_t count = aliaser->mounts->count;

	for (size_t i = 0; i < count; i++) {
		bool again = i && mounts[i].device == mounts[i - 1].device;
		bool last = i + 1 == count || mounts[i].device != mounts[i + 1].device;
		tails *set = mount_tails(aliaser, i), *sum;
		struct class *class;

		if (!again && last)
			continue;
		if (!again || strcmp(mounts[i].root, mounts[i - 1].root))
			aliaser->classes[aliaser->class_count++] = (struct class){i, 0};
		class = &aliaser->classes[aliaser->class_count - 1];
		class->count++;
		memcpy(set, aliaser->start, aliaser->words * sizeof(*set));
		tails_walk(aliaser, set, mounts[i].point);
		sum = class_tails(aliaser, class);
		for (size_t w = 0; w < aliaser->words; w++)
			sum[w] |= set[w];
	}
	return 0;
}

static void aliaser_clear(struct aliaser *aliaser)
{
	free(aliaser->names);
	free(aliaser->start);
	free(aliaser->at_mount);
	free(aliaser->at_class);
	free(aliaser->work);
	free(aliaser->next);
	free(aliaser->classes);
}

static int aliaser_init(struct aliaser *aliaser, const char *pattern)
{
	size_t count = aliaser->mounts->count, size = sizeof(tails);
	int r = names_split(aliaser, pattern);

	if (r < 0)
		return r;
	size *= aliaser->words;
	aliaser->start = calloc(1, size);
	aliaser->at_mount = calloc(count, size);
	aliaser->at_class = calloc(count, size);
	aliaser->work = calloc(1, size);
	aliaser->next = calloc(1, size);
	aliaser->classes = calloc(count, sizeof(*aliaser->classes));
	if (!aliaser->start || !aliaser->at_mount || !aliaser->at_class || !aliaser->work ||
		!aliaser->next || !aliaser->classes)
		return -ENOMEM;
	tails_enter(aliaser, aliaser->start, 0);
	return 0;
}

int mounts_aliases(const struct mounts *mounts, const char *pattern, struct aliases *ret)
{
	_cleanup_(aliases_clear) struct aliases aliases = {};
	_cleanup_(aliaser_clear) struct aliaser aliaser = {.mounts = mounts, .aliases = &aliases};
	int r;

	if (!mounts->count || !strcmp(pattern, "/"))
		return 0;
	r = aliaser_init(&aliaser, pattern);
	if (r >= 0)
		r = classes_find(&aliaser);
	for (size_t i = 0; r >= 0 && i < aliaser.class_count; i++)
		r = class_relate(&aliaser, &aliaser.classes[i]);
	if (r < 0)
		return r;
	*ret = aliases;
	aliases = (struct aliases){};
	return 0;
}

void aliases_clear(struct aliases *aliases)
{
	for (size_t i = 0; i < aliases->count; i++)
		free(aliases->items[i]);
	free(aliases->items);
	*aliases = (struct aliases){};
}
