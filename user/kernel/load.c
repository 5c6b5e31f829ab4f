/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading: first the maps, with what the programs have to know about this kernel, then programs for the
 * hooks that are asked for, in parts. All share the maps, read-only data included, so that all of them
 * decide the same, whenever they are loaded.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include "bpf/abi.h"
#include "ambit.skel.h"
#include "base/util.h"
#include "kernel/load.h"

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

void programs_words(void)
{
	libbpf_set_print(keep_words);
}

void programs_cleanup(struct ambit_bpf **skeleton)
{
	ambit_bpf__destroy(*skeleton);
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

/* Only what is wanted, and of that every `parts`th program from the `part`th on; no parts: none. */
static int hooks_select(struct ambit_bpf *skeleton, const struct loading *loading, unsigned part,
	unsigned parts, struct diag *diag)
{
	struct bpf_program *each;
	unsigned wanted = 0;

	bpf_object__for_each_program(each, skeleton->obj)
		bpf_program__set_autoload(each, false);
	/* It is run once, with the maps alone. */
	bpf_program__set_autoload(skeleton->progs.kept_begin, !parts);
	for (int row = 0; row < HOOK_ROWS; row++) {
		struct bpf_program *program = bpf_object__find_program_by_name(
			skeleton->obj, hook_rows[row].program);
		int result = 0;

		if (!program) {
			ambit_diag_set(diag, NULL, 0, 0, "no program for the hook \"%s\" was built in",
				hook_rows[row].hook);
			return -ENOTSUP;
		}
		if (!parts || !loading->wanted[row] || wanted++ % parts != part)
			continue;
		bpf_program__set_autoload(program, true);
		if (facts_traced(&loading->facts))
			result = row_target(program, loading->btf, row, diag);
		if (result < 0)
			return result;
	}
	return 0;
}

/* What the programs have to know about this kernel. */
static int constants_set(struct ambit_bpf *skeleton, const struct loading *loading, struct diag *diag)
{
	const struct btf *btf = loading->btf;
	const struct facts *facts = &loading->facts;
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
	skeleton->rodata->keeps = loading->keeps;
	/* It is allocated whole; where it is not used it need not be large. */
	return facts_traced(facts) ? 0 : bpf_map__set_max_entries(skeleton->maps.socket_cells, 128);
}

/* For those who open what is armed later. */
static int arming_write(struct ambit_bpf *skeleton, const struct loading *loading)
{
	const struct facts *facts = &loading->facts;
	struct ambit_arming arming = {
		.flags = (loading->keeps ? AMBIT_ARMING_KEEPS : 0) |
			 (facts->lsm_skips ? AMBIT_ARMING_LSM_SKIPS : 0) |
			 (facts->label_fails ? AMBIT_ARMING_LABEL_FAILS : 0),
	};
	uint32_t row = 0;

	if (getrandom(&arming.ids, sizeof(arming.ids), 0) != sizeof(arming.ids))
		return -errno;
	return bpf_map_update_elem(bpf_map__fd(skeleton->maps.arming), &row, &arming, BPF_ANY) < 0
		       ? -errno
		       : 0;
}

void map_pin_path(const struct bpf_map *map, const char *dir, char *ret, size_t size)
{
	const char *name = bpf_map__name(map), *dot = strchr(name, '.');
	size_t length = strlen(dir);

	/* Sections are called "ambit_bp.rodata", ".rodata.str1.1"; the BPF file system keeps dots for
	 * itself. */
	snprintf(ret, size, "%s/%s", dir, dot ? dot + 1 : name);
	for (char *at = ret + length; (at = strchr(at, '.')); )
		*at = '_';
}

/* The maps of what is armed in place of new ones. */
static int maps_share(struct ambit_bpf *skeleton, const char *dir, struct diag *diag)
{
	struct bpf_map *map;
	char path[512];

	bpf_object__for_each_map(map, skeleton->obj) {
		_cleanup_close_ int fd = -1;
		int result;

		map_pin_path(map, dir, path, sizeof(path));
		fd = bpf_obj_get(path);
		result = fd < 0 ? -errno : bpf_map__reuse_fd(map, fd);
		if (result < 0) {
			ambit_diag_set(diag, NULL, 0, 0, "cannot use the armed map \"%s\": %s; end "
				"the cells and run `ambit disarm`", path, strerror(-result));
			return result;
		}
	}
	return 0;
}

/* What the programs calculate with (kept_begin in bpf/file.bpf.c). */
static int kept_start(struct ambit_bpf *skeleton, struct diag *diag)
{
	LIBBPF_OPTS(bpf_test_run_opts, options);
	int result = bpf_prog_test_run_opts(
		bpf_program__fd(skeleton->progs.kept_begin), &options);

	if (result == 0 && options.retval)
		result = -EFAULT;
	if (result < 0)
		ambit_diag_set(diag, NULL, 0, 0,
			"cannot read the kernel's locks on names and mounts: %s", strerror(-result));
	return result;
}

/* The policy of the canary's cells. */
static int nothing_load(struct ambit_bpf *skeleton, struct diag *diag)
{
	_cleanup_(policy_cleanup) struct policy *policy = NULL;
	_cleanup_(tables_cleanup) struct tables *tables = NULL;
	_cleanup_close_ int table = -1;
	const uint32_t id = AMBIT_POLICY_NOTHING;
	int result = ambit_policy_empty("canary", MODE_ENFORCE, &policy);

	if (result == 0)
		result = ambit_tables_compile(policy, diag, &tables);
	if (result < 0)
		return result;
	table = table_load(tables, diag);
	if (table < 0)
		return table;
	return bpf_map_update_elem(bpf_map__fd(skeleton->maps.policies), &id, &table, BPF_ANY) < 0
		       ? -errno
		       : 0;
}

/* So that the first cell, too, finds a ring (rings.c). */
static int ring_load(struct ambit_bpf *skeleton, struct diag *diag)
{
	_cleanup_close_ int ring =
		ring_make(bpf_map__fd(skeleton->maps.rings), 1, AMBIT_RING_SIZE);

	if (ring < 0)
		ambit_diag_set(diag, NULL, 0, 0, "cannot make a ring: %s", strerror(-ring));
	return ring < 0 ? ring : 0;
}

static int types_read(struct btf **ret, struct diag *diag)
{
	int result;

	*ret = btf__load_vmlinux_btf();
	result = *ret ? 0 : -errno;
	if (result < 0)
		ambit_diag_set(diag, NULL, 0, 0,
			"this kernel does not describe its types (/sys/kernel/btf/vmlinux); ambit needs "
			"one built with CONFIG_DEBUG_INFO_BTF, as Debian's are");
	return result;
}

void loading_clear(struct loading *loading)
{
	btf__free(loading->btf);
}

int loading_init(struct loading *loading, const struct arm_options *options, unsigned needs,
	const struct attached *attached, struct diag *diag)
{
	struct facts *facts = &loading->facts;
	int result = types_read(&loading->btf, diag);

	if (result < 0)
		return result;
	facts_read(loading->btf, facts);
	result = options->best_effort ? 0 : facts_refuse_policy(facts, options->policy, diag);
	if (result == 0 && !options->best_effort)
		result = facts_refuse(facts, needs, diag);
	loading->names = options->policy && options->policy->names && !names_armed();
	loading->keeps = attached->count ? attached->keeps
					 : facts_keep(facts) && !options->keep_nothing;
	needs &= ~NEEDS(KEPT);
	needs |= loading->keeps ? NEEDS(KEPT) : 0;
	for (int row = 0; row < HOOK_ROWS; row++) {
		loading->wanted[row] = facts->present[row] && hook_needed(row, needs) &&
				       !attached->rows[row];
		loading->count += loading->wanted[row];
	}
	return result;
}

static int programs_open(
	const struct loading *loading, struct ambit_bpf **ret, struct diag *diag)
{
	int result = skeleton_open(loading->btf, ret);

	if (result < 0)
		ambit_diag_set(diag, NULL, 0, 0, "cannot open the BPF programs: %s", first_words);
	return result;
}

static int skeleton_load(struct ambit_bpf *skeleton, struct diag *diag)
{
	int result = ambit_bpf__load(skeleton);

	if (result < 0)
		ambit_diag_set(diag, NULL, 0, 0,
			"the kernel refused the BPF programs (%s): %s; see `ambit doctor`",
			strerror(-result), first_words);
	return result;
}

int loading_maps(const struct loading *loading, struct ambit_bpf **ret, struct diag *diag)
{
	_cleanup_(programs_cleanup) struct ambit_bpf *skeleton = NULL;
	int result = programs_open(loading, &skeleton, diag);

	if (result == 0)
		result = hooks_select(skeleton, loading, 0, 0, diag);
	if (result == 0)
		result = constants_set(skeleton, loading, diag);
	if (result < 0)
		return result;
	bpf_program__set_autoload(skeleton->progs.task_cells, !loading->facts.label_fails);
	result = skeleton_load(skeleton, diag);
	if (result == 0)
		result = arming_write(skeleton, loading);
	if (result == 0)
		result = kept_start(skeleton, diag);
	if (result == 0)
		result = nothing_load(skeleton, diag);
	if (result == 0)
		result = ring_load(skeleton, diag);
	if (result == 0)
		*ret = TAKE_PTR(skeleton);
	return result;
}

/* Whether a pinned map holds what the skeleton has for it. */
static bool section_is_same(struct bpf_map *map)
{
	_cleanup_close_ int fd = -1;
	_cleanup_free_ void *bytes = NULL;
	struct bpf_map_info info = {};
	uint32_t info_size = sizeof(info), row = 0;
	char path[512];
	size_t size;
	const void *ours = bpf_map__initial_value(map, &size);

	map_pin_path(map, PIN_ABI_DIR, path, sizeof(path));
	fd = bpf_obj_get(path);
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &info_size) < 0 || info.value_size != size)
		return false;
	bytes = malloc(size + sizeof(uint64_t)); /* the kernel rounds up */
	return bytes && bpf_map_lookup_elem(fd, &row, bytes) == 0 && memcmp(bytes, ours, size) == 0;
}

int loading_joins(const struct loading *loading, struct diag *diag)
{
	_cleanup_(programs_cleanup) struct ambit_bpf *skeleton = NULL;
	struct bpf_map *map;
	int result = programs_open(loading, &skeleton, diag);

	if (result == 0)
		result = constants_set(skeleton, loading, diag);
	if (result < 0)
		return result;
	bpf_object__for_each_map(map, skeleton->obj) {
		/* What is kept changes; it is no part of what the programs know. */
		if (!bpf_map__is_internal(map) || map == skeleton->maps.bss || section_is_same(map))
			continue;
		ambit_diag_set(diag, NULL, 0, 0,
			"this policy needs hooks that are not attached, and what is armed was made by "
			"another build of ambit or for a cgroup that is gone: end the cells (`ambit ps` "
			"lists them) and run `ambit disarm`");
		return -EBUSY;
	}
	return 0;
}

int loading_programs(const struct loading *loading, const char *maps, unsigned part, unsigned parts,
	struct ambit_bpf **ret, struct diag *diag)
{
	_cleanup_(programs_cleanup) struct ambit_bpf *skeleton = NULL;
	int result = programs_open(loading, &skeleton, diag);

	if (result == 0)
		result = hooks_select(skeleton, loading, part, parts, diag);
	if (result == 0)
		result = maps_share(skeleton, maps, diag);
	if (result == 0)
		result = skeleton_load(skeleton, diag);
	if (result == 0)
		*ret = TAKE_PTR(skeleton);
	return result;
}

int loading_names(const struct loading *loading, const char *maps, struct ambit_bpf **ret,
	struct diag *diag)
{
	_cleanup_(programs_cleanup) struct ambit_bpf *skeleton = NULL;
	int result = programs_open(loading, &skeleton, diag);

	if (result == 0)
		result = hooks_select(skeleton, loading, 0, 0, diag);
	if (result < 0)
		return result;
	bpf_program__set_autoload(skeleton->progs.kept_begin, false);
	names_select(skeleton);
	result = maps_share(skeleton, maps, diag);
	if (result == 0)
		result = skeleton_load(skeleton, diag);
	if (result == 0)
		*ret = TAKE_PTR(skeleton);
	return result;
}

int loading_others(const char *maps, const char *const *names, struct ambit_bpf **ret, struct diag *diag)
{
	_cleanup_(loading_clear) struct loading loading = {};
	_cleanup_(programs_cleanup) struct ambit_bpf *skeleton = NULL;
	int result = types_read(&loading.btf, diag);

	if (result == 0)
		result = programs_open(&loading, &skeleton, diag);
	if (result == 0)
		result = hooks_select(skeleton, &loading, 0, 0, diag);
	if (result < 0)
		return result;
	bpf_program__set_autoload(skeleton->progs.kept_begin, false);
	for (; *names; names++)
		bpf_program__set_autoload(
			bpf_object__find_program_by_name(skeleton->obj, *names), true);
	result = maps_share(skeleton, maps, diag);
	if (result == 0)
		result = skeleton_load(skeleton, diag);
	if (result == 0)
		*ret = TAKE_PTR(skeleton);
	return result;
}
