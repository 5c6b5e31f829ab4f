/* SPDX-License-Identifier: Apache-2.0 */
/* What a policy's tables depend on is in its question: else it gets those of another one. */
#include "build.h"
#include "compile/question.h"

static bool same_question(const struct policy *left, const struct policy *right)
{
	_cleanup_(question_clear) struct question a = {}, b = {};

	assert_int_equal(question_write(left, &a), 0);
	assert_int_equal(question_write(right, &b), 0);
	return a.count == b.count && !memcmp(a.bytes, b.bytes, a.count);
}

static void narrowed(void **state)
{
	_cleanup_(policy_cleanup) struct policy *left = build_policy(), *right = build_policy();

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		build_path(left, OP_READ, VERDICT_ALLOW, i ? "/b/**" : "/a/**");
		build_path(right, OP_READ, VERDICT_ALLOW, i ? "/b/**" : "/a/**");
	}
	assert_true(same_question(left, right));
	right->narrowed = true;
	assert_false(same_question(left, right));
	left->narrowed = true;
	assert_true(same_question(left, right));
	/* Of which of the two policies a rule is. */
	right->rules[1].outer = true;
	assert_false(same_question(left, right));
	left->rules[1].outer = true;
	assert_true(same_question(left, right));
}

/* Bytes of a type that are of a field: one that fell between others leaves the type as large as it was. */
#define FIELD_BYTES(type)                                                                                            \
	({                                                                                                           \
		type value;                                                                                          \
		size_t count = 0;                                                                                    \
                                                                                                                     \
		memset(&value, 0xff, sizeof(value));                                                                 \
		__builtin_clear_padding(&value);                                                                     \
		for (size_t i = 0; i < sizeof(value); i++)                                                           \
			count += ((const uint8_t *)&value)[i] == 0xff;                                               \
		count;                                                                                               \
	})

/* Whoever adds a field says in question.c whether tables depend on it, and counts it here. */
static void fields(void **state)
{
	(void)state;
	assert_int_equal(FIELD_BYTES(struct policy), 2405);
	assert_int_equal(FIELD_BYTES(struct rule), 119);
	assert_int_equal(FIELD_BYTES(struct peer), 279);
	assert_int_equal(FIELD_BYTES(struct guarded), 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(narrowed), cmocka_unit_test(fields)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
