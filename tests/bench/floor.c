/* SPDX-License-Identifier: Apache-2.0 */
/*
 * floor empty|storage|reads|cgroup|cgroup_ops COMMAND...   attaches the programs of floor.bpf.c (those of
 * cgroups to /bench, with which they go), runs the command, takes them away again. The exit status is the
 * command's; 125: it could not.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "floor.skel.h"

#define CGROUP "/sys/fs/cgroup/bench"

/* A hook that this kernel does not have is left out. */
static bool has_hook(const struct btf *btf, const struct bpf_program *program)
{
	const char *section = bpf_program__section_name(program);
	char function[128];

	if (bpf_program__type(program) != BPF_PROG_TYPE_LSM)
		return true;
	snprintf(function, sizeof(function), "bpf_lsm_%s", strchr(section, '/') + 1);
	return btf__find_by_name_kind(btf, function, BTF_KIND_FUNC) > 0;
}

/* Beside what others have there, as ambit's are. They go with the cgroup. */
static int attach_cgroup(struct floor_bpf *floor)
{
	int cgroup = open(CGROUP, O_RDONLY | O_DIRECTORY | O_CLOEXEC), result = cgroup < 0 ? -1 : 0;
	struct bpf_program *program;

	bpf_object__for_each_program(program, floor->obj) {
		if (result == 0 && bpf_program__autoload(program))
			result = bpf_prog_attach(bpf_program__fd(program), cgroup,
				bpf_program__expected_attach_type(program), BPF_F_ALLOW_MULTI);
	}
	if (cgroup >= 0)
		close(cgroup);
	return result;
}

static int load(struct floor_bpf *floor, const char *prefix)
{
	struct btf *btf = btf__load_vmlinux_btf();
	struct bpf_program *program;
	bool wanted;

	if (!btf)
		return -1;
	bpf_object__for_each_program(program, floor->obj) {
		wanted = strncmp(bpf_program__name(program), prefix, strlen(prefix)) == 0 &&
			 has_hook(btf, program);
		bpf_program__set_autoload(program, wanted);
	}
	btf__free(btf);
	if (floor_bpf__load(floor) < 0)
		return -1;
	return strncmp(prefix, "cgroup", strlen("cgroup")) == 0 ? attach_cgroup(floor) : floor_bpf__attach(floor);
}

int main(int argc, char **argv)
{
	struct floor_bpf *floor = floor_bpf__open();
	int status = 0;
	pid_t pid;

	if (argc < 3 || !floor || load(floor, argv[1]) < 0) {
		fprintf(stderr, "floor: cannot load or attach \"%s\"\n", argc > 1 ? argv[1] : "");
		return 125;
	}
	pid = fork();
	if (pid == 0) {
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return 125;
	floor_bpf__destroy(floor);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 125;
}
