/* SPDX-License-Identifier: Apache-2.0 */
/* Files, symbolic links and sets, in a directory of their own. */
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sys/stat.h>
#include "compile/tables.h"
#include "diags.h"
#include "policy/env.h"
#include "policy/pattern.h"

#define HEAD	"apiVersion: ambit/v1\nname: test\n"
#define SPECIAL "apiVersion: ambit/v1\nset: special\npeers: [\"224.0.0.0/4:*\"]\n"

static char root[PATH_MAX];

static char *in_root(const char *path)
{
	static char texts[16][PATH_MAX + 64];
	static unsigned next;
	char *text = texts[next++ % ARRAY_SIZE(texts)];

	snprintf(text, sizeof(texts[0]), "%s/%s", root, path);
	return text;
}

static void put(const char *path, const char *text, size_t size)
{
	_cleanup_close_ int fd =
		open(in_root(path), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, size), size);
}

static int make_root(void **state)
{
	char place[] = "/tmp/ambit-unit-XXXXXX";
	(void)state;

	if (!mkdtemp(place) || !realpath(place, root))
		return -1;
	mkdir(in_root("sets"), 0700);
	mkdir(in_root("real"), 0700);
	mkdir(in_root("real/[x]"), 0700);
	put("sets/special.yaml", SPECIAL, strlen(SPECIAL));
	return 0;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status;
	(void)type;
	(void)walk;
	return remove(path);
}

static int remove_root(void **state)
{
	(void)state;
	return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int load(const char *text, struct diags *diags, struct policy **ret)
{
	const struct policy_env env = {
		.home = in_root("home"),
		.cwd = in_root("real"),
		.sets_dir = in_root("sets"),
	};

	put("policy.yaml", text, strlen(text));
	return ambit_policy_load(in_root("policy.yaml"), &env, diags, ret);
}

static void expect_errors(const char *text, const char *errors)
{
	_cleanup_(policy_cleanup) struct policy *policy = NULL;
	struct diags diags = {};

	assert_true(load(text, &diags, &policy) < 0);
	assert_null(policy);
	diags_expect(&diags, errors);
	ambit_diags_clear(&diags);
}

static struct policy *expect_policy(const char *text)
{
	struct policy *policy = NULL;
	struct diags diags = {};

	if (load(text, &diags, &policy) < 0)
		fail_msg("%s:%u:%u: %s", diags.items[0].file, diags.items[0].line,
			diags.items[0].column, diags.items[0].text);
	ambit_diags_clear(&diags);
	return policy;
}

static void unreadable_files(void **state)
{
	static const struct {
		const char *path, *error;
	} cases[] = {{"nope", "it does not exist"}, {"real", "it is a directory"},
		{"fifo", "it is not a regular file"}, {"huge", "it is larger than 16 MiB"},
		{"nul", "a NUL byte"}};
	(void)state;

	assert_int_equal(mkfifo(in_root("fifo"), 0600), 0);
	put("huge", "", 0);
	assert_int_equal(truncate(in_root("huge"), (16 << 20) + 1), 0);
	put("nul", "a: b\nc: \0d\n", 11);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct diags diags = {};
		char *text = NULL;
		size_t size;

		assert_true(ambit_policy_read(in_root(cases[i].path), &text, &size, &diags) < 0);
		assert_null(text);
		assert_int_equal(diags.count, 1);
		assert_non_null(strstr(diags.items[0].text, cases[i].error));
		if (!strcmp(cases[i].path, "nul")) {
			assert_int_equal(diags.items[0].line, 2);
			assert_int_equal(diags.items[0].column, 4);
		}
		ambit_diags_clear(&diags);
	}
}

static void symbolic_links(void **state)
{
	static const struct {
		const char *link, *target, *pattern, *followed;
	} cases[] = {
		{"to-dir", "real", "to-dir/a/*.c", "real/a/*.c"},
		{"absolute", NULL, "absolute/a", "real/a"},
		{"brackets", "real/[x]", "brackets/*", "real/\\[x\\]/*"},
		{"dangling", "real/missing", "dangling", "real/missing"},
		{"twice", "to-dir/../to-dir", "twice/**/x", "real/**/x"},
		{"loop", "loop", "loop/x", NULL},
		{NULL, NULL, "real/a", NULL},
		{NULL, NULL, "*/a", NULL},
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(policy_cleanup) struct policy *policy = NULL;
		char text[3 * PATH_MAX];

		if (cases[i].link)
			assert_int_equal(
				symlink(cases[i].target ? cases[i].target : in_root("real"),
					in_root(cases[i].link)),
				0);
		snprintf(text, sizeof(text), HEAD "files: {deny: {read: ['%s']}}\n",
			in_root(cases[i].pattern));
		policy = expect_policy(text);
		assert_int_equal(policy->rule_count, 1);
		assert_int_equal(policy->rules[0].path_count, cases[i].followed ? 2 : 1);
		assert_string_equal(policy->rules[0].paths[0], in_root(cases[i].pattern));
		if (cases[i].followed)
			assert_string_equal(policy->rules[0].paths[1], in_root(cases[i].followed));
	}
}

/* What a cell could have done in its last run must not widen what is allowed in the next. */
static void links_that_the_cell_could_have_made(void **state)
{
	char text[4 * PATH_MAX];
	(void)state;

	assert_int_equal(symlink(in_root("home"), in_root("real/outbox")), 0);
	expect_errors(HEAD "files: {allow: {write: [./outbox]}}\n",
		"3:25: pattern \"./outbox\" goes through the symbolic link");
	expect_errors(HEAD "files: {allow: {read: [./outbox/x], write: [.]}}\n",
		"3:24: pattern \"./outbox/x\" goes through the symbolic link");
	ambit_policy_free(expect_policy(HEAD "files: {allow: {read: [./outbox]}}\n"));
	ambit_policy_free(expect_policy(HEAD "files: {allow: {read: [./outbox], write: [.]}, "
					     "deny: {write: [\"**/outbox\"]}}\n"));
	/* A denial may be made wider by a link. */
	ambit_policy_free(expect_policy(HEAD "files: {allow: {write: [.]}, deny: {read: "
					     "[./outbox]}}\n"));
	snprintf(text, sizeof(text), HEAD "files: {allow: {read: ['%s/x'], write: ['%s/*']}}\n",
		in_root("to-dir"), root);
	expect_errors(text, "3:24: pattern");
	assert_int_equal(unlink(in_root("real/outbox")), 0);
}

/* Of a policy that is root's, for others: only root's own links are followed. */
static void links_of_others(void **state)
{
	struct policy_env env = {
		.home = in_root("home"), .cwd = in_root("real"), .sets_dir = in_root("sets")};
	const char *text = HEAD "files: {allow: {read: [~/mail/**, /a], exec: [/dev/fd/0]}}\n";
	_cleanup_(policy_cleanup) struct policy *policy = NULL;
	struct diags diags = {};

	(void)state;
	assert_int_equal(mkdir(in_root("home"), 0700), 0);
	assert_int_equal(symlink("/", in_root("home/mail")), 0);
	assert_false(link_is_roots(in_root("home/mail")));
	/* Control: without being asked for it is followed, and a link of root's is with it. */
	ambit_policy_free(expect_policy(text));
	put("outer.yaml", text, strlen(text));
	env.roots_links = true;
	assert_int_equal(ambit_policy_load(in_root("outer.yaml"), &env, &diags, &policy), -EINVAL);
	diags_expect(&diags, "3:24: pattern \"~/mail/**\" goes through the symbolic link");
	ambit_diags_clear(&diags);
	/* One that denies more is no harm. */
	text = HEAD "files: {deny: {read: [~/mail/x]}}\n";
	put("outer.yaml", text, strlen(text));
	assert_int_equal(ambit_policy_load(in_root("outer.yaml"), &env, &diags, &policy), 0);
	assert_int_equal(policy->rules[0].path_count, 2);
	assert_int_equal(unlink(in_root("home/mail")), 0);
	assert_int_equal(rmdir(in_root("home")), 0);
}

/* /proc/self is another directory for each process: never followed. */
static void links_of_proc(void **state)
{
	_cleanup_(policy_cleanup) struct policy *policy =
		expect_policy(HEAD "files: {allow: {read: [/proc/self/fd, /dev/fd]}}\n");
	(void)state;

	assert_int_equal(policy->rules[0].path_count, 1);
	assert_string_equal(policy->rules[0].paths[0], "/proc/self/fd");
	if (policy->rules[1].path_count == 2)
		assert_string_equal(policy->rules[1].paths[1], "/proc/self/fd");
}

static void sets(void **state)
{
	static const char places[] = "apiVersion: ambit/v1\nset: places\npaths:\n  - ~/.ssh\n"
				     "  - \"**/*.pem\"\n";
	static const char peers[] = "apiVersion: ambit/v1\nset: peers\npeers: [\"10.0.0.0/8:*\", "
				    "\"localhost:1\"]\n";
	_cleanup_(policy_cleanup) struct policy *policy = NULL;
	(void)state;

	put("sets/places.yaml", places, strlen(places));
	put("sets/peers.yaml", peers, strlen(peers));
	policy = expect_policy(HEAD "files:\n  allow: {read: [\"@places\", /x]}\n"
				    "  deny: {write: [\"@places\"]}\n"
				    "network: {allow: {connect: [\"@peers\"]}}\n");
	assert_int_equal(policy->rule_count, 5);
	assert_string_equal(policy->rules[0].text, "@places");
	assert_int_equal(policy->rules[0].path_count, 2);
	assert_string_equal(policy->rules[0].paths[0], in_root("home/.ssh"));
	assert_string_equal(policy->rules[1].text, "/x");
	assert_string_equal(policy->rules[2].text, "@places: ~/.ssh");
	assert_string_equal(policy->rules[3].text, "@places: **/*.pem");
	assert_int_equal(policy->rules[3].line, 5);
	assert_int_equal(policy->rules[3].column, 18);
	assert_int_equal(policy->rules[4].peer_count, 3);
	for (size_t i = 0; i < policy->rule_count; i++)
		assert_int_equal(policy->rules[i].id, i + 1);
	assert_int_equal(policy->special_count, 1);
	assert_int_equal(policy->specials[0].bits, 4);
}

static void bad_sets(void **state)
{
	static const struct {
		const char *name, *text, *errors;
	} cases[] = {
		{"nested", "apiVersion: ambit/v1\nset: nested\npaths: [\"@places\"]\n",
			"3:9: pattern \"@places\" is a set inside a set"},
		{"other", "apiVersion: ambit/v1\nset: another\npaths: [/a]\n",
			"2:6: \"set\" must be \"other\", like the file"},
		{"both",
			"apiVersion: ambit/v1\nset: both\npaths: [/a]\npeers: [\"10.0.0.0/8:*\"]\n",
			"4:8: a set has either paths or peers"},
		{"none", "apiVersion: ambit/v1\nset: none\n", "1:1: the set is empty"},
		{"void", "", "1:1: the file is empty"},
		{"globs", "apiVersion: ambit/v1\nset: globs\npaths: [/a, \"/b[\", c]\n",
			"3:13: pattern \"/b[\" has a \"[\"\n3:20: pattern \"c\" is relative"},
	};
	char text[256];
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char path[64];

		snprintf(path, sizeof(path), "sets/%s.yaml", cases[i].name);
		put(path, cases[i].text, strlen(cases[i].text));
		/* Twice: its errors are told once. */
		snprintf(text, sizeof(text), HEAD "files: {deny: {read: [\"@%s\", \"@%s\"]}}\n",
			cases[i].name, cases[i].name);
		expect_errors(text, cases[i].errors);
	}
	expect_errors(HEAD "files: {deny: {read: [\"@place\", \"@zzzzz\", \"@../x\"]}}\n",
		"3:43: pattern \"@../x\" is no name of a set\n"
		"3:23: there is no set \"@place\"\n"
		"3:33: there is no set \"@zzzzz\"");
	expect_errors(HEAD "files: {deny: {read: [\"@special\"]}}\nnetwork: {deny: {connect: "
			   "[\"@places\"]}}\n",
		"3:23: pattern \"@special\" is a set of peers, and paths are wanted here\n"
		"4:28: pattern \"@places\" is a set of paths, and peers are wanted here");
}

static void missing_specials(void **state)
{
	(void)state;
	assert_int_equal(rename(in_root("sets/special.yaml"), in_root("sets/gone")), 0);
	expect_errors(HEAD, "0:0: there is no set \"@special\"");
	assert_int_equal(rename(in_root("sets/gone"), in_root("sets/special.yaml")), 0);
}

static void unresolved(void **state)
{
	(void)state;
	expect_errors(HEAD "files: {allow: {read: [relative, \"${nope}/x\"]}}\n",
		"3:24: pattern \"relative\" is relative\n"
		"3:34: pattern \"${nope}/x\" uses the variable \"nope\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unreadable_files),
		cmocka_unit_test(symbolic_links),
		cmocka_unit_test(links_that_the_cell_could_have_made),
		cmocka_unit_test(links_of_others),
		cmocka_unit_test(links_of_proc),
		cmocka_unit_test(sets),
		cmocka_unit_test(bad_sets),
		cmocka_unit_test(missing_specials),
		cmocka_unit_test(unresolved),
	};

	return cmocka_run_group_tests(tests, make_root, remove_root);
}
