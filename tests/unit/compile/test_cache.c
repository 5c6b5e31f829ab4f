/* SPDX-License-Identifier: Apache-2.0 */
/* Tables that were compiled before: used for the same input only, and only from a place of our own. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include "build.h"
#include "compile/cache.h"

static char dir[] = "/tmp/ambit-cache-XXXXXX";

/* Calls `each` for the files, and counts them. */
static unsigned files_each(void (*each)(const char *path))
{
	DIR *stream = opendir(dir);
	struct dirent *entry;
	unsigned count = 0;
	char path[512];

	assert_non_null(stream);
	while ((entry = readdir(stream))) {
		if (entry->d_name[0] == '.')
			continue;
		count++;
		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		if (each)
			each(path);
	}
	closedir(stream);
	return count;
}

static void file_remove(const char *path)
{
	assert_int_equal(unlink(path), 0);
}

/* The last byte is one of may_deny: nobody but who reads the file sees the change. */
static void file_mark(const char *path)
{
	struct stat status;
	int fd = open(path, O_WRONLY);

	assert_int_equal(fstat(fd, &status), 0);
	assert_int_equal(pwrite(fd, "\xa5", 1, status.st_size - 1), 1);
	close(fd);
}

static void file_cut(const char *path)
{
	struct stat status;

	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(truncate(path, status.st_size - 1), 0);
}

static uint8_t last_byte(const struct tables *tables)
{
	size_t size = tables->segment_count * (AMBIT_SEGMENT_WORDS / 64UL) * sizeof(uint64_t);

	return ((const uint8_t *)tables->may_deny)[size - 1];
}

/* Compiles with the cache; true if what was kept (and marked) was used. */
static bool is_hit(const struct policy *policy, const char *build)
{
	const struct cache cache = {dir, build};
	_cleanup_(tables_cleanup) struct tables *tables = NULL, *fresh = build_tables(policy);
	struct diag diag = {};

	assert_int_equal(ambit_tables_cached(policy, &cache, &diag, &tables), 0);
	assert_int_equal(tables->segment_count, fresh->segment_count);
	assert_int_equal(tables->accept_count, fresh->accept_count);
	assert_int_equal(tables->state_count, fresh->state_count);
	assert_memory_equal(tables->segments, fresh->segments,
		fresh->segment_count * sizeof(*fresh->segments));
	return last_byte(tables) != last_byte(fresh);
}

static struct policy *some_policy(void)
{
	struct policy *policy = build_policy();

	build_path(policy, OP_READ, VERDICT_ALLOW, "/usr");
	build_path(policy, OP_WRITE, VERDICT_DENY, "/usr/lib");
	return policy;
}

static void kept(void **state)
{
	_cleanup_(policy_cleanup) struct policy *policy = some_policy();

	(void)state;
	files_each(file_remove);
	assert_false(is_hit(policy, "one"));
	assert_int_equal(files_each(NULL), 1);
	files_each(file_mark);
	assert_true(is_hit(policy, "one"));
	assert_false(is_hit(policy, "another compiler"));
	files_each(file_cut);
	assert_false(is_hit(policy, "one"));
}

static void change_path(struct policy *policy)
{
	policy->rules[0].paths[0][1]++;
}

static void change_rule_id(struct policy *policy)
{
	policy->rules[0].id = 7;
}

static void change_verdict(struct policy *policy)
{
	policy->rules[1].verdict = VERDICT_ALLOW;
}

static void change_op(struct policy *policy)
{
	policy->rules[0].op = OP_EXEC;
}

static void change_guarded(struct policy *policy)
{
	policy->guarded = calloc(1, sizeof(*policy->guarded));
	policy->guarded[policy->guarded_count++] = (struct guarded){strdup("/run/x"), 1 << OP_WRITE};
}

static void change_reserved(struct policy *policy)
{
	policy->reserved = calloc(1, sizeof(*policy->reserved));
	policy->reserved[policy->reserved_count++] = strdup("/mnt/sys");
}

static const struct peer some_peer = {.family = AMBIT_FAMILY_V4, .bits = 8, .addr = {10},
	.port_low = 1, .port_high = 9, .tcp = true};

static void change_peer(struct policy *policy)
{
	build_peer(policy, OP_CONNECT, VERDICT_ALLOW, &some_peer);
}

static void change_special(struct policy *policy)
{
	policy->specials = malloc(sizeof(some_peer));
	policy->specials[policy->special_count++] = some_peer;
}

/* Whatever the compiler reads of a policy makes another key. */
static void other_input(void **state)
{
	static void (*const changes[])(struct policy *policy) = {change_path, change_rule_id,
		change_verdict, change_op, change_guarded, change_reserved, change_peer, change_special};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		_cleanup_(policy_cleanup) struct policy *policy = some_policy();

		files_each(file_remove);
		assert_false(is_hit(policy, "one"));
		files_each(file_mark);
		assert_true(is_hit(policy, "one"));
		changes[i](policy);
		assert_false(is_hit(policy, "one"));
	}
}

/* What others may have written is not used, and nothing is left where they may read or change it. */
static void not_ours(void **state)
{
	_cleanup_(policy_cleanup) struct policy *policy = some_policy();
	const unsigned modes[] = {0770, 0707, 0701};

	(void)state;
	files_each(file_remove);
	assert_false(is_hit(policy, "one"));
	files_each(file_mark);
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		assert_int_equal(chmod(dir, modes[i]), 0);
		assert_false(is_hit(policy, "one"));
	}
	files_each(file_remove);
	assert_false(is_hit(policy, "one"));
	assert_int_equal(files_each(NULL), 0);
	assert_int_equal(chmod(dir, 0700), 0);
}

/* However many policies there are. */
static void bounded(void **state)
{
	_cleanup_(policy_cleanup) struct policy *policy = some_policy();
	char build[16];

	(void)state;
	files_each(file_remove);
	for (unsigned i = 0; i < 10 * CACHE_FILES; i++) {
		snprintf(build, sizeof(build), "%u", i);
		assert_false(is_hit(policy, build));
	}
	assert_int_equal(files_each(NULL), CACHE_FILES);
	files_each(file_mark);
	assert_true(is_hit(policy, build)); /* the last one is there */
	assert_false(is_hit(policy, "0"));  /* the first is not */
}

static int dir_make(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int dir_remove(void **state)
{
	(void)state;
	files_each(file_remove);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(kept), cmocka_unit_test(other_input),
		cmocka_unit_test(not_ours), cmocka_unit_test(bounded)};

	return cmocka_run_group_tests(tests, dir_make, dir_remove);
}
