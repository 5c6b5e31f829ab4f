/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crowd N POLICY COMMAND...   binds N cells with the policy (through the kernel room, as `ambit run`
 * does, but with neither tasks nor cgroups), runs the command while they are there, and takes them
 * away. The exit status is the command's; 125: it could not.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/util.h"
#include "kernel/kernel.h"
#include "policy/env.h"

static int fail(const char *what, const struct diag *diag)
{
	fprintf(stderr, "crowd: %s: %s\n", what, diag && diag->text ? diag->text : "failed");
	return 125;
}

static struct tables *tables_of(const char *file, struct diag *diag)
{
	struct policy_env_own env = {};
	struct policy *policy = NULL;
	struct tables *tables = NULL;
	struct diags diags = {};

	if (ambit_policy_env_find(NULL, &env, diag) < 0 ||
		ambit_policy_load(file, &env.env, &diags, &policy) < 0 ||
		ambit_tables_compile(policy, diag, &tables) < 0)
		return NULL;
	return tables;
}

static int run(char **command)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		execvp(command[0], command);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return 125;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 125;
}

/* A cell keeps some descriptors open. */
static void descriptors_raise(unsigned cells)
{
	struct rlimit limit = {.rlim_cur = 64 + 8 * cells, .rlim_max = 64 + 8 * cells};

	setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
	unsigned count = argc > 3 ? (unsigned)atoi(argv[1]) : 0;
	struct cell **cells = calloc(count + 1, sizeof(*cells));
	struct cell_options options = {.mode = MODE_ENFORCE, .epoch = 1, .ring_size = 4096};
	struct arm_options arming = {};
	struct kernel *kernel = NULL;
	struct diag diag = {};
	int status;

	if (argc < 4 || !cells)
		return fail("usage: crowd N POLICY COMMAND...", NULL);
	descriptors_raise(count);
	options.tables = tables_of(argv[2], &diag);
	if (!options.tables)
		return fail(argv[2], &diag);
	if (ambit_kernel_arm(&arming, &kernel, &diag) < 0)
		return fail("arming", &diag);
	for (unsigned i = 0; i < count; i++)
		if (ambit_cell_new(kernel, &options, &cells[i], &diag) < 0)
			return fail("a cell", &diag);
	status = run(argv + 3);
	for (unsigned i = 0; i < count; i++)
		ambit_cell_free(cells[i], &diag);
	return status;
}
