/* SPDX-License-Identifier: Apache-2.0 */
/* Policies from texts. */
#ifndef AMBIT_TEST_TEXT_H
#define AMBIT_TEST_TEXT_H

#include "diags.h"

/* All errors of a text; "": there are none. */
static inline void expect(const char *text, const char *errors)
{
	_cleanup_(policy_cleanup) struct policy *policy = NULL;
	struct diags diags = {};
	int r = ambit_policy_parse("test.yaml", text, strlen(text), &diags, &policy);

	diags_expect(&diags, errors);
	assert_int_equal(r, *errors ? -EINVAL : 0);
	assert_int_equal(policy == NULL, *errors != '\0');
	for (size_t i = 0; i < diags.count; i++)
		assert_string_equal(diags.items[i].file, "test.yaml");
	ambit_diags_clear(&diags);
}

/* The policy of a text without any. */
static inline struct policy *parse(const char *text)
{
	struct policy *policy = NULL;
	struct diags diags = {};

	if (ambit_policy_parse("test.yaml", text, strlen(text), &diags, &policy) < 0)
		fail_msg("%u:%u: %s", diags.items[0].line, diags.items[0].column,
			diags.items[0].text);
	ambit_diags_clear(&diags);
	return policy;
}

#endif
