/* SPDX-License-Identifier: Apache-2.0 */
/* One pattern at a time: what it becomes, or what is wrong with it. */
#include "diags.h"
#include "policy/pattern.h"

static const char *lookup(const char *name, void *data)
{
	static const struct {
		const char *name, *value;
	} variables[] = {{"tenant", "acme"}, {"dir", "/srv/data/"}, {"glob", "/srv/[a]*?{x}$\\"},
		{"empty", ""}, {"relative", "a/b"}, {"up", "/a/../b"}};
	(void)data;

	for (size_t i = 0; i < ARRAY_SIZE(variables); i++)
		if (!strcmp(variables[i].name, name))
			return variables[i].value;
	return NULL;
}

static const struct policy_env env = {
	.home = "/home/user[1]",
	.cwd = "/srv/my project",
	.lookup = lookup,
};

static void good_paths(void **state)
{
	static const struct {
		const char *text, *path;
	} cases[] = {
		{"/", "/"},
		{"/usr", "/usr"},
		{"/usr/", "/usr"},
		{"/a/**/b", "/a/**/b"},
		{"**", "/**"},
		{"**/.env*", "/**/.env*"},
		{".", "/srv/my project"},
		{"./a", "/srv/my project/a"},
		{"./", "/srv/my project"},
		{"~", "/home/user\\[1\\]"},
		{"~/.ssh", "/home/user\\[1\\]/.ssh"},
		{"./**/x", "/srv/my project/**/x"},
		{"/srv/${tenant}/x", "/srv/acme/x"},
		{"${dir}", "/srv/data"},
		{"${dir}/x", "/srv/data/x"},
		{"${dir}x", "/srv/datax"},
		{"${glob}/*", "/srv/\\[a\\]\\*\\?\\{x\\}\\$\\\\/*"},
		{"abstract:a", "abstract:a"},
		{"abstract:/run/${tenant}/*", "abstract:/run/acme/*"},
		{"abstract:a//b/", "abstract:a//b/"},
		{"cell:build-*", "cell:build-*"},
		{"cell:${tenant}", "cell:acme"},
		{"./abstract:a", "/srv/my project/abstract:a"},
		{"/\\${tenant}", "/\\${tenant}"},
		{"/a\\*b", "/a\\*b"},
		{"/a[!b-d]", "/a[!b-d]"},
		{"/...", "/..."},
		{"/.a", "/.a"},
		{"/a b\nc", "/a b\nc"},
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *path = NULL;
		char *problem = NULL;
		int r = pattern_resolve(cases[i].text, &env, &path, &problem);

		if (!strcmp(cases[i].text, "/\\${tenant}")) {
			/* An escaped "$" leaves a brace, which is refused for itself. */
			assert_int_equal(r, -EINVAL);
			free(problem);
			continue;
		}
		if (r < 0)
			fail_msg("%s: %s", cases[i].text, problem);
		assert_string_equal(path, cases[i].path);
	}
}

static void bad_paths(void **state)
{
	static const struct {
		const char *text, *problem;
	} cases[] = {
		{"", "is empty"},
		{"abstract:", "names nobody"},
		{"cell:", "names nobody"},
		{"cell:a/b", "can never match: names of policies"},
		{"cell:a b", "can never match: names of policies"},
		{"abstract:a/**", "has \"**\", which is for paths"},
		{"abstract:a**", "has \"**\" glued"},
		{"abstract:${missing}", "uses the variable \"missing\""},
		{"abstract:[a", "has a \"[\" without"},
		{"abstrac:a", "is relative"},
		{"usr", "is relative; write \"./usr\""},
		{"*.pem", "is relative"},
		{"..", "leads out"},
		{"../x", "leads out"},
		{"~root/x", "names another user's home"},
		{"/a//b", "has an empty component"},
		{"//", "has an empty component"},
		{"/a/./b", "has a \".\" in the middle"},
		{"/a/../b", "has a \"..\""},
		{"/a/..", "has a \"..\""},
		{"/a/.", "has a \".\""},
		{"/\\.\\./b", "has a \"..\""},
		{"/a**", "has \"**\" glued"},
		{"/**a", "has \"**\" glued"},
		{"/a/***", "has \"**\" glued"},
		{"/[", "has a \"[\" without"},
		{"/[a", "has a \"[\" without"},
		{"/[a\\", "has a \"[\""},
		{"/[]", "has empty brackets"},
		{"/[!]", "has empty brackets"},
		{"/[a/b]", "has a \"/\" in brackets"},
		{"/[z-a]", "has a range"},
		{"/[^a]", "has \"[^\""},
		{"/[[:alpha:]]", "uses a character class"},
		{"/[!\x01-\xff]", "has brackets that match nothing"},
		{"/a\\", "ends in a lone"},
		{"/a\\/b", "has an escaped \"/\""},
		{"/{a,b}", "has a brace"},
		{"/$HOME", "has a \"$\""},
		{"/${", "has a malformed variable"},
		{"/${}", "has a malformed variable"},
		{"/${a-b}", "has a malformed variable"},
		{"/${nope}", "uses the variable \"nope\", which is not set"},
		{"/${empty}", "uses the variable \"empty\", which is empty"},
		{"${relative}/x", "begins with a variable whose value is no absolute path"},
		{"${up}/x", "has a \"..\""},
		{"/a${dir}//x", "has an empty component"},
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *path = NULL, *problem = NULL;

		if (pattern_resolve(cases[i].text, &env, &path, &problem) != -EINVAL)
			fail_msg("%s is taken as %s", cases[i].text, path);
		if (strncmp(problem, cases[i].problem, strlen(cases[i].problem)))
			fail_msg("%s: expected %s\nfound %s", cases[i].text, cases[i].problem,
				problem);
	}
}

static void long_paths(void **state)
{
	_cleanup_free_ char *path = NULL, *problem = NULL, *none = NULL;
	char text[AMBIT_PATH_SIZE + 2] = "";
	(void)state;

	for (size_t i = 0; i + 2 < AMBIT_PATH_SIZE; i += 2)
		strcat(text, "/a");
	strcat(text, "a");
	assert_int_equal(strlen(text), AMBIT_PATH_SIZE - 1);
	assert_int_equal(pattern_resolve(text, &env, &path, &problem), 0);
	strcat(text, "a");
	assert_int_equal(pattern_resolve(text, &env, &none, &problem), -EINVAL);
	assert_non_null(strstr(problem, "can never match: it is longer than 4095 bytes"));
	free(problem);
	memset(text, 'b', sizeof(text) - 1);
	memcpy(text, "/*", 2);
	text[257] = '\0';
	assert_int_equal(pattern_resolve(text, &env, &none, &problem), 0);
	TAKE_PTR(problem);
	free(TAKE_PTR(none));
	text[257] = '?';
	text[258] = '\0';
	assert_int_equal(pattern_resolve(text, &env, &none, &problem), -EINVAL);
	assert_non_null(strstr(problem, "can never match: one of its names is longer than 255"));
}

static void unknown_places(void **state)
{
	static const struct policy_env nowhere = {};
	static const char *const texts[] = {"~/x", "./x", "${x}"};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_free_ char *path = NULL, *problem = NULL;

		assert_int_equal(pattern_resolve(texts[i], &nowhere, &path, &problem), -EINVAL);
		assert_non_null(problem);
	}
}

static void good_peers(void **state)
{
	static const struct {
		const char *text;
		struct peer peer;
	} cases[] = {
		{"1.2.3.4:443", {4, 32, {1, 2, 3, 4}, 443, 443, true, true, "", false}},
		{"10.0.0.0/8:5432", {4, 8, {10}, 5432, 5432, true, true, "", false}},
		{"0.0.0.0/0:*", {4, 0, {}, 0, 65535, true, true, "", false}},
		{"127.0.0.1:3000-3999/tcp", {4, 32, {127, 0, 0, 1}, 3000, 3999, true, false, "", false}},
		{"127.0.0.1:53/udp", {4, 32, {127, 0, 0, 1}, 53, 53, false, true, "", false}},
		{"[2001:db8::/32]:443", {6, 32, {0x20, 1, 0xd, 0xb8}, 443, 443, true, true, "", false}},
		{"[::1]:*", {6, 128, {[15] = 1}, 0, 65535, true, true, "", false}},
		{"[::/0]:80", {6, 0, {}, 80, 80, true, true, "", false}},
		{"[::ffff:1.2.3.4]:80", {4, 32, {1, 2, 3, 4}, 80, 80, true, true, "", false}},
		{"[::ffff:10.0.0.0/104]:80", {4, 8, {10}, 80, 80, true, true, "", false}},
		{"[::ffff:0:0/96]:80", {4, 0, {}, 80, 80, true, true, "", false}},
		{"[64:ff9b::a00:0/104]:80", {4, 8, {10}, 80, 80, true, true, "", false}},
		{"[2002:a00::/24]:80", {4, 8, {10}, 80, 80, true, true, "", false}},
	};
	struct peer peers[PEERS_MAX];
	size_t count;
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *problem = NULL;

		if (peer_parse(cases[i].text, OP_CONNECT, peers, &count, &problem) < 0)
			fail_msg("%s: %s", cases[i].text, problem);
		assert_int_equal(count, 1);
		assert_int_equal(peers[0].family, cases[i].peer.family);
		assert_int_equal(peers[0].bits, cases[i].peer.bits);
		assert_memory_equal(peers[0].addr, cases[i].peer.addr, sizeof(peers[0].addr));
		assert_int_equal(peers[0].port_low, cases[i].peer.port_low);
		assert_int_equal(peers[0].port_high, cases[i].peer.port_high);
		assert_int_equal(peers[0].tcp, cases[i].peer.tcp);
		assert_int_equal(peers[0].udp, cases[i].peer.udp);
	}
	assert_int_equal(peer_parse("localhost:80/tcp", OP_CONNECT, peers, &count, NULL), 0);
	assert_int_equal(count, 2);
	assert_int_equal(peers[0].bits, 8);
	assert_int_equal(peers[0].addr[0], 127);
	assert_int_equal(peers[1].family, 6);
	assert_int_equal(peers[1].addr[15], 1);
	assert_false(peers[1].udp);
	assert_int_equal(peer_parse("0.0.0.0:80", OP_LISTEN, peers, &count, NULL), 0);
}

static void bad_peers(void **state)
{
	static const struct {
		const char *text, *problem;
	} cases[] = {
		{"", "has no port"},
		{"1.2.3.4", "has no port; write \"1.2.3.4:443\""},
		{"[::1]", "has no port; write \"[::1]:443\""},
		{"::1:443", "looks like an IPv6 address"},
		{"2001:db8::/32", "looks like an IPv6 address"},
		{"[::1:443", "has a \"[\" without"},
		{"1.2.3.4:", "has no valid port"},
		{"1.2.3.4:0443", "has no valid port"},
		{"1.2.3.4:65536", "has no valid port"},
		{"1.2.3.4:-1", "has no valid port"},
		{"1.2.3.4:1-", "has no valid port"},
		{"1.2.3.4:a", "has no valid port"},
		{"1.2.3.4:9-3", "has a port range that runs backwards; write 3-9"},
		{"1.2.3.4:80/sctp", "has the unknown protocol \"sctp\""},
		{"1.2.3.4:80/", "has the unknown protocol"},
		{"10.1.2.3/8:1",
			"has bits set past the prefix; write \"10.0.0.0/8\" for the range, or "
			"\"10.1.2.3\""},
		{"[2001:db8::1/32]:1", "has bits set past the prefix; write \"2001:db8::/32\""},
		{"10.0.0.0/33:1", "has the prefix length \"33\"; it must be a number from 0 to 32"},
		{"10.0.0.0/:1", "has the prefix length"},
		{"10.0.0.0/08:1", "has the prefix length"},
		{"[::/129]:1", "has the prefix length \"129\""},
		{"256.1.1.1:1", "has no valid IPv4 address"},
		{"1.2.3:1", "has no valid IPv4 address"},
		{"01.2.3.4:1", "has no valid IPv4 address"},
		{"[1.2.3.4]:1", "has no valid IPv6 address"},
		{"[fe80::1%eth0]:1", "has no valid IPv6 address"},
		{":443", "has no valid IPv4 address"},
		{"*:443", "has \"*\" for an address; write \"0.0.0.0/0:443\""},
		{"a..b:443", "has an empty label"},
		{".", "has no port"},
		{"a.:b", "has no valid port"},
		{"a_b.c:1", "has a \"_\" in a name"},
		{"a b:1", "has a \" \" in a name"},
		{"*.*.x:1", "has a \"*\" inside of a name"},
		{"a*.b", "has a \"*\" inside of a name"},
		{"-a.b", "has a label that begins or ends with a hyphen"},
		{"a-.b", "has a label that begins or ends with a hyphen"},
		{"a.5:80", "ends like an address"},
		{"https://a.b/x", "is a URL"},
		{"\xff.b:1", "is no name of the DNS"},
		{"0.0.0.0:80", "can never match"},
		{"[::]:80", "can never match"},
		{"[2002:a00:1::/64]:80", "is part of one 6to4 address"},
		{"http://x:80", "looks like"},
	};
	struct peer peers[PEERS_MAX];
	size_t count;
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *problem = NULL;

		if (peer_parse(cases[i].text, OP_CONNECT, peers, &count, &problem) != -EINVAL)
			fail_msg("%s is taken", cases[i].text);
		if (strncmp(problem, cases[i].problem, strlen(cases[i].problem)))
			fail_msg("%s: expected %s\nfound %s", cases[i].text, cases[i].problem,
				problem);
	}
}

static void good_names(void **state)
{
	static const struct {
		const char *text, *name;
		bool beneath, tcp, udp;
		uint16_t low, high;
	} cases[] = {
		{"api.example.com:443", "com.example.api", false, true, true, 443, 443},
		{"API.Example.COM.:443/tcp", "com.example.api", false, true, false, 443, 443},
		{"*.example.org", "org.example", true, true, true, 0, 65535},
		{"example.net:8000-8999/udp", "net.example", false, false, true, 8000, 8999},
		{"db:*", "db", false, true, true, 0, 65535},
		{"*.com", "com", true, true, true, 0, 65535},
		{"1a.2b:1", "2b.1a", false, true, true, 1, 1},
		{"b\u00fccher.de:443", "de.xn--bcher-kva", false, true, true, 443, 443},
		{"xn--bcher-kva.de:443", "de.xn--bcher-kva", false, true, true, 443, 443},
		{"localhost.example:80", "example.localhost", false, true, true, 80, 80},
	};
	struct peer peers[PEERS_MAX];
	size_t count;
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *problem = NULL;

		memset(peers, 0, sizeof(peers));
		if (peer_parse(cases[i].text, OP_CONNECT, peers, &count, &problem))
			fail_msg("%s: %s", cases[i].text, problem);
		assert_int_equal(count, 1);
		assert_int_equal(peers[0].family, AMBIT_FAMILY_NAME);
		assert_string_equal(peers[0].name, cases[i].name);
		assert_int_equal(peers[0].beneath, cases[i].beneath);
		assert_int_equal(peers[0].tcp, cases[i].tcp);
		assert_int_equal(peers[0].udp, cases[i].udp);
		assert_int_equal(peers[0].port_low, cases[i].low);
		assert_int_equal(peers[0].port_high, cases[i].high);
	}
}

/* The longest label and name are taken, one byte more is not; a wildcard leaves room for a label. */
static void long_names(void **state)
{
	static const struct {
		unsigned labels, last;
		bool wildcard, good;
	} cases[] = {
		{3, 61, false, true}, {3, 62, false, false}, {0, 63, false, true},
		{0, 64, false, false}, {3, 59, true, true}, {3, 60, true, false},
	};
	_cleanup_free_ char *problem = NULL;
	struct peer peers[PEERS_MAX];
	size_t count;
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[512] = "";

		if (cases[i].wildcard)
			strcat(text, "*.");
		for (unsigned k = 0; k < cases[i].labels; k++)
			sprintf(text + strlen(text), "%063d.", 0);
		sprintf(text + strlen(text), "%.*sa", (int)cases[i].last - 1,
			"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
		if (!peer_parse(text, OP_CONNECT, peers, &count, &problem) != cases[i].good)
			fail_msg("%zu: %s", strlen(text), problem ?: "taken");
		free(problem);
		problem = NULL;
	}
	assert_int_equal(peer_parse("a.b:1", OP_LISTEN, peers, &count, &problem), -EINVAL);
	assert_non_null(strstr(problem, "is a name"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_paths),
		cmocka_unit_test(bad_paths),
		cmocka_unit_test(long_paths),
		cmocka_unit_test(unknown_places),
		cmocka_unit_test(good_peers),
		cmocka_unit_test(bad_peers),
		cmocka_unit_test(good_names),
		cmocka_unit_test(long_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
