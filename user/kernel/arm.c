/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arming: load, attach and pin every program, or none. Pins are made in a directory of their own
 * and become visible under their final name by one rename, so a half-armed kernel is never found.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include "ambit.skel.h"
#include "base/util.h"
#include "kernel/internal.h"

#define BPFFS	    "/sys/fs/bpf"
#define BPFFS_MAGIC 0xcafe4a11

/* libbpf says what went wrong through a callback only. Its first warning names the program; what
 * follows is the verifier's log and the consequences. */
static char first_words[512];

static int keep_words(enum libbpf_print_level level, const char *format, va_list arguments)
{
	if (level == LIBBPF_WARN && !first_words[0]) {
		vsnprintf(first_words, sizeof(first_words), format, arguments);
		first_words[strcspn(first_words, "\n")] = '\0';
	}
	return 0;
}

static void destroy_cleanup(struct ambit_bpf **skeleton)
{
	ambit_bpf__destroy(*skeleton);
}

static void btf_cleanup(struct btf **btf)
{
	btf__free(*btf);
}

/* Hooks that the kernel lacks are left out if hooks.def lets them; 0, or -ENOTSUP with a diag. */
static int hooks_select(struct ambit_bpf *skeleton, const struct btf *btf, struct diag *diag)
{
	enum { MUST, MAY };
	static const struct {
		const char *hook, *program;
		int need;
	} rows[] = {
#define HOOK(area, hook, op, need) {#hook, #area "_" #hook, need},
#include "bpf/hooks.def"
#undef HOOK
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bpf_program *program =
			bpf_object__find_program_by_name(skeleton->obj, rows[i].program);

		if (!program) {
			ambit_diag_set(diag, NULL, 0, 0, "no program for the hook \"%s\" was built in",
				rows[i].hook);
			return -ENOTSUP;
		}
		if (btf_hook_arguments(btf, rows[i].hook) >= 0)
			continue;
		if (rows[i].need == MUST) {
			ambit_diag_set(diag, NULL, 0, 0,
				"this kernel has no LSM hook \"%s\"; ambit needs Linux 6.1 or newer "
				"with CONFIG_BPF_LSM and CONFIG_SECURITY_PATH",
				rows[i].hook);
			return -ENOTSUP;
		}
		bpf_program__set_autoload(program, false);
	}
	return 0;
}

/* What the programs have to know about this kernel. */
static int constants_set(struct ambit_bpf *skeleton, const struct btf *btf, struct diag *diag)
{
	static const char *const names[] = {"rename_lock", "mount_lock"};
	uint64_t addresses[ARRAY_SIZE(names)], id;
	char path[1024];
	uint32_t level;
	int result = symbols_find(names, addresses, ARRAY_SIZE(names), diag);

	if (result == 0)
		result = cgroup_base(path, sizeof(path), &id, &level, diag);
	if (result < 0)
		return result;
	skeleton->rodata->rename_lock_address = addresses[0];
	skeleton->rodata->mount_lock_address = addresses[1];
	skeleton->rodata->cells_cgroup = level ? id : 0;
	skeleton->rodata->cells_cgroup_level = level;
	skeleton->rodata->setattr_has_idmap = btf_hook_arguments(btf, "inode_setattr") == 3;
	return 0;
}

static int load(struct ambit_bpf **ret, struct diag *diag)
{
	_cleanup_(destroy_cleanup) struct ambit_bpf *skeleton = NULL;
	_cleanup_(btf_cleanup) struct btf *btf = btf__load_vmlinux_btf();
	int result;

	if (!btf) {
		result = -errno;
		ambit_diag_set(diag, NULL, 0, 0,
			"this kernel does not describe its types (/sys/kernel/btf/vmlinux); ambit needs "
			"one built with CONFIG_DEBUG_INFO_BTF, as Debian's are");
		return result;
	}
	skeleton = ambit_bpf__open();
	if (!skeleton) {
		result = -errno;
		ambit_diag_set(diag, NULL, 0, 0, "cannot open the BPF programs: %s", first_words);
		return result;
	}
	result = hooks_select(skeleton, btf, diag);
	if (result == 0)
		result = constants_set(skeleton, btf, diag);
	if (result < 0)
		return result;
	result = ambit_bpf__load(skeleton);
	if (result < 0) {
		ambit_diag_set(diag, NULL, 0, 0,
			"the kernel refused the BPF programs (%s): %s; see `ambit doctor`",
			strerror(-result), first_words);
		return result;
	}
	*ret = TAKE_PTR(skeleton);
	return 0;
}

static int pin(int result, const char *what, struct diag *diag)
{
	if (result < 0)
		ambit_diag_set(diag, NULL, 0, 0, "cannot pin \"%s\" under " BPFFS ": %s", what,
			strerror(-result));
	return result;
}

/* Attaches and pins everything below PIN_NEW_DIR. A link goes away with its last reference, so a
 * failure in the middle detaches what was attached before. */
static int attach(struct ambit_bpf *skeleton, struct diag *diag)
{
	struct bpf_program *program;
	struct bpf_map *map;
	char path[512];
	int result;

	bpf_object__for_each_program(program, skeleton->obj) {
		struct bpf_link *link;

		if (!bpf_program__autoload(program))
			continue;
		link = bpf_program__attach_lsm(program);
		if (!link) {
			result = -errno;
			ambit_diag_set(diag, NULL, 0, 0, "cannot attach \"%s\": %s; see `ambit doctor`",
				bpf_program__section_name(program), strerror(-result));
			return result;
		}
		snprintf(path, sizeof(path), PIN_NEW_DIR "/link_%s", bpf_program__name(program));
		result = pin(bpf_link__pin(link, path), path, diag);
		bpf_link__destroy(link);
		if (result < 0)
			return result;
	}
	bpf_object__for_each_map(map, skeleton->obj) {
		if (bpf_map__is_internal(map))
			continue;
		snprintf(path, sizeof(path), PIN_NEW_DIR "/%s", bpf_map__name(map));
		result = pin(bpf_map__pin(map, path), path, diag);
		if (result < 0)
			return result;
	}
	return 0;
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

static int arm_new(struct diag *diag)
{
	_cleanup_(destroy_cleanup) struct ambit_bpf *skeleton = NULL;
	int result;

	pins_remove(PIN_NEW_DIR); /* of an ambit that was killed while arming */
	result = bpffs_mount(diag);
	if (result == 0)
		result = make_dir(AMBIT_PIN_DIR, diag);
	if (result == 0)
		result = make_dir(PIN_NEW_DIR, diag);
	if (result == 0)
		result = load(&skeleton, diag);
	if (result == 0)
		result = attach(skeleton, diag);
	if (result == 0 && rename(PIN_NEW_DIR, PIN_ABI_DIR) < 0)
		result = pin(-errno, PIN_ABI_DIR, diag);
	if (result < 0) {
		pins_remove(PIN_NEW_DIR);
		rmdir(AMBIT_PIN_DIR);
	}
	return result;
}

bool ambit_kernel_is_armed(void)
{
	return access(PIN_ABI_DIR, F_OK) == 0;
}

int lock_open(int operation, struct diag *diag)
{
	_cleanup_close_ int fd = -1;
	int result = make_dir(AMBIT_RUN_DIR, diag);

	if (result == 0)
		result = make_dir(CELL_LOCKS, diag);
	if (result < 0)
		return result;
	fd = open(AMBIT_RUN_DIR "/lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || flock(fd, operation) < 0) {
		result = -errno;
		ambit_diag_set(diag, NULL, 0, 0, "cannot lock \"" AMBIT_RUN_DIR "/lock\": %s",
			strerror(-result));
		return result;
	}
	return TAKE_FD(fd);
}

void ambit_kernel_close(struct kernel *kernel)
{
	if (!kernel)
		return;
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
	kernel->lock = lock;
	/* The lock first: from exclusive to shared is no single step, and a disarm may come between. */
	result = flock(lock, LOCK_SH) < 0 ? -errno : maps_open(kernel, diag);
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

	libbpf_set_print(keep_words);
	if (!ambit_kernel_is_armed()) {
		ambit_diag_set(diag, NULL, 0, 0, "the kernel is not armed; `ambit arm` or the first "
			"`ambit run` does it");
		return -ENOENT;
	}
	lock = lock_open(LOCK_SH, diag);
	return lock < 0 ? lock : kernel_new(lock, ret, diag);
}

int ambit_kernel_arm(struct kernel **ret, struct diag *diag)
{
	int lock, result = 0;

	libbpf_set_print(keep_words);
	lock = lock_open(LOCK_SH, diag);
	if (lock < 0)
		return lock;
	if (!ambit_kernel_is_armed()) {
		/* Not an upgrade in place: between the two another may arm, which is looked at again. */
		if (flock(lock, LOCK_EX) < 0)
			result = -errno;
		else if (!ambit_kernel_is_armed())
			result = arm_new(diag);
	}
	if (result < 0) {
		close(lock);
		return result;
	}
	return kernel_new(lock, ret, diag);
}
