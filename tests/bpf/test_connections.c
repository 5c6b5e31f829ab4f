/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First bytes of connections, each in one packet: what is sent to an address that names lead to. The pieces
 * of a stream are the readers' (test_streams.c) and the guests' (tests/e2e/denials).
 */
#include "packets.h"

const char policy_text[] =
	"apiVersion: ambit/v1\nname: a\nnetwork:\n"
	"  dns: {resolvers: [" RESOLVER "]}\n"
	"  allow:\n"
	"    connect:\n"
	"      - 'api.example.com:443'\n"
	"      - '*.wild.org:80-90'\n"
	"      - {to: 'db.wild.org:5432', tls: none}\n"
	"      - {to: 'proxy.wild.org:3128', tls: proxy}\n"
	"      - {to: '10.0.0.9:3128', tls: proxy}\n"
	"      - '10.0.0.10:80'\n"
	"  deny: {connect: ['no.wild.org']}\n";

#define GET(host) "GET / HTTP/1.1\r\nHost: " host "\r\n\r\n"
#define CONNECT(host) "CONNECT " host " HTTP/1.1\r\nHost: " host "\r\n\r\n"

static int send_to(const char *address, uint16_t port, const char *bytes, size_t size)
{
	struct packet packet;
	struct in_addr ip;

	begin(&packet, false, IPPROTO_TCP);
	inet_pton(AF_INET, address, &ip);
	memcpy(packet.bytes + 14 + 16, &ip, sizeof(ip));
	packet.bytes[14 + 20 + 2] = (uint8_t)(port >> 8);
	packet.bytes[14 + 20 + 3] = (uint8_t)port;
	put(&packet, bytes, size);
	return run(skeleton->progs.dns_egress, &packet);
}

static void lease(const char *name, const char *address)
{
	assert_int_equal(ask(name), PASSED);
	answer(name, 60, address);
}

/* What is said in whole heads. */
static void heads(void **state)
{
	static const struct {
		const char *address;
		uint16_t port;
		int result;
		const char *said;
	} cases[] = {
		{"1.2.3.4", 80, PASSED, GET("a.wild.org")},
		{"1.2.3.4", 80, PASSED, GET("A.Wild.ORG.")},
		{"1.2.3.4", 80, PASSED, GET("a.wild.org:80")},
		{"1.2.3.4", 80, PASSED, GET("b.wild.org")},
		{"1.2.3.4", 80, PASSED, GET("a.wild.org") "and more"},
		{"1.2.3.4", 80, PASSED, "GET / HTTP/1.1\r\nHost: a.w"},
		{"1.2.3.4", 80, DROPPED, GET("c.wild.org")},   /* nobody asked for it */
		{"1.2.3.4", 80, DROPPED, GET("no.wild.org")},
		{"1.2.3.4", 80, DROPPED, GET("wild.org")},
		{"1.2.3.4", 80, DROPPED, GET("a.wild.org.evil.org")},
		{"1.2.3.4", 80, DROPPED, GET("a.wild.org..")},
		{"1.2.3.4", 80, DROPPED, GET(".a.wild.org")},
		{"1.2.3.4", 80, DROPPED, GET("a..wild.org")},
		{"1.2.3.4", 80, DROPPED, GET(":80")},
		{"1.2.3.4", 80, DROPPED, GET("a.wild.org:99999")},
		{"1.2.3.4", 80, DROPPED, GET("a.wild.org:8x")},
		{"1.2.3.4", 80, DROPPED, GET("1.2.3.4")},
		{"1.2.3.4", 80, DROPPED, GET("")},
		{"1.2.3.4", 80, DROPPED, "SSH-2.0-x\r\n"},
		{"1.2.3.4", 80, DROPPED, CONNECT("a.wild.org:80")},
		{"1.2.3.4", 5432, DROPPED, GET("a.wild.org")}, /* the rule does not cover the port */
		/* The name is wrong before the head has ended. */
		{"1.2.3.4", 80, DROPPED, "GET / HTTP/1.1\r\nHost: evil.org\r\nX"},
		{"1.2.3.5", 5432, PASSED, "anything"},
		{"1.2.3.6", 3128, PASSED, CONNECT("b.wild.org:81")},
		{"1.2.3.6", 3128, DROPPED, CONNECT("b.wild.org:79")},
		{"1.2.3.6", 3128, DROPPED, CONNECT("no.wild.org:80")},
		{"1.2.3.6", 3128, DROPPED, CONNECT("evil.org:80")},
		{"1.2.3.6", 3128, DROPPED, CONNECT("b.wild.org")},
		{"1.2.3.6", 3128, DROPPED, CONNECT("b.wild.org:81") "x"},
		/* Refused, the next request would be free. */
		{"1.2.3.6", 3128, DROPPED, CONNECT("db.wild.org:5432")},
		/* What was taken for what goes through the tunnel would be the body of a request that is refused. */
		{"1.2.3.6", 3128, DROPPED,
			"CONNECT b.wild.org:81 HTTP/1.1\r\nHost: b.wild.org\r\ncontent-LENGTH: 517\r\n\r\n"},
		{"1.2.3.6", 3128, DROPPED,
			"CONNECT b.wild.org:81 HTTP/1.1\r\nTransfer-Encoding: chunked\r\nHost: b.wild.org\r\n\r\n"},
		{"1.2.3.6", 3128, PASSED,
			"CONNECT b.wild.org:81 HTTP/1.1\r\nHost: b.wild.org\r\nConnection: close\r\nTe: x\r\n\r\n"},
		{"1.2.3.4", 80, PASSED,
			"POST / HTTP/1.1\r\nHost: a.wild.org\r\nContent-Length: 1\r\n\r\nx"},
		{"1.2.3.6", 3128, DROPPED, GET("proxy.wild.org")},
		{"1.2.3.6", 3128, DROPPED, "GET http://b.wild.org/ HTTP/1.1\r\nHost: b.wild.org\r\n\r\n"},
		{"10.0.0.9", 3128, PASSED, CONNECT("api.example.com:443")},
		{"10.0.0.9", 3128, DROPPED, CONNECT("api.example.com:444")},
		{"10.0.0.10", 80, PASSED, "anything"},
	};

	(void)state;
	lease("a.wild.org", "1.2.3.4");
	lease("b.wild.org", "1.2.3.4");
	lease("c.wild.org", "1.2.3.7");
	lease("db.wild.org", "1.2.3.5");
	lease("proxy.wild.org", "1.2.3.6");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (send_to(cases[i].address, cases[i].port, cases[i].said, strlen(cases[i].said)) !=
			cases[i].result)
			fail_msg("%s:%u \"%s\": not %d", cases[i].address, cases[i].port, cases[i].said,
				cases[i].result);
}

/* A ClientHello with a name and without anything else. */
static void hellos(void **state)
{
	static const char hello[] = "\x16\x03\x01\x00\x43\x01\x00\x00\x3f\x03\x03"
				    "01234567890123456789012345678901"
				    "\x00\x00\x02\x13\x01\x01\x00\x00\x14"
				    "\x00\x00\x00\x10\x00\x0e\x00\x00\x0b"
				    "a.wild.org.";
	char bytes[sizeof(hello)];
	size_t size = sizeof(hello) - 1;

	(void)state;
	lease("a.wild.org", "1.2.3.4");
	memcpy(bytes, hello, sizeof(bytes));
	assert_int_equal(send_to("1.2.3.4", 80, bytes, size), PASSED);
	for (size_t i = size - 11; i < size; i++) {
		/* Each byte of the name, changed, and none that the DNS takes for the same. */
		for (unsigned bit = 0; bit < 8; bit++) {
			bool same = bit == 5 && hello[i] != '.';

			bytes[i] = (char)(hello[i] ^ 1 << bit);
			assert_int_equal(send_to("1.2.3.4", 80, bytes, size), same ? PASSED : DROPPED);
		}
		bytes[i] = hello[i];
	}
	/* As far as it has come it says no other name. */
	for (size_t i = 1; i < size; i++)
		assert_int_equal(send_to("1.2.3.4", 80, bytes, i), PASSED);
}

/* A ClientHello with a name of ten bytes, of a client that knows TLS 1.3, and offers early data. */
#define HELLO_OF(name, versions, early)                                                                               \
	"\x16\x03\x01\x00\x76\x01\x00\x00\x72\x03\x03"                                                                \
	"01234567890123456789012345678901"                                                                           \
	"\x00\x00\x02\x13\x01\x01\x00\x00\x47"                                                                        \
	"\x00\x00\x00\x0f\x00\x0d\x00\x00\x0a" name "\x00" versions "\x00\x00\x00" early "\x00\x00" KEYS
#define KEYS "\x00\x33\x00\x28" "0123456789012345678901234567890123456789"
#define TLS13(name) HELLO_OF(name, "\x2b", "\x2d")
#define TLS12(name) HELLO_OF(name, "\x17", "\x23")
#define EARLY(name) HELLO_OF(name, "\x2b", "\x2a")
#define GOOD	    "a.wild.org"
#define ALSO	    "b.wild.org"
#define EVIL	    "evil.or.gg"
#define CHANGE	    "\x14\x03\x03\x00\x01\x01"
#define ALERT	    "\x15\x03\x03\x00\x02\x01\x5a"
#define DATA	    "\x17\x03\x03\x00\x03xyz"
#define KEY	    "\x16\x03\x03\x00\x04\x10\x00\x00\x00"
#define FINISHED    "\x16\x03\x03\x00\x28\x01\x00\x00\x00" "012345678901234567890123456789012345"

/* What follows a hello, which may be another one. */
static void hellos_again(void **state)
{
#define SAID(text) text, sizeof(text) - 1
	static const struct {
		int result;
		const char *said;
		size_t size;
	} cases[] = {
		{PASSED, SAID(TLS13(GOOD))},
		{PASSED, SAID(TLS13(GOOD) TLS13(GOOD))},
		{PASSED, SAID(TLS13(GOOD) CHANGE TLS13("A.wild.ORG"))},
		{PASSED, SAID(TLS13(GOOD) CHANGE TLS13(GOOD) DATA)},
		/* Not the same, though it leads here, too. */
		{DROPPED, SAID(TLS13(GOOD) TLS13(ALSO))},
		{DROPPED, SAID(TLS13(GOOD) TLS13(EVIL))},
		{DROPPED, SAID(TLS13(GOOD) CHANGE TLS13(EVIL))},
		{DROPPED, SAID(TLS13(GOOD) ALERT CHANGE ALERT TLS13(EVIL))},
		{DROPPED, SAID(TLS13(GOOD) CHANGE TLS12(EVIL))},
		{DROPPED, SAID(EARLY(GOOD) TLS13(EVIL))},
		{DROPPED, SAID(EARLY(GOOD) CHANGE DATA DATA CHANGE TLS13(EVIL))},
		{PASSED, SAID(EARLY(GOOD) CHANGE DATA DATA CHANGE TLS13(GOOD))},
		{PASSED, SAID(EARLY(GOOD) CHANGE DATA DATA)},
		/* Its last byte is not there yet, nor is a bad one. */
		{PASSED, SAID(TLS13(GOOD) "\x16\x03\x01\x00\x76\x01\x00\x00\x72\x03\x03")},
		/* In pieces: so short may be what is encrypted, but only once. */
		{DROPPED, SAID(TLS13(GOOD) "\x16\x03\x01\x00\x01\x01\x14")},
		{PASSED, SAID(TLS13(GOOD) CHANGE "\x16\x03\x01\x00\x01\x01")},
		{DROPPED, SAID(TLS13(GOOD) CHANGE "\x16\x03\x01\x00\x01\x01" TLS13(GOOD))},
		{PASSED, SAID(TLS13(GOOD) CHANGE FINISHED DATA TLS13(EVIL))},
		{PASSED, SAID(TLS13(GOOD) DATA "anything")},
		{PASSED, SAID(TLS13(GOOD) KEY CHANGE FINISHED "anything")},
		/* Some servers of TLS 1.2 take a second one before the keys. */
		{DROPPED, SAID(TLS12(GOOD) TLS12(EVIL))},
		{DROPPED, SAID(TLS12(GOOD) ALERT TLS13(EVIL))},
		{PASSED, SAID(TLS12(GOOD) TLS12(GOOD) KEY)},
		{PASSED, SAID(TLS12(GOOD) KEY CHANGE FINISHED DATA "anything")},
		{PASSED, SAID(TLS12(GOOD) CHANGE FINISHED DATA TLS12(EVIL))},
		/* OpenSSL took any number of them once (CVE-2011-4619). */
		{DROPPED, SAID(TLS13(GOOD) TLS13(GOOD) TLS13(EVIL))},
		{DROPPED, SAID(TLS12(GOOD) TLS12(GOOD) ALERT TLS12(EVIL))},
		/* Nobody sends a third one at once. */
		{DROPPED, SAID(TLS12(GOOD) TLS12(GOOD) TLS12(GOOD) KEY)},
		{DROPPED, SAID(TLS13(GOOD) "GET / HTTP/1.1\r\n")},
		{DROPPED, SAID(TLS13(GOOD) "\x16\x03\x03\x00\x00" TLS13(GOOD))},
		{DROPPED, SAID(TLS13(GOOD) "\x18\x03\x03\x00\x03xyz")},
	};

	(void)state;
	lease("a.wild.org", "1.2.3.4");
	lease("b.wild.org", "1.2.3.4");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (send_to("1.2.3.4", 80, cases[i].said, cases[i].size) != cases[i].result)
			fail_msg("case %zu: not %d", i, cases[i].result);
}

/* IPv6 to nobody that a rule knows, with these bytes between its header and that of TCP. */
static int send_v6(const uint8_t *between, size_t size, uint8_t next, const char *said)
{
	struct tcphdr tcp = {.dest = htons(80), .doff = 5, .seq = htonl(1)};
	const uint8_t head[14 + 40] = {[12] = 0x86, 0xdd, 0x60, [20] = next, 64, [38] = 0x20, 1, 0xd, 0xb8, [53] = 1};
	struct packet packet = {.size = 0};

	put(&packet, head, sizeof(head));
	put(&packet, between, size);
	put(&packet, &tcp, sizeof(tcp));
	put(&packet, said, strlen(said));
	return run(skeleton->progs.dns_egress, &packet);
}

/* What the kernel puts before TCP where a packet is larger than IPv6 can say is read on; no other header is. */
static void large_packets(void **state)
{
	static const uint8_t jumbo[] = {6, 0, 0xc2, 4, 0, 2, 0, 0}, padding[] = {6, 0, 1, 4, 0, 0, 0, 0},
			     longer[16] = {6, 1, 0xc2, 4}, other[] = {17, 0, 0xc2, 4, 0, 2, 0, 0};

	(void)state;
	assert_int_equal(send_v6(jumbo, 0, 6, "GET / HTTP/1.1\r\n"), PASSED);
	assert_int_equal(send_v6(jumbo, sizeof(jumbo), 0, "GET / HTTP/1.1\r\n"), PASSED);
	assert_int_equal(send_v6(jumbo, sizeof(jumbo), 0, GET("evil.org")), DROPPED);
	assert_int_equal(send_v6(jumbo, sizeof(jumbo), 60, "GET / HTTP/1.1\r\n"), DROPPED);
	assert_int_equal(send_v6(padding, sizeof(padding), 0, "GET / HTTP/1.1\r\n"), DROPPED);
	assert_int_equal(send_v6(longer, sizeof(longer), 0, "GET / HTTP/1.1\r\n"), DROPPED);
	assert_int_equal(send_v6(other, sizeof(other), 0, "GET / HTTP/1.1\r\n"), DROPPED);
}

/* Nothing is dropped without being counted. */
static void drops_are_counted(void **state)
{
	static const uint8_t padding[] = {6, 0, 1, 4, 0, 0, 0, 0};
	struct packet packet;
	uint64_t before = denied();

	(void)state;
	assert_int_equal(send_v6(padding, sizeof(padding), 0, "GET / HTTP/1.1\r\n"), DROPPED);
	assert_int_equal(denied(), before + 1);
	begin(&packet, false, IPPROTO_UDP); /* an empty datagram */
	assert_int_equal(run(skeleton->progs.dns_egress, &packet), DROPPED);
	assert_int_equal(denied(), before + 2);
	begin(&packet, false, IPPROTO_TCP);
	packet.bytes[14 + 6] = 1; /* a fragment */
	assert_int_equal(run(skeleton->progs.dns_egress, &packet), DROPPED);
	packet.bytes[14 + 6] = 0;
	packet.bytes[14] = 0x44; /* no header is so short */
	assert_int_equal(run(skeleton->progs.dns_egress, &packet), DROPPED);
	assert_int_equal(denied(), before + 4);
	assert_int_equal(send_to("1.2.3.4", 80, GET("evil.org"), strlen(GET("evil.org"))), DROPPED);
	assert_int_equal(denied(), before + 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(heads, fresh),
		cmocka_unit_test_setup(hellos, fresh),
		cmocka_unit_test_setup(hellos_again, fresh),
		cmocka_unit_test_setup(large_packets, fresh),
		cmocka_unit_test_setup(drops_are_counted, fresh),
	};

	if (geteuid() != 0) {
		print_message("BPF_PROG_TEST_RUN needs root\n");
		return 77;
	}
	return cmocka_run_group_tests_name("connections", tests, harness_open, harness_close);
}
