/* SPDX-License-Identifier: Apache-2.0 */
/* Reading mountinfo, and finding the other places of what a pattern covers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "base/util.h"
#include "compile/tables.h"
#include "policy/mounts.h"
#include "policy/pattern.h"

static struct mounts parse(const char *text)
{
	struct mounts mounts = {};

	assert_int_equal(mounts_parse(text, strlen(text), &mounts), 0);
	return mounts;
}

static void fields(void **state)
{
	_cleanup_(mounts_clear) struct mounts mounts = parse(
		"22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
		"31 22 0:5 / /dev rw - devtmpfs udev rw\n"
		"40 22 8:1 /srv/a\\040b /mnt/with\\011tab\\134 rw shared:7 master:1 - ext4 /dev/sda1 rw\n"
		"41 22 0:4 net:[4026531840] /run/netns/x rw - nsfs nsfs rw\n"
		"nonsense\n"
		"\n"
		"1 2 3 / / rw - ext4\n"
		"50 22 8:2 / /no/type rw shared:9\n"
		"60 22 8:1 / /last rw - ext4 x rw");
	static const struct {
		const char *root, *point, *type;
	} expected[] = {
		{"", "/dev", "devtmpfs"},
		{"", "", "ext4"},
		{"", "/last", "ext4"},
		{"/srv/a b", "/mnt/with\ttab\\", "ext4"},
	};
	(void)state;

	assert_int_equal(mounts.count, ARRAY_SIZE(expected));
	for (size_t i = 0; i < mounts.count; i++) {
		assert_string_equal(mounts.items[i].root, expected[i].root);
		assert_string_equal(mounts.items[i].point, expected[i].point);
		assert_string_equal(mounts.items[i].type, expected[i].type);
	}
	assert_int_equal(mounts.items[1].device, 8ULL << 32 | 1);
	assert_int_equal(mounts.items[1].id, 22);
	assert_false(mount_is_kernel(&mounts.items[0]));
	assert_false(mount_is_remote(&mounts.items[1]));
	assert_true(mount_is_remote(&(struct mount){.type = (char *)"fuse.sshfs"}));
	assert_true(mount_is_remote(&(struct mount){.type = (char *)"nfs4"}));
	assert_false(mount_is_remote(&(struct mount){.type = (char *)"fuseblk"}));
	assert_true(mount_is_kernel(&(struct mount){.type = (char *)"cgroup2"}));
}

static int text_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* `expected`: the aliases, sorted, a space behind each. */
static void expect(const char *mountinfo, const char *pattern, const char *expected)
{
	_cleanup_(mounts_clear) struct mounts mounts = parse(mountinfo);
	_cleanup_(aliases_clear) struct aliases aliases = {};
	char text[4096] = "";

	assert_int_equal(mounts_aliases(&mounts, pattern, &aliases), 0);
	if (aliases.count)
		qsort(aliases.items, aliases.count, sizeof(*aliases.items), text_compare);
	for (size_t i = 0; i < aliases.count; i++)
		strcat(strcat(text, aliases.items[i]), " ");
	if (strcmp(text, expected))
		fail_msg("%s: \"%s\", expected \"%s\"", pattern, text, expected);
}

#define ROOT "1 0 8:1 / / rw - ext4 a rw\n"
#define PART "2 1 8:1 /home/u/proj /mnt/p rw - ext4 a rw\n"
#define HOME "3 1 8:1 /home /srv/home rw - ext4 a rw\n"
#define AGAIN "4 1 8:1 / /again rw - ext4 a rw\n"
#define OTHER "5 1 8:2 / /other rw - ext4 b rw\n"

static void places(void **state)
{
	(void)state;
	expect("", "/a", "");
	expect(ROOT OTHER, "/a", "");
	/* The mount shows a directory above, the same, or one beneath what is denied. */
	expect(ROOT PART, "/home/u/proj/.env", "/mnt/p/.env ");
	expect(ROOT PART, "/home/u/proj", "/mnt/p ");
	expect(ROOT PART, "/home/u", "/mnt/p ");
	expect(ROOT PART, "/home/u/project", "");
	expect(ROOT PART, "/etc", "");
	/* Denied by the name in the mount. */
	expect(ROOT PART, "/mnt/p/.env", "/home/u/proj/.env ");
	expect(ROOT PART, "/mnt/p", "/home/u/proj ");
	expect(ROOT PART, "/mnt", "/home/u/proj ");
	/* From one mount to another, and to more than one. */
	expect(ROOT PART HOME, "/mnt/p/x", "/home/u/proj/x /srv/home/u/proj/x ");
	expect(ROOT PART HOME, "/home/u/proj/x", "/mnt/p/x /srv/home/u/proj/x ");
	expect(ROOT AGAIN, "/again", "");
	expect(ROOT HOME AGAIN, "/home/x", "/again/home/x /srv/home/x ");
	/* What is hidden beneath a mountpoint is shown elsewhere. */
	expect(ROOT OTHER AGAIN, "/other/x", "/again/other/x ");
}

static void globs(void **state)
{
	(void)state;
	expect(ROOT PART, "/home/*/proj/*.key", "/mnt/p/*.key ");
	expect(ROOT PART, "/home/*/.ssh", "");
	expect(ROOT PART, "/home/[t-v]/p*", "/mnt/p ");
	expect(ROOT PART, "/home/?/**/.env", "/mnt/p/**/.env ");
	expect(ROOT PART, "/home/**", "/mnt/p ");
	expect(ROOT PART, "/**/.env", "");
	expect(ROOT PART, "/**/proj", "/mnt/p ");
	expect(ROOT PART, "/**/u/*/x", "/mnt/p/x ");
	expect(ROOT PART, "/mnt/**/.env", "/home/u/proj/**/.env ");
	expect("1 0 8:1 / / rw - ext4 a rw\n2 1 8:1 /a*b /m[x] rw - ext4 a rw\n", "/a\\*b/c",
		"/m\\[x\\]/c ");
}

/* Subvolumes: mountinfo names the root of each within the file system. */
static void subvolumes(void **state)
{
	static const char text[] = "1 0 0:30 /@ / rw - btrfs a rw\n"
				   "2 1 0:30 /@home /home rw - btrfs a rw\n"
				   "3 1 0:30 / /mnt/all rw - btrfs a rw\n";
	(void)state;

	expect(text, "/etc/shadow", "/mnt/all/@/etc/shadow ");
	expect(text, "/home/u/.ssh", "/mnt/all/@/home/u/.ssh /mnt/all/@home/u/.ssh ");
	expect(text, "/mnt/all/@home/u/x", "/home/u/x /mnt/all/@/mnt/all/@home/u/x ");
}

/* The root, mounted again where a pattern covers it, is denied there alone. */
static bool is_root_again(const char *pattern, const char *const *roots, const char *const *points)
{
	for (size_t m = 1; m < 3; m++)
		if (!*roots[m] && pattern_covers(pattern, points[m]))
			return true;
	return false;
}

/* Against trying: every path of a small tree, by each name that a mount gives it. */
static void every_place_is_found(void **state)
{
	static const char *const dirs[] = {"", "/a", "/b", "/a/a", "/a/b", "/b/a", "/a/b/a"};
	static const char *const patterns[] = {"/a", "/a/b", "/b/a", "/a/*", "/*/a", "/**/b",
		"/a/**/a", "/b/b/a", "/**/a/b", "/[ab]/b/*", "/m", "/m/a", "/n/**/b", "/*"};
	static const char *const points[] = {"", "/m", "/n"};
	char text[512];
	(void)state;

	for (unsigned choice = 0; choice < ARRAY_SIZE(dirs) * ARRAY_SIZE(dirs); choice++) {
		const char *roots[] = {"", dirs[choice % ARRAY_SIZE(dirs)],
			dirs[choice / ARRAY_SIZE(dirs)]};

		snprintf(text, sizeof(text),
			"1 0 8:1 / / rw - x y rw\n2 1 8:1 %s/ /m rw - x y rw\n3 1 8:1 %s/ /n rw - x y rw\n",
			roots[1], roots[2]);
		for (size_t p = 0; p < ARRAY_SIZE(patterns); p++) {
			_cleanup_(mounts_clear) struct mounts mounts = parse(text);
			_cleanup_(aliases_clear) struct aliases aliases = {};

			assert_int_equal(mounts_aliases(&mounts, patterns[p], &aliases), 0);
			if (is_root_again(patterns[p], roots, points))
				continue;
			/* A file /x/y/z by its names: denied by all of them, or by none. */
			for (unsigned file = 0; file < 64; file++) {
				char path[16];
				unsigned denied = 0, shown = 0;

				snprintf(path, sizeof(path), "/%c/%c/%c", "ab"[file & 1],
					"ab"[file >> 1 & 1], "abc"[(file >> 2) % 3]);
				for (size_t m = 0; m < ARRAY_SIZE(points); m++) {
					size_t length = strlen(roots[m]);
					bool hit = false;
					char name[64];

					if (strncmp(path, roots[m], length) || path[length] != '/')
						continue;
					snprintf(name, sizeof(name), "%s%s", points[m], path + length);
					hit = pattern_covers(patterns[p], name);
					for (size_t a = 0; a < aliases.count; a++)
						hit |= pattern_covers(aliases.items[a], name);
					shown++;
					denied += hit;
				}
				if (denied && denied != shown)
					fail_msg("%s: %s is denied at %u of %u places\n%s",
						patterns[p], path, denied, shown, text);
			}
		}
	}
}

/* 5,000 bind mounts of one file system, half of them of the same directory, and 1,000 patterns. */
static void many_mounts(void **state)
{
	_cleanup_(mounts_clear) struct mounts mounts = {};
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	clock_t start = clock();
	(void)state;

	fputs(ROOT, out);
	for (unsigned i = 0; i < 2500; i++)
		fprintf(out, "%u 1 8:1 /pods/%u/v /run/pods/%u rw - ext4 a rw\n", i + 10, i, i);
	for (unsigned i = 0; i < 2500; i++)
		fprintf(out, "%u 1 8:1 /pods/shared /run/shared/%u rw - ext4 a rw\n", i + 9000, i);
	fclose(out);
	mounts = parse(text);
	for (unsigned i = 0; i < 1000; i++) {
		_cleanup_(aliases_clear) struct aliases aliases = {};
		char pattern[64];

		snprintf(pattern, sizeof(pattern), i % 2 ? "/home/u/%u" : "/**/.env%u*", i);
		assert_int_equal(mounts_aliases(&mounts, pattern, &aliases), 0);
		assert_int_equal(aliases.count, 0);
	}
	for (unsigned i = 0; i < 2; i++) {
		_cleanup_(aliases_clear) struct aliases aliases = {};

		assert_int_equal(mounts_aliases(&mounts, i ? "/pods/shared/x" : "/run/shared/7/x",
					 &aliases),
			0);
		assert_int_equal(aliases.count, 2500);
	}
	/* With the sanitizers, on a slow machine. */
	assert_true((clock() - start) / CLOCKS_PER_SEC < 60);
}

static void too_many_places(void **state)
{
	_cleanup_(mounts_clear) struct mounts mounts = {};
	_cleanup_(aliases_clear) struct aliases aliases = {};
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	(void)state;

	for (unsigned i = 0; i < ALIASES_MAX + 10; i++)
		fprintf(out, "%u 1 8:1 /d /run/%u rw - ext4 a rw\n", i + 10, i);
	fclose(out);
	mounts = parse(text);
	assert_int_equal(mounts_aliases(&mounts, "/run/3/x", &aliases), -E2BIG);
	assert_int_equal(aliases.count, 0);
}

static void policy_is_aliased(void **state)
{
	static const struct policy_env env = {
		.mountinfo = ROOT PART "9 1 0:22 / /srv/proc rw - proc proc rw\n"};
	_cleanup_(policy_cleanup) struct policy *policy = NULL;
	_cleanup_(tables_cleanup) struct tables *tables = NULL;
	struct diags diags = {};
	struct diag diag = {};
	static const struct {
		enum ambit_op op;
		const char *path;
		enum ambit_reason reason;
		uint32_t rule;
	} cases[] = {
		{OP_WRITE, "/mnt/p/x/y", REASON_RULE, 2},
		{OP_WRITE, "/home/u/proj/x", REASON_RULE, 2},
		{OP_WRITE, "/mnt/p/trail", REASON_GUARD, 0},
		{OP_WRITE, "/srv/proc/sys/x", REASON_RESERVED, 0},
		{OP_WRITE, "/mnt/p/z", REASON_RULE, 1},
	};
	(void)state;

	assert_int_equal(ambit_policy_empty("x", MODE_ENFORCE, &policy), 0);
	policy->rules = calloc(2, sizeof(*policy->rules));
	for (size_t i = 0; i < 2; i++) {
		struct rule *rule = &policy->rules[policy->rule_count++];

		*rule = (struct rule){.id = (uint32_t)i + 1,
			.op = OP_WRITE,
			.verdict = i ? VERDICT_DENY : VERDICT_ALLOW,
			.text = strdup("x")};
		rule->paths = calloc(1, sizeof(*rule->paths));
		rule->paths[rule->path_count++] = strdup(i ? "/home/*/proj/x" : "/");
	}
	assert_int_equal(ambit_policy_guard(policy, "/home/u/proj/trail", 1U << OP_WRITE), 0);
	assert_int_equal(ambit_policy_mounts(policy, &env, &diags), 0);
	assert_int_equal(ambit_tables_compile(policy, &diag, &tables), 0);
	assert_int_equal(ambit_tables_name(tables, policy, &diag), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct decision decision = ambit_tables_path(
			tables, cases[i].op, cases[i].path, strlen(cases[i].path));

		assert_int_equal(decision.reason, cases[i].reason);
		assert_int_equal(decision.rule, cases[i].rule);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields),
		cmocka_unit_test(places),
		cmocka_unit_test(globs),
		cmocka_unit_test(subvolumes),
		cmocka_unit_test(every_place_is_found),
		cmocka_unit_test(many_mounts),
		cmocka_unit_test(too_many_places),
		cmocka_unit_test(policy_is_aliased),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
