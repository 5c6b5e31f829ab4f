/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The language: which keys there are, and which rules their lists become. A new key is a row in one
 * of the tables.
 */
#include <string.h>
#include "base/array.h"
#include "base/util.h"
#include "policy/limits.h"
#include "policy/pattern.h"
#include "policy/rule.h"
#include "policy/text.h"

#define BIT(op) (1U << (op))

struct parser {
	struct policy *policy;
	size_t rules_room;
	const char *section; /* "files" or "network" */
	const struct yaml_key *ops;
	size_t op_count;
	enum ambit_verdict verdict;
	unsigned op_bits; /* operations of the list that is read */
};

static const struct yaml_key file_ops[], network_ops[];

static int rule_add(struct yaml *yaml, struct parser *parser, const char *text, struct mark mark,
	enum ambit_op op)
{
	struct policy *policy = parser->policy;
	struct rule *rule;
	int r;

	if (policy->rule_count == AMBIT_RULES_MAX) {
		yaml_error(yaml, mark,
			"this is more than %d rules, the most that a policy can "
			"have; use patterns that cover several places",
			AMBIT_RULES_MAX);
		return -EINVAL;
	}
	r = array_grow((void **)&policy->rules, &parser->rules_room, policy->rule_count + 1,
		sizeof(*policy->rules));
	if (r < 0)
		return r;
	rule = &policy->rules[policy->rule_count];
	*rule = (struct rule){
		.id = (uint32_t)policy->rule_count + 1,
		.op = op,
		.verdict = parser->verdict,
		.text = strdup(text),
		.line = mark.line,
		.column = mark.column,
	};
	if (!rule->text)
		return -ENOMEM;
	policy->rule_count++;
	return 0;
}

void policy_add_problem(
	struct diags *diags, const char *file, struct mark mark, const char *text, char *problem)
{
	_cleanup_free_ char *shown = text_show(text, strlen(text));
	_cleanup_free_ char *clean = problem ? text_clean(problem) : NULL;

	ambit_diags_add(diags, file, mark.line, mark.column, "pattern \"%s\" %s",
		shown ? shown : "", clean ? clean : "could not be read: out of memory");
	free(problem);
}

/* Checks a pattern as far as that can be done without knowing where it will be used. */
static char *pattern_problem(const char *text, enum ambit_op op)
{
	_cleanup_free_ char *path = NULL;
	struct peer peers[PEERS_MAX];
	char *problem = NULL;
	size_t count;

	if (*text == '@')
		set_name(text, &problem);
	else if (op_has_peers(op))
		peer_parse(text, op, peers, &count, &problem);
	else if (pattern_is_peer(text) && op != OP_UNIX)
		problem = strdup(PATTERN_NO_FILE);
	else
		pattern_resolve(text, NULL, &path, &problem);
	return problem;
}

static int parse_pattern(struct yaml *yaml, const char *text, struct mark mark, void *data)
{
	struct parser *parser = data;
	char *problem = pattern_problem(text, (enum ambit_op)__builtin_ctz(parser->op_bits));
	int r;

	if (problem) {
		policy_add_problem(yaml->diags, yaml->file, mark, text, problem);
		yaml->failed = true;
		return 0;
	}
	for (unsigned op = 0; op < OP_MAX; op++) {
		if (!(parser->op_bits & BIT(op)))
			continue;
		r = rule_add(yaml, parser, text, mark, (enum ambit_op)op);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A peer with more than its text. */
static int parse_peer(struct yaml *yaml, void *data)
{
	struct parser *parser = data;
	struct policy *policy = parser->policy;
	size_t before = policy->rule_count;
	_cleanup_free_ char *text = NULL;
	struct rule rule = {};
	int r = rule_parse_peer(yaml, &rule);

	text = rule.text;
	if (r >= 0 && text)
		r = parse_pattern(yaml, text, (struct mark){rule.line, rule.column}, parser);
	if (r < 0 || policy->rule_count == before)
		return r;
	memcpy(policy->rules[before].limits, rule.limits, sizeof(rule.limits));
	policy->rules[before].tls = rule.tls;
	policy->rules[before].quic = rule.quic;
	return 0;
}

static int parse_op(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	struct parser *parser = data;
	_cleanup_free_ char *where = text_format("\"%s.%s.%s\"", parser->section,
		parser->verdict == VERDICT_DENY ? "deny" : "allow", key->name);

	if (!where)
		return -ENOMEM;
	parser->op_bits = BIT(key->value);
	return yaml_list(yaml, where, parse_pattern,
		key->value == OP_CONNECT && parser->verdict == VERDICT_ALLOW ? parse_peer : NULL,
		parser);
}

static int parse_verdict(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	struct parser *parser = data;
	_cleanup_free_ char *where = text_format("\"%s.%s\"", parser->section, key->name);

	if (!where)
		return -ENOMEM;
	parser->verdict = (enum ambit_verdict)key->value;
	return yaml_mapping(yaml, where, parser->ops, parser->op_count, parser, NULL);
}

/* Words of the language that nothing enforces yet: refused, so that nobody relies on them. */
static int parse_later(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	(void)data;
	yaml_error(yaml, yaml->key, "\"%s\" is not supported yet; remove it%s%s", key->name,
		key->more ? ", " : "", key->more ? (const char *)key->more : "");
	return yaml_skip(yaml);
}

static const struct yaml_key file_ops[] = {
	{"read", parse_op, OP_READ, NULL},
	{"write", parse_op, OP_WRITE, NULL},
	{"exec", parse_op, OP_EXEC, NULL},
	{"hide", parse_later, YAML_KEY_QUIET, NULL},
};

static const struct yaml_key network_ops[] = {
	{"connect", parse_op, OP_CONNECT, NULL},
	{"listen", parse_op, OP_LISTEN, NULL},
	{"unix", parse_op, OP_UNIX, NULL},
};

static const struct yaml_key file_keys[] = {
	{"allow", parse_verdict, VERDICT_ALLOW, NULL},
	{"ask", parse_later, YAML_KEY_QUIET, "and allow or deny what it lists"},
	{"deny", parse_verdict, VERDICT_DENY, NULL},
	{"hide", parse_later, YAML_KEY_QUIET, NULL},
};

static int parse_files(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	struct parser *parser = data;

	parser->section = key->name;
	parser->ops = file_ops;
	parser->op_count = ARRAY_SIZE(file_ops);
	return yaml_mapping(yaml, "\"files\"", file_keys, ARRAY_SIZE(file_keys), parser, NULL);
}

static int parse_dns(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	struct parser *parser = data;

	(void)key;
	return policy_parse_dns(yaml, &parser->policy->dns);
}

static const struct yaml_key network_keys[] = {
	{"allow", parse_verdict, VERDICT_ALLOW, NULL},
	{"ask", parse_later, YAML_KEY_QUIET, "and allow or deny what it lists"},
	{"deny", parse_verdict, VERDICT_DENY, NULL},
	{"hide", parse_later, YAML_KEY_QUIET, NULL},
	{"dns", parse_dns, 0, NULL},
};

static int parse_network(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	struct parser *parser = data;

	parser->section = key->name;
	parser->ops = network_ops;
	parser->op_count = ARRAY_SIZE(network_ops);
	return yaml_mapping(
		yaml, "\"network\"", network_keys, ARRAY_SIZE(network_keys), parser, NULL);
}

int policy_parse_version(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	const char *text = yaml_text(yaml);
	(void)data;

	if (!text || strcmp(text, AMBIT_API_VERSION)) {
		_cleanup_free_ char *shown = text_show(text ? text : "", text ? strlen(text) : 0);

		yaml_error(yaml, yaml_mark(yaml),
			"\"%s\" must be \"" AMBIT_API_VERSION "\", the "
			"version that this ambit reads, not %s \"%s\"",
			key->name, yaml_type(yaml), shown);
	}
	return yaml_skip(yaml);
}

static int parse_name(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	struct parser *parser = data;
	const char *text = yaml_text(yaml);
	size_t length = text ? strlen(text) : 0;

	(void)key;
	if (!length || length > AMBIT_POLICY_NAME || *text == '.' ||
		text[strspn(text, AMBIT_POLICY_LETTERS)]) {
		yaml_error(yaml, yaml_mark(yaml),
			"\"name\" must be 1 to %d letters, digits, \".\", "
			"\"_\" or \"-\", and not begin with \".\"",
			AMBIT_POLICY_NAME);
		return yaml_skip(yaml);
	}
	parser->policy->name = strdup(text);
	return parser->policy->name ? 0 : -ENOMEM;
}

static int parse_mode(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	static const char *const modes[] = {[MODE_ENFORCE] = "enforce", [MODE_AUDIT] = "audit"};
	struct parser *parser = data;
	const char *text = yaml_text(yaml);

	_Static_assert(ARRAY_SIZE(modes) == MODE_MAX, "a name for every mode");
	(void)key;
	for (unsigned mode = 0; text && mode < MODE_MAX; mode++) {
		if (!strcmp(text, modes[mode])) {
			parser->policy->mode = (enum ambit_mode)mode;
			return 0;
		}
	}
	yaml_error(yaml, yaml_mark(yaml), "\"mode\" must be \"enforce\" or \"audit\"");
	return yaml_skip(yaml);
}

static int parse_jit(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	struct parser *parser = data;
	const char *text = yaml_text(yaml);

	if (text && (!strcmp(text, "allow") || !strcmp(text, "deny")))
		parser->policy->jit = *text == 'a';
	else
		yaml_error(yaml, yaml_mark(yaml), "\"%s\" must be \"allow\" or \"deny\"", key->name);
	return yaml_skip(yaml);
}

static int parse_trail_failure(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	struct parser *parser = data;
	const char *text = yaml_text(yaml);

	if (text && (!strcmp(text, "continue") || !strcmp(text, "deny")))
		parser->policy->trail_denies = *text == 'd';
	else
		yaml_error(
			yaml, yaml_mark(yaml), "\"%s\" must be \"continue\" or \"deny\"", key->name);
	return yaml_skip(yaml);
}

static int parse_limits(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	struct parser *parser = data;

	(void)key;
	return limits_parse(yaml, parser->policy);
}

/* Names of the tool permissions that ambit grew out of, as other words for rules: a list of them. */
static int parse_older(struct yaml *yaml, const struct yaml_key *key, struct parser *parser,
	unsigned op_bits, int (*item)(struct yaml *, const char *, struct mark, void *))
{
	_cleanup_free_ char *where = text_format("\"%s\"", key->name);

	if (!where)
		return -ENOMEM;
	parser->verdict = (enum ambit_verdict)key->value;
	parser->op_bits = op_bits;
	return yaml_list(yaml, where, item, NULL, parser);
}

static int parse_paths(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	return parse_older(yaml, key, data,
		BIT(OP_READ) | BIT(OP_WRITE) | (key->value == VERDICT_DENY ? BIT(OP_EXEC) : 0),
		parse_pattern);
}

static int parse_domain(struct yaml *yaml, const char *text, struct mark mark, void *data)
{
	struct parser *parser = data;
	size_t before = parser->policy->rule_count;
	char *peers[DOMAIN_PEERS] = {};
	int r = domain_peers(text, parser->verdict, peers);

	for (size_t i = 0; i < DOMAIN_PEERS; i++) {
		/* One error for one host. */
		if (r >= 0 && peers[i] && (!i || parser->policy->rule_count > before))
			r = parse_pattern(yaml, peers[i], mark, parser);
		free(peers[i]);
	}
	return r;
}

static int parse_domains(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	return parse_older(yaml, key, data, BIT(OP_CONNECT), parse_domain);
}

/* In MiB. */
static int parse_max_size(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	struct parser *parser = data;

	return limit_parse_size(yaml, key, 1U << 20, &parser->policy->file_size);
}

static int parse_max_requests(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	struct parser *parser = data;

	return limit_parse_rate(
		yaml, key, LIMIT_CONNECTS, &parser->policy->limits[LIMIT_CONNECTS]);
}

static int parse_execute_code(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	static const char *const programs[] = {"@runtime", "@programs"};
	struct parser *parser = data;
	const char *text = yaml_text(yaml);
	struct mark mark = yaml_mark(yaml);
	int r = 0;

	if (!text || (strcmp(text, "true") && strcmp(text, "false"))) {
		yaml_error(yaml, mark, "\"%s\" must be true or false", key->name);
		return yaml_skip(yaml);
	}
	if (!strcmp(text, "false")) {
		parser->verdict = VERDICT_DENY;
		return rule_add(yaml, parser, "/", mark, OP_EXEC);
	}
	parser->verdict = VERDICT_ALLOW;
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(programs); i++)
		r = rule_add(yaml, parser, programs[i], mark, OP_EXEC);
	return r;
}

static const struct yaml_key top_keys[] = {
	{"apiVersion", policy_parse_version, 0, NULL},
	{"name", parse_name, 0, NULL},
	{"mode", parse_mode, 0, NULL},
	{"jit", parse_jit, 0, NULL},
	{"files", parse_files, 0, NULL},
	{"network", parse_network, 0, NULL},
	{"limits", parse_limits, 0, NULL},
	{"onTrailFailure", parse_trail_failure, 0, NULL},
	{"processes", parse_later, YAML_KEY_QUIET, NULL},
	{"hide", parse_later, YAML_KEY_QUIET, NULL},
	{"tools", parse_later, YAML_KEY_QUIET, NULL},
	{"flow", parse_later, YAML_KEY_QUIET, NULL},
	{"content", parse_later, YAML_KEY_QUIET, NULL},
	{"imports", parse_later, YAML_KEY_QUIET, NULL},
	{"ask", parse_later, YAML_KEY_QUIET, NULL},
	{"allowed_paths", parse_paths, VERDICT_ALLOW, NULL},
	{"denied_paths", parse_paths, VERDICT_DENY, NULL},
	{"execute_code", parse_execute_code, 0, NULL},
	{"allowed_domains", parse_domains, VERDICT_ALLOW, NULL},
	{"denied_domains", parse_domains, VERDICT_DENY, NULL},
	{"max_size_mb", parse_max_size, 0, NULL},
	{"max_requests_per_minute", parse_max_requests, 0, NULL},
	{"requires_approval", parse_later, YAML_KEY_QUIET, NULL},
};
/* Rows of `top_keys` that no policy can do without. */
enum { KEY_VERSION, KEY_NAME, KEYS_REQUIRED };

static int parse_document(struct yaml *yaml, struct parser *parser)
{
	struct mark mark = yaml_mark(yaml);
	bool is_mapping = yaml->event.type == YAML_MAPPING_START_EVENT;
	unsigned seen = 0;
	int r;

	r = yaml_mapping(yaml, "a policy", top_keys, ARRAY_SIZE(top_keys), parser, &seen);
	if (r < 0)
		return r;
	for (unsigned i = 0; is_mapping && i < KEYS_REQUIRED; i++)
		if (!(seen & 1U << i))
			yaml_error(yaml, mark, "\"%s\" is missing; add \"%s: %s\"",
				top_keys[i].name, top_keys[i].name,
				i == KEY_VERSION ? AMBIT_API_VERSION : "my-agent");
	return yaml_finish(yaml);
}

/* Parses as much as there is; `*ret` holds the rules that are good, also when `*ret_failed`. */
static int parse_text(const char *file, const char *text, size_t size, struct diags *diags,
	bool *ret_failed, struct policy **ret)
{
	_cleanup_(policy_cleanup) struct policy *policy = calloc(1, sizeof(*policy));
	struct parser parser = {.policy = policy};
	struct yaml yaml;
	int r;

	if (!policy || !(policy->file = strdup(file)))
		return -ENOMEM;
	r = yaml_open(&yaml, file, text, size, diags);
	if (r == -ENODATA || (r >= 0 && yaml_is_null(&yaml))) {
		ambit_diags_add(diags, file, 1, 1,
			"the file is empty; begin with \"apiVersion: " AMBIT_API_VERSION "\"");
		r = -EINVAL;
	} else if (r >= 0) {
		r = parse_document(&yaml, &parser);
	}
	*ret_failed = yaml.failed;
	yaml_close(&yaml);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(policy);
	return 0;
}

int ambit_policy_parse(
	const char *file, const char *text, size_t size, struct diags *diags, struct policy **ret)
{
	_cleanup_(policy_cleanup) struct policy *policy = NULL;
	bool failed = false;
	int r;

	r = parse_text(file, text, size, diags, &failed, &policy);
	if (r < 0 || failed)
		return r < 0 ? r : -EINVAL;
	*ret = TAKE_PTR(policy);
	return 0;
}

int ambit_policy_load(
	const char *path, const struct policy_env *env, struct diags *diags, struct policy **ret)
{
	_cleanup_(policy_cleanup) struct policy *policy = NULL;
	_cleanup_free_ char *text = NULL;
	bool failed = false;
	size_t size;
	int r;

	r = ambit_policy_read(path, &text, &size, diags);
	if (r < 0)
		return r;
	r = parse_text(path, text, size, diags, &failed, &policy);
	if (r < 0)
		return r;
	r = ambit_policy_resolve(policy, env, diags);
	if (r < 0 || failed)
		return r < 0 ? r : -EINVAL;
	*ret = TAKE_PTR(policy);
	return 0;
}
