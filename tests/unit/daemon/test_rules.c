/* SPDX-License-Identifier: Apache-2.0 */
/* What a file of cells.d matches, and what is wrong with one. */
#include "daemon/rules.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static int parse(struct cell_rules *rules, const char *file, const char *match, struct diags *diags)
{
	char text[512];

	snprintf(text, sizeof(text), "apiVersion: ambit/v1\nmatch: {%s}\npolicy: /p.yaml\n", match);
	return cell_rules_parse(rules, file, text, strlen(text), diags);
}

static void matches(void **state)
{
	static const struct {
		const char *match, *cgroup;
	} cases[] = {
		{"unit: nginx.service", "/system.slice/nginx.service"},
		{"unit: \"worker@*.service\"", "/system.slice/system-worker.slice"},
		{"unit: \"my-worker@*.service\"", "/system.slice/system-my\\x2dworker.slice"},
		{"unit: worker@7.service", "/system.slice/system-worker.slice/worker@7.service"},
		{"unit: \"my-worker@a-*.service\"", "/system.slice/system-my\\x2dworker.slice/my-worker@a-*.service"},
		{"unit: \"nginx-*.service\"", "/system.slice/nginx-*.service"},
		{"unit: 'a\\x2db?.service'", "/system.slice/a\\x2db?.service"},
		{"slice: batch.slice", "/batch.slice"},
		{"slice: \"a-b-*.slice\"", "/a.slice/a-b.slice/a-b-*.slice"},
		{"slice: \"ab*.slice\"", "/ab*.slice"},
		{"slice: \"a-[0-9]*[!b-d].slice\"", "/a.slice/a-[0-9]*[!b-d].slice"},
		{"slice: a-b-c.slice", "/a.slice/a-b.slice/a-b-c.slice"},
		{"cgroup: /batch/night", "/batch/night"},
		{"cgroup: \"/batch/[0-9]*\"", "/batch/[0-9]*"},
		{"user: 1000", "/user.slice/user-1000.slice"},
		{"user: root", "/user.slice/user-0.slice"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct cell_rules rules = {0};
		struct diags diags = {0};

		assert_int_equal(parse(&rules, "x.yaml", cases[i].match, &diags), 0);
		assert_int_equal(rules.count, 1);
		assert_string_equal(rules.items[0].cgroup + strlen(AMBIT_CGROUP_MOUNT), cases[i].cgroup);
		assert_string_equal(rules.items[0].policy, "/p.yaml");
		cell_rules_clear(&rules);
	}
}

static void wrong(void **state)
{
	static const struct {
		const char *match, *text;
	} cases[] = {
		{"", "\"match\" is empty"},
		{"unit: a.service, slice: b.slice", "has one of"},
		{"unit: \"*.service\"", "ambit's own"},
		{"unit: \"../x.service\"", "is no service"},
		{"unit: \"a*@b.service\"", "is no service"},
		{"unit: \"@b.service\"", "is no service"},
		{"unit: \"*.socket\"", "is no service"},
		{"unit: ambit.service", "ambit's own"},
		{"unit: \"a[b.service\"", "without a \"]\""},
		{"slice: \"a-*-b@.slice\"", "is no name of a slice"},
		{"cgroup: \"/x*/y\"", "not in the last name"},
		{"unit: a.socket", "is no service"},
		{"slice: \"a*-night.slice\"", "\"-\" behind a glob"},
		{"slice: \"*-x.slice\"", "\"-\" behind a glob"},
		{"slice: \"a-[0-9]-b.slice\"", "\"-\" behind a glob"},
		{"slice: a.service", "is no name of a slice"},
		{"slice: a--b.slice", "is no name of a slice"},
		{"slice: -.slice", "is no name of a slice"},
		{"cgroup: x", "is no path below"},
		{"cgroup: /x/../y", "is no path below"},
		{"user: no-such-user", "is no user"},
		{"users: x", "unknown key \"users\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct cell_rules rules = {0};
		struct diags diags = {0};

		assert_int_equal(parse(&rules, "x.yaml", cases[i].match, &diags), -EINVAL);
		assert_int_equal(rules.count, 0);
		assert_true(diags.count >= 1);
		assert_string_equal(diags.items[0].file, "x.yaml");
		assert_true(diags.items[0].line >= 1);
		assert_non_null(strstr(diags.items[0].text, cases[i].text));
		ambit_diags_clear(&diags);
		cell_rules_clear(&rules);
	}
}

/* A name counts before a glob, and a glob before those of later files. */
static void precedence(void **state)
{
	static const struct {
		const char *cgroup, *file;
	} cases[] = {
		{"/system.slice/nginx-a.service", "20.yaml"},
		{"/system.slice/nginx-own.service", "40.yaml"},
		{"/system.slice/nginx.service", "30.yaml"},
		{"/system.slice/x/nginx-a.service", NULL},
		{"/system.slice/apache.service", NULL},
		{"/batch/9", "10.yaml"},
	};
	struct cell_rules rules = {0};
	struct diags diags = {0};

	(void)state;
	assert_int_equal(parse(&rules, "10.yaml", "cgroup: \"/batch/?\"", &diags), 0);
	assert_int_equal(parse(&rules, "20.yaml", "unit: \"nginx-*.service\"", &diags), 0);
	assert_int_equal(parse(&rules, "30.yaml", "unit: \"nginx*.service\"", &diags), 0);
	assert_int_equal(parse(&rules, "40.yaml", "unit: nginx-own.service", &diags), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char path[128];
		const struct cell_rule *rule;

		snprintf(path, sizeof(path), AMBIT_CGROUP_MOUNT "%s", cases[i].cgroup);
		rule = cell_rules_bind(&rules, path);
		assert_int_equal(!rule, !cases[i].file);
		if (rule)
			assert_string_equal(rule->file, cases[i].file);
	}
	cell_rules_clear(&rules);
}

/* By name; one that is wrong, or matches again, is named, and the others count. */
static void directory(void **state)
{
	static const char *const files[][2] = {
		{"10-a.yaml", "unit: a.service"}, {"20-b.yaml", "unit: b.service"},
		{"30-again.yaml", "cgroup: /system.slice/a.service"}, {"40-wrong.yaml", "unit: x"},
		{"50-no.txt", "unit: c.service"}};
	char path[] = "/tmp/rules-XXXXXX", name[128], command[128];
	struct cell_rules rules = {0};
	struct diags diags = {0};

	(void)state;
	assert_non_null(mkdtemp(path));
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		FILE *out;

		snprintf(name, sizeof(name), "%s/%s", path, files[i][0]);
		out = fopen(name, "w");
		fprintf(out, "apiVersion: ambit/v1\nmatch: {%s}\npolicy: /p\n", files[i][1]);
		fclose(out);
	}
	assert_int_equal(cell_rules_read(&rules, path, &diags), -EINVAL);
	assert_int_equal(rules.count, 2);
	assert_int_equal(diags.count, 2);
	assert_non_null(strstr(diags.items[0].file, "30-again.yaml"));
	assert_non_null(strstr(diags.items[0].text, "10-a.yaml"));
	assert_non_null(strstr(diags.items[1].file, "40-wrong.yaml"));
	assert_int_equal(diags.items[1].line, 2);
	assert_non_null(cell_rules_find(&rules, AMBIT_CGROUP_MOUNT "/system.slice/b.service"));
	assert_null(cell_rules_find(&rules, AMBIT_CGROUP_MOUNT "/system.slice/c.service"));
	ambit_diags_clear(&diags);
	cell_rules_clear(&rules);
	assert_int_equal(cell_rules_read(&rules, "/no/such", &diags), 0);
	snprintf(command, sizeof(command), "rm -r %s", path);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matches),
		cmocka_unit_test(wrong),
		cmocka_unit_test(precedence),
		cmocka_unit_test(directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
