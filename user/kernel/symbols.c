/* SPDX-License-Identifier: Apache-2.0 */
/* What the running kernel calls things: symbols and hooks. */
#include <bpf/btf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/util.h"
#include "kernel/internal.h"

static void close_file(FILE **file)
{
	if (*file)
		fclose(*file);
}

/* "ADDRESS TYPE NAME\n", or with "\t[MODULE]" after the name. There are 100,000 and more. */
static bool line_names(const char *line, const char *name)
{
	const char *at = strchr(line, ' ');
	size_t length = strlen(name);

	return at && strlen(at) > 3 + length && memcmp(at + 3, name, length) == 0 &&
	       (at[3 + length] == '\n' || at[3 + length] == '\t');
}

int symbols_find(const char *const *names, uint64_t *values, size_t count, struct diag *diag)
{
	_cleanup_(close_file) FILE *file = fopen("/proc/kallsyms", "re");
	size_t left = count;
	char line[1024];

	memset(values, 0, count * sizeof(*values));
	while (file && left && fgets(line, sizeof(line), file)) {
		for (size_t i = 0; i < count; i++) {
			if (values[i] || !line_names(line, names[i]))
				continue;
			values[i] = strtoull(line, NULL, 16);
			left -= values[i] != 0; /* 0: hidden */
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

/* The name of the function to attach to. */
static void function_name(const char *hook, bool traced, char *ret, size_t size)
{
	static const char suffix[] = "_security";
	size_t length = strlen(hook), end = strlen(suffix);

	for (size_t i = 0; traced && i < ARRAY_SIZE(renamed); i++) {
		if (strcmp(renamed[i].hook, hook) == 0) {
			snprintf(ret, size, "%s", renamed[i].function);
			return;
		}
	}
	if (traced && length > end && strcmp(hook + length - end, suffix) == 0)
		length -= end;
	snprintf(ret, size, "%s%.*s", traced ? "security_" : "bpf_lsm_", (int)length, hook);
}

int hook_function(
	const struct btf *btf, const char *hook, bool traced, struct hook_function *ret)
{
	const struct btf_type *type;
	int id;

	function_name(hook, traced, ret->name, sizeof(ret->name));
	id = btf__find_by_name_kind(btf, ret->name, BTF_KIND_FUNC);
	if (id < 0)
		return -ENOENT;
	type = btf__type_by_id(btf, btf__type_by_id(btf, id)->type);
	ret->arguments = btf_vlen(type);
	ret->is_void = type->type == 0;
	return 0;
}

/* In one pass over the kernel's types, of which there are 100,000 and more. */
void hooks_present(const struct btf *btf, bool traced, bool ret[HOOK_ROWS])
{
	const char *prefix = traced ? "security_" : "bpf_lsm_";
	const size_t length = strlen(prefix);
	const uint32_t count = btf__type_cnt(btf);
	char names[HOOK_ROWS][128];

	for (int row = 0; row < HOOK_ROWS; row++) {
		ret[row] = false;
		function_name(hook_rows[row].hook, traced, names[row], sizeof(names[row]));
	}
	for (uint32_t id = 1; id < count; id++) {
		const struct btf_type *type = btf__type_by_id(btf, id);
		const char *name;

		if (!btf_is_func(type))
			continue;
		name = btf__name_by_offset(btf, type->name_off);
		for (int row = 0; strncmp(name, prefix, length) == 0 && row < HOOK_ROWS; row++)
			ret[row] = ret[row] || strcmp(name, names[row]) == 0;
	}
}
