/* SPDX-License-Identifier: Apache-2.0 */
/* The name in a ClientHello, however it is cut into records and pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "feed.h"

#define SIZE_MAX_HELLO 40000

struct bytes {
	uint8_t at[SIZE_MAX_HELLO];
	size_t size;
};

static void put(struct bytes *bytes, uint64_t value, unsigned size)
{
	for (unsigned i = size; i-- > 0;)
		bytes->at[bytes->size++] = (uint8_t)(value >> i * 8);
}

static void put_all(struct bytes *bytes, const void *from, size_t size)
{
	memcpy(bytes->at + bytes->size, from, size);
	bytes->size += size;
}

/* An extension server_name with these names. */
static void put_names(struct bytes *bytes, const char *const *names, size_t count)
{
	size_t list = 0;

	for (size_t i = 0; i < count; i++)
		list += 3 + strlen(names[i]);
	put(bytes, HELLO_EXTENSION_NAME, 2);
	put(bytes, list + 2, 2);
	put(bytes, list, 2);
	for (size_t i = 0; i < count; i++) {
		put(bytes, HELLO_NAME_HOST, 1);
		put(bytes, strlen(names[i]), 2);
		put_all(bytes, names[i], strlen(names[i]));
	}
}

static void put_other(struct bytes *bytes, unsigned type, size_t size)
{
	put(bytes, type, 2);
	put(bytes, size, 2);
	memset(bytes->at + bytes->size, 0, size);
	bytes->size += size;
}

/* The message with these extensions (NULL: no block of them). */
static void message(struct bytes *ret, const struct bytes *extensions)
{
	static const uint8_t random[32] = {22, 3, 1};
	struct bytes body = {};

	put(&body, 0x0303, 2);
	put_all(&body, random, sizeof(random));
	put(&body, 32, 1);
	put_all(&body, random, 32);
	put(&body, 4, 2);
	put(&body, 0x13011302, 4);
	put(&body, 1, 1);
	put(&body, 0, 1);
	if (extensions) {
		put(&body, extensions->size, 2);
		put_all(&body, extensions->at, extensions->size);
	}
	ret->size = 0;
	put(ret, HELLO_MESSAGE, 1);
	put(ret, body.size, 3);
	put_all(ret, body.at, body.size);
}

/* In records of this size. */
static void records(struct bytes *ret, const struct bytes *from, size_t size)
{
	ret->size = 0;
	for (size_t at = 0; at < from->size; at += size) {
		size_t part = from->size - at < size ? from->size - at : size;

		put(ret, HELLO_RECORD_HANDSHAKE, 1);
		put(ret, 0x0301, 2);
		put(ret, part, 2);
		put_all(ret, from->at + at, part);
	}
}

/* Byte by byte, and cut into two pieces at every place: always the same. */
static void expect(const struct bytes *stream, enum stream_result result, const char *name, bool ech)
{
	struct hello whole = {};

	for (size_t i = 0; i < stream->size; i++)
		hello_byte(&whole, stream->at[i]);
	assert_int_equal(whole.result, result);
	if (result == STREAM_DONE) {
		assert_int_equal(whole.name.length, strlen(name));
		assert_memory_equal(whole.name.bytes, name, strlen(name));
		assert_int_equal(whole.ech, ech);
	}
	for (size_t cut = 0; cut <= stream->size; cut++) {
		struct hello hello = {};

		hello_feed(&hello, stream->at, cut);
		if (result == STREAM_DONE && cut < stream->size)
			assert_int_equal(hello.result, STREAM_MORE);
		hello_feed(&hello, stream->at + cut, stream->size - cut);
		assert_int_equal(hello.result, result);
		assert_memory_equal(&hello.name, &whole.name, sizeof(whole.name));
	}
}

static void expect_message(const struct bytes *extensions, enum stream_result result, const char *name)
{
	static struct bytes text, stream;

	message(&text, extensions);
	records(&stream, &text, HELLO_RECORD_MAX);
	expect(&stream, result, name, false);
}

static void one_name(void **state)
{
	static const size_t sizes[] = {1, 2, 3, 5, 40, 41, 100, 1000, HELLO_RECORD_MAX};
	static struct bytes text, stream;
	struct bytes extensions = {};

	(void)state;
	put_other(&extensions, 43, 3);
	put_names(&extensions, (const char *[]){"Api.example.com"}, 1);
	put_other(&extensions, 23, 0);
	put_other(&extensions, HELLO_EXTENSION_ECH, 200);
	message(&text, &extensions);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		records(&stream, &text, sizes[i]);
		expect(&stream, STREAM_DONE, "Api.example.com", true);
	}
}

/* Keys for several kinds: ML-KEM-1024 and more, up to the longest that there is. */
static void large(void **state)
{
	static struct bytes text, stream;
	static const size_t keys[] = {1216, 1568 * 2, 16000};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct bytes extensions = {};

		put_other(&extensions, 51, keys[i]);
		put_names(&extensions, (const char *[]){"a.b"}, 1);
		message(&text, &extensions);
		records(&stream, &text, i == 1 ? 700 : HELLO_RECORD_MAX);
		expect(&stream, STREAM_DONE, "a.b", false);
	}
	text.size = 0;
	put(&text, HELLO_MESSAGE, 1);
	put(&text, HELLO_MAX + 1, 3);
	records(&stream, &text, 4);
	expect(&stream, STREAM_LARGE, "", false);
}

static void no_name(void **state)
{
	struct bytes none = {}, other = {};

	(void)state;
	put_other(&other, 43, 3);
	expect_message(NULL, STREAM_DONE, "");
	expect_message(&none, STREAM_DONE, "");
	expect_message(&other, STREAM_DONE, "");
}

static void several(void **state)
{
	struct bytes two = {}, twice = {};

	(void)state;
	put_names(&two, (const char *[]){"a.b", "c.d"}, 2);
	put_names(&twice, (const char *[]){"a.b"}, 1);
	put_other(&twice, 43, 3);
	put_names(&twice, (const char *[]){"a.b"}, 1);
	expect_message(&two, STREAM_SEVERAL, "");
	expect_message(&twice, STREAM_SEVERAL, "");
}

static void malformed(void **state)
{
	static struct bytes text, stream;
	char longest[STREAM_NAME_MAX + 2];
	struct bytes list = {}, empty = {}, good = {}, longer = {};

	(void)state;
	put(&empty, HELLO_EXTENSION_NAME, 2);
	put(&empty, 0, 2);
	expect_message(&empty, STREAM_MALFORMED, "");
	put_names(&list, (const char *[]){""}, 1);
	expect_message(&list, STREAM_MALFORMED, "");
	memset(longest, 'a', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	put_names(&longer, (const char *[]){longest}, 1);
	expect_message(&longer, STREAM_MALFORMED, "");
	longer.size = 0;
	put_names(&longer, (const char *[]){longest + 1}, 1);
	expect_message(&longer, STREAM_DONE, longest + 1);
	/* Each length of a good one, one more and one less. */
	put_names(&good, (const char *[]){"a.b"}, 1);
	put_other(&good, 43, 3);
	message(&text, &good);
	records(&stream, &text, HELLO_RECORD_MAX);
	for (size_t at = 0; at < stream.size; at++) {
		for (int by = -1; by <= 1; by += 2) {
			struct hello hello = {};

			/* What is no length: versions, random, session, ciphers, methods, types, names. */
			if (at == 1 || at == 2 || (at > 8 && at < 43) || (at > 43 && at < 76) || (at > 77 && at < 82) ||
				at == 83 || at == 86 || at == 87 || (at > 94 && at < 98))
				continue;
			stream.at[at] = (uint8_t)(stream.at[at] + by);
			hello_feed(&hello, stream.at, stream.size);
			if (hello.result == STREAM_DONE && at < 98)
				fail_msg("a byte at %zu that is wrong by %d", at, by);
			stream.at[at] = (uint8_t)(stream.at[at] - by);
		}
	}
	/* A record without anything in it, and one of another kind in the middle. */
	records(&stream, &text, 50);
	stream.at[3] = stream.at[4] = 0;
	expect(&stream, STREAM_MALFORMED, "", false);
	records(&stream, &text, 50);
	stream.at[55] = 23;
	expect(&stream, STREAM_MALFORMED, "", false);
	/* Something behind it, in the same record. */
	put(&text, 0, 1);
	records(&stream, &text, HELLO_RECORD_MAX);
	expect(&stream, STREAM_MALFORMED, "", false);
}

static void other(void **state)
{
	static const char *const texts[] = {"GET / HTTP/1.1\r\n", "SSH-2.0-x\r\n", "\x80\x2e\x01\x03\x01", "\x16\x02"};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct hello hello = {};

		hello_feed(&hello, (const uint8_t *)texts[i], strlen(texts[i]));
		assert_int_equal(hello.result, STREAM_OTHER);
	}
}

/*
 * What real libraries say, as they hand it to a memory buffer: OpenSSL 3.5 with the keys of ML-KEM, OpenSSL 3.0
 * with a hundred long protocols (ALPN), GnuTLS 3.8, and GnuTLS 3.7 with eight protocols. Each is cut at every byte.
 */
static void libraries(void **state)
{
	static const struct {
		const char *file;
		size_t least;
	} hellos[] = {
		{"openssl-3.5", 1400},
		{"openssl-3.0-large", 11000},
		{"gnutls-3.8", 300},
		{"gnutls-3.7-large", 600},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(hellos) / sizeof(*hellos); i++) {
		static struct bytes stream;
		char path[128];
		FILE *in;

		snprintf(path, sizeof(path), "tests/unit/stream/hellos/%s", hellos[i].file);
		in = fopen(path, "re");
		assert_non_null(in);
		stream.size = fread(stream.at, 1, sizeof(stream.at), in);
		fclose(in);
		assert_true(stream.size > hellos[i].least);
		expect(&stream, STREAM_DONE, "api.example.com", false);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_name),
		cmocka_unit_test(large),
		cmocka_unit_test(no_name),
		cmocka_unit_test(several),
		cmocka_unit_test(malformed),
		cmocka_unit_test(other),
		cmocka_unit_test(libraries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
