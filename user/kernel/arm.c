/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arming: load, attach and pin every program, or none. Pins are made in a directory of their own
 * and become visible under their final name by one rename, so a half-armed kernel is never found.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include "bpf/abi.h"
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
	if (getenv("AMBIT_BPF_LOG")) { vfprintf(stderr, format, arguments); return 0; }
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

static void dir_cleanup(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static void btf_cleanup(struct btf **btf)
{
	btf__free(*btf);
}

/*
 * Gives the program of a row what it will be attached to. Programs are written for the LSM hook;
 * behind the function that calls all LSMs they change its result, or only look on where it has none.
 */
static int row_target(struct bpf_program *program, const struct btf *btf, int row, struct diag *diag)
{
	struct hook_function function;
	int result = hook_function(btf, hook_rows[row].hook, true, &function);

	if (result == 0)
		result = bpf_program__set_type(program, BPF_PROG_TYPE_TRACING);
	if (result == 0)
		result = bpf_program__set_expected_attach_type(
			program, function.is_void ? BPF_TRACE_FENTRY : BPF_MODIFY_RETURN);
	if (result == 0)
		result = bpf_program__set_attach_target(program, 0, function.name);
	if (result < 0)
		ambit_diag_set(diag, NULL, 0, 0, "cannot prepare \"%s\": %s",
			hook_rows[row].program, strerror(-result));
	return result;
}

/* Hooks that the kernel lacks are left out; that ambit can do without was decided before. */
static int hooks_select(struct ambit_bpf *skeleton, const struct btf *btf, const struct facts *facts,
	struct diag *diag)
{
	for (int row = 0; row < HOOK_ROWS; row++) {
		struct bpf_program *program = bpf_object__find_program_by_name(
			skeleton->obj, hook_rows[row].program);
		int result = 0;

		if (!program) {
			ambit_diag_set(diag, NULL, 0, 0, "no program for the hook \"%s\" was built in",
				hook_rows[row].hook);
			return -ENOTSUP;
		}
		if (!facts->present[row])
			bpf_program__set_autoload(program, false);
		else if (facts_traced(facts))
			result = row_target(program, btf, row, diag);
		if (result < 0)
			return result;
	}
	return 0;
}

/* What the programs have to know about this kernel. */
static int constants_set(struct ambit_bpf *skeleton, const struct btf *btf, const struct facts *facts,
	struct diag *diag)
{
	struct hook_function setattr = {};
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
	hook_function(btf, "inode_setattr", facts_traced(facts), &setattr);
	skeleton->rodata->setattr_has_idmap = setattr.arguments == 3;
	skeleton->rodata->traced = facts_traced(facts);
	skeleton->rodata->keeps = facts_keep(facts);
	/* It is allocated whole; where it is not used it need not be large. */
	return facts_traced(facts) ? 0 : bpf_map__set_max_entries(skeleton->maps.socket_cells, 128);
}

/* For those who open what is armed later. */
static int arming_write(struct ambit_bpf *skeleton, const struct facts *facts)
{
	struct ambit_arming arming = {
		.flags = (facts->lsm_skips ? AMBIT_ARMING_LSM_SKIPS : 0) |
			 (facts->label_fails ? AMBIT_ARMING_LABEL_FAILS : 0),
	};
	uint32_t row = 0;

	return bpf_map_update_elem(bpf_map__fd(skeleton->maps.arming), &row, &arming, BPF_ANY) < 0
		       ? -errno
		       : 0;
}

static int load(const struct arm_options *options, struct ambit_bpf **ret, struct diag *diag)
{
	struct facts facts;
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
	facts_read(btf, &facts);
	result = options->best_effort ? 0 : facts_refuse_policy(&facts, options->policy, diag);
	if (result == 0 && !options->best_effort)
		result = facts_refuse(&facts, diag);
	if (result < 0)
		return result;
	result = skeleton_open(btf, &skeleton);
	if (result < 0) {
		ambit_diag_set(diag, NULL, 0, 0, "cannot open the BPF programs: %s", first_words);
		return result;
	}
	result = hooks_select(skeleton, btf, &facts, diag);
	if (result == 0)
		result = constants_set(skeleton, btf, &facts, diag);
	if (result < 0)
		return result;
	result = ambit_bpf__load(skeleton);
	if (result < 0) {
		ambit_diag_set(diag, NULL, 0, 0,
			"the kernel refused the BPF programs (%s): %s; see `ambit doctor`",
			strerror(-result), first_words);
		return result;
	}
	result = arming_write(skeleton, &facts);
	if (result == 0)
		result = bpf_prog_test_run_opts(
			bpf_program__fd(skeleton->progs.kept_begin), &(struct bpf_test_run_opts){
				.sz = sizeof(struct bpf_test_run_opts)});
	if (result < 0)
		ambit_diag_set(diag, NULL, 0, 0, "cannot prepare what is kept of verdicts: %s",
			strerror(-result));
	if (result == 0)
		*ret = TAKE_PTR(skeleton);
	return result;
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

		if (!bpf_program__autoload(program) || program == skeleton->progs.kept_begin)
			continue;
		link = bpf_program__attach_trace(program); /* the same call for LSM programs */
		if (!link) {
			result = -errno;
			ambit_diag_set(diag, NULL, 0, 0, "cannot attach \"%s\": %s; see `ambit doctor`",
				bpf_program__section_name(program), strerror(-result));
			return result;
		}
		snprintf(path, sizeof(path), PIN_NEW_DIR "/" PIN_LINK "%s", bpf_program__name(program));
		result = pin(bpf_link__pin(link, path), path, diag);
		bpf_link__destroy(link);
		if (result < 0)
			return result;
	}
	bpf_object__for_each_map(map, skeleton->obj) {
		if (bpf_map__is_internal(map) && map != skeleton->maps.bss)
			continue;
		snprintf(path, sizeof(path), PIN_NEW_DIR "/%s",
			map == skeleton->maps.bss ? "kept" : bpf_map__name(map));
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

static int arm_new(const struct arm_options *options, struct diag *diag)
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
		result = load(options, &skeleton, diag);
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
	return lock_file("lock", operation, diag);
}

int lock_file(const char *name, int operation, struct diag *diag)
{
	_cleanup_close_ int fd = -1;
	char path[64];
	int result = make_dir(AMBIT_RUN_DIR, diag);

	if (result == 0)
		result = make_dir(CELL_LOCKS, diag);
	if (result < 0)
		return result;
	snprintf(path, sizeof(path), AMBIT_RUN_DIR "/%s", name);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || flock(fd, operation) < 0) {
		result = -errno;
		ambit_diag_set(
			diag, NULL, 0, 0, "cannot lock \"%s\": %s", path, strerror(-result));
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

int ambit_kernel_arm(const struct arm_options *options, struct kernel **ret, struct diag *diag)
{
	int lock, result = 0;

	libbpf_set_print(keep_words);
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
	}
	if (result == 0)
		result = attached_refuse(options, diag);
	if (result < 0) {
		close(lock);
		return result;
	}
	return kernel_new(lock, ret, diag);
}
