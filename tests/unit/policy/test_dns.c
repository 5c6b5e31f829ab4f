/* SPDX-License-Identifier: Apache-2.0 */
/* Who is asked for names, from a policy and a resolv.conf. */
#include "diags.h"

#define HEAD "apiVersion: ambit/v1\nname: a\n"

static struct policy *load(const char *text, const char *resolvers, struct diags *diags)
{
	const struct policy_env env = {
		.cwd = "/", .sets_dir = "policies/sets", .resolvers = resolvers};
	struct policy *policy = NULL;

	assert_int_equal(ambit_policy_parse("p", text, strlen(text), diags, &policy), 0);
	if (!ambit_policy_resolve(policy, &env, diags))
		return policy;
	ambit_policy_free(policy);
	return NULL;
}

static void expect(const char *text, const char *resolvers, const char *errors)
{
	struct diags diags = {};
	struct policy *policy = load(text, resolvers, &diags);

	if (policy)
		fail_msg("taken: %s", text);
	diags_expect(&diags, errors);
	ambit_diags_clear(&diags);
}

static void resolvers(void **state)
{
	struct diags diags = {};
	_cleanup_(policy_cleanup) struct policy *policy = load(
		HEAD "network: {allow: {connect: ['a.b:1']}}\n",
		"# nameserver 1.1.1.1\nsearch x\nnameserver 10.0.0.1\nnameserver\nnameserver fe80::1%e\n"
		"nameserverx 1.2.3.4\noptions a\nnameserver \t::1  \r\n",
		&diags);
	const struct rule *rule;
	(void)state;

	assert_non_null(policy);
	assert_true(policy->names);
	assert_int_equal(policy->dns.resolver_count, 2);
	assert_int_equal(policy->dns.resolvers[1].addr[15], 1);
	assert_int_equal(policy->dns.queries, 600);
	assert_int_equal(policy->dns.grace, 60);
	assert_int_equal(policy->rule_count, 3);
	rule = ambit_policy_rule(policy, 3);
	assert_int_equal(rule->line, 3);
	assert_int_equal(rule->peers[0].family, AMBIT_FAMILY_V6);
}

static void refused(void **state)
{
	(void)state;
	expect(HEAD "network: {allow: {connect: ['a.b:1']}}\n", NULL,
		"3:29: there is nobody to ask for names\n");
	expect(HEAD "network: {allow: {connect: ['a.b:1']}}\n", "search x\n",
		"3:29: there is nobody to ask for names\n");
	expect(HEAD "network: {deny: {connect: ['a.b:1']}}\n", "nameserver 1.2.3.4\n",
		"3:28: this denies a name, and no rule allows one\n");
	expect(HEAD "network: {dns: {grace: 5}, allow: {connect: ['1.2.3.4:1']}}\n",
		"nameserver 1.2.3.4\n", "3:11: \"dns\" says how names are looked up, but no rule\n");
}

static void first_bytes(void **state)
{
	struct diags diags = {};
	_cleanup_(policy_cleanup) struct policy *policy = load(
		HEAD "network: {allow: {connect: [{to: 'a.b:22', tls: none}, {to: 'c.d', quic: allow},\n"
		     "{to: '1.2.3.4:3128', tls: proxy}, {to: e.f, tls: name, quic: deny}, 'g.h']}}\n",
		"nameserver 10.0.0.1\n", &diags);
	static const struct {
		enum tls tls;
		bool quic;
	} expected[] = {{TLS_NONE, false}, {TLS_NAME, true}, {TLS_PROXY, false}, {TLS_NAME, false},
		{TLS_NAME, false}};
	(void)state;

	assert_non_null(policy);
	for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
		assert_int_equal(policy->rules[i].tls, expected[i].tls);
		assert_int_equal(policy->rules[i].quic, expected[i].quic);
	}
}

static void no_first_bytes(void **state)
{
	struct policy *policy = NULL;
	struct diags diags = {};
	static const char words[] = HEAD
		"network: {allow: {connect: [{to: 'a.b:1', tls: off}, {to: 'a.b:1', quic: [1]}]}}\n";
	(void)state;

	assert_int_equal(
		ambit_policy_parse("p", words, sizeof(words) - 1, &diags, &policy), -EINVAL);
	diags_expect(&diags, "3:48: \"tls\" must be \"name\", \"none\" or \"proxy\"\n"
			     "3:74: \"quic\" must be \"allow\" or \"deny\"\n");
	ambit_diags_clear(&diags);
	expect(HEAD "network: {allow: {connect: ['a.b:1', {to: '1.2.3.4:1', tls: none}]}}\n",
		"nameserver 1.2.3.4\n", "3:43: \"tls: none\" and \"quic\" are about names\n");
	expect(HEAD "network: {allow: {connect: ['a.b:1', {to: '1.2.3.4:1', quic: allow}]}}\n",
		"nameserver 1.2.3.4\n", "3:43: \"tls: none\" and \"quic\" are about names\n");
	expect(HEAD "network: {allow: {connect: [{to: '1.2.3.4:1', tls: proxy}]}}\n",
		"nameserver 1.2.3.4\n", "3:34: a proxy is asked for what the policy allows by name\n");
	expect(HEAD "network: {allow: {connect: ['a.b:1', {to: '169.254.169.254:1', tls: proxy}]}}\n",
		"nameserver 1.2.3.4\n", "3:43: a special address\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resolvers),
		cmocka_unit_test(refused),
		cmocka_unit_test(first_bytes),
		cmocka_unit_test(no_first_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
