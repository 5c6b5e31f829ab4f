/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets for the programs of dns.bpf.c, by BPF_PROG_TEST_RUN: what is sent, and what an answer leases. They
 * are attached nowhere. The including test has `policy_text`.
 */
#ifndef AMBIT_TEST_PACKETS_H
#define AMBIT_TEST_PACKETS_H

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

extern const char policy_text[];

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
		"p", policy_text, strlen(policy_text), &diags, &policy), 0);
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
	table.queries = 5; /* a minute */
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

static inline void put_question(struct packet *packet, unsigned flags, unsigned answers, const char *name)
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

static inline void put_address(struct packet *packet, uint32_t ttl, const char *address)
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

/* How many connects of the cell were denied so far: what is not sent is counted. */
static inline uint64_t denied(void)
{
	const uint32_t slot = AMBIT_CELL_SLOT(CELL);
	struct ambit_counters counters = {0};

	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(skeleton->maps.counters), &slot, &counters), 0);
	return counters.denied[OP_CONNECT];
}

static inline int ask(const char *name)
{
	struct packet packet;

	begin(&packet, false, IPPROTO_UDP);
	put_question(&packet, 0x0100, 0, name);
	return run(skeleton->progs.dns_egress, &packet);
}

static inline void answer(const char *name, uint32_t ttl, const char *address)
{
	struct packet packet;

	begin(&packet, true, IPPROTO_UDP);
	put_question(&packet, 0x8180, 1, name);
	put_address(&packet, ttl, address);
	assert_int_equal(run(skeleton->progs.dns_ingress, &packet), PASSED);
}

/* Seconds that the lease of an address still has; -1: there is none. `ret_names` how many names. */
static inline int leased(const char *address, unsigned *ret_names)
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

#endif
