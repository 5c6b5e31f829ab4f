/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/varlink.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* No call that there is nests deeper. */
#define DEPTH 8

const char varlink_description[] =
#include "varlink.inc" /* share/varlink/io.ambit.Cells.varlink */
	;

static struct json_object *parse(const char *bytes, size_t size)
{
	struct json_tokener *tokener;
	struct json_object *root;

	if (size > VARLINK_MAX || memchr(bytes, '\0', size))
		return NULL;
	tokener = json_tokener_new_ex(DEPTH);
	if (!tokener)
		return NULL;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	root = json_tokener_parse_ex(tokener, bytes, (int)size);
	if (json_tokener_get_error(tokener) != json_tokener_success ||
		json_tokener_get_parse_end(tokener) != size) {
		json_object_put(root);
		root = NULL;
	}
	json_tokener_free(tokener);
	return root;
}

int varlink_parse(const char *bytes, size_t size, struct varlink_call *ret)
{
	struct json_object *root = parse(bytes, size), *value;
	struct varlink_call call = {.root = root};

	if (json_object_is_type(root, json_type_object) &&
		json_object_object_get_ex(root, "method", &value) &&
		json_object_is_type(value, json_type_string))
		call.method = json_object_get_string(value);
	if (call.method && json_object_object_get_ex(root, "parameters", &call.parameters) &&
		call.parameters && !json_object_is_type(call.parameters, json_type_object))
		call.method = NULL;
	if (call.method && json_object_object_get_ex(root, "oneway", &value))
		call.oneway = json_object_get_boolean(value);
	if (call.method && json_object_object_get_ex(root, "more", &value))
		call.more = json_object_get_boolean(value);
	if (!call.method) {
		json_object_put(root);
		return -EBADMSG;
	}
	*ret = call;
	return 0;
}

void varlink_clear(struct varlink_call *call)
{
	json_object_put(call->root);
	*call = (struct varlink_call){0};
}

const char *varlink_string(const struct varlink_call *call, const char *name)
{
	struct json_object *value;
	const char *text;

	if (!call->parameters || !json_object_object_get_ex(call->parameters, name, &value) ||
		!json_object_is_type(value, json_type_string))
		return NULL;
	text = json_object_get_string(value);
	return strlen(text) == (size_t)json_object_get_string_len(value) ? text : NULL;
}

static char *reply_text(
	const char *error, struct json_object *parameters, bool continues, size_t *ret_size)
{
	struct json_object *root = json_object_new_object();
	const char *text;
	char *reply = NULL;

	if (!root) {
		json_object_put(parameters);
		return NULL;
	}
	if (error)
		json_object_object_add(root, "error", json_object_new_string(error));
	if (continues)
		json_object_object_add(root, "continues", json_object_new_boolean(true));
	json_object_object_add(root, "parameters", parameters ?: json_object_new_object());
	text = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN);
	if (text)
		reply = strdup(text);
	if (reply)
		*ret_size = strlen(reply) + 1;
	json_object_put(root);
	return reply;
}

char *varlink_reply(const char *error, struct json_object *parameters, size_t *ret_size)
{
	return reply_text(error, parameters, false, ret_size);
}

char *varlink_part(struct json_object *parameters, size_t *ret_size)
{
	return reply_text(NULL, parameters, true, ret_size);
}
