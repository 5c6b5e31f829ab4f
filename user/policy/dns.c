/* SPDX-License-Identifier: Apache-2.0 */
/* network.dns: who may be asked for the names that rules allow, and within which limits. */
#include <stdlib.h>
#include <string.h>
#include "base/util.h"
#include "policy/pattern.h"
#include "policy/rule.h"
#include "policy/text.h"

static int parse_resolver(struct yaml *yaml, const char *text, struct mark mark, void *data)
{
	struct dns *dns = data;
	char *problem = NULL;
	int r = 0;

	if (dns->resolver_count == RESOLVERS_MAX) {
		yaml_error(yaml, mark, "these are more than %d resolvers", RESOLVERS_MAX);
		return 0;
	}
	r = resolver_parse(text, &dns->resolvers[dns->resolver_count], &problem);
	if (r >= 0) {
		dns->resolver_count++;
		return 0;
	}
	if (r != -EINVAL)
		return r;
	policy_add_problem(yaml->diags, yaml->file, mark, text, problem);
	yaml->failed = true;
	return 0;
}

static int parse_resolvers(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	(void)key;
	return yaml_list(yaml, "\"network.dns.resolvers\"", parse_resolver, NULL, data);
}

static int parse_private(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	const char *text = yaml_text(yaml);
	struct dns *dns = data;

	if (text && (!strcmp(text, "allow") || !strcmp(text, "deny")))
		dns->private_names = *text == 'a';
	else
		yaml_error(yaml, yaml_mark(yaml), "\"%s\" must be \"allow\" or \"deny\"", key->name);
	return yaml_skip(yaml);
}

/* The numbers: where each goes, what it is without a word of the policy, and its bounds. */
static const struct limit {
	const char *unit;
	size_t offset;
	unsigned preset, least, most;
} limits[] = {
	{"questions a minute", offsetof(struct dns, queries), 600, 1, 1000000},
	{"bytes", offsetof(struct dns, label), AMBIT_LABEL_MAX, 1, AMBIT_LABEL_MAX},
	{"seconds", offsetof(struct dns, grace), 60, 1, 86400},
	{"seconds", offsetof(struct dns, longest), 3600, 1, 604800},
};

static unsigned *limit_of(struct dns *dns, const struct limit *limit)
{
	return (unsigned *)((char *)dns + limit->offset);
}

static int parse_limit(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	const struct limit *limit = key->more;
	const char *text = yaml_text(yaml);
	size_t length = text ? strlen(text) : 0;
	unsigned long value = 0;

	if (length && length < 8 && !text[strspn(text, "0123456789")])
		value = strtoul(text, NULL, 10);
	if (value < limit->least || value > limit->most)
		yaml_error(yaml, yaml_mark(yaml), "\"%s\" must be a number of %s from %u to %u",
			key->name, limit->unit, limit->least, limit->most);
	else
		*limit_of(data, limit) = (unsigned)value;
	return yaml_skip(yaml);
}

int policy_parse_dns(struct yaml *yaml, struct dns *dns)
{
	static const struct yaml_key keys[] = {
		{"resolvers", parse_resolvers, 0, NULL},
		{"private", parse_private, 0, NULL},
		{"queriesPerMinute", parse_limit, 0, &limits[0]},
		{"labelLength", parse_limit, 0, &limits[1]},
		{"grace", parse_limit, 0, &limits[2]},
		{"longest", parse_limit, 0, &limits[3]},
	};

	dns->line = yaml->key.line;
	dns->column = yaml->key.column;
	return yaml_mapping(yaml, "\"network.dns\"", keys, ARRAY_SIZE(keys), dns, NULL);
}

/* The lines "nameserver ADDRESS" of a resolv.conf, as far as they can be reached: one with an interface
 * ("fe80::1%eth0") cannot, from a cell. */
static int resolvers_find(struct dns *dns, const char *text)
{
	static const char word[] = "nameserver";
	int r = 0;

	for (const char *line = text; r >= 0 && line && *line; line = strchr(line, '\n')) {
		_cleanup_free_ char *address = NULL, *problem = NULL;
		const char *at;

		line += strspn(line, "\n");
		at = line + strlen(word);
		if (strncmp(line, word, strlen(word)) != 0 || !strspn(at, " \t"))
			continue;
		at += strspn(at, " \t");
		address = strndup(at, strcspn(at, " \t\r\n"));
		if (!address || dns->resolver_count == RESOLVERS_MAX)
			return address ? 0 : -ENOMEM;
		r = resolver_parse(address, &dns->resolvers[dns->resolver_count], &problem);
		dns->resolver_count += r >= 0;
		r = r == -EINVAL ? 0 : r;
	}
	return r;
}

static const struct rule *rule_with_name(const struct policy *policy, enum ambit_verdict verdict)
{
	for (size_t i = 0; i < policy->rule_count; i++)
		for (size_t k = 0; k < policy->rules[i].peer_count; k++)
			if (policy->rules[i].verdict == verdict &&
				policy->rules[i].peers[k].family == AMBIT_FAMILY_NAME)
				return &policy->rules[i];
	return NULL;
}

/* Each resolver becomes a rule, so that reaching it is explained like any other peer. */
static int resolver_rules(struct policy *policy, unsigned line, unsigned column)
{
	struct rule *rules = reallocarray(policy->rules,
		policy->rule_count + policy->dns.resolver_count, sizeof(*rules));

	if (!rules)
		return -ENOMEM;
	policy->rules = rules;
	for (size_t i = 0; i < policy->dns.resolver_count; i++) {
		struct rule *rule = &rules[policy->rule_count];

		*rule = (struct rule){
			.id = (uint32_t)policy->rule_count + 1,
			.op = OP_CONNECT,
			.verdict = VERDICT_ALLOW,
			.text = strdup("network.dns.resolvers"),
			.line = line,
			.column = column,
			.resolver = true,
			.peers = malloc(sizeof(*rule->peers)),
			.peer_count = 1,
		};
		policy->rule_count++;
		if (!rule->text || !rule->peers)
			return -ENOMEM;
		*rule->peers = policy->dns.resolvers[i];
	}
	return 0;
}

static int refuse(struct diags *diags, const char *file, unsigned line, unsigned column,
	const char *text)
{
	ambit_diags_add(diags, file, line, column, "%s", text);
	return -EINVAL;
}

int policy_resolve_dns(struct policy *policy, const struct policy_env *env, struct diags *diags)
{
	const struct rule *allow = rule_with_name(policy, VERDICT_ALLOW);
	const struct rule *deny = rule_with_name(policy, VERDICT_DENY);
	struct dns *dns = &policy->dns;
	int r = 0;

	policy->names = allow;
	if (deny && !allow)
		return refuse(diags, policy->file, deny->line, deny->column,
			"this denies a name, and no rule allows one, so no name is looked up anyway; "
			"remove it, or name what is allowed");
	/* After other errors the rule may be one that could not be read. */
	if (!allow && dns->line && !diags->count)
		return refuse(diags, policy->file, dns->line, dns->column,
			"\"dns\" says how names are looked up, but no rule of network.allow.connect "
			"has a name; remove it, or name what is allowed");
	if (!allow)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
		if (!*limit_of(dns, &limits[i]))
			*limit_of(dns, &limits[i]) = limits[i].preset;
	if (!dns->resolver_count && env->resolvers)
		r = resolvers_find(dns, env->resolvers);
	if (r < 0)
		return r;
	if (!dns->resolver_count)
		return refuse(diags, policy->file, allow->line, allow->column,
			"there is nobody to ask for names: no \"nameserver\" in /etc/resolv.conf; write "
			"\"dns: {resolvers: [ADDRESS]}\" under network");
	if (policy->rule_count + dns->resolver_count > AMBIT_RULES_MAX)
		return refuse(diags, policy->file, allow->line, allow->column,
			"with its resolvers the policy has too many rules");
	return resolver_rules(policy, dns->line ? dns->line : allow->line,
		dns->line ? dns->column : allow->column);
}
