/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer: any bytes as a message to the daemon. What is read as a call is answered, in one message; and what a
 * user asks for with one has all that it needs, or the name of a parameter that is wrong. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "daemon/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct varlink_call call = {0};
	struct json_object *parameters;
	size_t reply_size = 0;
	const char *cgroup, *wrong = NULL;
	struct run_request request = {0};
	char *reply;

	if (varlink_parse((const char *)data, size, &call))
		return 0;
	cgroup = varlink_string(&call, "cgroup");
	parameters = json_object_new_object();
	json_object_object_add(parameters, "method", json_object_new_string(call.method));
	if (cgroup)
		json_object_object_add(parameters, "cgroup", json_object_new_string(cgroup));
	reply = varlink_reply("io.ambit.Cells.Refused", parameters, &reply_size);
	if (!reply || memchr(reply, '\0', reply_size) != reply + reply_size - 1)
		abort();
	free(reply);
	if (run_request_read(&call, &request, &wrong) == 0) {
		if (!request.command[0] || *request.directory != '/' || request.pid < 2 ||
			(!request.policy && !request.audit))
			abort();
		run_request_variable(&request, "HOME");
	} else if (!wrong) {
		abort();
	}
	run_request_clear(&request);
	varlink_clear(&call);
	return 0;
}
