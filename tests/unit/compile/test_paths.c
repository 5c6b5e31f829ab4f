/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The automaton for paths against two independent opinions, on random policies and paths: a naive
 * matcher that works on components, and PCRE2.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include "build.h"
#include "policy/pattern.h"

#define POLICIES 1500
#define PATHS	 80
#define RULES	 14
#define TEXT	 96

/* --- the naive matcher
 * ----------------------------------------------------------------------------- */

/* The set that begins at `pattern` ("[" included): does it hold `byte`, and where does it end? */
static bool naive_set(const char *pattern, unsigned char byte, const char **ret_end)
{
	bool negated = pattern[1] == '!', found = false;
	const char *at = pattern + 1 + negated;

	while (*at != ']') {
		unsigned char low, high;

		at += *at == '\\';
		low = high = (unsigned char)*at++;
		if (at[0] == '-' && at[1] != ']') {
			at++;
			at += *at == '\\';
			high = (unsigned char)*at++;
		}
		found |= low <= byte && byte <= high;
	}
	*ret_end = at + 1;
	return found != negated;
}

/* One component, by trying everything. */
static bool naive_name(const char *pattern, size_t length, const char *name, size_t size)
{
	const char *end;

	if (!length)
		return !size;
	if (*pattern == '*')
		return naive_name(pattern + 1, length - 1, name, size) ||
		       (size && naive_name(pattern, length, name + 1, size - 1));
	if (!size)
		return false;
	if (*pattern == '[') {
		bool found = naive_set(pattern, (unsigned char)*name, &end);

		return found &&
		       naive_name(end, length - (size_t)(end - pattern), name + 1, size - 1);
	}
	if (*pattern == '\\')
		pattern++, length--;
	else if (*pattern == '?')
		return naive_name(pattern + 1, length - 1, name + 1, size - 1);
	return *pattern == *name && naive_name(pattern + 1, length - 1, name + 1, size - 1);
}

static size_t name_length(const char *text)
{
	return 1 + strcspn(text + 1, "/");
}

/* How many components of `path` the pattern needs at least; -1: it does not cover the path. */
static int naive_depth(const char *pattern, const char *path)
{
	size_t length, size;
	int best = -1, depth;

	if (!*pattern || !strcmp(pattern, "/"))
		return 0;
	length = name_length(pattern);
	size = *path ? name_length(path) : 0;
	if (length == 3 && !strncmp(pattern, "/**", 3)) {
		best = naive_depth(pattern + length, path);
		depth = *path ? naive_depth(pattern, path + size) : -1;
		if (depth >= 0 && (best < 0 || depth + 1 < best))
			best = depth + 1;
		return best;
	}
	if (!*path || !naive_name(pattern + 1, length - 1, path + 1, size - 1))
		return -1;
	depth = naive_depth(pattern + length, path + size);
	return depth < 0 ? -1 : depth + 1;
}

/* True if `text` begins with the name of a directory that has to be named to be written to. */
static bool naive_reserved(const char *text)
{
	static const char *const places[] = {"/proc", "/sys", "/\\proc", "/a/bpf"};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		size_t length = strlen(places[i]);

		if (!strncmp(text, places[i], length) && (!text[length] || text[length] == '/'))
			return true;
	}
	return false;
}

/* What one operation on one path comes to, before it is a decision. */
struct naive {
	int deny_depth, allow_depth;
	uint32_t deny, allow;
	bool wider; /* a rule would allow it that does not count */
};

static void naive_rule(struct naive *naive, const struct rule *rule, const char *path)
{
	int depth = naive_depth(rule->paths[0], path);

	/* The plain matcher of the policy room has to agree with all the others. */
	if (pattern_covers(rule->paths[0], path) != (depth >= 0))
		fail_msg("pattern_covers(\"%s\", \"%s\")", rule->paths[0], path);
	if (depth < 0)
		return;
	if (rule->verdict == VERDICT_DENY && depth < naive->deny_depth) {
		naive->deny_depth = depth;
		naive->deny = rule->id;
	}
	if (rule->verdict != VERDICT_ALLOW)
		return;
	if (rule->op == OP_WRITE && naive_reserved(path) && !naive_reserved(rule->paths[0])) {
		naive->wider = true;
	} else if (depth < naive->allow_depth) {
		naive->allow_depth = depth;
		naive->allow = rule->id;
	}
}

static struct decision naive_decide(const struct policy *policy, enum ambit_op op, const char *path)
{
	struct naive naive = {INT32_MAX, INT32_MAX, 0, 0, false};

	for (size_t i = 0; i < policy->rule_count; i++)
		if (policy->rules[i].op == op)
			naive_rule(&naive, &policy->rules[i], path);
	for (size_t i = 0; i < policy->guarded_count; i++) {
		const struct guarded *guarded = &policy->guarded[i];
		int depth = guarded->ops & 1U << op ? naive_depth(guarded->path, path) : -1;

		if (depth >= 0 && depth < naive.deny_depth)
			return (struct decision){VERDICT_DENY, REASON_GUARD, 0, 0};
	}
	if (naive.deny)
		return (struct decision){VERDICT_DENY, REASON_RULE, naive.deny, 0};
	if (naive.allow)
		return (struct decision){VERDICT_ALLOW, REASON_RULE, naive.allow, 0};
	return (struct decision){VERDICT_DENY, naive.wider ? REASON_RESERVED : REASON_NO_RULE, 0, 0};
}

/* --- PCRE2
 * ----------------------------------------------------------------------------------------- */

static void regex_put(char **end, const char *text)
{
	size_t length = strlen(text);

	memcpy(*end, text, length + 1);
	*end += length;
}

static void regex_byte(char **end, unsigned char byte)
{
	*end += sprintf(*end, "\\x%02x", byte);
}

static const char *regex_set(char **end, const char *at)
{
	/* A class never matches '/' or NUL here, whatever is in it. */
	regex_put(end, "(?![/\\x00])[");
	at++;
	if (*at == '!') {
		regex_put(end, "^");
		at++;
	}
	for (bool first = true; *at != ']'; first = false) {
		if (*at == '-' && !first && at[1] != ']') {
			regex_put(end, "-");
			at++;
		}
		at += *at == '\\';
		regex_byte(end, (unsigned char)*at++);
	}
	regex_put(end, "]");
	return at + 1;
}

static pcre2_code *regex_compile(const char *pattern)
{
	char text[TEXT * 40] = "^", *end = text + 1;
	PCRE2_SIZE offset;
	pcre2_code *code;
	int error;

	for (const char *at = strcmp(pattern, "/") ? pattern : ""; *at;) {
		if (!strncmp(at, "/**", 3)) {
			regex_put(&end, "(?:/[^/]+)*");
			at += 3;
		} else if (*at == '*') {
			regex_put(&end, "[^/]*");
			at++;
		} else if (*at == '?') {
			regex_put(&end, "[^/]");
			at++;
		} else if (*at == '[') {
			at = regex_set(&end, at);
		} else {
			at += *at == '\\';
			regex_byte(&end, (unsigned char)*at++);
		}
	}
	regex_put(&end, "(?:/.*)?\\z");
	code = pcre2_compile(
		(PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, PCRE2_DOTALL, &error, &offset, NULL);
	if (!code)
		fail_msg("PCRE2 does not take %s for %s", text, pattern);
	return code;
}

static enum ambit_verdict regex_decide(
	const struct policy *policy, pcre2_code *const *codes, enum ambit_op op, const char *path)
{
	pcre2_match_data *data = pcre2_match_data_create(2, NULL);
	enum ambit_verdict verdict = VERDICT_DENY;

	for (size_t i = 0; i < policy->rule_count; i++) {
		if (policy->rules[i].op != op ||
			pcre2_match(codes[i], (PCRE2_SPTR)path, strlen(path), 0, 0, data, NULL) < 0)
			continue;
		if (policy->rules[i].verdict == VERDICT_ALLOW && op == OP_WRITE &&
			naive_reserved(path) && !naive_reserved(policy->rules[i].paths[0]))
			continue;
		verdict = policy->rules[i].verdict;
		if (verdict == VERDICT_DENY)
			break;
	}
	pcre2_match_data_free(data);
	for (size_t i = 0; i < policy->guarded_count; i++)
		if (policy->guarded[i].ops & 1U << op &&
			pattern_covers(policy->guarded[i].path, path))
			verdict = VERDICT_DENY;
	return verdict;
}

/* --- random policies and paths
 * --------------------------------------------------------------------- */

static const char *const names[] = {"a", "b", "ab", "aab", "ba", ".a", "a.b", "abc", "b]", "a-c",
	"\xff", "\xc3\xa4", "a\nb", "*", "a*", "bbbb", "a b"};
static const char *const globs[] = {"*", "?", "a*", "*b", "*a*", "*.b", "a?b", "??", "[ab]", "[!a]",
	"[a-b]*", "[!b-z]b", "*[]x]*" + 0, "\\*", "\\a", "a\\*", "[\\]a]b", "[+-9]", "?*?",
	"[\x80-\xff]", "[\x80-\xff]*", "*a*b*", "[a-]", "**", "**", "**"};

/* Where patterns and paths meet the places that have to be named. */
static const char *const places[] = {"/proc", "/sys", "/\\proc", "/a/bpf", "/procs", "/a"};

static void random_pattern(uint64_t *seed, char text[TEXT])
{
	unsigned count = build_pick(seed, 5);

	strcpy(text, build_pick(seed, 6) ? "" : places[build_pick(seed, ARRAY_SIZE(places))]);
	for (unsigned i = 0; i < count; i++) {
		const char *name = names[build_pick(seed, ARRAY_SIZE(names) - 5)];

		if (build_pick(seed, 5) < 3)
			name = globs[build_pick(seed, ARRAY_SIZE(globs))];
		if (!strncmp(name, "*[]", 3))
			name = "*[\\]x]*";
		strcat(strcat(text, "/"), name);
	}
	if (!*text)
		strcpy(text, "/");
}

static void random_path(uint64_t *seed, char text[TEXT])
{
	unsigned count = build_pick(seed, 6);

	strcpy(text, build_pick(seed, 6) ? "" : places[build_pick(seed, ARRAY_SIZE(places))]);
	if (text[1] == '\\')
		strcpy(text, "/proc");
	for (unsigned i = 0; i < count; i++)
		strcat(strcat(text, "/"), names[build_pick(seed, ARRAY_SIZE(names))]);
}

static void check_path(const struct policy *policy, const struct tables *tables,
	pcre2_code *const *codes, enum ambit_op op, const char *path)
{
	struct decision is = ambit_tables_path(tables, op, path, strlen(path));
	struct decision naive = naive_decide(policy, op, path);
	enum ambit_verdict regex = regex_decide(policy, codes, op, path);

	if (is.verdict == naive.verdict && is.reason == naive.reason && is.rule == naive.rule &&
		is.verdict == regex)
		return;
	for (size_t i = 0; i < policy->rule_count; i++)
		print_error("%u op %u verdict %u %s\n", policy->rules[i].id, policy->rules[i].op,
			policy->rules[i].verdict, policy->rules[i].paths[0]);
	fail_msg("path \"%s\" op %u: verdict %u reason %u rule %u, naive %u %u %u, PCRE2 %u", path,
		op, is.verdict, is.reason, is.rule, naive.verdict, naive.reason, naive.rule, regex);
}

static void check_policy(uint64_t *seed)
{
	_cleanup_(policy_cleanup) struct policy *policy = build_policy();
	_cleanup_(tables_cleanup) struct tables *tables = NULL;
	enum ambit_op main_op = build_pick(seed, 2) ? OP_READ : OP_WRITE;
	unsigned count = build_pick(seed, RULES + 1);
	pcre2_code *codes[RULES];
	char text[TEXT];

	for (unsigned i = 0; i < count; i++) {
		random_pattern(seed, text);
		/* Most rules for one operation, so that they meet. */
		build_path(policy, build_pick(seed, 4) ? main_op : build_pick(seed, AMBIT_COLUMNS),
			build_pick(seed, 2) ? VERDICT_ALLOW : VERDICT_DENY, text);
		codes[i] = regex_compile(text);
	}
	policy->reserved = calloc(1, sizeof(*policy->reserved));
	policy->reserved[policy->reserved_count++] = strdup("/a/bpf");
	for (unsigned i = build_pick(seed, 3); i > 0; i--) {
		random_path(seed, text);
		if (*text)
			assert_int_equal(ambit_policy_guard(policy, text, build_pick(seed, 16)), 0);
	}
	tables = build_tables(policy);
	for (unsigned i = 0; i < PATHS; i++) {
		random_path(seed, text);
		check_path(policy, tables, codes, main_op, text);
		check_path(policy, tables, codes, build_pick(seed, AMBIT_COLUMNS), text);
	}
	for (unsigned i = 0; i < count; i++)
		pcre2_code_free(codes[i]);
}

static void random_policies_agree(void **state)
{
	uint64_t seed = 0x9e3779b97f4a7c15ULL;
	(void)state;

	for (unsigned i = 0; i < POLICIES; i++)
		check_policy(&seed);
}

/* --- what is easily got wrong
 * ---------------------------------------------------------------------- */

static void covers(const char *pattern, const char *path, bool expected)
{
	_cleanup_(policy_cleanup) struct policy *policy = build_policy();
	_cleanup_(tables_cleanup) struct tables *tables = NULL;
	struct decision decision;

	build_path(policy, OP_READ, VERDICT_ALLOW, pattern);
	tables = build_tables(policy);
	decision = ambit_tables_path(tables, OP_READ, path, strlen(path));
	if ((decision.verdict == VERDICT_ALLOW) != expected)
		fail_msg("%s %s %s", pattern, expected ? "does not cover" : "covers", path);
	decision = ambit_tables_path(tables, OP_WRITE, path, strlen(path));
	assert_int_equal(decision.verdict, VERDICT_DENY);
	assert_int_equal(decision.reason, REASON_NO_RULE);
}

static void boundaries(void **state)
{
	(void)state;
	covers("/etc/ssh", "/etc/ssh", true);
	covers("/etc/ssh", "/etc/ssh/sshd_config", true);
	covers("/etc/ssh", "/etc/sshfoo", false);
	covers("/etc/ssh", "/etc/ss", false);
	covers("/etc/ssh", "/etc", false);
	covers("/etc/ssh", "", false);
	covers("/", "", true);
	covers("/", "/a", true);
	covers("/**", "", true);
	covers("/*", "", false);
	covers("/*", "/a/b", true);
	covers("/**/.env*", "/.env", true);
	covers("/**/.env*", "/a/b/.env.local/c", true);
	covers("/**/.env*", "/a/b.env", false);
	covers("/a/**/b", "/a/b", true);
	covers("/a/**/b", "/a/x/y/b", true);
	covers("/a/**/b", "/ax/b", false);
	covers("/a/**/b", "/a/xb", false);
	covers("/a/**", "/a", true);
	covers("/a/**/**/b", "/a/b", true);
	covers("/a*b", "/a/b", false);
	covers("/a?b", "/a/b", false);
	covers("/a[!x]b", "/a/b", false);
	covers("/a[+-9]b", "/a/b", false);
	covers("/a[+-9]b", "/a.b", true);
	covers("/?", "/\xc3\xa4", false);
	covers("/??", "/\xc3\xa4", true);
	covers("/a\\*", "/a*", true);
	covers("/a\\*", "/ab", false);
}

static void longest_path(void **state)
{
	char path[AMBIT_PATH_SIZE] = "", pattern[AMBIT_PATH_SIZE + 8];
	(void)state;

	for (size_t i = 0; i + 2 < sizeof(path); i += 2)
		strcat(path, "/a");
	covers(path, path, true);
	snprintf(pattern, sizeof(pattern), "%s/b", path);
	covers(pattern, path, false);
	covers("/**/b", path, false);
	covers("/**/a", path, true);
	covers("/a/**/a/a/a", path, true);
}

static void the_rule_that_covers_most_is_named(void **state)
{
	_cleanup_(policy_cleanup) struct policy *policy = build_policy();
	_cleanup_(tables_cleanup) struct tables *tables = NULL;
	static const struct {
		const char *path;
		uint32_t rule;
	} cases[] = {{"/a/b/c", 2}, {"/a/b", 2}, {"/a/x", 5}, {"/q/z.k", 3}, {"/q/z.k/a/b", 3},
		{"/q/zz.k", 3}};
	(void)state;

	build_path(policy, OP_READ, VERDICT_DENY, "/a/b/c");
	build_path(policy, OP_READ, VERDICT_DENY, "/**/b");
	build_path(policy, OP_READ, VERDICT_DENY, "/q/*.k");
	build_path(policy, OP_READ, VERDICT_DENY, "/q/z*");
	build_path(policy, OP_READ, VERDICT_DENY, "/a/x");
	build_path(policy, OP_READ, VERDICT_DENY, "/a/x");
	tables = build_tables(policy);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct decision decision =
			ambit_tables_path(tables, OP_READ, cases[i].path, strlen(cases[i].path));

		assert_int_equal(decision.reason, REASON_RULE);
		assert_int_equal(decision.rule, cases[i].rule);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(boundaries),
		cmocka_unit_test(longest_path),
		cmocka_unit_test(the_rule_that_covers_most_is_named),
		cmocka_unit_test(random_policies_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
