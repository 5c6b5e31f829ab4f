/* SPDX-License-Identifier: Apache-2.0 */
/* Who did it: `actor` of an event. */
#ifndef AMBIT_ACTOR_H
#define AMBIT_ACTOR_H

#include <stdbool.h>
#include "trail/trail.h"
#include "trail/writer.h"

/* Which of its names are no UTF-8, so that the text is not what they are. */
struct actor_inexact {
	bool comm, parent_comm, exe;
};

/* One process often does many things one after the other: the text of the latest (struct trail_source). */
struct actor_memo {
	struct ambit_event event;
	char *exe;
	size_t exe_length;
	char *text; /* NULL: there is none */
	size_t size;
	struct actor_inexact inexact;
};

struct actor_inexact ambit_actor_put(struct writer *writer, const struct record *record);
void ambit_actor_forget(struct actor_memo *memo);

#endif
