/* SPDX-License-Identifier: Apache-2.0 */
#include "trail/actor.h"

#include <stdlib.h>
#include <string.h>
#include "trail/lineage.h"
#include "trail/ocsf.h"
#include "trail/source.h"

static void put_user(struct writer *writer, uint32_t uid)
{
	char text[20], *from = ambit_writer_digits(text + sizeof(text), uid);

	ambit_writer_open(writer, "user", '{');
	ambit_writer_bytes(writer, "uid", from, (size_t)(text + sizeof(text) - from));
	ambit_writer_close(writer, '}');
}

/* From the parent upwards. Whose start is not known as events have it has no name for good. */
static void put_ancestry(struct writer *writer, const struct ambit_event *event)
{
	struct ancestor ancestors[LINEAGE_MOST];
	const unsigned count = ambit_lineage_find(event, ancestors);

	ambit_lineage_learn(event);
	/* With the parent alone it would say nothing new. */
	if (count < 2)
		return;
	ambit_writer_open(writer, "ancestry", '[');
	for (unsigned i = 0; i < count; i++) {
		const struct ancestor *ancestor = &ancestors[i];

		ambit_writer_open(writer, NULL, '{');
		if (ancestor->start)
			ambit_ocsf_process(writer, ancestor->pid, ancestor->start);
		else
			ambit_writer_number(writer, "pid", ancestor->pid);
		ambit_writer_bytes(
			writer, "name", ancestor->name, strnlen(ancestor->name, sizeof(ancestor->name)));
		ambit_writer_close(writer, '}');
	}
	ambit_writer_close(writer, ']');
}

static struct actor_inexact put_actor(struct writer *writer, const struct record *record)
{
	const struct ambit_event *event = record->event;
	struct actor_inexact inexact = {0};

	ambit_writer_open(writer, "actor", '{');
	ambit_writer_open(writer, "process", '{');
	ambit_ocsf_process(writer, event->pid, event->start_time);
	ambit_writer_number(writer, "tid", event->tid);
	inexact.comm = !ambit_writer_bytes(
		writer, "name", event->comm, strnlen(event->comm, sizeof(event->comm)));
	if (record->exe_length)
		inexact.exe = !ambit_ocsf_file(writer, record->exe, record->exe_length, 1);
	put_user(writer, event->uid);
	ambit_writer_open(writer, "parent_process", '{');
	ambit_ocsf_process(writer, event->ppid, event->parent_start_time);
	inexact.parent_comm = !ambit_writer_bytes(writer, "name", event->parent_comm,
		strnlen(event->parent_comm, sizeof(event->parent_comm)));
	ambit_writer_close(writer, '}');
	put_ancestry(writer, event);
	ambit_writer_close(writer, '}');
	ambit_writer_close(writer, '}');
	return inexact;
}

/* All that put_actor() looks at. */
static bool is_same(const struct actor_memo *memo, const struct record *record)
{
	const struct ambit_event *a = &memo->event, *b = record->event;

	return a->start_time == b->start_time && a->parent_start_time == b->parent_start_time &&
	       a->pid == b->pid && a->tid == b->tid && a->ppid == b->ppid && a->uid == b->uid &&
	       !memcmp(a->comm, b->comm, sizeof(a->comm)) &&
	       !memcmp(a->parent_comm, b->parent_comm, sizeof(a->parent_comm)) &&
	       memo->exe_length == record->exe_length &&
	       !memcmp(memo->exe, record->exe, record->exe_length);
}

/* Without memory it is made again the next time. */
static void remember(struct actor_memo *memo, const struct record *record, const char *text, size_t size)
{
	ambit_actor_forget(memo);
	memo->text = malloc(size);
	memo->exe = malloc(record->exe_length + 1);
	if (!memo->text || !memo->exe) {
		ambit_actor_forget(memo);
		return;
	}
	memcpy(memo->text, text, size);
	memcpy(memo->exe, record->exe, record->exe_length);
	memo->size = size;
	memo->exe_length = record->exe_length;
	memo->event = *record->event;
}

struct actor_inexact ambit_actor_put(struct writer *writer, const struct record *record)
{
	struct actor_memo *memo = record->source ? &record->source->actor : NULL;
	struct actor_inexact inexact;
	size_t from = writer->size;

	if (memo && memo->text && is_same(memo, record)) {
		ambit_writer_again(writer, memo->text, memo->size);
		return memo->inexact;
	}
	inexact = put_actor(writer, record);
	if (memo && !writer->failed) {
		remember(memo, record, writer->bytes + from, writer->size - from);
		memo->inexact = inexact;
	}
	return inexact;
}

void ambit_actor_forget(struct actor_memo *memo)
{
	free(memo->text);
	free(memo->exe);
	*memo = (struct actor_memo){0};
}
