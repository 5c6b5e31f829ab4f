/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer: any bytes as a message to the daemon. What is read as a call is answered, in one message. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "daemon/varlink.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct varlink_call call = {0};
	struct json_object *parameters;
	size_t reply_size = 0;
	const char *cgroup;
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
	varlink_clear(&call);
	return 0;
}
