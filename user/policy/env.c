/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "base/util.h"
#include "policy/env.h"
#include "policy/seen.h"
#include "policy/text.h"

#ifndef AMBIT_DATA_DIR
#define AMBIT_DATA_DIR "/usr/local/share/ambit"
#endif

static const char *variable_lookup(const char *name, void *data)
{
	(void)data;
	return secure_getenv(name);
}

static bool is_directory(const char *path)
{
	struct stat status;

	return path && !stat(path, &status) && S_ISDIR(status.st_mode);
}

/* DIRECTORY/../policies/sets of the program that runs. */
static char *sets_of_build(void)
{
	char program[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
	char *slash;

	if (length <= 0)
		return NULL;
	program[length] = '\0';
	slash = strrchr(program, '/');
	if (!slash)
		return NULL;
	*slash = '\0';
	return text_format("%s/../policies/sets", program);
}

static int sets_find(char **ret, struct diag *diag)
{
	const char *wanted = secure_getenv("AMBIT_SETS");
	_cleanup_free_ char *build = sets_of_build();
	const char *place = wanted ? wanted : build;

	if (!is_directory(place) && !wanted)
		place = AMBIT_DATA_DIR "/policies/sets";
	if (!is_directory(place)) {
		ambit_diag_set(diag, NULL, 0, 0,
			"no directory of sets at \"%s\": install ambit, "
			"or name the directory in AMBIT_SETS",
			place);
		return -ENOENT;
	}
	*ret = realpath(place, NULL);
	return *ret ? 0 : -errno;
}

/* All of /proc/self/mountinfo. */
static int mountinfo_read(char **ret, struct diag *diag)
{
	_cleanup_free_ char *text = NULL;
	FILE *in = fopen("/proc/self/mountinfo", "re");
	size_t room = 0;
	int r = 0;

	if (!in || getdelim(&text, &room, '\0', in) < 0)
		r = errno ? -errno : -EIO;
	if (in)
		fclose(in);
	if (r < 0)
		ambit_diag_set(diag, NULL, 0, 0,
			"cannot read /proc/self/mountinfo: %s; mount /proc, so that what is denied is "
			"denied in all its places",
			strerror(-r));
	else
		*ret = TAKE_PTR(text);
	return r;
}

/* All of /etc/resolv.conf; a machine can do without one. */
static char *resolvers_read(void)
{
	char *text = NULL;
	FILE *in = fopen("/etc/resolv.conf", "re");
	size_t room = 0;

	if (in && getdelim(&text, &room, '\0', in) < 0) {
		free(text);
		text = NULL;
	}
	if (in)
		fclose(in);
	return text;
}

int ambit_policy_env_find(const char *home, struct policy_env_own *ret, struct diag *diag)
{
	struct policy_env_own own = {};
	int r;

	home = home ? home : secure_getenv("HOME");
	if (home)
		own.home = strdup(home);
	own.cwd = getcwd(NULL, 0);
	if (!own.cwd) {
		r = -errno;
		ambit_diag_set(diag, NULL, 0, 0,
			"the working directory is gone: %s; change to one "
			"that exists",
			strerror(-r));
		ambit_policy_env_clear(&own);
		return r;
	}
	r = sets_find(&own.sets_dir, diag);
	if (r >= 0)
		r = mountinfo_read(&own.mountinfo, diag);
	if (r < 0 || (home && !own.home)) {
		ambit_policy_env_clear(&own);
		return r < 0 ? r : -ENOMEM;
	}
	own.resolvers = resolvers_read();
	own.seen = seen_new();
	own.env = (struct policy_env){
		.home = own.home,
		.cwd = own.cwd,
		.sets_dir = own.sets_dir,
		.lookup = variable_lookup,
		.mountinfo = own.mountinfo,
		.resolvers = own.resolvers,
		.seen = own.seen,
	};
	*ret = own;
	return 0;
}

void ambit_policy_env_clear(struct policy_env_own *env)
{
	free(env->home);
	free(env->cwd);
	free(env->sets_dir);
	free(env->mountinfo);
	free(env->resolvers);
	seen_free(env->seen);
	*env = (struct policy_env_own){};
}
