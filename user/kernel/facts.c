/* SPDX-License-Identifier: Apache-2.0 */
/* Facts about the running kernel. Looks, changes nothing. */
#include <bpf/btf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include "base/util.h"
#include "kernel/internal.h"

/* Reads a short file below `dir` (AT_FDCWD: none); false if that is not possible. */
static bool read_at(int dir, const char *path, char *ret, size_t size)
{
	_cleanup_close_ int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, ret, size - 1);

	if (length < 0)
		return false;
	ret[length] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
	return true;
}

/* The same on a file system of the kernel's that need not be mounted anywhere: on a mount of our own
 * that no name leads to. */
static bool read_unmounted(const char *type, const char *path, char *ret, size_t size)
{
	_cleanup_close_ int context = (int)syscall(SYS_fsopen, type, 1 /* FSOPEN_CLOEXEC */);
	_cleanup_close_ int mount = -1;

	if (context < 0 || syscall(SYS_fsconfig, context, 6 /* FSCONFIG_CMD_CREATE */, NULL, NULL, 0))
		return false;
	mount = (int)syscall(SYS_fsmount, context, 1 /* FSMOUNT_CLOEXEC */,
		MS_NOSUID | MS_NODEV | MS_NOEXEC);
	return mount >= 0 && read_at(mount, path, ret, size);
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

/* The order of `lsm=` matters little, the presence of `bpf` decides. */
static void read_lsm(struct facts *facts)
{
	char list[sizeof(facts->lsm_list)];

	if (!read_at(AT_FDCWD, "/sys/kernel/security/lsm", list, sizeof(list)) &&
		!read_unmounted("securityfs", "lsm", list, sizeof(list)))
		return;
	memcpy(facts->lsm_list, list, sizeof(list));
	facts->lsm = has_word(list, "bpf") ? LSM_HAS_BPF : LSM_LACKS_BPF;
}

static void read_preemption(struct facts *facts)
{
	char debugfs[256], cmdline[4096];
	struct utsname uts;
	bool seen = read_at(AT_FDCWD, "/sys/kernel/debug/sched/preempt", debugfs, sizeof(debugfs)) ||
		    read_unmounted("debugfs", "sched/preempt", debugfs, sizeof(debugfs));
	bool known = read_at(AT_FDCWD, "/proc/cmdline", cmdline, sizeof(cmdline));

	facts->preemption = preemption_of(seen ? debugfs : NULL, known ? cmdline : NULL,
		uname(&uts) == 0 ? uts.version : NULL);
}

static bool btf_has(const struct btf *btf, const char *name, unsigned kind)
{
	return btf__find_by_name_kind(btf, name, kind) >= 0;
}

void facts_read(const struct btf *btf, struct facts *ret)
{
	*ret = (struct facts){};
	read_lsm(ret);
	read_preemption(ret);
	if (!btf)
		return;
	ret->lsm_skips = !btf_has(btf, "__bpf_prog_enter_recur", BTF_KIND_FUNC);
	ret->label_fails = btf_has(btf, "bpf_task_storage_busy", BTF_KIND_VAR) &&
			   !btf_has(btf, "bpf_task_storage_get_recur", BTF_KIND_FUNC);
	hooks_present(btf, facts_traced(ret), ret->present);
}

void facts_read_armed(unsigned flags, struct facts *ret)
{
	*ret = (struct facts){
		.lsm_skips = flags & AMBIT_ARMING_LSM_SKIPS,
		.label_fails = flags & AMBIT_ARMING_LABEL_FAILS,
	};
	read_lsm(ret);
	/* Where no decision depends on it, it is not worth a mount of debugfs, whose end waits for a grace
	 * period. */
	if (ret->lsm_skips || ret->label_fails || facts_traced(ret))
		read_preemption(ret);
}
