/* SPDX-License-Identifier: Apache-2.0 */
/* Attaching what was loaded, in several processes at once. */
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include "bpf/abi.h"
#include "ambit.skel.h"
#include "base/util.h"
#include "kernel/load.h"

#define PARTS_MAX     8 /* processes that load programs */
#define PART_PROGRAMS 8 /* at least, for each of them: opening the object costs about as much as two */

int pin_checked(int result, const char *what, struct diag *diag)
{
	if (result < 0)
		ambit_diag_set(diag, NULL, 0, 0, "cannot pin \"%s\" in the BPF file system: %s", what,
			strerror(-result));
	return result;
}

/* Attaches what was loaded, and pins it below PIN_NEW_DIR. A link goes away with its last reference,
 * so a failure in the middle detaches what was attached before. */
static int attach(struct ambit_bpf *skeleton, struct diag *diag)
{
	struct bpf_program *program;
	char path[512];
	int result;

	bpf_object__for_each_program(program, skeleton->obj) {
		struct bpf_link *link;

		if (!bpf_program__autoload(program))
			continue;
		link = bpf_program__attach_trace(program); /* the same call for LSM programs */
		if (!link) {
			result = -errno;
			ambit_diag_set(diag, NULL, 0, 0, "cannot attach \"%s\": %s; see `ambit doctor`",
				bpf_program__section_name(program), strerror(-result));
			return result;
		}
		snprintf(path, sizeof(path), PIN_NEW_DIR "/" PIN_LINK "%s", bpf_program__name(program));
		result = pin_checked(bpf_link__pin(link, path), path, diag);
		bpf_link__destroy(link);
		if (result < 0)
			return result;
	}
	return 0;
}

/* One part of the programs, with the maps pinned in `maps`. */
static int part_attach(const struct loading *loading, const char *maps, unsigned part, unsigned parts,
	struct diag *diag)
{
	_cleanup_(programs_cleanup) struct ambit_bpf *skeleton = NULL;
	int result = loading_programs(loading, maps, part, parts, &skeleton, diag);

	return result < 0 ? result : attach(skeleton, diag);
}

static unsigned parts_count(const struct loading *loading)
{
	unsigned count = 1;
	cpu_set_t cpus;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
		count = (unsigned)CPU_COUNT(&cpus);
	if (count > (loading->count + PART_PROGRAMS - 1) / PART_PROGRAMS)
		count = (loading->count + PART_PROGRAMS - 1) / PART_PROGRAMS;
	return count > PARTS_MAX ? PARTS_MAX : count ?: 1;
}

/* A part in a child, which writes to `report` what went wrong. */
struct part {
	pid_t child;
	int report;
};

static int part_start(const struct loading *loading, const char *maps, unsigned part, unsigned parts,
	struct part *ret)
{
	struct diag diag = {};
	int fds[2], result;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	ret->child = fork();
	if (ret->child == 0) {
		result = part_attach(loading, maps, part, parts, &diag);
		if (result < 0 && diag.text)
			result = write(fds[1], diag.text, strlen(diag.text)) < 0 ? -errno : result;
		_exit(-result);
	}
	result = ret->child < 0 ? -errno : 0;
	close(fds[1]);
	if (result < 0)
		close(fds[0]);
	else
		ret->report = fds[0];
	return result;
}

static int part_await(struct part *part, struct diag *diag)
{
	char text[2048];
	ssize_t length = read(part->report, text, sizeof(text) - 1);
	int status, result = 0;

	close(part->report);
	if (waitpid(part->child, &status, 0) < 0)
		return -errno;
	if (!WIFEXITED(status))
		result = -ECHILD;
	else
		result = -WEXITSTATUS(status);
	if (result < 0 && length > 0)
		ambit_diag_set(diag, NULL, 0, 0, "%.*s", (int)length, text);
	else if (result < 0)
		ambit_diag_set(diag, NULL, 0, 0, "a process that loads BPF programs ended: %s",
			strerror(-result));
	return result;
}

/*
 * The verifier is what takes time, and it works on as many programs at once as there are CPUs. Each part
 * is loaded, attached and pinned by a process of its own, the first by this one.
 */
int parts_attach(const struct loading *loading, const char *maps, struct diag *diag)
{
	struct part parts[PARTS_MAX];
	unsigned count = parts_count(loading), started = 1;
	int result = 0;

	while (result == 0 && started < count) {
		result = part_start(loading, maps, started, count, &parts[started]);
		started += result == 0;
	}
	if (result == 0)
		result = part_attach(loading, maps, 0, count, diag);
	for (unsigned i = 1; i < started; i++) {
		struct diag ignored = {};
		int other = part_await(&parts[i], result == 0 ? diag : &ignored);

		ambit_diag_clear(&ignored);
		result = result < 0 ? result : other;
	}
	return result;
}
