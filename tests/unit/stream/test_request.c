/* SPDX-License-Identifier: Apache-2.0 */
/* The name in a request, however it is cut into pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "feed.h"

static void expect(const char *text, enum stream_result result, const char *name)
{
	size_t size = strlen(text);

	for (size_t cut = 0; cut <= size; cut++) {
		struct http_head request = {};
		size_t taken = request_feed(&request, (const uint8_t *)text, cut);

		taken += request_feed(&request, (const uint8_t *)text + cut, size - cut);
		if (request.result != result)
			fail_msg("%s: %u, expected %u", text, request.result, result);
		if (result != STREAM_DONE)
			continue;
		assert_int_equal(taken, size);
		assert_int_equal(request.name.length, strlen(name));
		assert_memory_equal(request.name.bytes, name, strlen(name));
	}
}

static void names(void **state)
{
	(void)state;
	expect("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", STREAM_DONE, "a.example");
	expect("GET /x?y HTTP/1.1\r\nAccept: */*\r\nhOST:\t A.example:8080 \t\r\nX: y\r\n\r\n", STREAM_DONE, "A.example:8080");
	expect("OPTIONS * HTTP/1.1\r\nHost:[::1]:80\r\n\r\n", STREAM_DONE, "[::1]:80");
	expect("CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n", STREAM_DONE, "a.example:443");
	expect("CONNECT a.example:443 HTTP/1.1\r\nHost: a.EXAMPLE\r\n\r\n", STREAM_DONE, "a.example:443");
	expect("CONNECT a.example:443 HTTP/1.0\r\n\r\n", STREAM_DONE, "a.example:443");
	expect("GET http://a.example/x HTTP/1.1\r\nHost: a.example\r\n\r\n", STREAM_DONE, "a.example");
	expect("GET http://a.example HTTP/1.1\r\nHost: a.example:80\r\n\r\n", STREAM_DONE, "a.example");
	expect("GET http://a.example?x HTTP/1.1\r\nHosts: x\r\nHos: y\r\nHost: a.example\r\n\r\n", STREAM_DONE, "a.example");
	expect("connect / HTTP/1.1\r\nHost: a\r\n\r\n", STREAM_DONE, "a");
	expect("GET / HTTP/1.0\r\n\r\n", STREAM_DONE, "");
	expect("GET / HTTP/1.1\r\nHost:\r\n\r\n", STREAM_DONE, "");
}

static void several(void **state)
{
	(void)state;
	expect("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", STREAM_SEVERAL, "");
	expect("GET / HTTP/1.1\r\nHost:\r\nX: y\r\nHOST: a\r\n\r\n", STREAM_SEVERAL, "");
	expect("GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", STREAM_SEVERAL, "");
	expect("GET http://a.b/ HTTP/1.1\r\nHost: a\r\n\r\n", STREAM_SEVERAL, "");
	expect("GET http://a/ HTTP/1.1\r\nHost: a.b\r\n\r\n", STREAM_SEVERAL, "");
	expect("CONNECT a:443 HTTP/1.1\r\nHost: a:80\r\n\r\n", STREAM_SEVERAL, "");
	expect("CONNECT a:443 HTTP/1.1\r\nHost:\r\n\r\n", STREAM_SEVERAL, "");
}

static void malformed(void **state)
{
	static const char *const texts[] = {
		"GET / HTTP/1.1\r\n\r\n",
		"GET / HTTP/1.1\nHost: a\n\n",
		"GET / HTTP/1.1\r\nHost: a\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\rX\r\n",
		"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
		"GET / HTTP/1.1\r\n Host: a\r\n\r\n",
		"GET / HTTP/1.1\r\nX: y\r\n Host: a\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a,b\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a%00\r\n\r\n",
		"GET / HTTP/1.1\r\nX: \x01\r\nHost: a\r\n\r\n",
		"GET / HTTP/1.1\r\n: a\r\n\r\n",
		"GET / HTTP/1.1\r\nHost\r\n\r\n",
		"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
		"GET / HTTP/1.2\r\nHost: a\r\n\r\n",
		"GET http:/a HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n",
		"CONNECT /x HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET http://a/ HTTP/1.1\r\nHost: a:8x\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		expect(texts[i], STREAM_MALFORMED, "");
}

static void other(void **state)
{
	static const char *const texts[] = {"PRI * HTTP/2.0\r\n", "SSH-2.0-x\r\n", "\x16\x03\x01", "GET / http/1.1\r\n",
		"GET / ICY/1.0\r\n", " GET", "\r\nGET / HTTP/1.1\r\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		expect(texts[i], STREAM_OTHER, "");
}

static void large(void **state)
{
	struct http_head request = {};
	static const char line[] = "GET / HTTP/1.1\r\nHost: ";

	(void)state;
	request_feed(&request, (const uint8_t *)line, strlen(line));
	for (int i = 0; i < REQUEST_AUTHORITY; i++)
		assert_int_equal(request_byte(&request, 'a'), STREAM_MORE);
	assert_int_equal(request_byte(&request, 'a'), STREAM_MALFORMED);
	request = (struct http_head){};
	request_feed(&request, (const uint8_t *)"GET /", 5);
	for (int i = 5; i < REQUEST_MAX; i++)
		assert_int_equal(request_byte(&request, 'a'), STREAM_MORE);
	assert_int_equal(request_byte(&request, 'a'), STREAM_LARGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(several),
		cmocka_unit_test(malformed),
		cmocka_unit_test(other),
		cmocka_unit_test(large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
