/* SPDX-License-Identifier: Apache-2.0 */
/* Limits in a policy: of the cell, of a rule, by their older names; and what is none. */
#include "text.h"
#include "policy/env.h"

#define HEAD "apiVersion: ambit/v1\nname: test\n"

static void expect_limit(struct quota limit, uint64_t value, unsigned line)
{
	assert_int_equal(limit.value, value);
	assert_int_equal(limit.line, line);
}

static void of_the_cell(void **state)
{
	_cleanup_(policy_cleanup) struct policy *policy =
		parse(HEAD "limits:\n  connectsPerMinute: 10\n  egressPerHour: 500KiB\n"
			   "  egressPerDay: 4096GiB\n  fileSize: 7\n");
	_cleanup_(policy_cleanup) struct policy *none = parse(HEAD "limits: {}\n");
	_cleanup_(policy_cleanup) struct policy *seed =
		parse(HEAD "max_size_mb: 50\nmax_requests_per_minute: 3\n");

	(void)state;
	expect_limit(policy->limits[LIMIT_CONNECTS], 10, 4);
	expect_limit(policy->limits[LIMIT_EGRESS_HOUR], 500 << 10, 5);
	expect_limit(policy->limits[LIMIT_EGRESS_DAY], 1ULL << 42, 6);
	expect_limit(policy->file_size, 7, 7);
	for (unsigned kind = 0; kind < LIMIT_MAX; kind++)
		expect_limit(none->limits[kind], 0, 0);
	expect_limit(seed->file_size, 50 << 20, 3);
	expect_limit(seed->limits[LIMIT_CONNECTS], 3, 4);
}

static void of_a_rule(void **state)
{
	_cleanup_(policy_cleanup) struct policy *policy =
		parse(HEAD "network:\n  allow:\n    connect:\n"
			   "      - \"10.0.0.0/8:443\"\n"
			   "      - {to: \"127.0.0.1:*\", connectsPerMinute: 2, egressPerHour: 10MiB}\n"
			   "      - egressPerDay: 1GiB\n        to: \"[::1]:80\"\n"
			   "      - localhost:1\n");
	static const struct {
		const char *text;
		unsigned line, column;
		uint64_t limits[LIMIT_MAX];
	} expected[] = {
		{"10.0.0.0/8:443", 6, 9, {0, 0, 0}},
		{"127.0.0.1:*", 7, 14, {2, 10 << 20, 0}},
		{"[::1]:80", 9, 13, {0, 0, 1 << 30}},
		{"localhost:1", 10, 9, {0, 0, 0}},
	};

	(void)state;
	assert_int_equal(policy->rule_count, ARRAY_SIZE(expected));
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		assert_string_equal(policy->rules[i].text, expected[i].text);
		assert_int_equal(policy->rules[i].line, expected[i].line);
		assert_int_equal(policy->rules[i].column, expected[i].column);
		for (unsigned kind = 0; kind < LIMIT_MAX; kind++)
			assert_int_equal(policy->rules[i].limits[kind].value,
				expected[i].limits[kind]);
	}
}

static void no_numbers(void **state)
{
	(void)state;
	expect(HEAD "limits: {connectsPerMinute: 0}\n",
		"3:29: \"connectsPerMinute\" must be a whole number from 1 on\n");
	expect(HEAD "limits: {connectsPerMinute: 010}\n", "3:29: \"connectsPerMinute\" must be\n");
	expect(HEAD "limits: {connectsPerMinute: 1.5}\n", "3:29: \"connectsPerMinute\" must be\n");
	expect(HEAD "limits: {connectsPerMinute: 10KiB}\n", "3:29: \"connectsPerMinute\" must be\n");
	expect(HEAD "limits: {connectsPerMinute: [1]}\n", "3:29: \"connectsPerMinute\" must be\n");
	expect(HEAD "limits: {connectsPerMinute: 4398046511105}\n", "3:29: \"connectsPerMinute\" must be\n");
	expect(HEAD "limits: {egressPerHour: -1}\n",
		"3:25: \"egressPerHour\" must be a size from 1 to 4096GiB, such as 500KiB, 10MiB or 1GiB\n");
	expect(HEAD "limits: {egressPerHour: 10 MiB}\n", "3:25: \"egressPerHour\" must be a size\n");
	expect(HEAD "limits: {egressPerHour: 10MB}\n", "3:25: \"egressPerHour\" must be a size\n");
	expect(HEAD "limits: {egressPerDay: 4097GiB}\n", "3:24: \"egressPerDay\" must be a size\n");
	expect(HEAD "limits: {egressPerDay: 99999999999999999999999}\n", "3:24: \"egressPerDay\" must be a size\n");
	expect(HEAD "limits: {fileSize: MiB}\n", "3:20: \"fileSize\" must be a size\n");
	expect(HEAD "limits: {fileSize: }\n", "3:20: \"fileSize\" must be a size\n");
	expect(HEAD "max_size_mb: 1MiB\n", "3:14: \"max_size_mb\" must be a whole number from 1 on\n");
}

static void no_limits(void **state)
{
	(void)state;
	expect(HEAD "limits: 5\n", "3:9: \"limits\" must be a mapping with the keys connectsPerMinute\n");
	expect(HEAD "limits: {conectsPerMinute: 5}\n",
		"3:10: unknown key \"conectsPerMinute\" in \"limits\"; did you mean \"connectsPerMinute\"?\n");
	expect(HEAD "max_size_mb: 5\nlimits: {fileSize: 1KiB}\n",
		"4:10: \"fileSize\" says what line 3 said already; remove one of the two\n");
	expect(HEAD "network: {allow: {connect: [{connectsPerMinute: 5}]}}\n",
		"3:29: \"to\" is missing; add the peer that this is about\n");
	expect(HEAD "network: {allow: {connect: [{to: \"127.0.0.1:5\"}]}}\n",
		"3:29: nothing is said about this peer; add a limit or \"tls\", or write it without \"to\"\n");
	expect(HEAD "network: {allow: {connect: [{to: \"127.0.0.1\", egressPerHour: 5}]}}\n",
		"3:34: pattern \"127.0.0.1\"\n");
	expect(HEAD "network: {allow: {connect: [{to: [x], egressPerHour: 5}]}}\n",
		"3:34: \"to\" must be one peer\n");
	expect(HEAD "network: {allow: {connect: [{to: \"5\", fileSize: 5}]}}\n",
		"3:39: unknown key \"fileSize\" in a peer\n3:29: nothing is said about this peer\n3:34: pattern \"5\"\n");
	expect(HEAD "network: {deny: {connect: [{to: \"127.0.0.1:5\", egressPerHour: 5}]}}\n",
		"3:28: \"network.deny.connect\" must hold texts, not a mapping\n");
	expect(HEAD "network: {allow: {listen: [{to: \"127.0.0.1:5\", egressPerHour: 5}]}}\n",
		"3:28: \"network.allow.listen\" must hold texts, not a mapping\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_the_cell),
		cmocka_unit_test(of_a_rule),
		cmocka_unit_test(no_numbers),
		cmocka_unit_test(no_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
