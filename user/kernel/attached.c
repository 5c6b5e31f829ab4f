/* SPDX-License-Identifier: Apache-2.0 */
/* What is attached, whoever attached it: the pinned links and their programs say. */
#include <bpf/bpf.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include "base/util.h"
#include "kernel/internal.h"

static void dir_cleanup(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* Whether a pinned link's program runs behind the function that calls all LSMs. */
static int link_traced(const char *path, bool *ret)
{
	_cleanup_close_ int link = bpf_obj_get(path);
	struct bpf_link_info info = {};
	uint32_t size = sizeof(info);

	if (link < 0 || bpf_obj_get_info_by_fd(link, &info, &size) < 0)
		return -errno;
	*ret = info.tracing.attach_type != BPF_LSM_MAC;
	return 0;
}

/* Adds how often the kernel skipped a link's program. */
static int link_skipped(const char *path, uint64_t *skipped)
{
	_cleanup_close_ int link = bpf_obj_get(path), program = -1;
	struct bpf_link_info info = {};
	struct bpf_prog_info of_program = {};
	uint32_t size = sizeof(info), program_size = sizeof(of_program);

	if (link < 0 || bpf_obj_get_info_by_fd(link, &info, &size) < 0)
		return -errno;
	program = bpf_prog_get_fd_by_id(info.prog_id);
	if (program < 0 || bpf_obj_get_info_by_fd(program, &of_program, &program_size) < 0)
		return -errno;
	*skipped += of_program.recursion_misses;
	return 0;
}

static int arming_read(struct ambit_arming *ret)
{
	_cleanup_close_ int map = bpf_obj_get(PIN_ABI_DIR "/arming");
	uint32_t row = 0;

	return map < 0 || bpf_map_lookup_elem(map, &row, ret) < 0 ? -errno : 0;
}

/* One link after the other; `dir` is read to its end. */
static int links_read(DIR *dir, bool lsm_skips, struct attached *attached)
{
	struct dirent *entry;
	char path[512];
	int result = 0;

	while (result == 0 && (entry = readdir(dir))) {
		int row;

		if (strncmp(entry->d_name, PIN_LINK, strlen(PIN_LINK)) != 0)
			continue;
		snprintf(path, sizeof(path), PIN_ABI_DIR "/%.200s", entry->d_name);
		row = hook_row_of_program(entry->d_name + strlen(PIN_LINK));
		if (row >= 0)
			attached->rows[row] = true;
		/* All were attached in the same way. */
		if (attached->count++ == 0)
			result = link_traced(path, &attached->traced);
		attached->skips = attached->traced || lsm_skips;
		if (result == 0 && attached->skips)
			result = link_skipped(path, &attached->skipped);
	}
	return result;
}

int attached_read(struct attached *ret)
{
	_cleanup_(dir_cleanup) DIR *dir = opendir(PIN_ABI_DIR);
	struct attached attached = {};
	struct ambit_arming arming;
	int result;

	if (!dir)
		return -errno;
	result = arming_read(&arming);
	if (result == 0)
		result = links_read(dir, arming.flags & AMBIT_ARMING_LSM_SKIPS, &attached);
	if (result < 0)
		return result;
	attached.keeps = arming.flags & AMBIT_ARMING_KEEPS;
	attached.tried = arming.flags & AMBIT_ARMING_TRIED;
	facts_read_armed(arming.flags, &attached.facts);
	memcpy(attached.facts.present, attached.rows, sizeof(attached.rows));
	*ret = attached;
	return 0;
}

static int unreadable(struct diag *diag, int result)
{
	ambit_diag_set(diag, NULL, 0, 0,
		"cannot read what is armed: %s; `ambit disarm` takes away what is left",
		strerror(-result));
	return result;
}

int attached_read_armed(struct attached *ret, struct diag *diag)
{
	int result = attached_read(ret);

	return result < 0 ? unreadable(diag, result) : 0;
}

/* What the cells need that are bound. */
static unsigned loaded_needs(void)
{
	_cleanup_close_ int cells = bpf_obj_get(PIN_ABI_DIR "/cells");
	unsigned needs = NEEDS(ALWAYS);
	struct ambit_cell row;
	uint32_t id, next;
	bool more = bpf_map_get_next_key(cells, NULL, &next) == 0;

	while (more) {
		id = next;
		if (bpf_map_lookup_elem(cells, &id, &row) == 0)
			needs |= cell_needs(&row);
		more = bpf_map_get_next_key(cells, &id, &next) == 0;
	}
	return needs;
}

static unsigned options_needs(const struct arm_options *options)
{
	return options->as_it_is ? loaded_needs() : policy_needs(options->policy);
}

int attached_wanted(struct attached *ret, unsigned *ret_needs)
{
	int result = attached_read(ret);

	if (result == 0)
		*ret_needs = loaded_needs() | (ret->keeps ? NEEDS(KEPT) : 0);
	return result;
}

int attached_refuse(
	const struct arm_options *options, const struct attached *attached, struct diag *diag)
{
	const struct facts *facts = &attached->facts;
	int result;

	if (attached->keeps && !attached->rows[HOOK_ROW_d_instantiate]) {
		ambit_diag_set(diag, NULL, 0, 0,
			"verdicts are kept, but the program that dates them is gone (\"" PIN_ABI_DIR
			"/" PIN_LINK "file_d_instantiate\"): end the cells and run `ambit disarm`");
		return -ENOTSUP;
	}
	if (facts_traced(facts) && !attached->traced) {
		ambit_diag_set(diag, NULL, 0, 0,
			"the kernel is armed with programs that enforce nothing here, because \"bpf\" "
			"is not in its list of LSMs (%s): `ambit disarm`, then arm it again",
			facts->lsm_list);
		return -ENOTSUP;
	}
	if (options->best_effort)
		return 0;
	result = facts_refuse_policy(facts, options->policy, diag);
	if (result == 0)
		result = facts_refuse(facts, options_needs(options), diag);
	if (result == 0 && attached->traced) {
		ambit_diag_set(diag, NULL, 0, 0,
			"the kernel is armed with --best-effort: `ambit disarm`, then arm it again "
			"without, or take the weaker promise with --best-effort");
		result = -ENOTSUP;
	}
	return result;
}

static void state_of(
	const struct attached *attached, const struct arm_options *options, struct kernel_state *ret)
{
	*ret = (struct kernel_state){
		.hooks = attached->count,
		.skips = attached->skips,
		.skipped = attached->skipped,
		.best_effort = attached->traced,
	};
	promise_text(&attached->facts, attached->traced, options_needs(options), attached->rows, ret->weaker,
		sizeof(ret->weaker));
}

int ambit_kernel_state(const struct arm_options *options, struct kernel_state *ret)
{
	struct attached attached;
	int result = attached_read(&attached);

	if (result == 0)
		state_of(&attached, options, ret);
	return result;
}

void ambit_kernel_armed_state(
	const struct kernel *kernel, const struct arm_options *options, struct kernel_state *ret)
{
	state_of(kernel->attached, options, ret);
}

int ambit_kernel_skipped(uint64_t *ret)
{
	struct attached attached;
	int result = attached_read(&attached);

	if (result == 0)
		*ret = attached.skipped;
	return result;
}
