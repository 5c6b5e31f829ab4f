/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "metrics/metrics.h"

static void expect(const struct metric_label *labels, uint64_t value, const char *wanted)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	metric_value(out, "m", labels, value);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(text, wanted);
	free(text);
}

/* Names of cells come from files: none can end a label or a line. */
static void values(void **state)
{
	(void)state;
	expect(NULL, 0, "m 0\n");
	expect((struct metric_label[]){{0}}, UINT64_MAX, "m 18446744073709551615\n");
	expect((struct metric_label[]){{"a", "x"}, {"b", NULL}, {"c", ""}, {0}}, 7, "m{a=\"x\",c=\"\"} 7\n");
	expect((struct metric_label[]){{"b", NULL}, {0}}, 7, "m 7\n");
	expect((struct metric_label[]){{"a", "\"} 1\n\\"}, {0}}, 1, "m{a=\"\\\"} 1\\n\\\\\"} 1\n");
	expect((struct metric_label[]){{"a", "\xff\xc3\xa4"}, {0}}, 1, "m{a=\"\xef\xbf\xbd\xc3\xa4\"} 1\n");
}

static void head(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	metric_begin(out, "m", "gauge", "How many.");
	assert_int_equal(fclose(out), 0);
	assert_string_equal(text, "# HELP m How many.\n# TYPE m gauge\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(values), cmocka_unit_test(head)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
