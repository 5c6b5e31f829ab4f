/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "base/array.h"
#include "base/util.h"
#include "compile/places.h"
#include "compile/store.h"
#include "policy/pattern.h"

static int place_add(struct places *places, const char *path, enum kind kind, uint32_t rule)
{
	int r = ARRAY_GROW(places, items, places->count + 1);

	if (r < 0)
		return r;
	places->items[places->count] = (struct place){strdup(path), kind, rule};
	return places->items[places->count++].path ? 0 : -ENOMEM;
}

static bool is_part(enum search_part part, bool outer)
{
	return part == PART_ALL || (part == PART_OUTER) == outer;
}

/* Adds the place that a denying pattern names; one that names none is remembered in `ret_wide`. */
static int place_of(struct places *places, const char *pattern, uint32_t rule, bool wanted, uint32_t *ret_wide)
{
	_cleanup_free_ char *prefix = pattern_prefix(pattern);

	if (!prefix)
		return -ENOMEM;
	if (*prefix)
		return !wanted ? 0 : place_add(places, prefix, KIND_NAMED, rule);
	if (!*ret_wide)
		*ret_wide = rule;
	return 0;
}

int places_compile(const struct policy *policy, const char *store, struct tables **ret)
{
	struct policy named = {
		.rules = calloc(policy->rule_count + 1, sizeof(*named.rules)),
		.guarded = policy->guarded,
		.guarded_count = policy->guarded_count,
	};
	struct diag diag = {};
	int r = named.rules ? 0 : -ENOMEM;

	for (size_t i = 0; r >= 0 && i < policy->rule_count; i++) {
		const struct rule *from = &policy->rules[i];
		struct rule *rule = &named.rules[named.rule_count];

		if (from->verdict != VERDICT_DENY || !from->path_count)
			continue;
		named.rule_count++;
		*rule = (struct rule){.id = from->id, .op = from->op, .verdict = VERDICT_DENY};
		rule->paths = calloc(from->path_count, sizeof(*rule->paths));
		for (size_t p = 0; rule->paths && p < from->path_count; p++)
			if (strncmp(from->paths[p], "/**", 3))
				rule->paths[rule->path_count++] = from->paths[p];
		r = rule->paths ? 0 : -ENOMEM;
	}
	if (r >= 0)
		r = ambit_tables_obtain(store, &named, &diag, ret);
	ambit_diag_clear(&diag);
	for (size_t i = 0; i < named.rule_count; i++)
		free(named.rules[i].paths);
	free(named.rules);
	return r;
}

static int places_named(
	struct places *places, const struct policy *policy, enum search_part part, uint32_t *ret_wide)
{
	int r = 0;

	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct rule *rule = &policy->rules[i];

		for (size_t p = 0; rule->verdict == VERDICT_DENY && p < rule->path_count; p++) {
			r = place_of(places, rule->paths[p], rule->id, is_part(part, rule->outer), ret_wide);
			if (r < 0)
				return r;
		}
	}
	for (size_t i = 0; r >= 0 && i < policy->guarded_count; i++)
		r = place_of(places, policy->guarded[i].path, 0, is_part(part, true), ret_wide);
	return r;
}

/* Where the cell can make use of a file that it finds, and so where one may have been put. */
static int places_wide(struct places *places, const struct policy *policy,
	const struct policy_env *env, enum search_part part, uint32_t wide)
{
	int r = env->cwd && is_part(part, false) ? place_add(places, env->cwd, KIND_CWD, wide) : 0;

	for (size_t i = 0; r >= 0 && i < policy->rule_count; i++) {
		const struct rule *rule = &policy->rules[i];

		if (rule->op != OP_WRITE || rule->verdict != VERDICT_ALLOW ||
			!is_part(part, rule->outer))
			continue;
		for (size_t p = 0; r >= 0 && p < rule->path_count; p++) {
			_cleanup_free_ char *prefix = pattern_prefix(rule->paths[p]);

			r = prefix ? place_add(places, prefix, KIND_WRITTEN, wide) : -ENOMEM;
		}
	}
	return r;
}

/* A directory before what lies in it, whatever names there are beside it. */
static int path_compare(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	if (*a == *b)
		return 0;
	if (!*a || !*b)
		return *a ? 1 : -1;
	if (*a == '/' || *b == '/')
		return *a == '/' ? -1 : 1;
	return (uint8_t)*a < (uint8_t)*b ? -1 : 1;
}

static int place_compare(const void *left, const void *right)
{
	const struct place *a = left, *b = right;

	return a->kind == b->kind ? path_compare(a->path, b->path) : (int)a->kind - (int)b->kind;
}

bool place_within(const struct place *place, const struct place *other)
{
	size_t length = strlen(other->path);

	return place->kind == other->kind && !strncmp(place->path, other->path, length) &&
	       (!place->path[length] || place->path[length] == '/');
}

int places_find(
	const struct policy *policy, const struct policy_env *env, enum search_part part, struct places *ret)
{
	_cleanup_(places_clear) struct places places = {};
	uint32_t wide = 0;
	int r = places_named(&places, policy, part, &wide);

	if (r >= 0 && wide)
		r = places_wide(&places, policy, env, part, wide);
	if (r < 0)
		return r;
	if (places.count)
		qsort(places.items, places.count, sizeof(*places.items), place_compare);
	*ret = places;
	places = (struct places){};
	return 0;
}

void places_clear(struct places *places)
{
	for (size_t i = 0; i < places->count; i++)
		free(places->items[i].path);
	free(places->items);
	*places = (struct places){};
}
