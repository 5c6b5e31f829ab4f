/* SPDX-License-Identifier: Apache-2.0 */
/* What can be asked of the service: the interface in varlink.c, and that of every varlink service.
 */
#include <stdio.h>
#include <string.h>
#include "base/util.h"
#include "daemon/serve.h"

#define REFUSED VARLINK_INTERFACE ".Refused"

static char *refuse(int result, struct diag *diag, size_t *ret_size)
{
	struct json_object *parameters = json_object_new_object();
	char text[2048];

	if (diag->file && diag->line)
		snprintf(text, sizeof(text), "%s:%u:%u: %s", diag->file, diag->line, diag->column,
			diag->text ?: strerror(-result));
	else if (diag->file)
		snprintf(text, sizeof(text), "%s: %s", diag->file, diag->text ?: strerror(-result));
	else
		snprintf(text, sizeof(text), "%s", diag->text ?: strerror(-result));
	json_object_object_add(parameters, "reason", json_object_new_string(text));
	ambit_diag_clear(diag);
	return varlink_reply(REFUSED, parameters, ret_size);
}

static char *wrong(const char *parameter, size_t *ret_size)
{
	struct json_object *parameters = json_object_new_object();

	json_object_object_add(parameters, "parameter", json_object_new_string(parameter));
	return varlink_reply("org.varlink.service.InvalidParameter", parameters, ret_size);
}

static char *get_info(struct service *service, const struct varlink_call *call, size_t *ret_size)
{
	struct json_object *parameters = json_object_new_object();
	struct json_object *interfaces = json_object_new_array();

	(void)service;
	(void)call;
	json_object_object_add(parameters, "vendor", json_object_new_string("ambit"));
	json_object_object_add(parameters, "product", json_object_new_string("ambit"));
	json_object_object_add(parameters, "version", json_object_new_string(AMBIT_VERSION));
	json_object_object_add(parameters, "url", json_object_new_string(""));
	json_object_array_add(interfaces, json_object_new_string("org.varlink.service"));
	json_object_array_add(interfaces, json_object_new_string(VARLINK_INTERFACE));
	json_object_object_add(parameters, "interfaces", interfaces);
	return varlink_reply(NULL, parameters, ret_size);
}

static char *describe(struct service *service, const struct varlink_call *call, size_t *ret_size)
{
	const char *interface = varlink_string(call, "interface");
	struct json_object *parameters;

	(void)service;
	if (!interface)
		return wrong("interface", ret_size);
	parameters = json_object_new_object();
	if (strcmp(interface, VARLINK_INTERFACE)) {
		json_object_object_add(parameters, "interface", json_object_new_string(interface));
		return varlink_reply("org.varlink.service.InterfaceNotFound", parameters, ret_size);
	}
	json_object_object_add(
		parameters, "description", json_object_new_string(varlink_description));
	return varlink_reply(NULL, parameters, ret_size);
}

static char *attach(struct service *service, const struct varlink_call *call, size_t *ret_size)
{
	const char *cgroup = varlink_string(call, "cgroup"),
		   *policy = varlink_string(call, "policy");
	struct json_object *parameters;
	struct diag diag = {0};
	const struct ambit_place place = {.path = cgroup};
	struct hold *hold = NULL;
	unsigned tasks = 0;
	int result;

	if (!cgroup || !policy || *policy != '/')
		return wrong(cgroup ? "policy" : "cgroup", ret_size);
	result = ambit_hold_new(
		service->options, service->kernel, &place, policy, &hold, &tasks, &diag);
	if (result == 0)
		result = service_add(service, hold);
	if (result < 0)
		return refuse(result, &diag, ret_size);
	parameters = json_object_new_object();
	json_object_object_add(parameters, "cell", json_object_new_string(hold->state.name));
	json_object_object_add(parameters, "tasks", json_object_new_int64(tasks));
	return varlink_reply(NULL, parameters, ret_size);
}

static char *attach_process(
	struct service *service, const struct varlink_call *call, size_t *ret_size)
{
	const char *policy = varlink_string(call, "policy");
	struct json_object *parameters, *pid = NULL;
	struct diag diag = {0};
	struct hold *hold = NULL;
	unsigned tasks = 0;
	int result;

	if (!policy || *policy != '/')
		return wrong("policy", ret_size);
	if (!json_object_object_get_ex(call->parameters, "pid", &pid) ||
		!json_object_is_type(pid, json_type_int))
		return wrong("pid", ret_size);
	result = process_attach(service, json_object_get_int(pid), policy, &hold, &tasks, &diag);
	if (result == 0)
		result = service_add(service, hold);
	if (result < 0)
		return refuse(result, &diag, ret_size);
	parameters = json_object_new_object();
	json_object_object_add(parameters, "cell", json_object_new_string(hold->state.name));
	json_object_object_add(parameters, "cgroup", json_object_new_string(hold->state.cgroup));
	json_object_object_add(parameters, "tasks", json_object_new_int64(tasks));
	return varlink_reply(NULL, parameters, ret_size);
}

static bool is_meant(const struct hold *hold, const char *cell)
{
	char id[16];

	snprintf(id, sizeof(id), "%08x", ambit_cell_id(hold->cell));
	return !cell || strcmp(cell, hold->state.name) == 0 || strcmp(cell, id) == 0;
}

/* What the files say now, with errors as cells_d_read() has them: then nothing else is done either. */
static int rules_reload(struct service *service, int *ret_first, struct diag *diag)
{
	int result = cells_d_read(service, diag);

	if (result == 0)
		*ret_first = cells_d_apply(service, diag);
	return result;
}

int methods_reload(struct service *service, const char *cell, struct diag *diag)
{
	int count = 0, first = 0, read;
	struct diag other = {0};

	for (struct held *held = service->held; held; held = held->next)
		held->epoch = held->hold->epochs[0];
	read = cell ? 0 : rules_reload(service, &first, diag);
	if (read < 0)
		return read;
	loads_many(true);
	for (struct held *held = service->held; held; held = held->next) {
		int result = 0;

		if (!is_meant(held->hold, cell))
			continue;
		/* Not twice where a file has just bound it, or given it another policy. */
		if (held->epoch == held->hold->epochs[0])
			result = ambit_hold_reload(held->hold, first ? &other : diag);
		count += result == 0;
		first = first ?: result < 0 ? result : 0;
	}
	loads_many(false);
	ambit_diag_clear(&other);
	if (first == 0 && cell && !count) {
		ambit_diag_set(diag, NULL, 0, 0, "there is no cell \"%s\" here", cell);
		return -ENOENT;
	}
	if (first == 0 && !cell && service->untaken) {
		ambit_diag_set(diag, NULL, 0, 0,
			"%u bound cells are not held by this daemon and keep the policy they have: "
			"start it anew",
			service->untaken);
		return -EBUSY;
	}
	return first ?: count;
}

static char *reload(struct service *service, const struct varlink_call *call, size_t *ret_size)
{
	struct json_object *parameters;
	struct diag diag = {0};
	int result = methods_reload(service, varlink_string(call, "cell"), &diag);

	if (result < 0)
		return refuse(result, &diag, ret_size);
	parameters = json_object_new_object();
	json_object_object_add(parameters, "cells", json_object_new_int(result));
	return varlink_reply(NULL, parameters, ret_size);
}

static struct json_object *cell_json(const struct service *service, const struct hold *hold)
{
	const struct cell_rule *rule = cell_rules_find(&service->rules, hold->state.cgroup);
	struct json_object *cell = json_object_new_object();
	struct ambit_counters counters = {0};
	char id[16];
	const struct {
		const char *key;
		uint64_t value;
	} numbers[] = {
		{"epoch", hold->epochs[0]},
		{"allowed", (ambit_cell_totals(hold->cell, &counters),
				    ambit_counts_sum(counters.allowed))},
		{"denied", ambit_counts_sum(counters.denied)},
		{"lost", ambit_events_lost(&counters)},
	};

	snprintf(id, sizeof(id), "%08x", ambit_cell_id(hold->cell));
	json_object_object_add(cell, "id", json_object_new_string(id));
	json_object_object_add(cell, "name", json_object_new_string(hold->state.name));
	json_object_object_add(cell, "cgroup", json_object_new_string(hold->state.cgroup));
	json_object_object_add(cell, "policy", json_object_new_string(hold->state.file));
	if (rule)
		json_object_object_add(cell, "rule", json_object_new_string(rule->file));
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		json_object_object_add(
			cell, numbers[i].key, json_object_new_uint64(numbers[i].value));
	return cell;
}

static char *list(struct service *service, const struct varlink_call *call, size_t *ret_size)
{
	struct json_object *parameters = json_object_new_object();
	struct json_object *cells = json_object_new_array();

	(void)call;
	for (const struct held *held = service->held; held; held = held->next)
		json_object_array_add(cells, cell_json(service, held->hold));
	json_object_object_add(parameters, "cells", cells);
	return varlink_reply(NULL, parameters, ret_size);
}

static char *stop(struct service *service, const struct varlink_call *call, size_t *ret_size)
{
	(void)call;
	service->ends = true;
	return varlink_reply(NULL, NULL, ret_size);
}

char *methods_answer(struct service *service, const struct varlink_call *call, size_t *ret_size)
{
	static const struct {
		const char *name;
		char *(*answer)(
			struct service *service, const struct varlink_call *call, size_t *ret_size);
	} methods[] = {
		{"org.varlink.service.GetInfo", get_info},
		{"org.varlink.service.GetInterfaceDescription", describe},
		{VARLINK_INTERFACE ".Attach", attach},
		{VARLINK_INTERFACE ".AttachProcess", attach_process},
		{VARLINK_INTERFACE ".Reload", reload},
		{VARLINK_INTERFACE ".List", list},
		{VARLINK_INTERFACE ".Stop", stop},
	};
	struct json_object *parameters;

	for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
		if (strcmp(call->method, methods[i].name) == 0)
			return methods[i].answer(service, call, ret_size);
	parameters = json_object_new_object();
	json_object_object_add(parameters, "method", json_object_new_string(call->method));
	return varlink_reply("org.varlink.service.MethodNotFound", parameters, ret_size);
}
