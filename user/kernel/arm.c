/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arming: load, attach and pin every program that is needed, or none. Pins are made in a directory of
 * their own and become visible under their final name by one rename, so a half-armed kernel is never
 * found. What a later policy needs besides is attached in the same way, before its cell exists.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include "bpf/abi.h"
#include "ambit.skel.h"
#include "base/util.h"
#include "kernel/load.h"

#define BPFFS	    "/sys/fs/bpf"
#define BPFFS_MAGIC 0xcafe4a11

static void dir_cleanup(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static int maps_pin(struct ambit_bpf *skeleton, struct diag *diag)
{
	struct bpf_map *map;
	char path[512];
	int result = 0;

	bpf_object__for_each_map(map, skeleton->obj) {
		map_pin_path(map, PIN_NEW_DIR, path, sizeof(path));
		if (result == 0)
			result = pin_checked(bpf_obj_pin(bpf_map__fd(map), path) < 0 ? -errno : 0, path, diag);
	}
	return result;
}

static int bpffs_mount(struct diag *diag)
{
	struct statfs statfs_;
	int result;

	if (statfs(BPFFS, &statfs_) == 0 && statfs_.f_type == BPFFS_MAGIC)
		return 0;
	if (mount("bpf", BPFFS, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") == 0)
		return 0;
	result = -errno;
	ambit_diag_set(diag, NULL, 0, 0, "cannot mount the BPF file system on " BPFFS ": %s",
		strerror(-result));
	return result;
}

static int make_dir(const char *path, struct diag *diag)
{
	int result;

	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return 0;
	result = -errno;
	ambit_diag_set(diag, NULL, 0, 0, "cannot make the directory \"%s\": %s", path,
		strerror(-result));
	return result;
}

/* What asks all tasks for their cells; not where labels cannot always be read. */
static int tasks_pin(const struct loading *loading, struct ambit_bpf *skeleton, struct diag *diag)
{
	struct bpf_link *link;
	int result;

	if (loading->facts.label_fails)
		return 0;
	link = bpf_program__attach_iter(skeleton->progs.task_cells, NULL);
	result = link ? bpf_link__pin(link, PIN_NEW_DIR "/" PIN_TASKS) : -errno;
	bpf_link__destroy(link);
	return pin_checked(result, PIN_NEW_DIR "/" PIN_TASKS, diag);
}

/* Below PIN_NEW_DIR, where the links go too. */
static int maps_make(const struct loading *loading, struct diag *diag)
{
	_cleanup_(programs_cleanup) struct ambit_bpf *skeleton = NULL;
	int result = loading_maps(loading, &skeleton, diag);

	if (result == 0)
		result = maps_pin(skeleton, diag);
	return result == 0 ? tasks_pin(loading, skeleton, diag) : result;
}

static int arm_new(const struct arm_options *options, struct diag *diag)
{
	_cleanup_(loading_clear) struct loading loading = {};
	const struct attached none = {};
	int result;

	pins_remove(PIN_NEW_DIR); /* of an ambit that was killed while arming */
	result = bpffs_mount(diag);
	if (result == 0)
		result = make_dir(AMBIT_PIN_DIR, diag);
	if (result == 0)
		result = make_dir(PIN_NEW_DIR, diag);
	if (result == 0)
		result = loading_init(&loading, options, policy_needs(options->policy), &none, diag);
	if (result == 0)
		result = maps_make(&loading, diag);
	if (result == 0)
		result = parts_attach(&loading, PIN_NEW_DIR, diag);
	if (result == 0)
		result = names_arm(&loading, PIN_NEW_DIR, diag);
	if (result == 0 && rename(PIN_NEW_DIR, PIN_ABI_DIR) < 0)
		result = pin_checked(-errno, PIN_ABI_DIR, diag);
	if (result < 0) {
		pins_remove(PIN_NEW_DIR);
		rmdir(AMBIT_PIN_DIR);
	}
	return result;
}

/* The new links, and programs without one, one by one to those that are there: each is whole, and more
 * than one needs is no harm. */
static int links_move(struct diag *diag)
{
	_cleanup_(dir_cleanup) DIR *dir = opendir(PIN_NEW_DIR);
	struct dirent *entry;
	char from[512], to[512];

	if (!dir)
		return pin_checked(-errno, PIN_NEW_DIR, diag);
	while ((entry = readdir(dir))) {
		if (strncmp(entry->d_name, PIN_LINK, strlen(PIN_LINK)) != 0 &&
			strncmp(entry->d_name, PIN_PROGRAM, strlen(PIN_PROGRAM)) != 0)
			continue;
		snprintf(from, sizeof(from), PIN_NEW_DIR "/%.200s", entry->d_name);
		snprintf(to, sizeof(to), PIN_ABI_DIR "/%.200s", entry->d_name);
		if (rename(from, to) < 0)
			return pin_checked(-errno, to, diag);
	}
	return 0;
}

/* Attaches what the policy needs and an earlier one did not. */
static int arm_more(const struct arm_options *options, unsigned needs, const struct attached *attached,
	struct diag *diag)
{
	_cleanup_(loading_clear) struct loading loading = {};
	int result;

	pins_remove(PIN_NEW_DIR);
	result = make_dir(PIN_NEW_DIR, diag);
	if (result == 0)
		result = loading_init(&loading, options, needs, attached, diag);
	if (result == 0)
		result = loading_joins(&loading, diag);
	if (result == 0)
		result = loading.count ? parts_attach(&loading, PIN_ABI_DIR, diag) : 0;
	if (result == 0)
		result = names_arm(&loading, PIN_ABI_DIR, diag);
	if (result == 0)
		result = links_move(diag);
	pins_remove(PIN_NEW_DIR);
	return result;
}

int lock_file(const char *name, int operation, struct diag *diag)
{
	_cleanup_close_ int fd = -1;
	char path[64];

	snprintf(path, sizeof(path), AMBIT_RUN_DIR "/%s", name);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || flock(fd, operation) < 0) {
		int result = -errno;

		ambit_diag_set(diag, NULL, 0, 0, "cannot lock \"%s\": %s", path, strerror(-result));
		return result;
	}
	return TAKE_FD(fd);
}

static bool something_lacks(
	const struct arm_options *options, unsigned needs, const struct attached *attached)
{
	return hook_lacking(needs, attached->rows) >= 0 ||
	       (options->policy && options->policy->names && !names_armed());
}

/*
 * Another run may need more at the same time, so a lock of its own: the one on AMBIT_RUN_DIR is shared
 * by all that have a cell, and would be waited for until the last of them ended. Whoever holds that one
 * keeps disarm away, and whoever arms the kernel anew. `attached` is what is attached, before and after.
 */
static int arm_rest(
	const struct arm_options *options, struct attached *attached, struct diag *diag)
{
	const unsigned needs = policy_needs(options->policy);
	_cleanup_close_ int lock = -1;
	int result;

	if (options->as_it_is || !something_lacks(options, needs, attached))
		return 0;
	lock = lock_file("arming", LOCK_EX, diag);
	if (lock < 0)
		return lock;
	result = attached_read_armed(attached, diag);
	if (result < 0 || !something_lacks(options, needs, attached))
		return result; /* the other one did it */
	result = arm_more(options, needs, attached, diag);
	return result < 0 ? result : attached_read_armed(attached, diag);
}

/* Pins of another version: its programs know nothing of our cells and would deny them everything. */
static int other_version(struct diag *diag)
{
	_cleanup_(dir_cleanup) DIR *dir = opendir(AMBIT_PIN_DIR);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, "abi-", 4) != 0 ||
			strcmp(entry->d_name, "abi-" STRING(AMBIT_ABI)) == 0)
			continue;
		ambit_diag_set(diag, NULL, 0, 0,
			"the kernel is armed by another version of ambit (\"" AMBIT_PIN_DIR "/%s\"): "
			"end its cells and run `ambit disarm`, which takes away what any version armed",
			entry->d_name);
		return -EBUSY;
	}
	return 0;
}

bool ambit_kernel_is_armed(void)
{
	return access(PIN_ABI_DIR, F_OK) == 0;
}

int lock_open(int operation, struct diag *diag)
{
	int result = make_dir(AMBIT_RUN_DIR, diag);

	if (result == 0)
		result = make_dir(CELL_LOCKS, diag);
	return result < 0 ? result : lock_file("lock", operation, diag);
}

void ambit_kernel_close(struct kernel *kernel)
{
	if (!kernel)
		return;
	kept_close(kernel);
	free(kernel->attached);
#define X(name)                  \
	if (kernel->name >= 0)   \
		close(kernel->name);
	KERNEL_MAPS(X)
#undef X
	if (kernel->lock >= 0)
		close(kernel->lock);
	free(kernel);
}

static int maps_open(struct kernel *kernel, struct diag *diag)
{
	struct {
		const char *path;
		int *fd;
	} rows[] = {
#define X(name) {PIN_ABI_DIR "/" #name, &kernel->name},
		KERNEL_MAPS(X)
#undef X
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		*rows[i].fd = bpf_obj_get(rows[i].path);
		if (*rows[i].fd >= 0)
			continue;
		int result = -errno;

		ambit_diag_set(diag, NULL, 0, 0, "cannot open \"%s\": %s; `ambit disarm` takes away "
			"what is left", rows[i].path, strerror(-result));
		return result;
	}
	return 0;
}

/* Opens what is armed, with `lock` (taken over, also on failure). */
static int kernel_new(int lock, struct kernel **ret, struct diag *diag)
{
	struct kernel *kernel = malloc(sizeof(*kernel));
	int result;

	if (!kernel) {
		close(lock);
		return -ENOMEM;
	}
	memset(kernel, 0xff, sizeof(*kernel)); /* every descriptor -1 */
	kernel->kept = NULL;
	kernel->attached = NULL;
	kernel->lock = lock;
	/* The lock first: from exclusive to shared is no single step, and a disarm may come between. */
	result = flock(lock, LOCK_SH) < 0 ? -errno : maps_open(kernel, diag);
	if (result == 0)
		result = kept_open(kernel);
	if (result < 0) {
		ambit_kernel_close(kernel);
		return result;
	}
	*ret = kernel;
	return 0;
}

int ambit_kernel_open(struct kernel **ret, struct diag *diag)
{
	int lock;

	programs_words();
	if (!ambit_kernel_is_armed()) {
		ambit_diag_set(diag, NULL, 0, 0, "the kernel is not armed; `ambit arm` or the first "
			"`ambit run` does it");
		return -ENOENT;
	}
	lock = lock_open(LOCK_SH, diag);
	return lock < 0 ? lock : kernel_new(lock, ret, diag);
}

int ambit_kernel_arm(const struct arm_options *options, struct kernel **ret, struct diag *diag)
{
	_cleanup_free_ struct attached *attached = malloc(sizeof(*attached));
	int lock, result = 0;

	if (!attached)
		return -ENOMEM;
	programs_words();
	lock = lock_open(LOCK_SH, diag);
	if (lock < 0)
		return lock;
	result = other_version(diag);
	if (result == 0 && !ambit_kernel_is_armed()) {
		/* Not an upgrade in place: between the two another may arm, which is looked at again. */
		if (flock(lock, LOCK_EX) < 0)
			result = -errno;
		else if (!ambit_kernel_is_armed())
			result = arm_new(options, diag);
		/* Who arms for another policy had the lock to itself; what follows is done with others. */
		if (result == 0 && flock(lock, LOCK_SH) < 0)
			result = -errno;
	}
	if (result == 0)
		result = attached_read_armed(attached, diag);
	if (result == 0)
		result = arm_rest(options, attached, diag);
	if (result == 0)
		result = attached_refuse(options, attached, diag);
	if (result < 0) {
		close(lock);
		return result;
	}
	result = kernel_new(lock, ret, diag);
	if (result == 0)
		(*ret)->attached = TAKE_PTR(attached);
	return result;
}
