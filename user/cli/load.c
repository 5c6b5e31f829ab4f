/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "base/util.h"
#include "cli/cli.h"
#include "compile/limits.h"
#include "compile/store.h"
#include "kernel/kernel.h"
#include "policy/env.h"
#include "policy/text.h"

/* Where tables are that were compiled before; only root has a directory there. */
static const char *store(void)
{
	return geteuid() ? NULL : AMBIT_RUN_DIR "/compiled";
}

static int compile(const char *file, const char *shown, const char *trail, const struct policy_env *env,
	struct diags *diags, struct loaded *loaded)
{
	struct ambit_limits limits;
	struct diag diag = {0};
	int error = file ? ambit_policy_load(file, env, diags, &loaded->policy)
			 : ambit_policy_empty("audit", MODE_AUDIT, &loaded->policy);

	if (!error)
		error = ambit_guard_places(loaded->policy, env, shown, trail);
	if (!error)
		error = ambit_policy_mounts(loaded->policy, env, diags);
	if (error)
		return error;
	error = ambit_tables_obtain(store(), loaded->policy, &diag, &loaded->tables);
	if (!error)
		error = ambit_limits_compile(loaded->policy, 0, &limits, &diag);
	if (error)
		ambit_diags_add(diags, diag.file, diag.line, diag.column, "%s",
			diag.text ?: strerror(-error));
	ambit_diag_clear(&diag);
	return error;
}

int ambit_loaded_quietly(const char *file, const char *shown, const char *home, const char *trail,
	struct diags *diags, struct loaded *ret)
{
	struct loaded loaded = {0};
	struct diag diag = {0};
	int error = ambit_policy_env_find(home, &loaded.env, &diag);

	if (error) {
		ambit_diags_add(diags, diag.file, diag.line, diag.column, "%s",
			diag.text ?: strerror(-error));
		ambit_diag_clear(&diag);
		return error;
	}
	error = compile(file, shown, trail, &loaded.env.env, diags, &loaded);
	if (error) {
		if (!diags->count)
			ambit_diags_add(diags, file, 0, 0, "%s", strerror(-error));
		ambit_loaded_clear(&loaded);
	} else {
		*ret = loaded;
	}
	return error;
}

int ambit_loaded_read(
	const char *file, const struct target *target, const char *trail, struct loaded *ret)
{
	struct diags diags = {0};
	int error = ambit_loaded_quietly(file, file, target->home, trail, &diags, ret);

	if (error)
		ambit_ui_diags(&diags);
	ambit_diags_clear(&diags);
	return error;
}

static void say_cut(const struct policy *policy, const struct identities *links)
{
	const struct rule *rule = ambit_policy_rule(policy, links->cut_rule);
	_cleanup_free_ char *text = text_clean(rule ? rule->text : "ambit's own");
	_cleanup_free_ char *path = text_clean(links->cut_path);
	struct diag diag = {0};

	ambit_diag_set(&diag, rule ? policy->file : NULL, rule ? rule->line : 0,
		rule ? rule->column : 0,
		"warning: \"%s\" was searched for hard links to what \"%s\" denies, but there are "
		"more than %d names%s; links to the others are decided by their own names",
		path ?: "", text ?: "", IDENTITIES_NAMES,
		links->cut_count > 1 ? " in it and the places after it" : "");
	ambit_ui_diag(&diag);
	ambit_diag_clear(&diag);
}

int ambit_loaded_links(
	const struct loaded *loaded, enum search_part part, struct identities *ret, struct diag *diag)
{
	struct policy_env_own own = {0};
	const struct policy_env *env = loaded->env.cwd ? &loaded->env.env : &own.env;
	int error = loaded->env.cwd ? 0 : ambit_policy_env_find(NULL, &own, diag);

	if (!error) {
		error = ambit_identities_find(loaded->policy, loaded->tables, env, part,
			part == PART_ALL ? store() : NULL, IDENTITIES_NAMES, ret);
		if (error)
			ambit_diag_set(diag, NULL, 0, 0,
				"cannot search for files with several names: %s", strerror(-error));
		else if (ret->cut_count && part != PART_OWN)
			say_cut(loaded->policy, ret);
	}
	ambit_policy_env_clear(&own);
	return error;
}

void ambit_loaded_clear(struct loaded *loaded)
{
	ambit_policy_free(loaded->policy);
	ambit_tables_free(loaded->tables);
	ambit_policy_env_clear(&loaded->env);
	*loaded = (struct loaded){0};
}

bool ambit_keeps_nothing(void)
{
	const char *value = getenv("AMBIT_KEEP");

	return value && strcmp(value, "no") == 0;
}
