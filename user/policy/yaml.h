/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML as far as policies need it: mappings, lists, text. Anchors, aliases, tags, directives, a
 * second document and deep nesting are refused. Events come one at a time, so nothing that is
 * hostile is ever built in memory.
 */
#ifndef AMBIT_YAML_H
#define AMBIT_YAML_H

#include <stdbool.h>
#include <yaml.h>
#include "base/diag.h"

struct mark {
	unsigned line, column;
};

struct yaml {
	yaml_parser_t parser;
	yaml_event_t event; /* the current one */
	const char *file;   /* borrowed, like the text */
	const char *text;
	size_t size;
	struct diags *diags;
	unsigned depth;	 /* of mappings and lists that are open */
	bool failed;	 /* some error was added */
	struct mark key; /* of the value that is read */
	/* Where the line of the last mark begins, so that columns can be given in bytes. */
	size_t line_start, line;
};

/* Begins to read and moves to the root node. -ENODATA when there is none, -EINVAL after an error
 * (added to `diags`). */
int yaml_open(
	struct yaml *yaml, const char *file, const char *text, size_t size, struct diags *diags);
/* Moves past the root node; a second document is an error. */
int yaml_finish(struct yaml *yaml);
void yaml_close(struct yaml *yaml);

/* Moves to the next event. -EINVAL, with the error added, if the text is not YAML. */
int yaml_next(struct yaml *yaml);
/* Moves to the end of the node that the current event begins. */
int yaml_skip(struct yaml *yaml);

/* Where the current event begins. */
struct mark yaml_mark(struct yaml *yaml);
/* What the current event is, for messages. */
const char *yaml_type(const struct yaml *yaml);
/* The text of a scalar without NUL bytes; NULL for any other event. */
const char *yaml_text(const struct yaml *yaml);
/* True for a key that has nothing after it. */
bool yaml_is_null(const struct yaml *yaml);

void yaml_error(struct yaml *yaml, struct mark mark, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A key of a mapping and what reads its value; `data` is the caller's. The function finds the
 * first event of the value as the current one and leaves its last one. */
struct yaml_key {
	const char *name;
	int (*parse)(struct yaml *yaml, const struct yaml_key *key, void *data);
	unsigned value;	  /* the caller's, except YAML_KEY_QUIET: messages do not list the key */
	const void *more; /* the caller's */
};
#define YAML_KEY_QUIET 0xffffffffU

/* Reads the mapping that the current event begins: each key once, by its row of the table. `where`
 * names the mapping in messages; `ret_seen` gets a bit for each row that was there. */
int yaml_mapping(struct yaml *yaml, const char *where, const struct yaml_key *keys, size_t count,
	void *data, unsigned *ret_seen);

/* Reads a list of texts and hands each to `item`; and mappings to `mapping`, which reads them to their
 * end, unless it is NULL. */
int yaml_list(struct yaml *yaml, const char *where,
	int (*item)(struct yaml *yaml, const char *text, struct mark mark, void *data),
	int (*mapping)(struct yaml *yaml, void *data), void *data);

#endif
