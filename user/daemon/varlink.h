/* SPDX-License-Identifier: Apache-2.0 */
/* The protocol of varlink (https://varlink.org/Method-Call): JSON objects, each ended by a NUL byte. */
#ifndef AMBIT_VARLINK_H
#define AMBIT_VARLINK_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#define VARLINK_MAX 65536 /* bytes of one message */
#define VARLINK_INTERFACE "io.ambit.Cells"
/* The text of the interface, as `varlinkctl introspect` shows it. */
extern const char varlink_description[];

struct varlink_call {
	struct json_object *root; /* owned */
	const char *method;
	struct json_object *parameters; /* NULL: none */
	bool oneway;
	bool more; /* whoever asks takes several answers */
};
/* Reads one message (no NUL) that may be hostile; -EBADMSG if it is no call. */
int varlink_parse(const char *bytes, size_t size, struct varlink_call *ret);
void varlink_clear(struct varlink_call *call);
/* A parameter that has to be a string, without a NUL in it; NULL if there is none. */
const char *varlink_string(const struct varlink_call *call, const char *name);

/* Answers, malloc()ed, with their NUL, which `ret_size` counts; NULL without memory. Parameters are taken
 * over. `error` NULL: it went well. */
char *varlink_reply(const char *error, struct json_object *parameters, size_t *ret_size);
/* The same for a call that has more answers coming. */
char *varlink_part(struct json_object *parameters, size_t *ret_size);

#endif
