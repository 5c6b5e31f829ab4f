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

const char *hook_name(unsigned hook)
{
	static const char *const names[] = {
#define HOOK(area, hook, op, need) #hook,
#include "bpf/hooks.def"
#undef HOOK
	};

	return hook < ARRAY_SIZE(names) ? names[hook] : NULL;
}

int btf_hook_arguments(const struct btf *btf, const char *hook)
{
	const struct btf_type *type;
	char name[128];
	int id;

	snprintf(name, sizeof(name), "bpf_lsm_%s", hook);
	id = btf__find_by_name_kind(btf, name, BTF_KIND_FUNC);
	if (id < 0)
		return -ENOENT;
	type = btf__type_by_id(btf, btf__type_by_id(btf, id)->type);
	return btf_vlen(type);
}
