/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "base/util.h"
#include "policy/glob.h"
#include "policy/mounts.h"
#include "policy/pattern.h"
#include "policy/rule.h"
#include "policy/text.h"

int ambit_policy_empty(const char *name, enum ambit_mode mode, struct policy **ret)
{
	_cleanup_(policy_cleanup) struct policy *policy = calloc(1, sizeof(*policy));

	if (!policy)
		return -ENOMEM;
	policy->mode = mode;
	policy->name = strdup(name);
	if (!policy->name)
		return -ENOMEM;
	*ret = TAKE_PTR(policy);
	return 0;
}

/* Takes `path` over. */
static int guarded_add(struct policy *policy, char *path, unsigned ops)
{
	struct guarded *guarded = path ? reallocarray(policy->guarded, policy->guarded_count + 1,
						 sizeof(*guarded))
				       : NULL;

	if (!guarded) {
		free(path);
		return -ENOMEM;
	}
	policy->guarded = guarded;
	policy->guarded[policy->guarded_count++] = (struct guarded){path, ops};
	return 0;
}

int ambit_policy_guard(struct policy *policy, const char *path, unsigned ops)
{
	return ambit_policy_guard_seen(policy, path, ops, NULL);
}

int ambit_policy_guard_seen(struct policy *policy, const char *path, unsigned ops, struct seen *seen)
{
	_cleanup_free_ char *pattern = glob_escape(path), *followed = NULL;
	_cleanup_(links_clear) struct links links = {};
	int r;

	if (!pattern)
		return -ENOMEM;
	r = pattern_follow(pattern, seen, &followed, &links);
	for (size_t i = 0; r >= 0 && i < links.count; i++)
		r = guarded_add(policy, glob_escape(links.items[i]), 1U << OP_WRITE);
	if (r >= 0 && followed)
		r = guarded_add(policy, TAKE_PTR(followed), ops);
	return r < 0 ? r : guarded_add(policy, TAKE_PTR(pattern), ops);
}

static int reserved_add(struct policy *policy, const char *path)
{
	char **reserved = reallocarray(
		policy->reserved, policy->reserved_count + 1, sizeof(*policy->reserved));

	if (!reserved)
		return -ENOMEM;
	policy->reserved = reserved;
	policy->reserved[policy->reserved_count] = strdup(path);
	return policy->reserved[policy->reserved_count++] ? 0 : -ENOMEM;
}

/* Appends the other places of each path of a denying rule to its paths. */
static int rule_mounts(struct rule *rule, const struct mounts *mounts)
{
	size_t count = rule->path_count;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < count; i++) {
		_cleanup_(aliases_clear) struct aliases aliases = {};
		char **paths;

		r = mounts_aliases(mounts, rule->paths[i], &aliases);
		if (r < 0 || !aliases.count)
			continue;
		paths = reallocarray(
			rule->paths, rule->path_count + aliases.count, sizeof(*paths));
		if (!paths)
			return -ENOMEM;
		rule->paths = paths;
		for (size_t k = 0; k < aliases.count; k++)
			paths[rule->path_count++] = TAKE_PTR(aliases.items[k]);
	}
	return r;
}

static int guarded_mounts(struct policy *policy, const struct mounts *mounts)
{
	size_t count = policy->guarded_count;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < count; i++) {
		_cleanup_(aliases_clear) struct aliases aliases = {};
		unsigned ops = policy->guarded[i].ops;

		r = mounts_aliases(mounts, policy->guarded[i].path, &aliases);
		for (size_t k = 0; r >= 0 && k < aliases.count; k++)
			r = guarded_add(policy, TAKE_PTR(aliases.items[k]), ops);
	}
	return r;
}

static void mounts_refuse(struct diags *diags, const struct policy *policy, const struct rule *rule)
{
	_cleanup_free_ char *text = text_clean(rule ? rule->text : "");

	ambit_diags_add(diags, policy->file, rule ? rule->line : 0, rule ? rule->column : 0,
		"what %s%s%s covers is mounted at more than %d places, all of which have to be denied; "
		"unmount those that are not needed",
		rule ? "pattern \"" : "ambit keeps for itself", rule && text ? text : "",
		rule ? "\"" : "", ALIASES_MAX);
}

int ambit_policy_mounts(
	struct policy *policy, const struct policy_env *env, struct diags *diags)
{
	_cleanup_(mounts_clear) struct mounts mounts = {};
	int r = 0;

	if (env->mountinfo)
		r = mounts_parse(env->mountinfo, strlen(env->mountinfo), &mounts);
	for (size_t i = 0; r >= 0 && i < mounts.count; i++)
		if (mount_is_kernel(&mounts.items[i]) && *mounts.items[i].point)
			r = reserved_add(policy, mounts.items[i].point);
	for (size_t i = 0; r >= 0 && i < policy->rule_count; i++) {
		struct rule *rule = &policy->rules[i];

		if (rule->verdict != VERDICT_DENY)
			continue;
		r = rule_mounts(rule, &mounts);
		if (r == -E2BIG)
			mounts_refuse(diags, policy, rule);
	}
	if (r < 0)
		return r;
	r = guarded_mounts(policy, &mounts);
	if (r == -E2BIG)
		mounts_refuse(diags, policy, NULL);
	return r;
}

const struct rule *ambit_policy_rule(const struct policy *policy, uint32_t id)
{
	/* Ids count from 1 without gaps, in the order of the rules. */
	if (id == 0 || id > policy->rule_count)
		return NULL;
	return &policy->rules[id - 1];
}

struct policy *ambit_policy_share(struct policy *policy)
{
	policy->shares++;
	return policy;
}

void ambit_policy_free(struct policy *policy)
{
	if (!policy || (policy->shares && policy->shares--))
		return;
	for (size_t i = 0; i < policy->rule_count; i++)
		policy_rule_clear(&policy->rules[i]);
	free(policy->rules);
	for (size_t i = 0; i < policy->reserved_count; i++)
		free(policy->reserved[i]);
	free(policy->reserved);
	for (size_t i = 0; i < policy->guarded_count; i++)
		free(policy->guarded[i].path);
	free(policy->guarded);
	free(policy->specials);
	free(policy->name);
	free(policy->file);
	free(policy);
}

void policy_rule_clear(struct rule *rule)
{
	for (size_t i = 0; i < rule->path_count; i++)
		free(rule->paths[i]);
	for (size_t i = 0; i < rule->name_count; i++)
		free(rule->names[i]);
	free(rule->names);
	free(rule->paths);
	free(rule->peers);
	free(rule->text);
	*rule = (struct rule){};
}
