/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ambit diff: what one policy allows and another denies. Of paths one of each kind is shown, the
 * shortest; of peers every range. The answer comes from the tables that the kernel would read.
 */
#include <argp.h>
#include <arpa/inet.h>
#include <json-c/json.h>
#include <string.h>
#include "base/util.h"
#include "cli/cli.h"
#include "compile/diff.h"
#include "policy/pattern.h"
#include "policy/text.h"
#include "trail/trail.h"

/* Lines; more than a person reads, and a policy against its opposite has no end of them. */
#define SHOWN_MAX 10000

struct diff_options {
	const char *files[2], *user;
	bool json;
	struct loaded loaded[2];
	unsigned allowed, denied;
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct diff_options *options = state->input;

	switch (key) {
	case 'u':
		options->user = arg;
		return 0;
	case 'j':
		options->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num > 1)
			argp_usage(state);
		options->files[state->arg_num] = arg;
		return 0;
	case ARGP_KEY_END:
		if (!options->files[1])
			argp_error(state, "two policies: ambit diff OLD NEW");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* "10.0.0.0/8", "10.0.0.1-10.0.0.9" where that is no block, "2001:db8::1". */
static void address_text(const struct difference *found, char *ret, size_t size)
{
	const bool v4 = found->family == AMBIT_FAMILY_V4;
	const unsigned total = v4 ? 32 : 128;
	char first[INET6_ADDRSTRLEN] = "", last[INET6_ADDRSTRLEN] = "";
	unsigned bits = 0;
	bool block = true;

	/* The bits that are alike; behind them a block has 0 in the first and 1 in the last
	 * address. */
	while (bits < total &&
		!((found->addr[bits / 8] ^ found->last[bits / 8]) & 0x80 >> bits % 8))
		bits++;
	for (unsigned i = bits; i < total; i++)
		block &=
			!(found->addr[i / 8] & 0x80 >> i % 8) && found->last[i / 8] & 0x80 >> i % 8;
	inet_ntop(v4 ? AF_INET : AF_INET6, found->addr, first, sizeof(first));
	inet_ntop(v4 ? AF_INET : AF_INET6, found->last, last, sizeof(last));
	if (!block)
		snprintf(ret, size, "%s-%s", first, last);
	else if (bits < total)
		snprintf(ret, size, "%s/%u", first, bits);
	else
		snprintf(ret, size, "%s", first);
}

/* "10.0.0.0/8:80-90/tcp", "api.example.com:443/tcp"; malloc()ed. */
static char *peer_text(const struct difference *found)
{
	const char *proto = found->proto == AMBIT_PROTO_TCP ? "tcp" : "udp";
	char address[2 * INET6_ADDRSTRLEN + 2], ports[16], name[AMBIT_DOMAIN_SIZE];

	if (found->port_low == found->port_high)
		snprintf(ports, sizeof(ports), "%u", found->port_low);
	else
		snprintf(ports, sizeof(ports), "%u-%u", found->port_low, found->port_high);
	if (found->family == AMBIT_FAMILY_NAME) {
		if (found->length >= sizeof(name))
			return NULL;
		name_written(found->text, name);
		return text_format("%s:%s/%s", name, ports, proto);
	}
	address_text(found, address, sizeof(address));
	return text_format(found->family == AMBIT_FAMILY_V4 ? "%s:%s/%s" : "[%s]:%s/%s", address,
		ports, proto);
}

static char *object_text(const struct difference *found)
{
	_cleanup_free_ char *text = NULL;

	if (found->op >= OP_CONNECT)
		return peer_text(found);
	text = strdup(found->length ? found->text : "/");
	return text ? text_clean(text) : NULL;
}

/* What a connection that is allowed has to begin with. */
static const char *stream_text(const struct difference *found, const struct decision *decision)
{
	static const char *const texts[] = {[0] = "tls: name",
		[AMBIT_STREAM_PROXY] = "tls: proxy",
		[AMBIT_STREAM_ANY] = "tls: none"};

	if (found->proto == AMBIT_PROTO_UDP)
		return decision->stream == AMBIT_STREAM_ANY ? "quic: allow" : "quic: deny";
	return texts[decision->stream % ARRAY_SIZE(texts)];
}

/* Whether there is more that is allowed now: where both allow, by what the first bytes may be. */
static bool is_wider(const struct difference *found)
{
	if (found->before.verdict == found->after.verdict)
		return found->after.stream > found->before.stream;
	return found->after.verdict == VERDICT_ALLOW;
}

/* Why the side that denies does: "policy.yaml:12 files.deny.read /etc", or that nothing allows it.
 */
static char *cause_text(const struct policy *policy, const char *file,
	const struct difference *found, const struct decision *decision)
{
	const struct rule *rule = ambit_policy_rule(policy, decision->rule);
	const char *section = ambit_section(found->op, decision->verdict);

	if (found->before.verdict == found->after.verdict)
		return text_format("%s: %s", file, stream_text(found, decision));
	if (rule) {
		_cleanup_free_ char *text = text_clean(rule->text);

		return text ? text_format("%s:%u %s %s", file, rule->line, section ?: "", text)
			    : NULL;
	}
	if (decision->verdict == VERDICT_ALLOW)
		return text_format("%s allows it", file);
	return text_format("%s: %s", file, ambit_reason_text(decision->reason));
}

static void print_json(const struct difference *found, bool allowed, const char *object,
	const char *before, const char *after)
{
	struct json_object *row = json_object_new_object();

	json_object_object_add(row, "now", json_object_new_string(allowed ? "allowed" : "denied"));
	json_object_object_add(row, "op", json_object_new_string(ambit_op_text(found->op)));
	json_object_object_add(row, "object", json_object_new_string(object));
	json_object_object_add(row, "before", json_object_new_string(before));
	json_object_object_add(row, "after", json_object_new_string(after));
	puts(json_object_to_json_string_ext(row, JSON_C_TO_STRING_PLAIN));
	json_object_put(row);
}

static int print(const struct difference *found, void *data)
{
	struct diff_options *options = data;
	const bool allowed = is_wider(found);
	_cleanup_free_ char *object = object_text(found);
	_cleanup_free_ char *before =
		cause_text(options->loaded[0].policy, options->files[0], found, &found->before);
	_cleanup_free_ char *after =
		cause_text(options->loaded[1].policy, options->files[1], found, &found->after);

	if (!object || !before || !after)
		return -ENOMEM;
	*(allowed ? &options->allowed : &options->denied) += 1;
	if (options->json)
		print_json(found, allowed, object, before, after);
	else
		printf("now %s  %s %s  was %s, is %s\n", allowed ? "allowed" : "denied",
			ambit_op_text(found->op), object, before, after);
	return options->allowed + options->denied < SHOWN_MAX ? 0 : -EOVERFLOW;
}

/* --- what the tables do not tell --- */

/* What is wider or narrower now and no path or peer shows. */
static void setting_tell(struct diff_options *options, bool wider, const char *text)
{
	*(wider ? &options->allowed : &options->denied) += 1;
	if (options->json) {
		struct json_object *row = json_object_new_object();

		json_object_object_add(
			row, "now", json_object_new_string(wider ? "wider" : "narrower"));
		json_object_object_add(row, "setting", json_object_new_string(text));
		puts(json_object_to_json_string_ext(row, JSON_C_TO_STRING_PLAIN));
		json_object_put(row);
	} else {
		printf("now %s  %s\n", wider ? "wider" : "narrower", text);
	}
}

/* A quota of 0 is none. */
static bool quota_is_wider(uint64_t before, uint64_t after)
{
	return !after || (before && after > before);
}

static bool same_resolvers(const struct dns *before, const struct dns *after)
{
	return before->resolver_count == after->resolver_count &&
	       memcmp(before->resolvers, after->resolvers,
		       before->resolver_count * sizeof(before->resolvers[0])) == 0;
}

static void settings_tell(struct diff_options *options)
{
	const struct policy *before = options->loaded[0].policy, *after = options->loaded[1].policy;
	const struct dns *dns = &before->dns, *now = &after->dns;
	const struct {
		const char *text;
		uint64_t was, is;
		bool wider;
	} rows[] = {
		{"mode", before->mode, after->mode, after->mode == MODE_AUDIT},
		{"jit", before->jit, after->jit, after->jit},
		{"onTrailFailure", before->trail_denies, after->trail_denies, before->trail_denies},
		{"limits.fileSize", before->file_size.value, after->file_size.value,
			quota_is_wider(before->file_size.value, after->file_size.value)},
		{"network.dns.resolvers", 0, !same_resolvers(dns, now), true},
		{"network.dns.queriesPerMinute", dns->queries, now->queries,
			now->queries > dns->queries},
		{"network.dns.labelLength", dns->label, now->label, now->label > dns->label},
		{"network.dns.grace", dns->grace, now->grace, now->grace > dns->grace},
		{"network.dns: the longest lease", dns->longest, now->longest,
			now->longest > dns->longest},
		{"network.dns: names of private addresses", dns->private_names, now->private_names,
			now->private_names},
	};
	static const char *const limits[LIMIT_MAX] = {
#define X(name, key, seconds) "limits." key,
		AMBIT_LIMITS(X)
#undef X
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].was != rows[i].is)
			setting_tell(options, rows[i].wider, rows[i].text);
	for (unsigned i = 0; i < LIMIT_MAX; i++)
		if (before->limits[i].value != after->limits[i].value)
			setting_tell(options,
				quota_is_wider(before->limits[i].value, after->limits[i].value),
				limits[i]);
}

static bool is_limited(const struct rule *rule)
{
	bool limited = false;

	for (unsigned i = 0; i < LIMIT_MAX; i++)
		limited |= rule->limits[i].value != 0;
	return limited;
}

static bool is_same_rule(const struct rule *a, const struct rule *b)
{
	for (unsigned i = 0; i < LIMIT_MAX; i++)
		if (a->limits[i].value != b->limits[i].value)
			return false;
	return a->op == b->op && a->verdict == b->verdict && a->tls == b->tls &&
	       a->quic == b->quic && strcmp(a->text, b->text) == 0;
}

/* Rules that stand in one of both alone. The tables do not tell those apart that allow the same, so
 * that one path above may stand for what several of them allow. */
static int rules_tell(struct diff_options *options, int which)
{
	const struct policy *here = options->loaded[which].policy,
			    *there = options->loaded[!which].policy;

	for (size_t i = 0; i < here->rule_count; i++) {
		const struct rule *rule = &here->rules[i];
		_cleanup_free_ char *clean = NULL, *line = NULL;
		bool known = rule->resolver;

		for (size_t k = 0; !known && k < there->rule_count; k++)
			known = is_same_rule(rule, &there->rules[k]);
		if (known)
			continue;
		clean = text_clean(rule->text);
		line = clean ? text_format("%s:%u %s %s%s", options->files[which], rule->line,
				       ambit_section(rule->op, rule->verdict) ?: "", clean,
				       is_limited(rule) ? ", with limits" : "")
			     : NULL;
		if (!line)
			return -ENOMEM;
		if (is_limited(rule))
			*(which ? &options->denied : &options->allowed) += 1;
		if (options->json) {
			struct json_object *row = json_object_new_object();

			json_object_object_add(
				row, which ? "added" : "gone", json_object_new_string(line));
			puts(json_object_to_json_string_ext(row, JSON_C_TO_STRING_PLAIN));
			json_object_put(row);
		} else {
			printf("%s rule  %s\n", which ? "new" : "gone", line);
		}
	}
	return 0;
}

/* Both as if they stood in the same file, which a cell cannot write: that is no difference. */
static int load(struct diff_options *options, const struct target *target, struct diag *diag)
{
	struct diags diags = {0};
	int error = 0;

	for (int i = 0; !error && i < 2; i++) {
		struct loaded *loaded = &options->loaded[i];

		error = ambit_loaded_quietly(
			options->files[i], options->files[1], target->home, NULL, &diags, loaded);
		if (!error)
			error = ambit_tables_name(loaded->tables, loaded->policy, diag);
	}
	ambit_ui_diags(&diags);
	ambit_diags_clear(&diags);
	return error;
}

static int diff(struct diff_options *options, struct diag *diag)
{
	struct target target = {0};
	int error = ambit_target_find(options->user, &target, diag);

	if (!error)
		error = load(options, &target, diag);
	if (!error) {
		settings_tell(options);
		error = ambit_tables_diff(
			options->loaded[0].tables, options->loaded[1].tables, print, options);
		for (int i = 0; !error && i < 2; i++)
			error = rules_tell(options, i);
		if (error)
			ambit_diag_set(diag, NULL, 0, 0, "%s",
				error == -EOVERFLOW ? "there is more, which is not shown"
				: error == -E2BIG ? "the policies differ in more ways than can be "
						    "looked at; what is shown is not all"
						  : strerror(-error));
	}
	ambit_target_clear(&target);
	return error;
}

int ambit_verb_diff(int argc, char **argv)
{
	static const struct argp_option list[] = {
		{"user", 'u', "NAME", 0, "~ is the home of this user", 0},
		{"json", 'j', NULL, 0, "print one JSON object a line", 0},
		{0},
	};
	static const struct argp argp = {
		.options = list,
		.parser = parse_option,
		.args_doc = "OLD NEW",
		.doc = "What NEW allows and OLD does not, and the other way round: the shortest "
		       "path of each "
		       "kind, and all ranges of peers.\vExit status: 0 if they decide alike, 1 if "
		       "not, 2 "
		       "if one of them is not valid.",
	};
	struct diff_options options = {0};
	struct diag diag = {0};
	int error;

	if (argp_parse(&argp, argc, argv, 0, NULL, &options))
		return EXIT_USAGE;
	error = diff(&options, &diag);
	if (diag.text)
		ambit_ui_diag(&diag);
	ambit_diag_clear(&diag);
	for (int i = 0; i < 2; i++)
		ambit_loaded_clear(&options.loaded[i]);
	if (error)
		return EXIT_USAGE;
	return options.allowed || options.denied ? EXIT_DENIED : EXIT_SUCCESS;
}
