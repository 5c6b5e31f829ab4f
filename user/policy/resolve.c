/* SPDX-License-Identifier: Apache-2.0 */
/* Rules as they stand in the file -> rules with absolute patterns: sets become one rule a line. */
#include <string.h>
#include "base/array.h"
#include "base/util.h"
#include "policy/pattern.h"
#include "policy/rule.h"
#include "policy/text.h"

#define SPECIAL_SET "special" /* ranges that have to be named */

/* An allowing pattern that goes through symbolic links. */
struct passage {
	char *text; /* as it stands in its file; owned, like all here */
	char *file;
	char *leads_to;
	struct mark mark;
	struct links links;
};

struct resolver {
	const struct policy *policy;
	const struct policy_env *env;
	struct diags *diags;
	bool failed;
	struct set **sets; /* read so far; owned */
	size_t sets_room, set_count;
	struct rule *rules; /* resolved so far; owned */
	size_t rules_room, rule_count;
	struct passage *passages;
	size_t passages_room, passage_count;
};

static void passage_clear(struct passage *passage)
{
	free(passage->text);
	free(passage->file);
	free(passage->leads_to);
	links_clear(&passage->links);
}

static void resolver_clear(struct resolver *resolver)
{
	for (size_t i = 0; i < resolver->passage_count; i++)
		passage_clear(&resolver->passages[i]);
	free(resolver->passages);
	for (size_t i = 0; i < resolver->set_count; i++)
		set_free(resolver->sets[i]);
	for (size_t i = 0; i < resolver->rule_count; i++)
		policy_rule_clear(&resolver->rules[i]);
	free(resolver->sets);
	free(resolver->rules);
}

static void resolver_problem(struct resolver *resolver, const char *file, struct mark mark,
	const char *text, char *problem)
{
	policy_add_problem(resolver->diags, file, mark, text, problem);
	resolver->failed = true;
}

/* Where a pattern stands, for errors. */
struct place {
	const char *file, *text;
	struct mark mark;
};

/* Keeps the links of an allowing pattern, to look at them when all rules are known. */
static int passage_add(struct resolver *resolver, const struct place *place, const char *leads_to,
	struct links *links)
{
	struct passage passage = {
		.text = strdup(place->text),
		.file = strdup(place->file),
		.leads_to = strdup(leads_to),
		.mark = place->mark,
	};
	int r = ARRAY_GROW(resolver, passages, resolver->passage_count + 1);

	if (r < 0 || !passage.text || !passage.file || !passage.leads_to) {
		passage_clear(&passage);
		return -ENOMEM;
	}
	passage.links = *links;
	*links = (struct links){};
	resolver->passages[resolver->passage_count++] = passage;
	return 0;
}

/* Adds a peer of unix sockets that is no path. */
static int rule_add_name(
	struct resolver *resolver, struct rule *rule, const char *text, char **ret_problem)
{
	char **names;

	if (rule->op != OP_UNIX)
		return text_problem(ret_problem, PATTERN_NO_FILE);
	names = reallocarray(rule->names, rule->name_count + 1, sizeof(*names));
	if (!names)
		return -ENOMEM;
	rule->names = names;
	names[rule->name_count] = NULL;
	return pattern_resolve(text, resolver->env, &names[rule->name_count++], ret_problem);
}

/* Adds the path of a pattern, and where it leads by symbolic links, if elsewhere. */
static int rule_add_paths(
	struct resolver *resolver, struct rule *rule, const struct place *place, char **ret_problem)
{
	_cleanup_free_ char *path = NULL, *followed = NULL;
	_cleanup_(links_clear) struct links links = {};
	char **paths;
	int r;

	r = pattern_resolve(place->text, resolver->env, &path, ret_problem);
	if (r < 0)
		return r;
	r = pattern_follow(path, resolver->env->seen, &followed, &links);
	if (r >= 0 && followed && rule->verdict == VERDICT_ALLOW)
		r = passage_add(resolver, place, followed, &links);
	if (r < 0)
		return r;
	paths = reallocarray(rule->paths, rule->path_count + 2, sizeof(*paths));
	if (!paths)
		return -ENOMEM;
	rule->paths = paths;
	rule->paths[rule->path_count++] = TAKE_PTR(path);
	if (followed)
		rule->paths[rule->path_count++] = TAKE_PTR(followed);
	return 0;
}

static int rule_add_peers(struct rule *rule, const char *text, char **ret_problem)
{
	struct peer *peers =
		reallocarray(rule->peers, rule->peer_count + PEERS_MAX, sizeof(*peers));
	size_t count;
	int r;

	if (!peers)
		return -ENOMEM;
	rule->peers = peers;
	r = peer_parse(text, rule->op, peers + rule->peer_count, &count, ret_problem);
	if (r >= 0)
		rule->peer_count += count;
	return r;
}

/* Adds what a text stands for to a rule; a problem of the text is added to the errors. */
static int rule_add_text(struct resolver *resolver, struct rule *rule, const struct place *place)
{
	char *problem = NULL;
	int r;

	if (op_has_peers(rule->op))
		r = rule_add_peers(rule, place->text, &problem);
	else if (pattern_is_peer(place->text))
		r = rule_add_name(resolver, rule, place->text, &problem);
	else
		r = rule_add_paths(resolver, rule, place, &problem);
	if (r != -EINVAL)
		return r;
	resolver_problem(resolver, place->file, place->mark, place->text, problem);
	return 0;
}

/* Begins another rule, which is what `from` says; `text` is taken over. */
static int rule_begin(
	struct resolver *resolver, const struct rule *from, char *text, struct rule **ret)
{
	struct rule rule = {
		.id = (uint32_t)resolver->rule_count + 1,
		.op = from->op,
		.verdict = from->verdict,
		.text = text,
		.line = from->line,
		.column = from->column,
		.tls = from->tls,
		.quic = from->quic,
	};
	int r;

	memcpy(rule.limits, from->limits, sizeof(rule.limits));
	r = text ? ARRAY_GROW(resolver, rules, resolver->rule_count + 1) : -ENOMEM;

	if (r < 0) {
		free(text);
		return r;
	}
	resolver->rules[resolver->rule_count] = rule;
	*ret = &resolver->rules[resolver->rule_count++];
	return 0;
}

/* The set of that name, read once. NULL in `*ret` after an error, which was added. */
static int set_get(struct resolver *resolver, const char *name, const char *file, struct mark mark,
	struct set **ret)
{
	const char *dir = resolver->env->sets_dir;
	int r;

	for (size_t i = 0; i < resolver->set_count; i++) {
		if (!strcmp(resolver->sets[i]->name, name)) {
			*ret = resolver->sets[i]->broken ? NULL : resolver->sets[i];
			return 0;
		}
	}
	r = ARRAY_GROW(resolver, sets, resolver->set_count + 1);
	if (r < 0)
		return r;
	r = set_read(dir ? dir : "", name, file, mark, resolver->diags,
		&resolver->sets[resolver->set_count]);
	if (r == -ENOMEM)
		return r;
	*ret = r < 0 ? NULL : resolver->sets[resolver->set_count++];
	if (r < 0 || (*ret)->broken) {
		resolver->failed = true;
		*ret = NULL;
	}
	return 0;
}

/* A denial by a set names the line of the set, so each is a rule; what a set allows is one rule. */
static int resolve_items(struct resolver *resolver, const struct rule *from, const struct set *set)
{
	struct rule *rule = NULL;
	int r;

	for (size_t i = 0; i < set->item_count; i++) {
		const struct set_item *item = &set->items[i];

		/* Of a set that is about sockets, the names that no file has. */
		if (from->op != OP_UNIX && !set->has_peers && pattern_is_peer(item->text))
			continue;
		if (from->verdict == VERDICT_DENY)
			r = rule_begin(resolver, from,
				text_format("%s: %s", from->text, item->text), &rule);
		else
			r = rule ? 0 : rule_begin(resolver, from, strdup(from->text), &rule);
		if (r >= 0)
			r = rule_add_text(
				resolver, rule, &(struct place){set->file, item->text, item->mark});
		if (r < 0)
			return r;
	}
	return 0;
}

static int resolve_set(struct resolver *resolver, const struct rule *rule)
{
	struct mark mark = {rule->line, rule->column};
	struct set *set;
	int r;

	r = set_get(resolver, rule->text + 1, resolver->policy->file, mark, &set);
	if (r < 0 || !set)
		return r;
	if (set->has_peers == op_has_peers(rule->op))
		return resolve_items(resolver, rule, set);
	resolver_problem(resolver, resolver->policy->file, mark, rule->text,
		text_format("is a set of %s, and %s are wanted here; name another set",
			set->has_peers ? "peers" : "paths", set->has_peers ? "paths" : "peers"));
	return 0;
}

static int resolve_rule(struct resolver *resolver, const struct rule *from)
{
	struct rule *rule;
	int r;

	if (*from->text == '@')
		return resolve_set(resolver, from);
	r = rule_begin(resolver, from, strdup(from->text), &rule);
	if (r < 0)
		return r;
	return rule_add_text(resolver, rule,
		&(struct place){resolver->policy->file, from->text, {from->line, from->column}});
}

static int resolve_rules(struct resolver *resolver)
{
	const struct policy *policy = resolver->policy;
	int r;

	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct rule *rule = &policy->rules[i];
		struct mark mark = {rule->line, rule->column};

		r = resolve_rule(resolver, rule);
		if (r < 0)
			return r;
		if (resolver->rule_count > AMBIT_RULES_MAX) {
			resolver_problem(resolver, policy->file, mark, rule->text,
				text_format("makes more than %d rules, the most that a policy can "
					    "have; use patterns that cover several places",
					AMBIT_RULES_MAX));
			return 0;
		}
	}
	return 0;
}

/* True if a rule that says `verdict` on writing covers `path`. */
static bool write_covers(
	const struct resolver *resolver, enum ambit_verdict verdict, const char *path)
{
	for (size_t i = 0; i < resolver->rule_count; i++) {
		const struct rule *rule = &resolver->rules[i];

		if (rule->op != OP_WRITE || rule->verdict != verdict)
			continue;
		for (size_t p = 0; p < rule->path_count; p++)
			if (pattern_covers(rule->paths[p], path))
				return true;
	}
	return false;
}

/*
 * A link that stands where a cell of this policy may write may have been made by one, to have more
 * allowed the next time: such a link is not followed for an allowing rule, but refused.
 */
static void resolve_passages(struct resolver *resolver)
{
	for (size_t i = 0; i < resolver->passage_count; i++) {
		const struct passage *passage = &resolver->passages[i];

		for (size_t k = 0; k < passage->links.count; k++) {
			const char *link = passage->links.items[k];

			if (!write_covers(resolver, VERDICT_ALLOW, link) ||
				write_covers(resolver, VERDICT_DENY, link))
				continue;
			resolver_problem(resolver, passage->file, passage->mark, passage->text,
				text_format("goes through the symbolic link \"%s\", which the cell "
					    "could have made itself, since it may write there; "
					    "remove the link, or write where it leads (\"%s\")",
					link, passage->leads_to));
			break;
		}
	}
}

/* What root allows others is not made wider by a link of theirs. */
static void resolve_loose(struct resolver *resolver)
{
	for (size_t i = 0; resolver->env->roots_links && i < resolver->passage_count; i++) {
		const struct passage *passage = &resolver->passages[i];
		size_t k = 0;

		while (k < passage->links.count && link_is_roots(passage->links.items[k]))
			k++;
		if (k < passage->links.count)
			resolver_problem(resolver, passage->file, passage->mark, passage->text,
				text_format("goes through the symbolic link \"%s\", which others than root "
					    "can have made; remove the link, or name where it leads",
					passage->links.items[k]));
	}
}

static int resolve_specials(struct resolver *resolver, struct peer **ret, size_t *ret_count)
{
	_cleanup_free_ struct peer *peers = NULL;
	size_t count = 0, found;
	char *problem = NULL;
	struct set *set;
	int r;

	r = set_get(resolver, SPECIAL_SET, NULL, (struct mark){}, &set);
	if (r < 0 || !set)
		return r;
	if (!set->has_peers) {
		ambit_diags_add(resolver->diags, set->file, 0, 0, "must list peers");
		resolver->failed = true;
		return 0;
	}
	peers = calloc(set->item_count, PEERS_MAX * sizeof(*peers));
	if (!peers)
		return -ENOMEM;
	for (size_t i = 0; i < set->item_count; i++) {
		r = peer_parse(set->items[i].text, OP_CONNECT, peers + count, &found, &problem);
		if (r < 0)
			return r;
		count += found;
	}
	*ret = TAKE_PTR(peers);
	*ret_count = count;
	return 0;
}

static void rules_replace(struct policy *policy, struct resolver *resolver)
{
	struct rule *old = policy->rules;
	size_t old_count = policy->rule_count;

	policy->rules = resolver->rules;
	policy->rule_count = resolver->rule_count;
	resolver->rules = old;
	resolver->rule_count = old_count;
}

int ambit_policy_resolve(struct policy *policy, const struct policy_env *env, struct diags *diags)
{
	_cleanup_(resolver_clear) struct resolver resolver = {
		.policy = policy,
		.env = env,
		.diags = diags,
	};
	struct peer *specials = NULL;
	size_t special_count = 0;
	int r;

	r = resolve_rules(&resolver);
	if (r >= 0)
		resolve_passages(&resolver);
	if (r >= 0)
		resolve_loose(&resolver);
	if (r >= 0)
		r = resolve_specials(&resolver, &specials, &special_count);
	if (r >= 0 && resolver.failed)
		r = -EINVAL;
	if (r < 0) {
		free(specials);
		return r;
	}
	rules_replace(policy, &resolver);
	free(policy->specials);
	policy->specials = specials;
	policy->special_count = special_count;
	r = policy_resolve_dns(policy, env, diags);
	return r < 0 ? r : rule_check_peers(policy, diags);
}
