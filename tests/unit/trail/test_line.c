/* SPDX-License-Identifier: Apache-2.0 */
/* The line for people: its fields, its remedy, and names that try to forge it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include "event.h"
#include "base/util.h"

static void expect_line(const union test_ring *ring, const char *expected)
{
	struct record record = test_decode(ring);
	_cleanup_free_ char *line = ambit_record_line(&record);

	assert_string_equal(line, expected);
}

static void denied_write(void **state)
{
	union test_ring ring;

	(void)state;
	test_event(&ring, "/etc/passwd", 11);
	expect_line(&ring, "denied  write /etc/passwd  by python3(412)  policy coding-agent:14  "
			   "not in files.allow.write");
	ring.event.flags = 0;
	expect_line(&ring,
		"would deny  write /etc/passwd  by python3(412)  policy coding-agent:14  "
		"not in files.allow.write");
	ring.event.op = OP_EXEC;
	expect_line(&ring, "would deny  exec /etc/passwd  by python3(412)  policy coding-agent  "
			   "not in files.allow.exec");
}

static void denied_by_rule(void **state)
{
	union test_ring ring;

	(void)state;
	test_event(&ring, "/srv/.env", 9);
	ring.event.op = OP_READ;
	ring.event.reason = REASON_RULE;
	ring.event.rule = 3;
	expect_line(&ring, "denied  read /srv/.env  by python3(412)  policy coding-agent:17  "
			   "files.deny.read **/.env*");
	ring.event.rule = 99;
	expect_line(&ring, "denied  read /srv/.env  by python3(412)  policy coding-agent  "
			   "a rule of the policy says so");
}

/* The name that led to an address, and the one that was said there, which may be anything. */
static void names_of_a_stream(void **state)
{
	union test_ring ring;

	(void)state;
	test_event(&ring, "a.test/evil.test", 16);
	ring.event.op = OP_CONNECT;
	ring.event.reason = REASON_PROXY;
	ring.event.family = AMBIT_FAMILY_V4;
	ring.event.proto = AMBIT_PROTO_TCP;
	ring.event.port = 443;
	memcpy(ring.event.addr, (uint8_t[]){192, 0, 2, 7}, 4);
	expect_line(&ring, "denied  connect a.test (192.0.2.7:443) saying evil.test  by python3(412)  policy "
			   "coding-agent  a proxy is sent CONNECT to a name that the policy allows, and TLS "
			   "with that name behind it");
	memcpy(ring.bytes + sizeof(ring.event), "/evil /\n by.test", 16);
	expect_line(&ring, "denied  connect 192.0.2.7:443 saying \"evil /\\n by.test\"  by python3(412)  policy "
			   "coding-agent  a proxy is sent CONNECT to a name that the policy allows, and TLS "
			   "with that name behind it");
}

static void objects_without_a_path(void **state)
{
	static const struct {
		struct ambit_event about;
		const char *object;
	} cases[] = {
		{{.op = OP_CONNECT,
			 .family = AMBIT_FAMILY_V4,
			 .port = 443,
			 .proto = AMBIT_PROTO_TCP,
			 .addr = {192, 0, 2, 7}},
			"connect 192.0.2.7:443"},
		{{.op = OP_LISTEN,
			 .family = AMBIT_FAMILY_V6,
			 .port = 53,
			 .proto = AMBIT_PROTO_UDP,
			 .addr = {[15] = 1}},
			"listen [::1]:53/udp"},
		{{.op = OP_SOCKET, .family = 17, .detail = 3, .proto = 1},
			"socket packet(17) type 3 protocol 1"},
		{{.op = OP_SOCKET, .reason = REASON_OPTION, .addr = {1, 0, 0, 0, 36}},
			"socket option 1:36 SO_MARK"},
		{{.op = OP_SOCKET, .reason = REASON_OPTION, .addr = {1, 0, 0, 0, 200}},
			"socket option 1:200"},
		{{.op = OP_SOCKET, .reason = REASON_CONTROL, .addr = {[4] = 7}},
			"socket control data 0:7 IP_RETOPTS"},
		{{.op = OP_SOCKET, .reason = REASON_NETLINK, .addr = {[4] = 16}},
			"socket netlink message 16"},
		{{.op = OP_SOCKET, .reason = REASON_IOCTL, .addr = {[4] = 0x14, [5] = 0x89}},
			"socket ioctl 0x8914"},
		{{.op = OP_SOCKET, .reason = REASON_FOREIGN, .hook = 60000}, "socket (no name)"},
		{{.op = OP_TASK, .detail = 9}, "task KILL"},
		{{.op = OP_SYSTEM, .reason = REASON_PRIVILEGE, .detail = 21}, "system sys_admin"},
		{{.op = OP_TASK, .detail = 200}, "task signal-200"},
		{{.op = OP_SYSTEM, .hook = 1}, "system (file_open)"},
		{{.op = OP_SYSTEM, .hook = 60000}, "system (no name)"},
		{{.op = OP_UNIX, .hook = 60000}, "unix (no name)"},
		{{.op = OP_EXEC, .reason = REASON_JIT, .hook = 1}, "exec (memory)"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct record record = {.event = &cases[i].about};
		_cleanup_free_ char *object = ambit_record_object(&record);

		assert_string_equal(object, cases[i].object);
	}
}

static void every_reason_has_a_sentence(void **state)
{
	union test_ring ring;

	(void)state;
	test_event(&ring, "/x", 2);
	ring.event.op = OP_SYSTEM;
	for (unsigned reason = 0; reason < REASON_MAX; reason++) {
		struct record record;
		_cleanup_free_ char *line = NULL;

		ring.event.reason = (__u8)reason;
		record = test_decode(&ring);
		line = ambit_record_line(&record);
		assert_non_null(strstr(line, ambit_reason_text(reason)));
	}
}

static void names_cannot_forge(void **state)
{
	static const struct {
		const char *path, *shown;
	} cases[] = {
		{"/a  by root(1)  policy x", "\"/a  by root(1)  policy x\""},
		{"/a\ndenied  read /b", "\"/a\\ndenied  read /b\""},
		{"/a\x1b[2Jb", "\"/a\\x1b[2Jb\""},
		{"/a\xff\xfe", "\"/a\\xff\\xfe\""},
		{"/a\"b\\c", "\"/a\\\"b\\\\c\""},
		{"/caf\xc3\xa9", "/caf\xc3\xa9"},
		{"/a\xc2\x9b"
		 "31m",
			"\"/a\\u{9b}31m\""},
		{"/\xe2\x80\xae"
		 "fdp.sh",
			"\"/\\u{202e}fdp.sh\""},
		{"/a\xe2\x80\x83"
		 "b",
			"\"/a\\u{2003}b\""},
		{"/\xed\xa0\x80", "\"/\\xed\\xa0\\x80\""},
		{"/\xc0\xaf", "\"/\\xc0\\xaf\""},
		{"/\xf4\x90\x80\x80", "\"/\\xf4\\x90\\x80\\x80\""},
		{"/\xf0\x9f\x98\x80", "/\xf0\x9f\x98\x80"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *object = NULL;
		union test_ring ring;
		struct record record;

		test_event(&ring, cases[i].path, strlen(cases[i].path));
		record = test_decode(&ring);
		object = ambit_record_object(&record);
		assert_string_equal(object + strlen("write "), cases[i].shown);
	}
}

static void comm_is_a_word_too(void **state)
{
	union test_ring ring;

	(void)state;
	test_event(&ring, "/x", 2);
	memcpy(ring.event.comm, "x(1)  policy y:2", AMBIT_COMM_SIZE);
	expect_line(&ring,
		"denied  write /x  by \"x(1)  policy y:2\"(412)  policy coding-agent:14  "
		"not in files.allow.write");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(denied_write),
		cmocka_unit_test(denied_by_rule),
		cmocka_unit_test(names_of_a_stream),
		cmocka_unit_test(objects_without_a_path),
		cmocka_unit_test(every_reason_has_a_sentence),
		cmocka_unit_test(names_cannot_forge),
		cmocka_unit_test(comm_is_a_word_too),
	};

	return cmocka_run_group_tests_name("trail/line", tests, NULL, NULL);
}
