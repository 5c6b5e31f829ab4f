/* SPDX-License-Identifier: Apache-2.0 */
/* What ships under policies/ is good, and says what it is meant to say. */
#include <glob.h>
#include "compile/tables.h"
#include "diags.h"

#define HOME "/home/dev"
#define WORK "/home/dev/project"

static const struct policy_env env = {.home = HOME, .cwd = WORK, .sets_dir = "policies/sets"};

struct shipped {
	struct policy *policy;
	struct tables *tables;
};

static void shipped_cleanup(struct shipped *shipped)
{
	ambit_policy_free(shipped->policy);
	ambit_tables_free(shipped->tables);
}

static struct shipped shipped_load(const char *path)
{
	struct shipped shipped = {};
	struct diags diags = {};
	struct diag diag = {};

	if (ambit_policy_load(path, &env, &diags, &shipped.policy) < 0)
		fail_msg("%s:%u:%u: %s", diags.items[0].file, diags.items[0].line,
			diags.items[0].column, diags.items[0].text);
	if (ambit_tables_compile(shipped.policy, &diag, &shipped.tables) < 0)
		fail_msg("%s", diag.text);
	return shipped;
}

static void policies(void **state)
{
	glob_t paths;
	(void)state;

	assert_int_equal(glob("policies/*.yaml", 0, NULL, &paths), 0);
	assert_true(paths.gl_pathc >= 3);
	for (size_t i = 0; i < paths.gl_pathc; i++) {
		_cleanup_(shipped_cleanup) struct shipped shipped = shipped_load(paths.gl_pathv[i]);
		const char *base = strrchr(paths.gl_pathv[i], '/') + 1;

		assert_int_equal(strncmp(shipped.policy->name, base, strlen(base) - 5), 0);
		assert_true(shipped.tables->segment_count <= 32);
	}
	globfree(&paths);
}

/* Every set can be used, denied and allowed. */
static void sets(void **state)
{
	glob_t paths;
	(void)state;

	assert_int_equal(glob("policies/sets/*.yaml", 0, NULL, &paths), 0);
	assert_true(paths.gl_pathc >= 10);
	for (size_t i = 0; i < paths.gl_pathc; i++) {
		_cleanup_(policy_cleanup) struct policy *policy = NULL;
		const char *base = strrchr(paths.gl_pathv[i], '/') + 1;
		_cleanup_free_ char *content = NULL;
		struct diags diags = {};
		bool peers;
		char text[256];
		size_t size;

		assert_int_equal(ambit_policy_read(paths.gl_pathv[i], &content, &size, &diags), 0);
		peers = strstr(content, "\npeers:");
		snprintf(text, sizeof(text),
			"apiVersion: ambit/v1\nname: x\n%s: {deny: {%s: "
			"[\"@%.*s\"]}}\n",
			peers ? "network" : "files", peers ? "connect" : "read",
			(int)strlen(base) - 5, base);
		assert_int_equal(ambit_policy_parse("x", text, strlen(text), &diags, &policy), 0);
		if (ambit_policy_resolve(policy, &env, &diags) < 0)
			fail_msg("%s:%u: %s", diags.items[0].file, diags.items[0].line,
				diags.items[0].text);
		assert_true(policy->rule_count > 0);
	}
	globfree(&paths);
}

struct question {
	enum ambit_op op;
	enum ambit_verdict verdict;
	const char *path;
};

static void ask(const struct shipped *shipped, const struct question *questions, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct decision is = ambit_tables_path(shipped->tables, questions[i].op,
			questions[i].path, strlen(questions[i].path));

		if (is.verdict != questions[i].verdict)
			fail_msg("%s: op %u on %s: verdict %u by rule %u", shipped->policy->name,
				questions[i].op, questions[i].path, is.verdict, is.rule);
	}
}

static void coding_agent(void **state)
{
	static const struct question questions[] = {
		{OP_READ, VERDICT_ALLOW, WORK "/src/main.js"},
		{OP_WRITE, VERDICT_ALLOW, WORK "/src/main.js"},
		{OP_WRITE, VERDICT_ALLOW, WORK},
		{OP_WRITE, VERDICT_ALLOW, WORK "/.git/index.lock"},
		{OP_WRITE, VERDICT_ALLOW, WORK "/.git/objects/ab/cdef"},
		{OP_WRITE, VERDICT_ALLOW, WORK "/.git/refs/heads/main.lock"},
		{OP_WRITE, VERDICT_ALLOW, WORK "/.git/COMMIT_EDITMSG"},
		{OP_WRITE, VERDICT_ALLOW, "/dev/null"},
		{OP_WRITE, VERDICT_ALLOW, "/tmp/x"},
		{OP_WRITE, VERDICT_ALLOW, HOME "/.npm/_logs/x.log"},
		{OP_WRITE, VERDICT_ALLOW, HOME "/.pi/agent/sessions/x.jsonl"},
		{OP_READ, VERDICT_ALLOW, "/proc/self/status"},
		{OP_READ, VERDICT_ALLOW, "/etc/ssl/certs/ca-certificates.crt"},
		{OP_EXEC, VERDICT_ALLOW, "/usr/bin/node"},
		{OP_EXEC, VERDICT_ALLOW, "/usr/lib/x86_64-linux-gnu/libc.so.6"},
		{OP_EXEC, VERDICT_ALLOW, WORK "/node_modules/.bin/mocha"},
		{OP_EXEC, VERDICT_ALLOW, WORK "/packages/a/node_modules/.bin/mocha"},
		{OP_EXEC, VERDICT_ALLOW, WORK "/packages/a/node_modules/mocha/bin/mocha.js"},
		{OP_WRITE, VERDICT_ALLOW, "/tmp/x/clone/.git/hooks"},
		{OP_WRITE, VERDICT_ALLOW, "/tmp/x/clone/.git/config.lock"},
		{OP_WRITE, VERDICT_ALLOW, "/dev/shm/sem.x"},
		{OP_WRITE, VERDICT_ALLOW, "/dev/ptmx"},
		{OP_READ, VERDICT_DENY, "/dev/pts/1"},
		{OP_READ, VERDICT_DENY, "/dev/shm/x"},
		{OP_WRITE, VERDICT_DENY, "/tmp/.git/config"},
		{OP_WRITE, VERDICT_DENY, WORK "/packages/a/.git/config"},
		{OP_WRITE, VERDICT_DENY, HOME "/other/.git/hooks/pre-commit"},
		{OP_EXEC, VERDICT_DENY, WORK "/evil"},
		{OP_EXEC, VERDICT_DENY, "/tmp/evil"},
		{OP_EXEC, VERDICT_DENY, "/usr/bin/sudo"},
		{OP_READ, VERDICT_DENY, HOME "/.ssh/id_ed25519"},
		{OP_READ, VERDICT_DENY, HOME "/.bash_history"},
		{OP_READ, VERDICT_DENY, HOME "/other/file"},
		{OP_READ, VERDICT_DENY, WORK "/.env"},
		{OP_READ, VERDICT_DENY, WORK "/a/.env.local"},
		{OP_READ, VERDICT_DENY, WORK "/certs/server.pem"},
		{OP_READ, VERDICT_DENY, "/etc/shadow"},
		{OP_READ, VERDICT_DENY, "/proc/1/environ"},
		{OP_WRITE, VERDICT_DENY, HOME "/.bashrc"},
		{OP_WRITE, VERDICT_DENY, HOME "/.ssh/authorized_keys"},
		{OP_WRITE, VERDICT_DENY, WORK "/.git/hooks/pre-commit"},
		{OP_WRITE, VERDICT_DENY, WORK "/.git/config"},
		{OP_WRITE, VERDICT_DENY, WORK "/.mcp.json"},
		{OP_WRITE, VERDICT_DENY, WORK "/.vscode/tasks.json"},
		{OP_WRITE, VERDICT_DENY, HOME "/.claude/settings.json"},
		{OP_WRITE, VERDICT_DENY, "/etc/passwd"},
		{OP_WRITE, VERDICT_DENY, "/usr/bin/node"},
		{OP_UNIX, VERDICT_DENY, "/run/docker.sock"},
	};
	_cleanup_(shipped_cleanup) struct shipped shipped =
		shipped_load("policies/coding-agent.yaml");
	static const uint8_t loopback[16] = {127, 0, 0, 1}, elsewhere[16] = {192, 0, 2, 7};
	(void)state;

	ask(&shipped, questions, ARRAY_SIZE(questions));
	assert_int_equal(ambit_tables_peer(shipped.tables, OP_CONNECT, AMBIT_PROTO_TCP,
				 AMBIT_FAMILY_V4, loopback, 11434)
				 .verdict,
		VERDICT_ALLOW);
	assert_int_equal(ambit_tables_peer(shipped.tables, OP_CONNECT, AMBIT_PROTO_TCP,
				 AMBIT_FAMILY_V4, elsewhere, 443)
				 .verdict,
		VERDICT_DENY);
}

static void mcp_filesystem(void **state)
{
	static const struct question questions[] = {
		{OP_READ, VERDICT_ALLOW, WORK "/notes.txt"},
		{OP_WRITE, VERDICT_ALLOW, WORK "/notes.txt"},
		{OP_EXEC, VERDICT_ALLOW, "/usr/local/lib/node_modules/x/dist/index.js"},
		{OP_READ, VERDICT_DENY, WORK "/.env"},
		{OP_READ, VERDICT_DENY, WORK "/private/salaries.txt"},
		{OP_WRITE, VERDICT_DENY, WORK "/private/salaries.txt"},
		{OP_READ, VERDICT_DENY, HOME "/.ssh/id_ed25519"},
		{OP_WRITE, VERDICT_DENY, "/tmp/x"},
		{OP_EXEC, VERDICT_DENY, WORK "/evil"},
	};
	_cleanup_(shipped_cleanup) struct shipped shipped =
		shipped_load("policies/mcp-filesystem.yaml");
	(void)state;

	ask(&shipped, questions, ARRAY_SIZE(questions));
}

static void mail_agent(void **state)
{
	static const struct question questions[] = {
		{OP_READ, VERDICT_ALLOW, WORK "/inbox/1.eml"},
		{OP_READ, VERDICT_ALLOW, WORK "/customers.csv"},
		{OP_WRITE, VERDICT_ALLOW, WORK "/outbox"},
		{OP_WRITE, VERDICT_ALLOW, WORK "/outbox/summary.txt"},
		{OP_EXEC, VERDICT_ALLOW, "/bin/busybox"},
		{OP_WRITE, VERDICT_DENY, WORK "/inbox/1.eml"},
		{OP_WRITE, VERDICT_DENY, "/tmp/x"},
		{OP_READ, VERDICT_DENY, HOME "/.ssh/id_ed25519"},
	};
	_cleanup_(shipped_cleanup) struct shipped shipped =
		shipped_load("policies/mail-agent.yaml");
	static const uint8_t loopback[16] = {127, 0, 0, 66};
	(void)state;

	ask(&shipped, questions, ARRAY_SIZE(questions));
	assert_int_equal(ambit_tables_peer(shipped.tables, OP_CONNECT, AMBIT_PROTO_TCP,
				 AMBIT_FAMILY_V4, loopback, 2525)
				 .verdict,
		VERDICT_DENY);
}

/* A set cannot hold a set, so the lines of @metadata stand in @special again: all of them. */
static void metadata_is_special(void **state)
{
	static const char text[] = "apiVersion: ambit/v1\nname: x\n"
				   "network: {allow: {connect: [\"0.0.0.0/0:*\", \"[::/0]:*\"]}, "
				   "deny: {listen: [\"@metadata\"]}}\n";
	_cleanup_(policy_cleanup) struct policy *policy = NULL;
	_cleanup_(tables_cleanup) struct tables *tables = NULL;
	struct diags diags = {};
	struct diag diag = {};
	(void)state;

	assert_int_equal(ambit_policy_parse("x", text, strlen(text), &diags, &policy), 0);
	assert_int_equal(ambit_policy_resolve(policy, &env, &diags), 0);
	assert_int_equal(ambit_tables_compile(policy, &diag, &tables), 0);
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct rule *rule = &policy->rules[i];

		for (size_t p = 0; rule->op == OP_LISTEN && p < rule->peer_count; p++)
			assert_int_equal(ambit_tables_peer(tables, OP_CONNECT, AMBIT_PROTO_TCP,
						 rule->peers[p].family, rule->peers[p].addr, 80)
						 .reason,
				REASON_SPECIAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(policies),
		cmocka_unit_test(sets),
		cmocka_unit_test(coding_agent),
		cmocka_unit_test(mcp_filesystem),
		cmocka_unit_test(mail_agent),
		cmocka_unit_test(metadata_is_special),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
