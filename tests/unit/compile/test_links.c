/* SPDX-License-Identifier: Apache-2.0 */
/* Finding files that a rule denies and that have other names. */
#include "build.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include "compile/links.h"

static char dir[] = "/tmp/ambit-links.XXXXXX";

static void make(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	close(fd);
}

static void make_linked(const char *path, const char *other)
{
	make(path);
	assert_int_equal(link(path, other), 0);
}

static void place_make(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	for (const char *const *at = (const char *const[]){"secret", "secret/deep", "open", "store",
		     "open/loop", NULL};
		*at; at++)
		assert_int_equal(mkdir(*at, 0700), 0);
	make("secret/alone");
	make_linked("secret/one", "store/1");
	make_linked("secret/deep/two", "store/2");
	make_linked("open/x.key", "store/3");
	make_linked("open/free", "store/4");
	make_linked("single", "store/5");
	assert_int_equal(symlink("../..", "open/loop/up"), 0);
	assert_int_equal(symlink("x.key", "open/y.key"), 0);
	assert_int_equal(mkfifo("secret/pipe", 0600), 0);
	assert_int_equal(link("secret/pipe", "store/6"), 0);
}

static int place_remove(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return chdir("/") || system(command);
}

static void deny(struct policy *policy, enum ambit_op op, const char *pattern)
{
	char text[256];

	snprintf(text, sizeof(text), "%s/%s", pattern[0] == '*' ? "" : dir, pattern);
	build_path(policy, op, VERDICT_DENY, text);
}

static struct identities find(const struct policy *policy, size_t limit)
{
	_cleanup_(tables_cleanup) struct tables *tables = build_tables(policy);
	const struct policy_env env = {.cwd = dir};
	struct identities found = {};

	assert_int_equal(ambit_identities_find(policy, tables, &env, PART_ALL, NULL, limit, &found), 0);
	return found;
}

/* What was found for a file; NULL: nothing. */
static const struct ambit_identity *of(const struct identities *found, const char *path)
{
	struct stat status;

	assert_int_equal(stat(path, &status), 0);
	for (size_t i = 0; i < found->count; i++) {
		const struct ambit_identity_key *key = &found->items[i].key;

		if (key->inode == status.st_ino &&
			key->device == (major(status.st_dev) << 20 | minor(status.st_dev)))
			return &found->items[i].value;
	}
	return NULL;
}

static void denied_files_are_found(void **state)
{
	_cleanup_(policy_cleanup) struct policy *policy = build_policy();
	_cleanup_(ambit_identities_clear) struct identities found = {};
	(void)state;

	place_make(state);
	deny(policy, OP_READ, "secret");
	deny(policy, OP_WRITE, "secret/deep");
	deny(policy, OP_READ, "**/*.key");
	deny(policy, OP_EXEC, "single");
	deny(policy, OP_READ, "nothing/*/there");
	found = find(policy, 1000);
	assert_int_equal(found.count, 5);
	assert_int_equal(found.cut_count, 0);
	assert_int_equal(of(&found, "store/1")->deny[OP_READ], 1);
	assert_int_equal(of(&found, "store/1")->deny[OP_WRITE], 0);
	assert_int_equal(of(&found, "store/2")->deny[OP_READ], 1);
	assert_int_equal(of(&found, "store/2")->deny[OP_WRITE], 2);
	assert_int_equal(of(&found, "store/3")->deny[OP_READ], 3);
	assert_int_equal(of(&found, "store/5")->deny[OP_EXEC], 4);
	assert_int_equal(of(&found, "store/6")->deny[OP_READ], 1);
	assert_null(of(&found, "store/4"));
	assert_null(of(&found, "secret/alone"));
}

static void own_places_are_found(void **state)
{
	_cleanup_(policy_cleanup) struct policy *policy = build_policy();
	_cleanup_(ambit_identities_clear) struct identities found = {};
	char path[128];
	(void)state;

	snprintf(path, sizeof(path), "%s/single", dir);
	assert_int_equal(ambit_policy_guard(policy, path, 1U << OP_WRITE), 0);
	found = find(policy, 1000);
	assert_int_equal(found.count, 1);
	assert_int_equal(of(&found, "store/5")->deny[OP_WRITE], AMBIT_RULE_GUARD);
	assert_int_equal(of(&found, "store/5")->deny[OP_READ], 0);
}

/* One file by two denied names: the rule that comes first. */
static void names_of_a_file_are_put_together(void **state)
{
	_cleanup_(policy_cleanup) struct policy *policy = build_policy();
	_cleanup_(ambit_identities_clear) struct identities found = {};
	(void)state;

	deny(policy, OP_WRITE, "store/[0-9]");
	deny(policy, OP_READ, "store/2");
	deny(policy, OP_READ, "secret/deep/*");
	deny(policy, OP_WRITE, "secret/deep");
	found = find(policy, 1000);
	assert_int_equal(found.count, 6);
	assert_int_equal(of(&found, "store/2")->deny[OP_READ], 2);
	assert_int_equal(of(&found, "store/2")->deny[OP_WRITE], 1);
}

static void a_wide_pattern_is_searched_where_the_cell_writes(void **state)
{
	_cleanup_(policy_cleanup) struct policy *policy = build_policy();
	_cleanup_(ambit_identities_clear) struct identities found = {};
	_cleanup_(tables_cleanup) struct tables *tables = NULL;
	const struct policy_env env = {.cwd = "/nowhere"};
	char path[128];
	(void)state;

	deny(policy, OP_READ, "**/*.key");
	snprintf(path, sizeof(path), "%s/op*", dir);
	tables = build_tables(policy);
	assert_int_equal(ambit_identities_find(policy, tables, &env, PART_ALL, NULL, 1000, &found), 0);
	assert_int_equal(found.count, 0);
	build_path(policy, OP_WRITE, VERDICT_ALLOW, path);
	ambit_tables_free(TAKE_PTR(tables));
	tables = build_tables(policy);
	assert_int_equal(ambit_identities_find(policy, tables, &env, PART_ALL, NULL, 1000, &found), 0);
	assert_int_equal(found.count, 1);
	assert_int_equal(of(&found, "store/3")->deny[OP_READ], 1);
}

/* What lies beside a name that is meant is not looked at, whatever other patterns there are. */
static void a_named_place_is_searched_for_what_it_names(void **state)
{
	_cleanup_(policy_cleanup) struct policy *policy = build_policy();
	_cleanup_(tables_cleanup) struct tables *tables = NULL;
	_cleanup_(ambit_identities_clear) struct identities found = {};
	const struct policy_env env = {.cwd = "/nowhere"};
	(void)state;

	deny(policy, OP_READ, "sing*");
	deny(policy, OP_READ, "sec*/deep/t*");
	deny(policy, OP_READ, "**/*.key");
	tables = build_tables(policy);
	/* Five names here, three in "secret", one in "deep". */
	assert_int_equal(ambit_identities_find(policy, tables, &env, PART_ALL, NULL, 9, &found), 0);
	assert_int_equal(found.cut_count, 0);
	assert_int_equal(found.count, 2);
	assert_int_equal(of(&found, "store/5")->deny[OP_READ], 1);
	assert_int_equal(of(&found, "store/2")->deny[OP_READ], 2);
}

static void a_limit_is_told(void **state)
{
	_cleanup_(policy_cleanup) struct policy *policy = build_policy();
	_cleanup_(ambit_identities_clear) struct identities found = {};
	(void)state;

	deny(policy, OP_READ, "open/nothing");
	deny(policy, OP_READ, "secret");
	deny(policy, OP_READ, "store");
	deny(policy, OP_READ, "**/*.key");
	found = find(policy, 3);
	assert_int_equal(found.cut_count, 3);
	assert_int_equal(found.cut_rule, 2);
	assert_non_null(strstr(found.cut_path, "/secret"));
}

/* Of a tree of 20,000 names without anything that is denied, none is looked at closer. */
static void many_names_are_fast(void **state)
{
	_cleanup_(policy_cleanup) struct policy *policy = build_policy();
	_cleanup_(ambit_identities_clear) struct identities found = {};
	clock_t start;
	char name[64];
	(void)state;

	assert_int_equal(mkdir("many", 0700), 0);
	for (unsigned i = 0; i < 20000; i++) {
		if (i % 1000 == 0) {
			snprintf(name, sizeof(name), "many/%u", i / 1000);
			assert_int_equal(mkdir(name, 0700), 0);
		}
		snprintf(name, sizeof(name), "many/%u/%u.js", i / 1000, i);
		assert_int_equal(link("single", name), 0);
	}
	deny(policy, OP_READ, "**/*.key");
	deny(policy, OP_WRITE, "**/.git/hooks");
	start = clock();
	found = find(policy, 100000);
	assert_int_equal(found.count, 1);
	assert_int_equal(found.cut_count, 0);
	/* With the sanitizers, on a slow machine. */
	assert_true((clock() - start) / CLOCKS_PER_SEC < 20);
}

/* Who asks for one part has the places of the other left alone; both together find all. */
static void parts(void **state)
{
	_cleanup_(policy_cleanup) struct policy *policy = build_policy();
	_cleanup_(tables_cleanup) struct tables *tables = NULL;
	_cleanup_(ambit_identities_clear) struct identities found = {}, outer = {};
	const struct policy_env env = {.cwd = dir};

	(void)state;
	deny(policy, OP_READ, "secret/one");
	deny(policy, OP_READ, "single");
	tables = build_tables(policy);
	policy->rules[1].outer = true;
	assert_int_equal(ambit_identities_find(policy, tables, &env, PART_OUTER, NULL, 1000, &outer), 0);
	assert_int_equal(outer.count, 1);
	assert_int_equal(ambit_identities_find(policy, tables, &env, PART_OWN, NULL, 1000, &found), 0);
	assert_int_equal(found.count, 1);
	assert_int_not_equal(found.items[0].key.inode, outer.items[0].key.inode);
	assert_int_equal(ambit_identities_find(policy, tables, &env, PART_OUTER, NULL, 1000, &found), 0);
	assert_int_equal(found.count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(denied_files_are_found),
		cmocka_unit_test(parts),
		cmocka_unit_test(own_places_are_found),
		cmocka_unit_test(names_of_a_file_are_put_together),
		cmocka_unit_test(a_wide_pattern_is_searched_where_the_cell_writes),
		cmocka_unit_test(a_named_place_is_searched_for_what_it_names),
		cmocka_unit_test(a_limit_is_told),
		cmocka_unit_test(many_names_are_fast),
	};

	return cmocka_run_group_tests(tests, NULL, place_remove);
}
