/* SPDX-License-Identifier: Apache-2.0 */
/* A peer that a rule says more about than its text: {to: PEER, tls: none, connectsPerMinute: 10}. */
#include <string.h>
#include "base/util.h"
#include "policy/limits.h"
#include "policy/pattern.h"
#include "policy/rule.h"

static int parse_to(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	struct rule *rule = data;
	const char *text = yaml_text(yaml);
	struct mark mark = yaml_mark(yaml);

	if (!text || !*text) {
		yaml_error(yaml, mark, "\"%s\" must be one peer", key->name);
		return yaml_skip(yaml);
	}
	rule->line = mark.line;
	rule->column = mark.column;
	rule->text = strdup(text);
	return rule->text ? 0 : -ENOMEM;
}

static int parse_limit(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	struct rule *rule = data;

	return limit_parse_rate(
		yaml, key, (enum ambit_limit)key->value, &rule->limits[key->value]);
}

static int parse_tls(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	static const char *const words[] = {
		[TLS_NAME] = "name", [TLS_NONE] = "none", [TLS_PROXY] = "proxy"};
	struct rule *rule = data;
	const char *text = yaml_text(yaml);

	for (unsigned i = 0; text && i < ARRAY_SIZE(words); i++) {
		if (!strcmp(text, words[i])) {
			rule->tls = (enum tls)i;
			return 0;
		}
	}
	yaml_error(yaml, yaml_mark(yaml), "\"%s\" must be \"name\", \"none\" or \"proxy\"", key->name);
	return yaml_skip(yaml);
}

static int parse_quic(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	struct rule *rule = data;
	const char *text = yaml_text(yaml);

	if (text && (!strcmp(text, "allow") || !strcmp(text, "deny")))
		rule->quic = *text == 'a';
	else
		yaml_error(yaml, yaml_mark(yaml), "\"%s\" must be \"allow\" or \"deny\"", key->name);
	return yaml_skip(yaml);
}

int rule_parse_peer(struct yaml *yaml, struct rule *ret)
{
	static const struct yaml_key keys[] = {
		{"to", parse_to, 0, NULL},
		{"connectsPerMinute", parse_limit, LIMIT_CONNECTS, NULL},
		{"egressPerHour", parse_limit, LIMIT_EGRESS_HOUR, NULL},
		{"egressPerDay", parse_limit, LIMIT_EGRESS_DAY, NULL},
		{"tls", parse_tls, 0, NULL},
		{"quic", parse_quic, 0, NULL},
	};
	const unsigned to = 1U; /* the bit of the first row */
	struct mark mark = yaml_mark(yaml);
	unsigned seen = 0;
	int r = yaml_mapping(yaml, "a peer", keys, ARRAY_SIZE(keys), ret, &seen);

	if (r >= 0 && !(seen & to))
		yaml_error(yaml, mark, "\"to\" is missing; add the peer that this is about");
	else if (r >= 0 && seen == to)
		yaml_error(yaml, mark,
			"nothing is said about this peer; add a limit or \"tls\", or write it without \"to\"");
	return r;
}

static int refuse(struct diags *diags, const char *file, const struct rule *rule, const char *text)
{
	ambit_diags_add(diags, file, rule->line, rule->column, "%s", text);
	return -EINVAL;
}

/* What `tls` and `quic` say of an address: it has no name, so only a proxy's first bytes are looked at. */
static int check_address(
	const struct policy *policy, const struct rule *rule, const struct peer *peer, struct diags *diags)
{
	if (rule->tls == TLS_NONE || rule->quic)
		return refuse(diags, policy->file, rule,
			"\"tls: none\" and \"quic\" are about names, and this is an address, whose "
			"connections may say anything; remove the key");
	if (rule->tls == TLS_PROXY && !policy->names)
		return refuse(diags, policy->file, rule,
			"a proxy is asked for what the policy allows by name, and no rule of "
			"network.allow.connect has a name; add those that it may be asked for");
	if (rule->tls == TLS_PROXY && policy_names_special(policy, peer))
		return refuse(diags, policy->file, rule,
			"a special address (metadata, multicast, broadcast) is no proxy; remove \"tls\"");
	return 0;
}

int rule_check_peers(const struct policy *policy, struct diags *diags)
{
	int result = 0;

	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct rule *rule = &policy->rules[i];
		int r = 0;

		for (size_t p = 0; r == 0 && p < rule->peer_count; p++)
			if (rule->peers[p].family != AMBIT_FAMILY_NAME)
				r = check_address(policy, rule, &rule->peers[p], diags);
		result = r ?: result;
	}
	return result;
}
