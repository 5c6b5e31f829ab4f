/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/seen.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEADS 256

struct name {
	struct name *next;
	uint32_t hash;
	int error;
	char path[];
};

struct seen {
	struct name *heads[HEADS];
};

static uint32_t hash_of(const char *path)
{
	uint32_t hash = 2166136261U;

	for (; *path; path++)
		hash = (hash ^ (uint8_t)*path) * 16777619U;
	return hash ^ hash >> 16;
}

struct seen *seen_new(void)
{
	return calloc(1, sizeof(struct seen));
}

void seen_free(struct seen *seen)
{
	for (size_t i = 0; seen && i < HEADS; i++) {
		for (struct name *name = seen->heads[i], *next; name; name = next) {
			next = name->next;
			free(name);
		}
	}
	free(seen);
}

static void remember(struct seen *seen, uint32_t hash, const char *path, int error)
{
	const size_t size = strlen(path) + 1;
	struct name *name = malloc(sizeof(*name) + size);

	if (!name)
		return;
	name->hash = hash;
	name->error = error;
	name->next = seen->heads[hash % HEADS];
	memcpy(name->path, path, size);
	seen->heads[hash % HEADS] = name;
}

ssize_t seen_readlink(struct seen *seen, const char *path, char *ret, size_t size)
{
	const uint32_t hash = seen ? hash_of(path) : 0;
	ssize_t length;

	for (struct name *name = seen ? seen->heads[hash % HEADS] : NULL; name; name = name->next) {
		if (name->hash == hash && strcmp(name->path, path) == 0) {
			errno = name->error;
			return -1;
		}
	}
	length = readlink(path, ret, size);
	if (length < 0 && seen && (errno == EINVAL || errno == ENOENT)) {
		const int error = errno;

		remember(seen, hash, path, error);
		errno = error;
	}
	return length;
}
