/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places that no policy can allow: what ambit keeps its hold on the kernel by, what it records, and
 * what it obeys the next time. The descriptors of a cell cannot reach them either: it begins without
 * any, and a link or rename gives nothing more rights than it had.
 */
#include <string.h>
#include "base/util.h"
#include "cli/run.h"
#include "policy/mounts.h"
#include "policy/text.h"
#include "trail/pieces.h"

#define WRITE	   (1U << OP_WRITE)
#define READ_WRITE (1U << OP_READ | WRITE)
#define ALL	   (READ_WRITE | 1U << OP_EXEC | 1U << OP_UNIX)

/* `path` in the directory `cwd`, unless it is absolute. */
static int guard_file(
	struct policy *policy, const struct policy_env *env, const char *path, unsigned ops)
{
	_cleanup_free_ char *absolute = *path == '/' ? strdup(path) : text_format("%s/%s", env->cwd, path);

	return absolute ? ambit_policy_guard_seen(policy, absolute, ops, env->seen) : -ENOMEM;
}

/* The cgroups of cells: through them other cells could be ended. */
static int guard_cgroups(struct policy *policy, const struct policy_env *env)
{
	_cleanup_(mounts_clear) struct mounts mounts = {};
	int error = mounts_parse(env->mountinfo, strlen(env->mountinfo), &mounts);

	for (size_t i = 0; !error && i < mounts.count; i++) {
		const struct mount *mount = &mounts.items[i];
		_cleanup_free_ char *path = NULL;

		if (strcmp(mount->type, "cgroup2") || *mount->root)
			continue;
		path = text_format("%s/" AMBIT_CGROUP, mount->point);
		error = path ? ambit_policy_guard_seen(policy, path, WRITE, env->seen) : -ENOMEM;
	}
	return error;
}

int ambit_guard_places(
	struct policy *policy, const struct policy_env *env, const char *file, const char *trail)
{
	static const char *const directories[] = {AMBIT_PIN_DIR, AMBIT_RUN_DIR, AMBIT_CONFIG_DIR,
		AMBIT_STATE_DIR, AMBIT_TRAIL_DIR};
	_cleanup_free_ char *pieces = trail ? ambit_pieces_directory(trail) : NULL;
	const struct {
		const char *path;
		unsigned ops;
	} files[] = {
		{file, WRITE},
		{trail, READ_WRITE},
		{pieces, READ_WRITE},
		{env->sets_dir, WRITE},
	};
	char program[AMBIT_PATH_SIZE];
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
	int error = trail && !pieces ? -ENOMEM : 0;

	for (size_t i = 0; !error && i < ARRAY_SIZE(directories); i++)
		error = ambit_policy_guard_seen(policy, directories[i], ALL, env->seen);
	for (size_t i = 0; !error && i < ARRAY_SIZE(files); i++)
		if (files[i].path)
			error = guard_file(policy, env, files[i].path, files[i].ops);
	if (!error && env->mountinfo)
		error = guard_cgroups(policy, env);
	if (error || length < 0)
		return error ? error : -errno;
	program[length] = '\0';
	return ambit_policy_guard_seen(policy, program, WRITE, env->seen);
}
