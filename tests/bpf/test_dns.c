/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The programs that read questions and answers, on packets, by BPF_PROG_TEST_RUN: what is sent, and what
 * an answer leases. They are attached nowhere.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include "base/util.h"
#include "compile/tables.h"
#include "dns.skel.h"

#define CELL	 7
#define POLICY	 1
#define EPOCH	 3
#define RESOLVER "10.0.0.53"
#define PORT	 40000
#define ID	 0x1234

enum { DROPPED, PASSED };

static struct dns_bpf *skeleton;
static struct ambit_names table;
static int names_fd = -1;

static const char policy_text[] =
	"apiVersion: ambit/v1\nname: a\nnetwork:\n"
	"  dns: {resolvers: [" RESOLVER "], labelLength: 20, grace: 7, longest: 100}\n"
	"  allow: {connect: ['api.example.com:443', '*.wild.org:1-9']}\n"
	"  deny: {connect: ['no.wild.org', 'part.wild.org:5']}\n";

/* Puts the tables of the policy where the programs look. */
static void install(const struct tables *tables)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_INNER_MAP);
	_cleanup_close_ int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "table", sizeof(uint32_t),
		sizeof(struct ambit_segment), tables->segment_count, &options);
	const uint32_t policy = POLICY, id = CELL;
	const struct ambit_cell cell = {.epoch = EPOCH, .policy = POLICY, .id = CELL};

	for (uint32_t i = 0; i < tables->segment_count; i++)
		assert_int_equal(bpf_map_update_elem(fd, &i, &tables->segments[i], 0), 0);
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(skeleton->maps.policies), &policy, &fd, 0), 0);
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(skeleton->maps.cells), &id, &cell, 0), 0);
}

static void compile(void)
{
	const struct policy_env env = {.cwd = "/", .sets_dir = "policies/sets"};
	_cleanup_(policy_cleanup) struct policy *policy = NULL;
	_cleanup_(tables_cleanup) struct tables *tables = NULL;
	struct diags diags = {};
	struct diag diag = {};

	assert_int_equal(ambit_policy_parse(
		"p", policy_text, sizeof(policy_text) - 1, &diags, &policy), 0);
	assert_int_equal(ambit_policy_resolve(policy, &env, &diags), 0);
	assert_int_equal(ambit_tables_compile(policy, &diag, &tables), 0);
	install(tables);
}

/* An empty table. */
static int fresh(void **state)
{
	uint64_t none = 0;
	uint32_t row = 0;

	(void)state;
	if (names_fd < 0)
		names_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "names", 4, sizeof(table), 1, NULL);
	memset(&table, 0, sizeof(table));
	table.seed = 0x123456789abcdef;
	table.cell = CELL;
	table.queries = 5;
	table.label = 20;
	table.grace = 7;
	table.longest = 100;
	assert_int_equal(bpf_map_update_elem(names_fd, &row, &table, 0), 0);
	return bpf_map_update_elem(bpf_map__fd(skeleton->maps.names), &none, &names_fd, 0);
}

/* --- packets --- */

struct packet {
	uint8_t bytes[14 + 4096 + 200];
	size_t size;
};

static void put(struct packet *packet, const void *bytes, size_t size)
{
	memcpy(packet->bytes + packet->size, bytes, size);
	packet->size += size;
}

static void put16(struct packet *packet, unsigned value)
{
	put(packet, (uint8_t[]){(uint8_t)(value >> 8), (uint8_t)value}, 2);
}

static void put_name(struct packet *packet, const char *name)
{
	while (*name) {
		uint8_t length = (uint8_t)strcspn(name, ".");

		put(packet, &length, 1);
		put(packet, name, length);
		name += length + (name[length] == '.');
	}
	put(packet, "", 1);
}

/* Ethernet, IPv4, UDP or TCP, up to the payload. */
static void begin(struct packet *packet, bool answer, int proto)
{
	struct iphdr ip = {.version = 4, .ihl = 5, .protocol = (uint8_t)proto, .ttl = 64};
	struct udphdr udp = {.source = htons(answer ? 53 : PORT), .dest = htons(answer ? PORT : 53)};
	struct tcphdr tcp = {.source = udp.source, .dest = udp.dest, .doff = 5, .seq = htonl(1)};
	const uint8_t ethernet[14] = {[12] = 8};

	inet_pton(AF_INET, RESOLVER, answer ? &ip.saddr : &ip.daddr);
	packet->size = 0;
	put(packet, ethernet, sizeof(ethernet));
	put(packet, &ip, sizeof(ip));
	if (proto == IPPROTO_UDP)
		put(packet, &udp, sizeof(udp));
	else
		put(packet, &tcp, sizeof(tcp));
}

static void put_question(struct packet *packet, unsigned flags, unsigned answers, const char *name)
{
	put16(packet, ID);
	put16(packet, flags);
	put16(packet, 1);
	put16(packet, answers);
	put16(packet, 0);
	put16(packet, 0);
	put_name(packet, name);
	put16(packet, 1);
	put16(packet, 1);
}

static void put_address(struct packet *packet, uint32_t ttl, const char *address)
{
	uint8_t bytes[4];

	inet_pton(AF_INET, address, bytes);
	put16(packet, 0xc00c);
	put16(packet, 1);
	put16(packet, 1);
	put16(packet, ttl >> 16);
	put16(packet, ttl);
	put16(packet, sizeof(bytes));
	put(packet, bytes, sizeof(bytes));
}

static int run(struct bpf_program *program, const struct packet *packet)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet->bytes,
		.data_size_in = (uint32_t)packet->size);

	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(program), &options), 0);
	return (int)options.retval;
}

static int ask(const char *name)
{
	struct packet packet;

	begin(&packet, false, IPPROTO_UDP);
	put_question(&packet, 0x0100, 0, name);
	return run(skeleton->progs.dns_egress, &packet);
}

static void answer(const char *name, uint32_t ttl, const char *address)
{
	struct packet packet;

	begin(&packet, true, IPPROTO_UDP);
	put_question(&packet, 0x8180, 1, name);
	put_address(&packet, ttl, address);
	assert_int_equal(run(skeleton->progs.dns_ingress, &packet), PASSED);
}

/* Seconds that the lease of an address still has; -1: there is none. `ret_names` how many names. */
static int leased(const char *address, unsigned *ret_names)
{
	struct timespec now;
	uint8_t key[16] = {[10] = 0xff, [11] = 0xff};
	uint32_t row = 0, until = 0;

	*ret_names = 0;
	inet_pton(AF_INET, address, key + 12);
	clock_gettime(CLOCK_BOOTTIME, &now);
	assert_int_equal(bpf_map_lookup_elem(names_fd, &row, &table), 0);
	for (size_t i = 0; i < ARRAY_SIZE(table.leases); i++) {
		for (size_t k = 0; k < AMBIT_LEASE_NAMES; k++) {
			const struct ambit_lease_name *name = &table.leases[i].names[k];

			if (memcmp(table.leases[i].address, key, sizeof(key)) || !name->until)
				continue;
			assert_int_equal(name->epoch, EPOCH);
			assert_int_not_equal(name->state, 0);
			(*ret_names)++;
			until = name->until > until ? name->until : until;
		}
	}
	return until ? (int)(until - (uint32_t)now.tv_sec) : -1;
}

/* --- cases --- */

static void questions(void **state)
{
	static const struct {
		const char *name;
		int result;
	} cases[] = {
		{"api.example.com", PASSED}, {"API.Example.COM", PASSED}, {"a.wild.org", PASSED},
		{"_srv._tcp.wild.org", PASSED}, {"part.wild.org", PASSED},
		{"no.wild.org", DROPPED}, {"wild.org", DROPPED}, {"x.api.example.com", DROPPED},
		{"com", DROPPED}, {"", DROPPED}, {"a.notwild.org", DROPPED},
		{"123456789012345678901.wild.org", DROPPED}, {"12345678901234567890.wild.org", PASSED},
		{"a b.wild.org", DROPPED}, {"a/.wild.org", DROPPED}, {"a\xc3\xbc.wild.org", DROPPED},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		fresh(state);
		if (ask(cases[i].name) != cases[i].result)
			fail_msg("%s: not %d", cases[i].name, cases[i].result);
	}
}

static void rate(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(ask("api.example.com"), PASSED);
	assert_int_equal(ask("api.example.com"), DROPPED);
}

/* Other ports, and streams that say nothing, pass; what is no question does not. */
static void packets(void **state)
{
	struct packet packet;
	unsigned count;

	(void)state;
	begin(&packet, false, IPPROTO_TCP);
	assert_int_equal(run(skeleton->progs.dns_egress, &packet), PASSED);
	put(&packet, "x", 1);
	assert_int_equal(run(skeleton->progs.dns_egress, &packet), DROPPED);
	packet.bytes[14 + 20 + 3] = 80;
	assert_int_equal(run(skeleton->progs.dns_egress, &packet), PASSED);
	begin(&packet, false, IPPROTO_UDP);
	assert_int_equal(run(skeleton->progs.dns_egress, &packet), DROPPED);
	put_question(&packet, 0x8180, 0, "api.example.com");
	assert_int_equal(run(skeleton->progs.dns_egress, &packet), DROPPED);
	/* Each length that a question can be cut to. */
	for (size_t size = 14 + 20 + 8; size < packet.size; size++) {
		struct packet cut;

		begin(&cut, false, IPPROTO_UDP);
		put_question(&cut, 0x0100, 0, "api.example.com");
		cut.size = size;
		assert_int_equal(run(skeleton->progs.dns_egress, &cut), DROPPED);
	}
	assert_int_equal(leased("1.2.3.4", &count), -1);
}

static void stream(void **state)
{
	struct packet packet;
	size_t at;

	(void)state;
	begin(&packet, false, IPPROTO_TCP);
	for (unsigned i = 0; i < 3; i++) {
		at = packet.size;
		put16(&packet, 0);
		put_question(&packet, 0x0100, 0, i < 2 ? "api.example.com" : "evil.org");
		packet.bytes[at + 1] = (uint8_t)(packet.size - at - 2);
		assert_int_equal(run(skeleton->progs.dns_egress, &packet), i < 2 ? PASSED : DROPPED);
	}
	packet.size = at - 1;
	assert_int_equal(run(skeleton->progs.dns_egress, &packet), DROPPED);
}

static void leases(void **state)
{
	unsigned names;
	int rest;

	(void)state;
	answer("api.example.com", 60, "1.2.3.4");
	assert_int_equal(leased("1.2.3.4", &names), -1);
	assert_int_equal(ask("api.example.com"), PASSED);
	answer("api.example.com", 60, "1.2.3.4");
	rest = leased("1.2.3.4", &names);
	assert_true(rest > 60 && rest <= 67);
	/* Once. */
	answer("api.example.com", 60, "1.2.3.5");
	assert_int_equal(leased("1.2.3.5", &names), -1);
	/* The longest, and another name of the same address. */
	assert_int_equal(ask("a.wild.org"), PASSED);
	answer("a.wild.org", 5000, "1.2.3.4");
	rest = leased("1.2.3.4", &names);
	assert_true(rest > 100 && rest <= 107);
	assert_int_equal(names, 2);
	assert_int_equal(ask("a.wild.org"), PASSED);
	answer("a.wild.org", 0xffffffff, "1.2.3.6");
	rest = leased("1.2.3.6", &names);
	assert_true(rest > 0 && rest <= 7);
}

static void no_leases(void **state)
{
	static const char *const addresses[] = {"0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.0.1",
		"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1",
		"100.127.0.1", "169.254.1.1", "224.0.0.1", "239.1.1.1", "240.0.0.1",
		"255.255.255.255"};
	static const char *const others[] = {"1.2.3.4", "172.15.0.1", "172.32.0.1", "192.169.0.1",
		"100.63.0.1", "100.128.0.1", "169.253.1.1", "223.255.255.255", "11.0.0.1", "126.1.1.1"};
	unsigned names;

	for (size_t i = 0; i < ARRAY_SIZE(addresses) + ARRAY_SIZE(others); i++) {
		bool good = i >= ARRAY_SIZE(addresses);
		const char *address = good ? others[i - ARRAY_SIZE(addresses)] : addresses[i];

		fresh(state);
		assert_int_equal(ask("api.example.com"), PASSED);
		answer("api.example.com", 60, address);
		if ((leased(address, &names) >= 0) != good)
			fail_msg("%s", address);
	}
}

/* Answers that differ from a good one in one bit of what has to agree. */
static void forged(void **state)
{
	struct packet good;
	const size_t ip = 14, udp = ip + 20, dns = udp + 8;
	const size_t places[] = {ip + 15, udp + 1, udp + 3, dns + 1, dns + 2, dns + 5, dns + 14,
		dns + 12 + 17 + 1, dns + 12 + 17 + 3};
	unsigned names;

	begin(&good, true, IPPROTO_UDP);
	put_question(&good, 0x8180, 1, "api.example.com");
	put_address(&good, 60, "1.2.3.4");
	for (size_t i = 0; i <= ARRAY_SIZE(places); i++) {
		struct packet packet = good;

		fresh(state);
		assert_int_equal(ask("api.example.com"), PASSED);
		if (i < ARRAY_SIZE(places))
			packet.bytes[places[i]] ^= places[i] == dns + 2 ? 0x80 : 1;
		assert_int_equal(run(skeleton->progs.dns_ingress, &packet), PASSED);
		if ((leased("1.2.3.4", &names) < 0) != (i < ARRAY_SIZE(places)))
			fail_msg("place %zu", i);
	}
}

/* More addresses than there are places: the newest always has one, and none grows. */
static void many(void **state)
{
	unsigned names, held = 0;
	char address[16];

	(void)state;
	for (unsigned i = 0; i < 6000; i++) {
		uint32_t row = 0;

		if (i % 1000 == 0) {
			bpf_map_lookup_elem(names_fd, &row, &table);
			table.queries = 1000000;
			table.paid = 0;
			bpf_map_update_elem(names_fd, &row, &table, 0);
		}
		assert_int_equal(ask("api.example.com"), PASSED);
		snprintf(address, sizeof(address), "1.2.%u.%u", i / 250, i % 250 + 1);
		answer("api.example.com", 60, address);
		if (i % 500 == 499)
			assert_true(leased(address, &names) > 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(table.leases); i++)
		held += table.leases[i].names[0].until != 0;
	assert_true(held > ARRAY_SIZE(table.leases) / 2);
}

/* What the kernel accounts for the table of a cell: as many of them as hold 100,000 leases. */
static void memory(void **state)
{
	const size_t rows = ARRAY_SIZE(table.leases), tables = (100000 + rows - 1) / rows;
	unsigned long bytes = 0;
	char path[64], line[128];
	FILE *file;

	(void)state;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", names_fd);
	file = fopen(path, "re");
	assert_non_null(file);
	while (!bytes && fgets(line, sizeof(line), file))
		sscanf(line, "memlock: %lu", &bytes);
	fclose(file);
	print_message("%zu tables of %lu bytes\n", tables, bytes);
	assert_true(bytes >= sizeof(table));
	assert_true(tables * bytes <= 16 << 20);
}

static int harness_open(void **state)
{
	(void)state;
	skeleton = dns_bpf__open();
	if (!skeleton)
		return -1;
	/* A level that no cgroup has: the key is 0 whatever cgroup the test runs in. */
	skeleton->rodata->cells_cgroup_level = 1000;
	if (dns_bpf__load(skeleton))
		return -1;
	compile();
	return 0;
}

static int harness_close(void **state)
{
	(void)state;
	dns_bpf__destroy(skeleton);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(questions, fresh),
		cmocka_unit_test_setup(rate, fresh),
		cmocka_unit_test_setup(packets, fresh),
		cmocka_unit_test_setup(stream, fresh),
		cmocka_unit_test_setup(leases, fresh),
		cmocka_unit_test_setup(no_leases, fresh),
		cmocka_unit_test_setup(forged, fresh),
		cmocka_unit_test_setup(many, fresh),
		cmocka_unit_test_setup(memory, fresh),
	};

	if (geteuid() != 0) {
		print_message("BPF_PROG_TEST_RUN needs root\n");
		return 77;
	}
	return cmocka_run_group_tests_name("dns", tests, harness_open, harness_close);
}
