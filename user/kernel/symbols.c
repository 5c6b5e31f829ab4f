/* SPDX-License-Identifier: Apache-2.0 */
/* What the running kernel calls things: symbols and hooks. */
#include <bpf/btf.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/util.h"
#include "kernel/internal.h"

static void close_file(FILE **file)
{
	if (*file)
		fclose(*file);
}

int symbols_find(const char *const *names, uint64_t *values, size_t count, struct diag *diag)
{
	_cleanup_(close_file) FILE *file = fopen("/proc/kallsyms", "re");
	char line[1024], name[512];
	uint64_t address;

	memset(values, 0, count * sizeof(*values));
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%" SCNx64 " %*c %511s", &address, name) != 2)
			continue;
		for (size_t i = 0; i < count; i++) {
			if (!values[i] && strcmp(name, names[i]) == 0)
				values[i] = address;
		}
	}
	for (size_t i = 0; i < count; i++) {
		if (values[i])
			continue;
		ambit_diag_set(diag, NULL, 0, 0,
			"the address of the kernel symbol \"%s\" is not in /proc/kallsyms; run as root, "
			"and where kernel.kptr_restrict is 2 set it to 1",
			names[i]);
		return -ENOENT;
	}
	return 0;
}

/*
 * The function that calls all LSMs for a hook is called security_HOOK, security_ and the hook without
 * its "_security", or one of these (security/security.c).
 */
static const struct {
	const char *hook, *function;
} renamed[] = {
	{"settime", "security_settime64"},
	{"socket_sock_rcv_skb", "security_sock_rcv_skb"},
	{"userns_create", "security_create_user_ns"},
	{"vm_enough_memory", "security_vm_enough_memory_mm"},
};

static int function_find(const struct btf *btf, const char *name, struct hook_function *ret)
{
	int id = btf__find_by_name_kind(btf, name, BTF_KIND_FUNC);
	const struct btf_type *type;

	if (id < 0)
		return -ENOENT;
	type = btf__type_by_id(btf, btf__type_by_id(btf, id)->type);
	snprintf(ret->name, sizeof(ret->name), "%s", name);
	ret->arguments = btf_vlen(type);
	ret->is_void = type->type == 0;
	return 0;
}

static int traced_find(const struct btf *btf, const char *hook, struct hook_function *ret)
{
	static const char suffix[] = "_security";
	size_t length = strlen(hook), end = strlen(suffix);
	char name[128];

	for (size_t i = 0; i < ARRAY_SIZE(renamed); i++) {
		if (strcmp(renamed[i].hook, hook) == 0)
			return function_find(btf, renamed[i].function, ret);
	}
	if (length > end && strcmp(hook + length - end, suffix) == 0)
		length -= end;
	snprintf(name, sizeof(name), "security_%.*s", (int)length, hook);
	return function_find(btf, name, ret);
}

int hook_function(
	const struct btf *btf, const char *hook, bool traced, struct hook_function *ret)
{
	char name[128];

	if (traced)
		return traced_find(btf, hook, ret);
	snprintf(name, sizeof(name), "bpf_lsm_%s", hook);
	return function_find(btf, name, ret);
}
