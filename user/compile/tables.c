/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <sodium.h>
#include <string.h>
#include <sys/mman.h>
#include "base/util.h"
#include "compile/build.h"
#include "compile/meet.h"
#include "compile/minimise.h"
#include "compile/pack.h"
#include "compile/patterns.h"
#include "compile/share.h"

/* Room for 10,000 rules beside a dozen suffixes at any depth; a state takes about 100 bytes
 * while it is built, and an explosion is noticed within a few seconds. */
#define STATES_MAX (1U << 21)

/* Everything that building needs, freed together. */
struct build {
	struct ids ids;
	struct nfa nfa; /* of the half that is being built */
	struct dfa dfa;
	bool names, outer;
	uint32_t culprit;
};

static void build_cleanup(struct build *build)
{
	dfa_free(&build->dfa);
	nfa_free(&build->nfa);
	ids_free(&build->ids);
}

static int build_init(struct build *build, uint32_t state_limit)
{
	int r;

	r = ids_init(&build->ids);
	if (r < 0)
		return r;
	return dfa_init(&build->dfa, state_limit);
}

/* The automaton for the paths of one operation. */
static int build_paths(struct build *build, const struct policy *policy, enum ambit_op op)
{
	uint32_t first = build->dfa.state_count;
	int r;

	r = nfa_init(&build->nfa, &build->ids, false, build->names);
	if (r < 0)
		return r;
	build->nfa.outer = build->outer;
	r = patterns_add_paths(&build->nfa, policy, op);
	if (r >= 0)
		r = nfa_finish(&build->nfa);
	if (r >= 0)
		r = nfa_share(&build->nfa);
	if (r >= 0)
		r = dfa_build(
			&build->dfa, &build->nfa, &build->dfa.path_start[op], &build->culprit);
	if (r >= 0)
		r = patterns_convert_paths(&build->dfa, &build->ids, op, first);
	nfa_free(&build->nfa);
	return r;
}

static int build_peers(struct build *build, const struct policy *policy)
{
	uint32_t first = build->dfa.state_count;
	int r;

	r = nfa_init(&build->nfa, &build->ids, true, build->names);
	if (r < 0)
		return r;
	build->nfa.outer = build->outer;
	r = patterns_add_peers(&build->nfa, policy);
	if (r >= 0)
		r = nfa_finish(&build->nfa);
	if (r >= 0)
		r = nfa_share(&build->nfa);
	if (r >= 0)
		r = dfa_build(&build->dfa, &build->nfa, &build->dfa.peer_start, &build->culprit);
	if (r >= 0)
		r = patterns_convert_peers(&build->dfa, &build->ids, first);
	nfa_free(&build->nfa);
	return r;
}

static int build_automata(struct build *build, const struct policy *policy)
{
	int r;

	for (unsigned op = 0; op < AMBIT_COLUMNS; op++) {
		r = build_paths(build, policy, (enum ambit_op)op);
		if (r < 0)
			return r;
	}
	return build_peers(build, policy);
}

/* The rules of a policy and those that it was narrowed by, each in an automaton of their own first. */
static int build_both(struct build *build, const struct policy *policy, uint32_t state_limit)
{
	_cleanup_(build_cleanup) struct build inner = {}, outer = {.outer = true};
	int r;

	r = build_init(&inner, state_limit);
	if (r >= 0)
		r = build_automata(&inner, policy);
	if (r >= 0)
		r = dfa_minimise(&inner.dfa);
	if (r >= 0)
		r = build_init(&outer, state_limit);
	if (r >= 0)
		r = build_automata(&outer, policy);
	if (r >= 0)
		r = dfa_minimise(&outer.dfa);
	if (r >= 0)
		r = dfa_meet(&inner.dfa, &inner.ids, &outer.dfa, &outer.ids, &build->dfa,
			&build->ids);
	build->culprit = inner.culprit ? inner.culprit : outer.culprit;
	return r;
}

static int build_tables(const struct policy *policy, const struct build_options *options,
	uint32_t *ret_culprit, struct tables **ret)
{
	_cleanup_(build_cleanup) struct build build = {.names = options->names};
	_cleanup_(tables_cleanup) struct tables *tables = calloc(1, sizeof(*tables));
	int r;

	if (!tables)
		return -ENOMEM;
	r = build_init(&build, options->state_limit);
	if (r < 0)
		return r;
	r = policy->narrowed && !options->names
		    ? build_both(&build, policy, options->state_limit)
		    : build_automata(&build, policy);
	*ret_culprit = build.culprit;
	if (r < 0)
		return r;
	if (!options->plain)
		r = dfa_minimise(&build.dfa);
	if (r < 0)
		return r;
	r = tables_pack(tables, &build.dfa, &build.ids);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(tables);
	return 0;
}

int tables_build(const struct policy *policy, const struct build_options *options,
	struct diag *diag, struct tables **ret)
{
	uint32_t culprit = 0;
	const struct rule *rule;
	int r;

	r = build_tables(policy, options, &culprit, ret);
	if (r >= 0)
		return 0;
	rule = ambit_policy_rule(policy, culprit);
	if (r != -E2BIG)
		ambit_diag_set(diag, policy->file, 0, 0, "cannot compile the policy: %s",
			r == -ENOMEM ? "out of memory" : "a pattern is malformed");
	else if (rule)
		ambit_diag_set(diag, policy->file, rule->line, rule->column,
			"the policy is too large to compile (more than %" PRIu32
			" states): most of them exist for the pattern \"%s\"; name the places one "
			"by "
			"one, or use fewer \"*\" and \"?\" in it",
			options->state_limit, rule->text);
	else
		ambit_diag_set(diag, policy->file, 0, 0,
			"the policy is too large to compile: use fewer rules");
	return r;
}

int ambit_tables_compile_within(
	const struct policy *policy, uint32_t state_limit, struct diag *diag, struct tables **ret)
{
	return tables_build(
		policy, &(struct build_options){.state_limit = state_limit}, diag, ret);
}

int ambit_tables_compile(const struct policy *policy, struct diag *diag, struct tables **ret)
{
	return ambit_tables_compile_within(policy, STATES_MAX, diag, ret);
}

int ambit_tables_name(struct tables *tables, const struct policy *policy, struct diag *diag)
{
	const struct build_options options = {.state_limit = STATES_MAX, .names = true};

	return tables->names ? 0 : tables_build(policy, &options, diag, &tables->names);
}

size_t ambit_tables_words(const struct tables *tables)
{
	size_t count = (size_t)tables->segment_count * AMBIT_SEGMENT_WORDS;

	while (count && !tables->segments[0].words[count - 1])
		count--;
	return count;
}

void ambit_tables_digest_words(const struct tables *tables, struct ambit_digest *ret)
{
	const size_t count = ambit_tables_words(tables);
	const uint64_t sizes[] = {tables->segment_count, count};
	crypto_generichash_state state;

	/* It cannot fail for a digest of this size, and needs no sodium_init(). */
	crypto_generichash_init(&state, NULL, 0, sizeof(*ret));
	crypto_generichash_update(&state, (const uint8_t *)sizes, sizeof(sizes));
	crypto_generichash_update(&state, (const uint8_t *)tables->segments[0].words, count * sizeof(uint64_t));
	crypto_generichash_final(&state, ret->bytes, sizeof(*ret));
}

void ambit_tables_digest(const struct tables *tables, struct ambit_digest *ret)
{
	static const struct ambit_digest unknown;

	if (memcmp(&tables->digest, &unknown, sizeof(unknown)) != 0)
		*ret = tables->digest;
	else
		ambit_tables_digest_words(tables, ret);
}

struct tables *ambit_tables_share(struct tables *tables)
{
	tables->shares++;
	return tables;
}

void ambit_tables_free(struct tables *tables)
{
	if (!tables || (tables->shares && tables->shares--))
		return;
	if (!tables->region) {
		free(tables->segments);
		free(tables->may_deny);
	} else if (tables->region_size) {
		munmap(tables->region, tables->region_size);
	} else {
		free(tables->region);
	}
	ambit_tables_free(tables->names);
	free(tables);
}
