/* SPDX-License-Identifier: Apache-2.0 */
/* Text -> rules, and every error with its place. */
#include "text.h"

#define HEAD "apiVersion: ambit/v1\nname: test\n"

static void rules(void **state)
{
	_cleanup_(policy_cleanup) struct policy *policy =
		parse(HEAD "mode: audit\n"
			   "files:\n"
			   "  allow:\n"
			   "    read: [/usr, ~/.gitconfig, .]\n"
			   "    exec:\n"
			   "      - \"@runtime\"\n"
			   "  deny:\n"
			   "    write: [ \"**/.git/hooks\" ]\n"
			   "network:\n"
			   "  allow:\n"
			   "    connect: [\"10.0.0.0/8:443\"]\n"
			   "    listen: []\n"
			   "    unix: [/run/x.sock]\n");
	static const struct {
		enum ambit_op op;
		enum ambit_verdict verdict;
		const char *text;
		unsigned line, column;
	} expected[] = {
		{OP_READ, VERDICT_ALLOW, "/usr", 6, 12},
		{OP_READ, VERDICT_ALLOW, "~/.gitconfig", 6, 18},
		{OP_READ, VERDICT_ALLOW, ".", 6, 32},
		{OP_EXEC, VERDICT_ALLOW, "@runtime", 8, 9},
		{OP_WRITE, VERDICT_DENY, "**/.git/hooks", 10, 14},
		{OP_CONNECT, VERDICT_ALLOW, "10.0.0.0/8:443", 13, 15},
		{OP_UNIX, VERDICT_ALLOW, "/run/x.sock", 15, 12},
	};
	(void)state;

	assert_string_equal(policy->name, "test");
	assert_int_equal(policy->mode, MODE_AUDIT);
	assert_int_equal(policy->rule_count, ARRAY_SIZE(expected));
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		const struct rule *rule = ambit_policy_rule(policy, (uint32_t)i + 1);

		assert_int_equal(rule->id, i + 1);
		assert_int_equal(rule->op, expected[i].op);
		assert_int_equal(rule->verdict, expected[i].verdict);
		assert_string_equal(rule->text, expected[i].text);
		assert_int_equal(rule->line, expected[i].line);
		assert_int_equal(rule->column, expected[i].column);
	}
	assert_null(ambit_policy_rule(policy, 0));
	assert_null(ambit_policy_rule(policy, ARRAY_SIZE(expected) + 1));
}

static void aliases_of_the_seed(void **state)
{
	_cleanup_(policy_cleanup) struct policy *policy =
		parse(HEAD "allowed_paths: [/data]\ndenied_paths: [/data/x]\nexecute_code: true\n");
	_cleanup_(policy_cleanup) struct policy *none = parse(HEAD "execute_code: false\n");
	static const struct {
		enum ambit_op op;
		enum ambit_verdict verdict;
	} expected[] = {
		{OP_READ, VERDICT_ALLOW},
		{OP_WRITE, VERDICT_ALLOW},
		{OP_READ, VERDICT_DENY},
		{OP_WRITE, VERDICT_DENY},
		{OP_EXEC, VERDICT_DENY},
		{OP_EXEC, VERDICT_ALLOW},
		{OP_EXEC, VERDICT_ALLOW},
	};
	(void)state;

	assert_int_equal(policy->rule_count, ARRAY_SIZE(expected));
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		assert_int_equal(policy->rules[i].op, expected[i].op);
		assert_int_equal(policy->rules[i].verdict, expected[i].verdict);
	}
	assert_int_equal(none->rule_count, 1);
	assert_int_equal(none->rules[0].verdict, VERDICT_DENY);
	assert_string_equal(none->rules[0].text, "/");
	expect(HEAD "requires_approval: true\nexecute_code: 1\n",
		"3:1: \"requires_approval\" is not supported yet\n"
		"4:15: \"execute_code\" must be true or false\n");
}

/* Hosts: of the web where they are allowed, with all beneath them where they are denied. */
static void domains_of_the_seed(void **state)
{
	_cleanup_(policy_cleanup) struct policy *policy = parse(HEAD
		"allowed_domains: [api.example.com, '*.example.org', 'localhost:8080', 192.0.2.7]\n"
		"denied_domains: [ads.example.org, '*.example.net', 192.0.2.8, '[::1]', 'x.example:25', '@metadata']\n");
	static const struct {
		enum ambit_verdict verdict;
		const char *text;
	} expected[] = {
		{VERDICT_ALLOW, "api.example.com:443/tcp"}, {VERDICT_ALLOW, "api.example.com:80/tcp"},
		{VERDICT_ALLOW, "*.example.org:443/tcp"}, {VERDICT_ALLOW, "*.example.org:80/tcp"},
		{VERDICT_ALLOW, "localhost:8080"}, {VERDICT_ALLOW, "192.0.2.7:443/tcp"},
		{VERDICT_ALLOW, "192.0.2.7:80/tcp"}, {VERDICT_DENY, "ads.example.org:*"},
		{VERDICT_DENY, "*.ads.example.org:*"}, {VERDICT_DENY, "*.example.net:*"},
		{VERDICT_DENY, "192.0.2.8:*"}, {VERDICT_DENY, "[::1]:*"}, {VERDICT_DENY, "x.example:25"},
		{VERDICT_DENY, "@metadata"},
	};
	(void)state;

	assert_int_equal(policy->rule_count, ARRAY_SIZE(expected));
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		assert_int_equal(policy->rules[i].op, OP_CONNECT);
		assert_int_equal(policy->rules[i].verdict, expected[i].verdict);
		assert_string_equal(policy->rules[i].text, expected[i].text);
		assert_int_equal(policy->rules[i].line, expected[i].verdict == VERDICT_DENY ? 4 : 3);
	}
	expect(HEAD "allowed_domains: ['*', 'https://example.com/']\ndenied_domains: ['a b', '']\n",
		"3:19: pattern \"*:443/tcp\"\n"
		"3:24: pattern \"https://example.com/\"\n"
		"4:18: pattern \"a b:*\"\n"
		"4:25: pattern \":*\"\n");
}

static void not_supported_yet(void **state)
{
	(void)state;
	expect(HEAD "imports: [a]\nprocesses: 512\nhide: [/x]\nask: {}\n"
		    "tools: {}\nflow: []\ncontent: x\n\nrequires_approval: x\n"
		    "files: {ask: {write: [x]}, hide: [a], allow: {hide: [x]}}\n"
		    "network: {ask: {connect: [x]}}\n",
		"3:1: \"imports\" is not supported yet; remove it\n"
		"4:1: \"processes\" is not supported yet\n"
		"5:1: \"hide\" is not supported yet\n"
		"6:1: \"ask\" is not supported yet\n"
		"7:1: \"tools\" is not supported yet\n"
		"8:1: \"flow\" is not supported yet\n"
		"9:1: \"content\" is not supported yet\n"
		"11:1: \"requires_approval\" is not supported yet\n"
		"12:9: \"ask\" is not supported yet\n"
		"12:28: \"hide\" is not supported yet\n"
		"12:47: \"hide\" is not supported yet\n"
		"13:11: \"ask\" is not supported yet\n");
}

static void dns(void **state)
{
	_cleanup_(policy_cleanup) struct policy *policy =
		parse(HEAD "network: {dns: {resolvers: [10.0.0.53, '::1', '[::2]'], private: allow,\n"
			   "  queriesPerMinute: 30, labelLength: 20, grace: 5, longest: 600}}\n");

	(void)state;
	assert_int_equal(policy->dns.resolver_count, 3);
	assert_int_equal(policy->dns.resolvers[0].family, AMBIT_FAMILY_V4);
	assert_int_equal(policy->dns.resolvers[0].port_low, 53);
	assert_int_equal(policy->dns.resolvers[2].addr[15], 2);
	assert_true(policy->dns.private_names);
	assert_int_equal(policy->dns.queries, 30);
	assert_int_equal(policy->dns.label, 20);
	assert_int_equal(policy->dns.grace, 5);
	assert_int_equal(policy->dns.longest, 600);
	expect(HEAD "network: {dns: {resolvers: [x, 1.2.3.4/8, 0.0.0.0, '1.2.3.4:53'], private: yes,\n"
		    "  queriesPerMinute: 0, labelLength: 64, grace: -1, longest: a, other: 1}}\n",
		"3:29: pattern \"x\" is no address of a resolver\n"
		"3:32: pattern \"1.2.3.4/8\" is no address of a resolver\n"
		"3:43: pattern \"0.0.0.0\" is no address of a resolver; write \"127.0.0.1\"\n"
		"3:52: pattern \"1.2.3.4:53\" has no valid IPv6 address\n"
		"3:76: \"private\" must be \"allow\" or \"deny\"\n"
		"4:21: \"queriesPerMinute\" must be a number of questions a minute from 1 to\n"
		"4:37: \"labelLength\" must be a number of bytes from 1 to 63\n"
		"4:48: \"grace\" must be a number of seconds from 1 to 86400\n"
		"4:61: \"longest\" must be a number of seconds\n"
		"4:64: unknown key \"other\" in \"network.dns\"\n");
}

static void trail_failure(void **state)
{
	_cleanup_(policy_cleanup) struct policy *without = parse(HEAD);
	_cleanup_(policy_cleanup) struct policy *goes_on = parse(HEAD "onTrailFailure: continue\n");
	_cleanup_(policy_cleanup) struct policy *denies = parse(HEAD "onTrailFailure: deny\n");

	(void)state;
	assert_false(without->trail_denies);
	assert_false(goes_on->trail_denies);
	assert_true(denies->trail_denies);
	expect(HEAD "onTrailFailure: yes\n",
		"3:17: \"onTrailFailure\" must be \"continue\" or \"deny\"");
}

static void jit(void **state)
{
	_cleanup_(policy_cleanup) struct policy *without = parse(HEAD);
	_cleanup_(policy_cleanup) struct policy *denies = parse(HEAD "jit: deny\n");
	_cleanup_(policy_cleanup) struct policy *allows = parse(HEAD "jit: allow\n");

	(void)state;
	assert_false(without->jit);
	assert_false(denies->jit);
	assert_true(allows->jit);
	expect(HEAD "jit: true\n", "3:6: \"jit\" must be \"allow\" or \"deny\"");
	expect(HEAD "jit: [allow]\n", "3:6: \"jit\" must be \"allow\" or \"deny\"");
	expect(HEAD "jit:\n", "3:5: \"jit\" must be \"allow\" or \"deny\"");
	expect(HEAD "files: {jit: allow}\n", "3:9: unknown key \"jit\"");
}

static void keys(void **state)
{
	(void)state;
	expect("name: test\n", "1:1: \"apiVersion\" is missing; add \"apiVersion: ambit/v1\"");
	expect("apiVersion: ambit/v1\n", "1:1: \"name\" is missing; add \"name: my-agent\"");
	expect("apiVersion: ambit/v2\nname: a/b\n",
		"1:13: \"apiVersion\" must be \"ambit/v1\"\n2:7: \"name\" must be 1 to 64 letters");
	expect(HEAD "mode: enfroce\n", "3:7: \"mode\" must be \"enforce\" or \"audit\"");
	expect(HEAD "mode: [enforce]\n", "3:7: \"mode\" must be \"enforce\" or \"audit\"");
	expect(HEAD "flies: {}\n",
		"3:1: unknown key \"flies\" in a policy; did you mean \"files\"?");
	expect(HEAD "zzzzzz: {}\n",
		"3:1: unknown key \"zzzzzz\" in a policy; the keys are apiVersion");
	expect(HEAD "files:\n  alow: {}\n",
		"4:3: unknown key \"alow\" in \"files\"; did you mean \"allow\"?");
	expect(HEAD "files:\n  allow:\n    raed: [x]\n    connect: [x]\n",
		"5:5: unknown key \"raed\" in \"files.allow\"; did you mean \"read\"?\n"
		"6:5: unknown key \"connect\" in \"files.allow\"; the keys are read, write, exec");
	expect(HEAD "\"a\\x1b[31m\\0b\": 1\n", "3:1: unknown key \"a\\x1b[31m\\x00b\" in a policy");
	expect(HEAD "name: again\n", "3:1: the key \"name\" stands in line 2 already");
	expect(HEAD "files:\n  allow: {read: [/a], read: [/b]}\n  allow: {}\n",
		"4:23: the key \"read\" stands in line 4 already\n"
		"5:3: the key \"allow\" stands in line 4 already");
	expect(HEAD "[a]: b\n", "3:1: a key of a policy must be a text, not a list");
}

static void types(void **state)
{
	(void)state;
	expect(HEAD "files: [a]\n",
		"3:8: \"files\" must be a mapping with the keys allow, deny, not a list");
	expect(HEAD "files:\nnetwork: x\n",
		"3:7: \"files\" must be a mapping with the keys allow, deny, not nothing\n"
		"4:10: \"network\" must be a mapping");
	expect(HEAD "files: {allow: {read: /usr}}\n",
		"3:23: \"files.allow.read\" must be a list, not a text; write [/usr]");
	expect(HEAD "files:\n  deny:\n    read:\n",
		"5:10: \"files.deny.read\" must be a list, not nothing; write []");
	expect(HEAD "files: {allow: {read: [[/a], {b: c}, /d]}}\n",
		"3:24: \"files.allow.read\" must hold texts, not a list\n"
		"3:30: \"files.allow.read\" must hold texts, not a mapping");
	expect(HEAD "files:\n  allow:\n    read:\n    -\n    - \"a\\0b\"\n",
		"6:6: \"files.allow.read\" holds an empty line\n"
		"7:7: \"files.allow.read\" holds a text with a NUL byte");
	expect(HEAD "network: {allow: {connect: [[::1]:443]}}\n",
		"3:29: a key of a peer must be a text, not a list; put quotes\n"
		"3:30: is not YAML");
	expect("- a\n", "1:1: a policy must be a mapping with the keys apiVersion, name");
	expect("just text\n", "1:1: a policy must be a mapping");
}

static void yaml_that_is_refused(void **state)
{
	(void)state;
	expect("", "1:1: the file is empty; begin with \"apiVersion: ambit/v1\"");
	expect("# nothing\n", "1:1: the file is empty");
	expect("---\n", "1:1: the file is empty");
	expect(HEAD "files: &a {}\n", "3:8: YAML anchors are off");
	expect(HEAD "files: !!map {}\n", "3:8: YAML tags are off");
	expect("apiVersion: &v ambit/v1\nname: *v\n",
		"1:13: YAML anchors are off\n"
		"2:7: YAML aliases are off\n2:7: \"name\" must be");
	expect(HEAD "files: {allow: {read: [*a]}}\n", "3:24: YAML aliases are off");
	expect(HEAD "files: {allow: {read: [**/x]}}\n",
		"3:25: is not YAML: while scanning an alias, did not find expected alphabetic or "
		"numeric character; put quotes around a text that begins with \"*\"");
	expect(HEAD "files: {allow: {read: [@x]}}\n",
		"3:24: is not YAML: while scanning for the next token, found character that cannot "
		"start any token; put quotes around a text that begins with \"@\"");
	expect(HEAD "---\nname: b\n", "3:1: a second document begins here");
	expect("%YAML 1.1\n---\n" HEAD, "1:1: YAML directives are off");
	expect(HEAD "files: {\n", "4:1: is not YAML");
	expect(HEAD "\tfiles: {}\n", "3:1: is not YAML");
	expect(HEAD "name2: \"\xff\"\n", "3:9: is not text in UTF-8");
	expect("\xff\xfe"
	       "a\0",
		"1:1: is not text in UTF-8");
	/* Columns are bytes, not characters. */
	expect(HEAD "files: {allow: {read: [/\xc3\xa4, \xc3\xa4]}}\n",
		"3:29: pattern \"\xc3\xa4\" is relative");
}

static void one_megabyte_of_brackets(void **state)
{
	_cleanup_free_ char *text = malloc((1 << 20) + 1);
	static const char *const heads[] = {"", HEAD "files: ", HEAD "files: {allow: {read: "};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		_cleanup_(policy_cleanup) struct policy *policy = NULL;
		struct diags diags = {};
		size_t length = strlen(heads[i]);

		memset(text, '[', 1 << 20);
		text[1 << 20] = '\0';
		memcpy(text, heads[i], length);
		assert_int_equal(
			ambit_policy_parse("test.yaml", text, 1 << 20, &diags, &policy), -EINVAL);
		assert_non_null(
			strstr(diags.items[diags.count - 1].text, "nested more than 16 deep"));
		ambit_diags_clear(&diags);
	}
}

static void too_many_rules(void **state)
{
	_cleanup_(policy_cleanup) struct policy *policy = NULL;
	_cleanup_free_ char *text = NULL;
	struct diags diags = {};
	size_t size;
	FILE *out = open_memstream(&text, &size);
	(void)state;

	fputs(HEAD "files:\n  allow:\n    read:\n", out);
	for (unsigned i = 0; i < 100000; i++)
		fprintf(out, "    - /srv/%u\n", i);
	fclose(out);
	assert_int_equal(ambit_policy_parse("test.yaml", text, size, &diags, &policy), -EINVAL);
	diags_expect(&diags, "65540:7: this is more than 65534 rules");
	ambit_diags_clear(&diags);
}

static void errors_are_counted_beyond_what_is_kept(void **state)
{
	_cleanup_(policy_cleanup) struct policy *policy = NULL;
	_cleanup_free_ char *text = NULL;
	struct diags diags = {};
	size_t size;
	FILE *out = open_memstream(&text, &size);
	(void)state;

	fputs(HEAD "files:\n  allow:\n    read:\n", out);
	for (unsigned i = 0; i < 250; i++)
		fprintf(out, "    - relative%u\n", i);
	fclose(out);
	assert_int_equal(ambit_policy_parse("test.yaml", text, size, &diags, &policy), -EINVAL);
	assert_int_equal(diags.count, DIAGS_MAX);
	assert_int_equal(diags.dropped, 250 - DIAGS_MAX);
	ambit_diags_clear(&diags);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules),
		cmocka_unit_test(aliases_of_the_seed),
		cmocka_unit_test(domains_of_the_seed),
		cmocka_unit_test(not_supported_yet),
		cmocka_unit_test(trail_failure),
		cmocka_unit_test(jit),
		cmocka_unit_test(dns),
		cmocka_unit_test(keys),
		cmocka_unit_test(types),
		cmocka_unit_test(yaml_that_is_refused),
		cmocka_unit_test(one_megabyte_of_brackets),
		cmocka_unit_test(too_many_rules),
		cmocka_unit_test(errors_are_counted_beyond_what_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
