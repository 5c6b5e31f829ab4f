/* SPDX-License-Identifier: Apache-2.0 */
/* Tables that were compiled before: taken for the same policy only, and never from a file that is damaged,
 * of another build, or that somebody else can have written. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include "build.h"
#include "compile/store.h"

struct store {
	char dir[64], file[128];
	struct policy *policy;
};

static void file_find(struct store *store)
{
	char command[128];
	FILE *list;

	snprintf(command, sizeof(command), "ls %s", store->dir);
	list = popen(command, "r");
	assert_non_null(list);
	assert_int_equal(snprintf(store->file, sizeof(store->file), "%s/", store->dir) > 0, 1);
	assert_int_equal(fscanf(list, "%60s", store->file + strlen(store->file)), 1);
	assert_int_equal(fscanf(list, "%60s", command), EOF); /* one file, and no draft */
	pclose(list);
}

static struct tables *obtain(const struct store *store, const struct policy *policy)
{
	struct tables *tables = NULL;
	struct diag diag = {};

	assert_int_equal(ambit_tables_obtain(store->dir, policy, &diag, &tables), 0);
	return tables;
}

static void same(const struct tables *left, const struct tables *right)
{
	assert_int_equal(left->segment_count, right->segment_count);
	assert_int_equal(left->accept_count, right->accept_count);
	assert_int_equal(left->state_count, right->state_count);
	assert_memory_equal(left->segments, right->segments, left->segment_count * sizeof(*left->segments));
	assert_memory_equal(
		left->may_deny, right->may_deny, left->segment_count * (AMBIT_SEGMENT_WORDS / 8UL));
}

static int setup(void **state)
{
	struct store *store = calloc(1, sizeof(*store));
	struct tables *tables;

	strcpy(store->dir, "/tmp/ambit-store-XXXXXX");
	assert_non_null(mkdtemp(store->dir));
	store->policy = build_policy();
	build_path(store->policy, OP_READ, VERDICT_ALLOW, "/srv/**/*.conf");
	build_path(store->policy, OP_READ, VERDICT_DENY, "/srv/secret");
	tables = obtain(store, store->policy);
	ambit_tables_free(tables);
	file_find(store);
	*state = store;
	return 0;
}

static int teardown(void **state)
{
	struct store *store = *state;
	char command[128];

	snprintf(command, sizeof(command), "rm -r %s", store->dir);
	assert_int_equal(system(command), 0);
	ambit_policy_free(store->policy);
	free(store);
	return 0;
}

/* Marks the tables in the file without harming its sum, so that whoever takes them is found out. */
static void mark(const struct store *store, bool *ret_taken)
{
	_cleanup_(tables_cleanup) struct tables *tables = obtain(store, store->policy);
	_cleanup_(question_clear) struct question question = {};
	_cleanup_free_ uint8_t *bytes = NULL;
	size_t size;
	int fd;

	*ret_taken = tables->state_count == 77;
	tables->state_count = 77;
	assert_int_equal(question_write(store->policy, &question), 0);
	bytes = store_write(&question, tables, &size);
	assert_non_null(bytes);
	fd = open(store->file, O_WRONLY | O_TRUNC);
	assert_int_equal(write(fd, bytes, size), size);
	close(fd);
}

static bool is_taken(const struct store *store)
{
	_cleanup_(tables_cleanup) struct tables *tables = obtain(store, store->policy);
	_cleanup_(tables_cleanup) struct tables *right = build_tables(store->policy);

	if (tables->state_count == 77)
		return true;
	same(tables, right);
	return false;
}

static void taken(void **state)
{
	struct store *store = *state;
	bool marked;

	mark(store, &marked);
	assert_false(marked);
	assert_true(is_taken(store));
}

/* Whatever bit of a file is another one, it is compiled, and the file is whole again. */
static void damaged(void **state)
{
	struct store *store = *state;
	struct stat status;
	bool marked;

	assert_int_equal(stat(store->file, &status), 0);
	for (off_t at = 0; at < status.st_size; at += at < 512 ? 1 : 997) {
		int fd = open(store->file, O_RDWR);
		uint8_t byte;

		mark(store, &marked);
		assert_int_equal(pread(fd, &byte, 1, at), 1);
		byte ^= 16;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		close(fd);
		assert_false(is_taken(store));
	}
	mark(store, &marked);
	assert_int_equal(truncate(store->file, status.st_size - 8), 0);
	assert_false(is_taken(store));
}

/* A file or a directory that others may write, a link, something that is no file. */
static void not_own(void **state)
{
	struct store *store = *state;
	char other[160];
	bool marked;

	mark(store, &marked);
	assert_int_equal(chmod(store->file, 0640), 0);
	assert_false(is_taken(store));
	mark(store, &marked);
	assert_int_equal(chmod(store->dir, 0770), 0);
	assert_false(is_taken(store));
	assert_int_equal(chmod(store->dir, 0700), 0);
	assert_true(is_taken(store));
	snprintf(other, sizeof(other), "%s/other", store->dir);
	assert_int_equal(rename(store->file, other), 0);
	assert_int_equal(symlink(other, store->file), 0);
	assert_false(is_taken(store));
	assert_int_equal(unlink(store->file), 0);
	assert_int_equal(mkfifo(store->file, 0600), 0);
	assert_false(is_taken(store));
}

/* Each thing in a policy that the tables depend on is another question. */
static void another_policy(void **state)
{
	struct store *store = *state;
	struct rule *rule = &store->policy->rules[0];
	struct peer peer = {.family = AMBIT_FAMILY_V4, .bits = 32, .tcp = true, .port_high = 9};
	struct question before = {}, after = {};
	char *path = rule->paths[0];

#define DIFFERS(change, undo)                                                                        \
	do {                                                                                         \
		assert_int_equal(question_write(store->policy, &before), 0);                         \
		change;                                                                              \
		assert_int_equal(question_write(store->policy, &after), 0);                          \
		undo;                                                                                \
		assert_true(before.count != after.count || memcmp(before.bytes, after.bytes, before.count)); \
		question_clear(&before);                                                             \
		question_clear(&after);                                                              \
	} while (0)
	DIFFERS(rule->id = 9, rule->id = 1);
	DIFFERS(rule->op = OP_WRITE, rule->op = OP_READ);
	DIFFERS(rule->verdict = VERDICT_DENY, rule->verdict = VERDICT_ALLOW);
	DIFFERS(rule->tls = TLS_NONE, rule->tls = TLS_NAME);
	DIFFERS(rule->quic = true, rule->quic = false);
	DIFFERS(rule->paths[0] = (char[]){"/srv/**/*.conF"}, rule->paths[0] = path);
	DIFFERS(rule->path_count = 0, rule->path_count = 1);
	DIFFERS(store->policy->names = true, store->policy->names = false);
	DIFFERS(store->policy->rule_count = 1, store->policy->rule_count = 2);
	DIFFERS(ambit_policy_guard(store->policy, "/own", 1U << OP_READ), (void)0);
	DIFFERS(store->policy->guarded[0].ops = 2, (void)0);
	DIFFERS(store->policy->dns.resolver_count = 1, store->policy->dns.resolver_count = 0);
	build_peer(store->policy, OP_CONNECT, VERDICT_ALLOW, &peer);
	rule = &store->policy->rules[2];
	DIFFERS(rule->peers[0].addr[15] = 1, (void)0);
	DIFFERS(rule->peers[0].port_high = 10, (void)0);
	DIFFERS(rule->peers[0].udp = true, (void)0);
	DIFFERS(rule->peers[0].beneath = true, (void)0);
	DIFFERS(strcpy(rule->peers[0].name, "com"), (void)0);
}

/* It never holds more than so many. */
static void bounded(void **state)
{
	struct store *store = *state;
	char command[160];

	for (unsigned i = 0; i < 2 * STORE_FILES; i++) {
		_cleanup_(tables_cleanup) struct tables *tables = NULL;

		store->policy->rules[0].id = i + 10;
		tables = obtain(store, store->policy);
	}
	snprintf(command, sizeof(command), "test $(ls %s | wc -l) -le %d", store->dir, STORE_FILES);
	assert_int_equal(system(command), 0);
}

static void no_directory(void **state)
{
	const struct store nowhere = {.dir = "/nowhere/at/all"};
	struct store *store = *state;
	_cleanup_(tables_cleanup) struct tables *tables = obtain(&nowhere, store->policy);
	_cleanup_(tables_cleanup) struct tables *right = build_tables(store->policy);

	same(tables, right);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(taken, setup, teardown),
		cmocka_unit_test_setup_teardown(damaged, setup, teardown),
		cmocka_unit_test_setup_teardown(not_own, setup, teardown),
		cmocka_unit_test_setup_teardown(another_policy, setup, teardown),
		cmocka_unit_test_setup_teardown(bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(no_directory, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
