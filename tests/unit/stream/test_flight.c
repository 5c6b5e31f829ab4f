/* SPDX-License-Identifier: Apache-2.0 */
/* What follows a ClientHello, until no other one can count. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "feed.h"

#define SIZE 200000

static uint8_t bytes[SIZE];
static size_t size;

/* A record that begins with `first`. */
static void put(unsigned type, unsigned first, size_t length)
{
	const uint8_t head[] = {(uint8_t)type, 3, 3, (uint8_t)(length >> 8), (uint8_t)length};

	memcpy(bytes + size, head, sizeof(head));
	size += sizeof(head);
	memset(bytes + size, 0x5a, length);
	bytes[size] = (uint8_t)first;
	size += length;
}

/* In pieces of every small size; how many bytes are read until it is known. */
static size_t expect(bool early, enum stream_result result)
{
	size_t taken = 0;

	for (size_t piece = 1; piece < 20; piece++) {
		struct flight flight = {.early = early};
		size_t at = 0;

		taken = 0;
		for (; at < size; at += piece)
			taken += flight_feed(&flight, bytes + at, size - at < piece ? size - at : piece);
		assert_int_equal(flight.result, result);
	}
	size = 0;
	return taken;
}

static void second(void **state)
{
	(void)state;
	put(FLIGHT_HANDSHAKE, 1, 200);
	assert_int_equal(expect(false, STREAM_OTHER), 6);
	put(FLIGHT_CHANGE, 1, 1);
	put(FLIGHT_ALERT, 1, 2);
	put(FLIGHT_HANDSHAKE, 1, FLIGHT_FINISHED_MAX + 1);
	assert_int_equal(expect(false, STREAM_OTHER), 6 + 7 + 6);
	/* One byte of it. */
	put(FLIGHT_HANDSHAKE, 1, 1);
	assert_int_equal(expect(false, STREAM_OTHER), 6);
	put(FLIGHT_DATA, 1, 16000);
	put(FLIGHT_DATA, 22, 16000);
	put(FLIGHT_HANDSHAKE, 1, 200);
	assert_int_equal(expect(true, STREAM_OTHER), 2 * 16005 + 6);
	/* However much comes before it. */
	for (size_t i = 0; i < 10; i++)
		put(FLIGHT_DATA, 1, 16384);
	put(FLIGHT_HANDSHAKE, 1, 200);
	assert_int_equal(expect(true, STREAM_OTHER), 10 * 16389 + 6);
}

static void none(void **state)
{
	(void)state;
	put(FLIGHT_DATA, 1, 1);
	assert_int_equal(expect(false, STREAM_DONE), 5);
	put(FLIGHT_HANDSHAKE, 16, 300);
	assert_int_equal(expect(false, STREAM_DONE), 6);
	/* An encrypted Finished, which begins like a hello. */
	put(FLIGHT_CHANGE, 1, 1);
	put(FLIGHT_HANDSHAKE, 1, FLIGHT_FINISHED_MAX);
	put(FLIGHT_DATA, 1, 1);
	assert_int_equal(expect(false, STREAM_DONE), 6 + 5 + FLIGHT_FINISHED_MAX + 5);
}

static void not_yet(void **state)
{
	(void)state;
	put(FLIGHT_CHANGE, 1, 1);
	put(FLIGHT_HANDSHAKE, 1, 40);
	expect(false, STREAM_MORE);
	put(FLIGHT_DATA, 1, 16384);
	expect(true, STREAM_MORE);
	put(FLIGHT_ALERT, 1, 2);
	expect(false, STREAM_MORE);
}

static void malformed(void **state)
{
	(void)state;
	/* A second hello in pieces that are taken for what is encrypted. */
	put(FLIGHT_CHANGE, 1, 1);
	put(FLIGHT_HANDSHAKE, 1, 1);
	put(FLIGHT_HANDSHAKE, 0, 200);
	expect(false, STREAM_MALFORMED);
	put(FLIGHT_HANDSHAKE, 1, HELLO_RECORD_MAX + 1);
	expect(false, STREAM_MALFORMED);
	put(FLIGHT_CHANGE, 1, FLIGHT_RECORD_MAX + 1);
	expect(false, STREAM_MALFORMED);
	put(24, 1, 3);
	expect(false, STREAM_MALFORMED);
	memcpy(bytes, "\x14\x03\x03\0\0\x16\x03\x03\0\1\1", size = 11);
	expect(false, STREAM_MALFORMED);
	memcpy(bytes, "\x16\x02\x03\0\1\1", size = 6);
	expect(false, STREAM_MALFORMED);
	memcpy(bytes, "GET / HTTP/1.1", size = 14);
	expect(false, STREAM_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(second),
		cmocka_unit_test(none),
		cmocka_unit_test(not_yet),
		cmocka_unit_test(malformed),
	};

	return cmocka_run_group_tests_name("flight", tests, NULL, NULL);
}
