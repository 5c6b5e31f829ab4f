/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An agent that is refused tries again and again: one line is enough, the summary has the count.
 * Compared is all that the line shows of the object, never a digest of it: nobody can make one
 * denial hide another.
 */
#include <search.h>
#include <string.h>
#include "base/util.h"
#include "cli/run.h"

struct fold {
	void *tree;
	size_t count;
};

struct key {
	size_t size;
	char bytes[];
};

static int compare(const void *a, const void *b)
{
	const struct key *left = a, *right = b;

	if (left->size != right->size)
		return left->size < right->size ? -1 : 1;
	return memcmp(left->bytes, right->bytes, left->size);
}

static struct key *key_new(const struct record *record)
{
	const struct ambit_event *event = record->event;
	_cleanup_free_ char *object = ambit_record_object(record);
	size_t length = object ? strlen(object) : 0;
	size_t fixed = sizeof(event->reason) + sizeof(event->rule) + sizeof(event->verdict);
	struct key *key = object ? malloc(sizeof(*key) + fixed + length) : NULL;
	char *at;

	if (!key)
		return NULL;
	key->size = fixed + length;
	at = key->bytes;
	at = mempcpy(at, &event->reason, sizeof(event->reason));
	at = mempcpy(at, &event->rule, sizeof(event->rule));
	at = mempcpy(at, &event->verdict, sizeof(event->verdict));
	memcpy(at, object, length);
	return key;
}

struct fold *ambit_fold_new(void)
{
	return calloc(1, sizeof(struct fold));
}

static void forget(struct fold *fold)
{
	tdestroy(fold->tree, free);
	fold->tree = NULL;
	fold->count = 0;
}

bool ambit_fold_is_new(struct fold *fold, const struct record *record)
{
	struct key *key = key_new(record);
	struct key **found;

	if (!key)
		return false;
	if (fold->count >= FOLD_MAX)
		forget(fold);
	found = tsearch(key, &fold->tree, compare);
	if (found && *found == key) {
		fold->count++;
		return true;
	}
	free(key);
	return false;
}

void ambit_fold_free(struct fold *fold)
{
	if (!fold)
		return;
	forget(fold);
	free(fold);
}
