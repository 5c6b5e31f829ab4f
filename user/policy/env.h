/* SPDX-License-Identifier: Apache-2.0 */
/* What ~ . ${name} and @name stand for in this process. */
#ifndef AMBIT_POLICY_ENV_H
#define AMBIT_POLICY_ENV_H

#include "policy/policy.h"

/* A policy_env and what it points to. Zero-initialise, free with ambit_policy_env_clear(). */
struct policy_env_own {
	struct policy_env env;
	char *home, *cwd, *sets_dir, *mountinfo, *resolvers;
	struct seen *seen;
};

/*
 * Fills `ret` (which has to be empty): ~ is `home`, or $HOME when that is NULL; . is the working
 * directory; ${name} is the environment variable. Sets are looked for in $AMBIT_SETS, in
 * ../policies/sets beside the program's directory (the build tree), and in AMBIT_DATA_DIR. Mounts
 * are those of this process, and resolvers those of /etc/resolv.conf, if there is one. A negative
 * errno with a diag if the working directory is gone, there are no sets, or the mounts cannot be read.
 */
int ambit_policy_env_find(const char *home, struct policy_env_own *ret, struct diag *diag);
void ambit_policy_env_clear(struct policy_env_own *env);

#endif
