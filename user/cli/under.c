/* SPDX-License-Identifier: Apache-2.0 */
/* A user's policy under that of the administrator (AMBIT_USERS_POLICY). */
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/util.h"
#include "cli/run.h"
#include "compile/limits.h"
#include "daemon/request.h"
#include "policy/env.h"

/* Of automata: what takes a second or so. */
#define STATES_MAX (1U << 18)

static const char *lookup(const char *name, void *data)
{
	return run_request_variable(data, name);
}

/* With the rights of the user, as far as files are concerned; or ours again. */
static int become(const struct user_call *user)
{
	if (setgroups(user->group_count, user->groups) < 0 || setegid(user->gid) < 0 ||
		seteuid(user->uid) < 0)
		return -errno;
	return 0;
}

static int come_back(void)
{
	return seteuid(0) < 0 || setegid(0) < 0 || setgroups(0, NULL) < 0 ? -errno : 0;
}

/* A text -> resolved, with what is ambit's own and the mounts in it. */
static int layer_read(const char *text, const char *file, const struct policy_env *env,
	struct diags *diags, struct policy **ret)
{
	_cleanup_(policy_cleanup) struct policy *policy = NULL;
	int error = text ? ambit_policy_parse(file, text, strlen(text), diags, &policy)
			 : ambit_policy_empty("audit", MODE_AUDIT, &policy);

	if (!error && text)
		error = ambit_policy_resolve(policy, env, diags);
	if (!error)
		error = ambit_guard_places(policy, env, text ? file : NULL, NULL);
	if (!error)
		error = ambit_policy_mounts(policy, env, diags);
	if (!error)
		*ret = TAKE_PTR(policy);
	return error;
}

static int inner_read(const struct user_call *user, struct policy_env *env, struct diags *diags,
	struct policy **ret)
{
	const struct run_request *request = user->request;
	int error;

	env->lookup = lookup;
	env->data = (void *)request;
	error = layer_read(request->policy, request->file ?: "policy", env, diags, ret);
	if (!error && request->audit)
		(*ret)->mode = MODE_AUDIT;
	return error;
}

/* Nobody else must be able to write it. */
static int outer_refuse(struct diags *diags)
{
	struct stat status;

	if (stat(AMBIT_USERS_POLICY, &status) < 0) {
		ambit_diags_add(diags, NULL, 0, 0,
			"users can have no cells here: there is no \"" AMBIT_USERS_POLICY
			"\" that says what may be in one (%s)",
			strerror(errno));
		return -EPERM;
	}
	if (status.st_uid == 0 && !(status.st_mode & (S_IWGRP | S_IWOTH)))
		return 0;
	ambit_diags_add(diags, NULL, 0, 0,
		"users can have no cells here: others than root can write \"" AMBIT_USERS_POLICY "\"");
	return -EPERM;
}

/* ~ is the user's home; . is nothing that he should choose, and neither is ${name}, or where a link leads. */
static int outer_read(const struct policy_env *env, struct diags *diags, struct policy **ret)
{
	struct policy_env outer = *env;
	_cleanup_free_ char *text = NULL;
	size_t size;
	int error = outer_refuse(diags);

	outer.cwd = NULL;
	outer.lookup = NULL;
	outer.seen = NULL; /* it was asked with his rights, and before he could change what is his */
	outer.roots_links = true;
	if (!error)
		error = ambit_policy_read(AMBIT_USERS_POLICY, &text, &size, diags);
	return error ? error : layer_read(text, AMBIT_USERS_POLICY, &outer, diags, ret);
}

static int compile(struct policy *policy, bool audit, struct diags *diags, struct loaded *ret)
{
	struct ambit_limits limits;
	struct tables *tables = NULL;
	struct diag diag = {0};
	int error = 0;

	if (audit && policy->mode == MODE_ENFORCE) {
		ambit_diag_set(&diag, NULL, 0, 0,
			"\"" AMBIT_USERS_POLICY "\" enforces, so nothing can be allowed and recorded "
			"instead (mode: audit)");
		error = -EPERM;
	}
	if (!error)
		error = ambit_tables_compile_within(policy, STATES_MAX, &diag, &tables);
	if (!error)
		error = ambit_limits_compile(policy, 0, &limits, &diag);
	if (error) {
		ambit_diags_add(diags, diag.file, diag.line, diag.column, "%s",
			diag.text ?: strerror(-error));
		ambit_diag_clear(&diag);
		ambit_tables_free(tables);
		return error;
	}
	*ret = (struct loaded){.policy = policy, .tables = tables};
	return 0;
}

static int both_read(const struct user_call *user, const char *home, struct diags *diags,
	struct policy **ret_inner, struct policy **ret_outer)
{
	struct policy_env_own env = {0};
	struct diag diag = {0};
	int error, back;

	error = become(user);
	if (!error && chdir(user->request->directory) < 0) {
		error = -errno;
		ambit_diags_add(diags, NULL, 0, 0, "cannot go to \"%s\": %s", user->request->directory,
			strerror(-error));
	}
	if (!error)
		error = ambit_policy_env_find(home, &env, &diag);
	if (diag.text)
		ambit_diags_add(diags, diag.file, diag.line, diag.column, "%s", diag.text);
	ambit_diag_clear(&diag);
	if (!error)
		error = inner_read(user, &env.env, diags, ret_inner);
	back = come_back();
	if (!error)
		error = back ?: outer_read(&env.env, diags, ret_outer);
	ambit_policy_env_clear(&env);
	return error;
}

int ambit_loaded_under(const struct user_call *user, const struct target *target, struct diags *diags,
	struct loaded *ret)
{
	_cleanup_(policy_cleanup) struct policy *policy = NULL;
	struct policy *outer = NULL;
	int error = both_read(user, target->home, diags, &policy, &outer);
	bool audit = !error && policy->mode == MODE_AUDIT;

	if (!error)
		error = ambit_policy_narrow(policy, TAKE_PTR(outer), diags);
	ambit_policy_free(outer);
	if (!error)
		error = compile(policy, audit, diags, ret);
	if (error && !diags->count)
		ambit_diags_add(diags, NULL, 0, 0, "%s", strerror(-error));
	if (!error)
		policy = NULL; /* it is in `ret` */
	return error;
}

int ambit_links_under(const struct user_call *user, const struct loaded *loaded, struct identities *ret,
	struct diag *diag)
{
	int error = become(user), back;

	if (!error)
		error = ambit_loaded_links(loaded, PART_OWN, ret, diag);
	back = come_back();
	if (!error)
		error = back ?: ambit_loaded_links(loaded, PART_OUTER, ret, diag);
	return error;
}
