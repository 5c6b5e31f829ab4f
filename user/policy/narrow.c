/* SPDX-License-Identifier: Apache-2.0 */
/* Two policies that are in force together: an inner one, and an outer one that nobody can go beyond. */
#include <string.h>
#include "base/util.h"
#include "policy/pattern.h"
#include "policy/rule.h"
#include "policy/text.h"

/* The smaller of two limits, of which 0 is none. */
static struct quota quota_narrow(struct quota inner, struct quota outer)
{
	/* The line would be of another file. */
	outer.line = 0;
	return inner.value - 1 <= outer.value - 1 ? inner : outer;
}

static unsigned smaller(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static bool has_resolver(const struct dns *dns, const struct peer *resolver)
{
	for (size_t i = 0; i < dns->resolver_count; i++)
		if (peer_within(&dns->resolvers[i], resolver) &&
			peer_within(resolver, &dns->resolvers[i]))
			return true;
	return false;
}

/* Where one of them has names, what is asked for them is read; the other one may then have none. */
static int dns_narrow(struct policy *policy, const struct policy *outer, struct diags *diags)
{
	struct dns *dns = &policy->dns;
	const struct dns other = outer->dns;
	size_t count = 0;

	if (!outer->names)
		return 0;
	if (!policy->names) {
		*dns = other;
		policy->names = true;
		return 0;
	}
	for (size_t i = 0; i < dns->resolver_count; i++)
		if (has_resolver(&other, &dns->resolvers[i]))
			dns->resolvers[count++] = dns->resolvers[i];
	dns->resolver_count = count;
	dns->queries = smaller(dns->queries, other.queries);
	dns->label = smaller(dns->label, other.label);
	dns->grace = smaller(dns->grace, other.grace);
	dns->longest = smaller(dns->longest, other.longest);
	dns->private_names = dns->private_names && other.private_names;
	if (count)
		return 0;
	ambit_diags_add(diags, policy->file, dns->line, dns->column,
		"no resolver here is one of \"%s\"; leave out \"resolvers\"", outer->file);
	return -EINVAL;
}

/* An outer rule is named with its file and line, since those of the policy are others. */
static int rule_take(struct policy *policy, struct rule *rule, const char *file)
{
	char *text = text_format("%s:%u: %s", file, rule->line, rule->text);

	if (!text)
		return -ENOMEM;
	free(rule->text);
	rule->text = text;
	rule->line = rule->column = 0;
	rule->outer = true;
	rule->id = (uint32_t)policy->rule_count + 1;
	policy->rules[policy->rule_count++] = *rule;
	*rule = (struct rule){};
	return 0;
}

static int rules_take(struct policy *policy, struct policy *outer, struct diags *diags)
{
	struct rule *rules;
	int r = 0;

	if (policy->rule_count + outer->rule_count > AMBIT_RULES_MAX) {
		ambit_diags_add(diags, policy->file, 0, 0,
			"has %zu rules and \"%s\" has %zu, together more than %d", policy->rule_count,
			outer->file, outer->rule_count, AMBIT_RULES_MAX);
		return -EINVAL;
	}
	rules = reallocarray(policy->rules, policy->rule_count + outer->rule_count + 1, sizeof(*rules));
	if (!rules)
		return -ENOMEM;
	policy->rules = rules;
	for (size_t i = 0; r >= 0 && i < outer->rule_count; i++)
		r = rule_take(policy, &outer->rules[i], outer->file);
	return r;
}

/* Special ranges, and what the mounts of the moment reserve, are of the machine: those that are there
 * twice do no harm. */
static int places_take(struct policy *policy, struct policy *outer)
{
	struct peer *specials = reallocarray(policy->specials,
		policy->special_count + outer->special_count + 1, sizeof(*specials));
	char **reserved;
	struct guarded *guarded;

	if (!specials)
		return -ENOMEM;
	policy->specials = specials;
	reserved = reallocarray(policy->reserved, policy->reserved_count + outer->reserved_count + 1,
		sizeof(*reserved));
	if (!reserved)
		return -ENOMEM;
	policy->reserved = reserved;
	guarded = reallocarray(policy->guarded, policy->guarded_count + outer->guarded_count + 1,
		sizeof(*guarded));
	if (!guarded)
		return -ENOMEM;
	policy->guarded = guarded;
	for (size_t i = 0; i < outer->special_count; i++)
		specials[policy->special_count++] = outer->specials[i];
	while (outer->reserved_count)
		reserved[policy->reserved_count++] = outer->reserved[--outer->reserved_count];
	while (outer->guarded_count)
		guarded[policy->guarded_count++] = outer->guarded[--outer->guarded_count];
	return 0;
}

static int narrow(struct policy *policy, struct policy *outer, struct diags *diags)
{
	int r = dns_narrow(policy, outer, diags);

	if (r >= 0)
		r = rules_take(policy, outer, diags);
	if (r >= 0)
		r = places_take(policy, outer);
	if (r < 0)
		return r;
	for (unsigned kind = 0; kind < LIMIT_MAX; kind++)
		policy->limits[kind] = quota_narrow(policy->limits[kind], outer->limits[kind]);
	policy->file_size = quota_narrow(policy->file_size, outer->file_size);
	if (outer->mode == MODE_ENFORCE)
		policy->mode = MODE_ENFORCE;
	policy->jit = policy->jit && outer->jit;
	policy->trail_denies = policy->trail_denies || outer->trail_denies;
	policy->narrowed = true;
	return 0;
}

int ambit_policy_narrow(struct policy *policy, struct policy *outer, struct diags *diags)
{
	int r = narrow(policy, outer, diags);

	ambit_policy_free(outer);
	return r;
}
