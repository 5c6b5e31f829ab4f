/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "base/util.h"
#include "policy/rule.h"

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

const struct rule *ambit_policy_rule(const struct policy *policy, uint32_t id)
{
	/* Ids count from 1 without gaps, in the order of the rules. */
	if (id == 0 || id > policy->rule_count)
		return NULL;
	return &policy->rules[id - 1];
}

void ambit_policy_free(struct policy *policy)
{
	if (!policy)
		return;
	for (size_t i = 0; i < policy->rule_count; i++)
		policy_rule_clear(&policy->rules[i]);
	free(policy->rules);
	free(policy->specials);
	free(policy->name);
	free(policy->file);
	free(policy);
}

void policy_rule_clear(struct rule *rule)
{
	for (size_t i = 0; i < rule->path_count; i++)
		free(rule->paths[i]);
	free(rule->paths);
	free(rule->peers);
	free(rule->text);
	*rule = (struct rule){};
}
