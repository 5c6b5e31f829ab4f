/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/request.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "base/util.h"

static struct json_object *parameter(const struct varlink_call *call, const char *name)
{
	struct json_object *value = NULL;

	if (call->parameters)
		json_object_object_get_ex(call->parameters, name, &value);
	return value;
}

/* A text without a NUL; `ret` stays NULL if there is none. */
static bool text_read(const struct varlink_call *call, const char *name, const char **ret)
{
	*ret = varlink_string(call, name);
	return *ret || !parameter(call, name);
}

static bool flag_read(const struct varlink_call *call, const char *name, bool *ret)
{
	struct json_object *value = parameter(call, name);

	*ret = json_object_get_boolean(value);
	return !value || json_object_is_type(value, json_type_boolean);
}

static bool pid_read(const struct varlink_call *call, pid_t *ret)
{
	struct json_object *value = parameter(call, "pid");
	int64_t number = json_object_get_int64(value);

	*ret = (pid_t)number;
	return json_object_is_type(value, json_type_int) && number > 1 && number <= INT_MAX;
}

/* A string of JSON can have a NUL in it. */
static const char *plain(struct json_object *value)
{
	const char *text = json_object_is_type(value, json_type_string) ? json_object_get_string(value)
									: NULL;

	return text && strlen(text) == (size_t)json_object_get_string_len(value) ? text : NULL;
}

static int command_read(const struct varlink_call *call, char ***ret)
{
	struct json_object *value = parameter(call, "command");
	const size_t count =
		json_object_is_type(value, json_type_array) ? json_object_array_length(value) : 0;
	char **words;

	if (!count || count > REQUEST_WORDS)
		return -EINVAL;
	words = calloc(count + 1, sizeof(*words));
	if (!words)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		words[i] = (char *)plain(json_object_array_get_idx(value, i));
		if (!words[i]) {
			free(words);
			return -EINVAL;
		}
	}
	*ret = words;
	return 0;
}

static bool variables_read(const struct varlink_call *call, struct json_object **ret)
{
	struct json_object *value = parameter(call, "variables");

	if (!value)
		return true;
	if (!json_object_is_type(value, json_type_object))
		return false;
	json_object_object_foreach(value, name, text)
	{
		(void)name;
		if (!plain(text))
			return false;
	}
	*ret = value;
	return true;
}

int run_request_read(
	const struct varlink_call *call, struct run_request *ret, const char **ret_wrong)
{
	struct run_request request = {0};
	const char *wrong = !text_read(call, "policy", &request.policy) ? "policy"
			    : !text_read(call, "file", &request.file)	? "file"
			    : !text_read(call, "directory", &request.directory) || !request.directory ||
					      *request.directory != '/'
				    ? "directory"
			    : !pid_read(call, &request.pid)		     ? "pid"
			    : !variables_read(call, &request.variables)	     ? "variables"
			    : !flag_read(call, "audit", &request.audit)	     ? "audit"
			    : !flag_read(call, "json", &request.json)	     ? "json"
			    : !flag_read(call, "quiet", &request.quiet)	     ? "quiet"
			    : !request.policy && !request.audit		     ? "policy"
									     : NULL;
	int result = wrong ? -EINVAL : command_read(call, &request.command);

	if (result < 0) {
		*ret_wrong = wrong ?: "command";
		return result;
	}
	*ret = request;
	return 0;
}

void run_request_clear(struct run_request *request)
{
	free(request->command);
	*request = (struct run_request){0};
}

const char *run_request_variable(const struct run_request *request, const char *name)
{
	struct json_object *value;

	return request->variables && json_object_object_get_ex(request->variables, name, &value)
		       ? json_object_get_string(value)
		       : NULL;
}
