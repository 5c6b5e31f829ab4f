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
#include "kernel/rows.h"

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

static void check_lsm(struct list *list, const struct facts *facts, bool best_effort)
{
	struct feature *feature;

	if (facts->lsm == LSM_UNKNOWN) {
		feature = row(list, "lsm list", FEATURE_UNKNOWN, false,
			"/sys/kernel/security/lsm cannot be read");
		remedy(feature, "mount -t securityfs securityfs /sys/kernel/security");
		return;
	}
	if (facts->lsm == LSM_HAS_BPF) {
		row(list, "lsm list", FEATURE_OK, true, "%s", facts->lsm_list);
		return;
	}
	feature = row(list, "lsm list", FEATURE_MISSING, !best_effort, "%s: no bpf", facts->lsm_list);
	remedy(feature,
		"in /etc/default/grub put lsm=%s,bpf into GRUB_CMDLINE_LINUX="
		"\"… lsm=%s,bpf\", then run `update-grub` and reboot; until then --best-effort "
		"gives a weaker promise",
		facts->lsm_list, facts->lsm_list);
}

/* Preemption matters only where a preempted program is skipped or fails. */
static void check_preemption(struct list *list, const struct facts *facts, bool best_effort)
{
	static const char *const texts[] = {[PREEMPTION_UNKNOWN] = "unknown",
		[PREEMPTION_OFF] = "off in kernel code",
		[PREEMPTION_ON] = "on in kernel code"};
	bool matters = facts->lsm_skips || facts->label_fails || facts_traced(facts);
	bool bad = matters && facts->preemption != PREEMPTION_OFF;
	struct feature *feature = row(list, "preemption", bad ? FEATURE_MISSING : FEATURE_OK,
		bad && !best_effort, "%s%s", texts[facts->preemption],
		bad ? ": a decision that comes while another one was interrupted can be skipped" : "");

	if (bad)
		remedy(feature, "boot with preempt=voluntary, or write \"voluntary\" to "
				"/sys/kernel/debug/sched/preempt, where the kernel has that mode");
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

/* What is known of a hook: whether the kernel has it, and where it is armed, what is attached. */
struct hooks {
	bool armed;
	struct attached attached;
	unsigned needs;		/* of the cells that are bound */
	bool works[HOOK_ROWS];	/* there, and attached as far as one of them needs it */
};

static void hooks_read(const struct facts *facts, struct hooks *ret)
{
	*ret = (struct hooks){.needs = NEEDS_ALL};
	ret->armed = attached_wanted(&ret->attached, &ret->needs) == 0;
	for (int i = 0; i < HOOK_ROWS; i++)
		ret->works[i] = facts->present[i] && (!ret->armed || ret->attached.rows[i] ||
							     !hook_needed(i, ret->needs));
}

static void hook_absent(struct list *list, const char *name, const struct hook_row *hook,
	bool required)
{
	struct feature *feature = row(list, name, FEATURE_MISSING, hook->must && required, "%s",
		hook->must ? "missing" : "missing; its acts pass another hook on this kernel");

	if (hook->must)
		remedy(feature, "boot Linux 6.1 or newer with CONFIG_BPF_LSM=y, "
				"CONFIG_SECURITY_PATH=y and CONFIG_SECURITY_NETWORK=y");
}

/* Of an armed kernel: what is attached, and why the rest is not. */
static void hook_armed(struct list *list, const char *name, int hook, const struct hooks *hooks,
	bool required)
{
	bool needed = hook_needed(hook, hooks->needs);
	struct feature *feature;

	if (hooks->attached.rows[hook]) {
		row(list, name, FEATURE_ATTACHED, false, "attached");
	} else if (!needed) {
		row(list, name, FEATURE_UNUSED, false, "not needed by any loaded policy");
	} else {
		feature = row(list, name, FEATURE_MISSING, hook_rows[hook].must && required,
			"missing: not attached, and a loaded policy needs it");
		remedy(feature, "end the cells (`ambit ps` lists them), run `ambit disarm` and arm the "
				"kernel again");
	}
}

static void check_hooks(struct list *list, const struct btf *btf, const struct facts *facts,
	const struct hooks *hooks, bool best_effort)
{
	static const char *const names[] = {
#define HOOK(area, hook, op, need, when) "hook " #hook,
#include "bpf/hooks.def"
#undef HOOK
	};
	struct feature *feature = row(list, "kernel types", btf ? FEATURE_OK : FEATURE_MISSING, true,
		"%s", btf ? "/sys/kernel/btf/vmlinux" : "no BTF");

	if (!btf)
		remedy(feature, "boot a kernel built with CONFIG_DEBUG_INFO_BTF=y, as Debian's are");
	for (int i = 0; btf && i < HOOK_ROWS; i++) {
		if (!facts->present[i])
			hook_absent(list, names[i], &hook_rows[i], !best_effort);
		else if (hooks->armed)
			hook_armed(list, names[i], i, hooks, !best_effort);
		else
			row(list, names[i], FEATURE_OK, false, "present");
	}
}

/* How many of the hooks that there are have a program. */
static void check_armed(struct list *list, const struct facts *facts, const struct hooks *hooks)
{
	unsigned there = 0;

	for (int i = 0; i < HOOK_ROWS; i++)
		there += facts->present[i];
	if (!hooks->armed)
		row(list, "armed", FEATURE_OK, false, "no");
	else if (hooks->attached.count >= there)
		row(list, "armed", FEATURE_OK, false, "yes, all %u hooks", there);
	else
		row(list, "armed", FEATURE_OK, false, "yes, %u of %u hooks", hooks->attached.count, there);
}

/* By row of the table of ways round. Nothing is closed where ambit does not arm. */
static void check_rows(struct list *list, const struct facts *facts, const struct hooks *hooks,
	bool best_effort)
{
	static const enum feature_state states[] = {[MEDIATION_OPEN] = FEATURE_OPEN,
		[MEDIATION_PART] = FEATURE_PART,
		[MEDIATION_CLOSED] = FEATURE_CLOSED};
	struct diag refusal = {};
	bool refused = !best_effort && facts_refuse(facts, NEEDS_ALL, &refusal) < 0;

	ambit_diag_clear(&refusal);
	for (size_t i = 0; i < mediation_row_count; i++) {
		const struct mediation_row *way = &mediation_rows[i];
		char detail[600];
		enum mediation_state state =
			mediation_state(way, hooks->works, detail, sizeof(detail));
		struct feature *feature = row(list, way->key,
			refused ? FEATURE_OPEN : states[state], false, "%s",
			refused ? "ambit does not arm here: mend the rows above" : detail);

		if (!feature)
			return;
		feature->part = way->part;
		feature->way = way->way;
	}
}

int ambit_kernel_features(bool best_effort, struct feature **ret, size_t *ret_count)
{
	struct btf *btf = btf__load_vmlinux_btf();
	struct list list = {};
	struct hooks hooks;
	struct facts facts;

	facts_read(btf, &facts);
	hooks_read(&facts, &hooks);
	check_version(&list);
	check_lsm(&list, &facts, best_effort);
	check_preemption(&list, &facts, best_effort);
	check_file_systems(&list);
	check_symbols(&list);
	check_hooks(&list, btf, &facts, &hooks, best_effort);
	btf__free(btf);
	check_rows(&list, &facts, &hooks, best_effort);
	check_armed(&list, &facts, &hooks);
	if (!list.items)
		return -ENOMEM;
	*ret = list.items;
	*ret_count = list.count;
	return 0;
}
