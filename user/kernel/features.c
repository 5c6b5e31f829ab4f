/* SPDX-License-Identifier: Apache-2.0 */
/* What the running kernel has of what ambit needs. Looks, changes nothing. */
#include <bpf/btf.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include "base/util.h"
#include "kernel/internal.h"

struct list {
	struct feature *items;
	size_t count, size;
};

/* Appends a row; NULL without memory. */
__attribute__((format(printf, 5, 6))) static struct feature *row(struct list *list,
	const char *name, enum feature_state state, bool required, const char *detail, ...)
{
	struct feature *feature;
	va_list arguments;

	if (list->count == list->size) {
		size_t size = list->size ? 2 * list->size : 64;
		struct feature *items = reallocarray(list->items, size, sizeof(*items));

		if (!items)
			return NULL;
		list->items = items;
		list->size = size;
	}
	feature = &list->items[list->count++];
	*feature = (struct feature){.name = name, .state = state, .required = required};
	va_start(arguments, detail);
	vsnprintf(feature->detail, sizeof(feature->detail), detail, arguments);
	va_end(arguments);
	return feature;
}

__attribute__((format(printf, 2, 3))) static void remedy(struct feature *feature,
	const char *format, ...)
{
	va_list arguments;

	if (!feature)
		return;
	va_start(arguments, format);
	vsnprintf(feature->remedy, sizeof(feature->remedy), format, arguments);
	va_end(arguments);
}

/* Reads a short file; false if that is not possible. */
static bool read_text(const char *path, char *ret, size_t size)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, ret, size - 1);

	if (length < 0)
		return false;
	ret[length] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
	return true;
}

static bool has_word(const char *list, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = list; *at; at += strspn(at, ",")) {
		size_t span = strcspn(at, ",");

		if (span == length && strncmp(at, word, length) == 0)
			return true;
		at += span;
	}
	return false;
}

static void check_version(struct list *list)
{
	struct utsname name;
	unsigned major = 0, minor = 0;
	bool old;
	struct feature *feature;

	if (uname(&name) < 0 || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		major = 0;
	old = major < 6 || (major == 6 && minor < 1);
	feature = row(list, "kernel", old ? FEATURE_MISSING : FEATURE_OK, true, "%s", name.release);
	if (old)
		remedy(feature, "boot Linux 6.1 or newer; Debian 12 and 13 have it");
}

/* The order of `lsm=` matters little, the presence of `bpf` decides. */
static void check_lsm(struct list *list)
{
	char active[256];
	struct feature *feature;

	if (!read_text("/sys/kernel/security/lsm", active, sizeof(active))) {
		feature = row(list, "lsm list", FEATURE_UNKNOWN, false,
			"/sys/kernel/security/lsm cannot be read");
		remedy(feature, "mount -t securityfs securityfs /sys/kernel/security");
		return;
	}
	if (has_word(active, "bpf")) {
		row(list, "lsm list", FEATURE_OK, true, "%s", active);
		return;
	}
	feature = row(list, "lsm list", FEATURE_MISSING, true, "%s: no bpf", active);
	remedy(feature,
		"in /etc/default/grub put lsm=%s,bpf into GRUB_CMDLINE_LINUX="
		"\"… lsm=%s,bpf\", then run `update-grub` and reboot",
		active, active);
}

static void check_file_systems(struct list *list)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	bool cgroup = false, bpf = false;
	char where[256] = "not mounted";
	struct mntent *entry;
	struct feature *feature;

	while (mounts && (entry = getmntent(mounts))) {
		if (!cgroup && strcmp(entry->mnt_type, "cgroup2") == 0) {
			snprintf(where, sizeof(where), "%s", entry->mnt_dir);
			cgroup = true;
		}
		bpf = bpf || strcmp(entry->mnt_type, "bpf") == 0;
	}
	if (mounts)
		endmntent(mounts);
	feature = row(list, "cgroup v2", cgroup ? FEATURE_OK : FEATURE_MISSING, true, "%s", where);
	if (!cgroup)
		remedy(feature, "mount -t cgroup2 none /sys/fs/cgroup");
	row(list, "bpf file system", FEATURE_OK, false, "%s",
		bpf ? "mounted" : "not mounted; ambit mounts it when it arms");
}

static void check_symbols(struct list *list)
{
	static const char *const names[] = {"rename_lock", "mount_lock"};
	uint64_t values[ARRAY_SIZE(names)];
	struct diag diag = {};
	struct feature *feature;

	if (symbols_find(names, values, ARRAY_SIZE(names), &diag) == 0) {
		row(list, "kernel symbols", FEATURE_OK, true, "rename_lock, mount_lock");
	} else if (geteuid() != 0) {
		row(list, "kernel symbols", FEATURE_UNKNOWN, false, "only root can see them");
	} else {
		feature = row(list, "kernel symbols", FEATURE_MISSING, true, "not in /proc/kallsyms");
		remedy(feature, "%s", diag.text ?: "");
	}
	ambit_diag_clear(&diag);
}

static void check_hooks(struct list *list)
{
	static const struct {
		const char *name, *hook;
		bool required;
	} rows[] = {
#define MUST true
#define MAY  false
#define HOOK(area, hook, op, need) {"hook " #hook, #hook, need},
#include "bpf/hooks.def"
#undef HOOK
	};
	struct btf *btf = btf__load_vmlinux_btf();
	struct feature *feature;

	feature = row(list, "kernel types", btf ? FEATURE_OK : FEATURE_MISSING, true, "%s",
		btf ? "/sys/kernel/btf/vmlinux" : "no BTF");
	if (!btf)
		remedy(feature, "boot a kernel built with CONFIG_DEBUG_INFO_BTF=y, as Debian's are");
	for (size_t i = 0; btf && i < ARRAY_SIZE(rows); i++) {
		bool there = btf_hook_arguments(btf, rows[i].hook) >= 0;

		feature = row(list, rows[i].name, there ? FEATURE_OK : FEATURE_MISSING,
			rows[i].required, "%s",
			there		   ? "present"
			: rows[i].required ? "missing"
					   : "missing; its acts pass another hook on this kernel");
		if (!there && rows[i].required)
			remedy(feature, "boot Linux 6.1 or newer with CONFIG_BPF_LSM=y, "
					"CONFIG_SECURITY_PATH=y and CONFIG_SECURITY_NETWORK=y");
	}
	btf__free(btf);
}

int ambit_kernel_features(struct feature **ret, size_t *ret_count)
{
	struct list list = {};

	check_version(&list);
	check_lsm(&list);
	check_file_systems(&list);
	check_symbols(&list);
	check_hooks(&list);
	row(&list, "armed", FEATURE_OK, false, "%s", ambit_kernel_is_armed() ? "yes" : "no");
	if (!list.items)
		return -ENOMEM;
	*ret = list.items;
	*ret_count = list.count;
	return 0;
}
