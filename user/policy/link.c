/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Symbolic links in patterns. The kernel decides on the object, whose path has no links in it, so a
 * pattern that goes through one would never match.
 */
#include <string.h>
#include <sys/stat.h>
#include "base/array.h"
#include "base/util.h"
#include "policy/glob.h"
#include "policy/pattern.h"
#include "policy/seen.h"
#include "policy/text.h"

#define LINKS_MAX 40 /* as the kernel */

/* A path while links are followed: what is done, and what is left ("/b/c" or ""). */
struct follow {
	char done[AMBIT_PATH_SIZE];
	char left[AMBIT_PATH_SIZE];
	struct links *links;
	struct seen *seen;
	unsigned count; /* of links that were followed */
};

void links_clear(struct links *links)
{
	for (size_t i = 0; i < links->count; i++)
		free(links->items[i]);
	free(links->items);
	*links = (struct links){};
}

static int links_add(struct links *links, const char *path)
{
	int r = ARRAY_GROW(links, items, links->count + 1);

	if (r < 0)
		return r;
	links->items[links->count] = strdup(path);
	return links->items[links->count++] ? 0 : -ENOMEM;
}

static void done_up(struct follow *follow)
{
	char *slash = strrchr(follow->done, '/');

	if (slash)
		*slash = '\0';
}

/* Takes the next name off `left`; false when there is none. */
static bool left_next(struct follow *follow, char name[AMBIT_PATH_SIZE])
{
	char *begin = follow->left + strspn(follow->left, "/");
	size_t length = strcspn(begin, "/");

	if (!length)
		return false;
	memcpy(name, begin, length);
	name[length] = '\0';
	memmove(follow->left, begin + length, strlen(begin + length) + 1);
	return true;
}

/* Puts `text` behind `path`, with a '/' between; -ENAMETOOLONG. */
static int path_append(char path[AMBIT_PATH_SIZE], const char *text)
{
	size_t length = strlen(path);

	text += strspn(text, "/");
	if (!*text)
		return 0;
	if (length + 1 + strlen(text) >= AMBIT_PATH_SIZE)
		return -ENAMETOOLONG;
	path[length] = '/';
	strcpy(path + length + 1, text);
	return 0;
}

/* `done` is a symbolic link to `target`: goes there. */
static int link_enter(struct follow *follow, const char *target)
{
	char left[AMBIT_PATH_SIZE] = "";
	int r;

	if (++follow->count > LINKS_MAX)
		return -ELOOP;
	r = links_add(follow->links, follow->done);
	if (r >= 0)
		r = path_append(left, target);
	if (r >= 0)
		r = path_append(left, follow->left);
	if (r < 0)
		return r;
	memcpy(follow->left, left, sizeof(left));
	if (*target == '/')
		*follow->done = '\0';
	else
		done_up(follow);
	return 0;
}

/* Follows one name. 1: all that is left stays as it is. */
static int follow_name(struct follow *follow, const char *name)
{
	char target[AMBIT_PATH_SIZE];
	ssize_t length;
	int r;

	if (!strcmp(name, "."))
		return 0;
	if (!strcmp(name, "..")) {
		done_up(follow);
		return 0;
	}
	r = path_append(follow->done, name);
	if (r < 0)
		return r;
	if (!strcmp(follow->done, "/proc"))
		return 1;
	length = seen_readlink(follow->seen, follow->done, target, sizeof(target) - 1);
	if (length < 0)
		return errno == EINVAL ? 0 : 1;
	target[length] = '\0';
	return link_enter(follow, target);
}

/* The path that `path` leads to, as far as it exists. -ELOOP, -ENAMETOOLONG. */
static int path_follow(const char *path, struct seen *seen, char **ret, struct links *links)
{
	_cleanup_free_ struct follow *follow = malloc(sizeof(*follow));
	char name[AMBIT_PATH_SIZE];
	int r = 0;

	if (!follow)
		return -ENOMEM;
	if (strlen(path) >= sizeof(follow->left))
		return -ENAMETOOLONG;
	strcpy(follow->left, path);
	follow->done[0] = '\0';
	follow->links = links;
	follow->seen = seen;
	follow->count = 0;
	while (r == 0 && left_next(follow, name))
		r = follow_name(follow, name);
	if (r >= 0)
		r = path_append(follow->done, follow->left);
	if (r < 0)
		return r;
	*ret = strdup(*follow->done ? follow->done : "/");
	return *ret ? 0 : -ENOMEM;
}

bool link_is_roots(const char *path)
{
	_cleanup_free_ char *copy = strdup(path);
	struct stat status;

	if (!copy || lstat(path, &status) < 0 || !S_ISLNK(status.st_mode) || status.st_uid)
		return false;
	/* From the link upwards; a directory that is another's could be renamed by him meanwhile, but then he is
	 * found in one of those above. */
	for (char *slash; (slash = strrchr(copy, '/'));) {
		*slash = '\0';
		if (lstat(*copy ? copy : "/", &status) < 0 || !S_ISDIR(status.st_mode) || status.st_uid ||
			status.st_mode & (S_IWGRP | S_IWOTH))
			return false;
	}
	return true;
}

/* Bytes of the part of a pattern that holds no component with a glob character. */
static size_t literal_length(const char *pattern)
{
	size_t length = 0;

	for (;;) {
		size_t next = length + 1 + strcspn(pattern + length + 1, "/");

		if (!glob_is_literal(pattern + length, next - length))
			return length;
		length = next;
		if (!pattern[length])
			return length;
	}
}

char *pattern_prefix(const char *pattern)
{
	char *plain = glob_unescape(pattern, literal_length(pattern));

	if (plain && !strcmp(plain, "/"))
		*plain = '\0';
	return plain;
}

bool pattern_lies_in(const char *pattern, const char *root)
{
	_cleanup_free_ char *plain = pattern_prefix(pattern);
	size_t length = strlen(root);

	return plain && !strncmp(plain, root, length) && (!plain[length] || plain[length] == '/');
}

int pattern_follow(const char *pattern, struct seen *seen, char **ret, struct links *links)
{
	size_t length = literal_length(pattern);
	_cleanup_free_ char *plain = glob_unescape(pattern, length);
	_cleanup_free_ char *followed = NULL, *escaped = NULL;
	int r;

	if (!plain)
		return -ENOMEM;
	r = path_follow(plain, seen, &followed, links);
	/* A path that leads nowhere opens nothing either: only what is written counts. */
	if (r == -ELOOP || r == -ENAMETOOLONG || (r >= 0 && !strcmp(followed, plain)) || !*plain) {
		*ret = NULL;
		return 0;
	}
	if (r < 0)
		return r;
	escaped = glob_escape(followed);
	if (!escaped)
		return -ENOMEM;
	if (!strcmp(escaped, "/") && pattern[length])
		*escaped = '\0';
	*ret = text_format("%s%s", escaped, pattern + length);
	return *ret ? 0 : -ENOMEM;
}
