/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What real resolvers answered and real clients said first, once, in a guest (tests/net/captured, made by
 * tests/net/check --capture): read as the kernel reads it, it says what another reader found there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bpf/lib/spell.h"
#include "feed.h"

#define LINE_MAX 20000

static uint8_t bytes[LINE_MAX];

static size_t unhex(const char *text)
{
	size_t size = 0;
	unsigned byte;

	while (sscanf(text + size * 2, "%2x", &byte) == 1)
		bytes[size++] = (uint8_t)byte;
	assert_int_equal(strlen(text), size * 2);
	return size;
}

/* NAME TYPE ADDRESS,... HEX */
static void check_dns(char *line)
{
	static struct dns dns;
	const char *name = strsep(&line, " "), *type = strsep(&line, " ");
	char *addresses = strsep(&line, " "), *address, text[INET6_ADDRSTRLEN];
	size_t size = unhex(line), count = 0;

	assert_true(size <= DNS_SIZE);
	memset(&dns, 0xa5, sizeof(dns));
	memcpy(dns.message, bytes, size);
	dns.length = (uint32_t)size;
	assert_true(dns_question(&dns));
	assert_true(dns.answer);
	assert_int_equal(dns.type, atoi(type));
	assert_true(dns_spell(&dns, 1));
	assert_int_equal(dns.text_size, strlen(name));
	assert_memory_equal(dns.text, name, dns.text_size);
	dns_answers(&dns);
	assert_false(dns.error);
	while ((address = strsep(&addresses, ","))) {
		const struct dns_address *found = &dns.addresses[count];

		if (*address == '-')
			continue;
		assert_true(count++ < dns.count);
		inet_ntop(found->family == AMBIT_FAMILY_V4 ? AF_INET : AF_INET6, found->bytes, text, sizeof(text));
		assert_string_equal(text, address);
	}
	assert_int_equal(dns.count, count);
}

/* NAME HEX */
static void check_hello(char *line)
{
	const char *name = strsep(&line, " ");
	struct hello hello = {};

	assert_int_equal(hello_feed(&hello, bytes, unhex(line)), strlen(line) / 2);
	assert_int_equal(hello.result, STREAM_DONE);
	assert_int_equal(hello.name.length, strlen(name));
	assert_memory_equal(hello.name.bytes, name, strlen(name));
}

static void check_request(char *line)
{
	const char *name = strsep(&line, " ");
	struct http_head request = {};

	request_feed(&request, bytes, unhex(line));
	assert_int_equal(request.result, STREAM_DONE);
	assert_int_equal(request.name.length, strlen(name));
	assert_memory_equal(request.name.bytes, name, strlen(name));
}

static void captured(void **state)
{
	static char text[2 * LINE_MAX];
	unsigned dns = 0, hellos = 0, requests = 0;
	FILE *file = fopen("tests/net/captured", "re");

	(void)state;
	assert_non_null(file);
	while (fgets(text, sizeof(text), file)) {
		char *line = text, *kind;

		if (*line == '#')
			continue;
		line[strcspn(line, "\n")] = '\0';
		kind = strsep(&line, " ");
		print_message("%s of %s\n", kind, strsep(&line, " "));
		if (!strcmp(kind, "dns"))
			check_dns(line), dns++;
		else if (!strcmp(kind, "hello"))
			check_hello(line), hellos++;
		else
			check_request(line), requests++;
	}
	fclose(file);
	assert_true(dns >= 40 && hellos >= 6 && requests >= 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(captured),
	};

	return cmocka_run_group_tests_name("captured", tests, NULL, NULL);
}
