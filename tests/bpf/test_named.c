/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a packet counts for (bpf/egress.bpf.c), by BPF_PROG_TEST_RUN: datagrams, of which nothing is kept but
 * the leases of their addresses. Connections are for guests (tests/e2e/named.sh).
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/util.h"
#include "bpf/lib/bucket.h"
#include "compile/limits.h"
#include "compile/tables.h"
#include "egress.skel.h"

#define CELL   0 /* that of a program that is attached nowhere */
#define POLICY 1
#define LIMIT  100000
#define SIZE   (20 + 8 + 100)

/* Groups of buckets: of the whole cell, then of each rule with limits. */
enum { WHOLE = 1, NAME = 2, BENEATH = 4, ADDRESS = 8, ALL = 15 };

static const char policy_text[] =
	"apiVersion: ambit/v1\nname: a\nlimits: {egressPerDay: 100000}\nnetwork:\n"
	"  dns: {resolvers: [10.0.0.53]}\n"
	"  allow:\n"
	"    connect:\n"
	"      - {to: 'api.example.com:443', egressPerDay: 100000, quic: allow}\n"
	"      - {to: '*.wild.org:8000-8100', egressPerDay: 100000}\n"
	"      - {to: '10.1.0.0/16:443/udp', egressPerDay: 100000}\n"
	"      - '10.2.0.1:443'\n";

static struct egress_bpf *skeleton;
static struct ambit_limits limits;
static struct ambit_names table;
static int names_fd = -1;

static void install(const struct tables *tables)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_INNER_MAP);
	_cleanup_close_ int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "table", sizeof(uint32_t),
		sizeof(struct ambit_segment), tables->segment_count, &options);
	const uint32_t policy = POLICY, id = CELL;
	const struct ambit_cell cell = {.policy = POLICY, .id = CELL};

	for (uint32_t i = 0; i < tables->segment_count; i++)
		assert_int_equal(bpf_map_update_elem(fd, &i, &tables->segments[i], 0), 0);
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(skeleton->maps.policies), &policy, &fd, 0), 0);
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(skeleton->maps.cells), &id, &cell, 0), 0);
}

static int set_up(void **state)
{
	const struct policy_env env = {.cwd = "/", .sets_dir = "policies/sets"};
	_cleanup_(policy_cleanup) struct policy *policy = NULL;
	_cleanup_(tables_cleanup) struct tables *tables = NULL;
	struct diags diags = {};
	struct diag diag = {};

	(void)state;
	skeleton = egress_bpf__open_and_load();
	names_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "names", 4, sizeof(table), 1, NULL);
	if (!skeleton || names_fd < 0)
		return -1;
	assert_int_equal(ambit_policy_parse("p", policy_text, strlen(policy_text), &diags, &policy), 0);
	assert_int_equal(ambit_policy_resolve(policy, &env, &diags), 0);
	assert_int_equal(ambit_tables_compile(policy, &diag, &tables), 0);
	assert_int_equal(ambit_limits_compile(policy, 0, &limits, &diag), 0);
	assert_int_equal(limits.named, 3);
	install(tables);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	egress_bpf__destroy(skeleton);
	close(names_fd);
	return 0;
}

/* An address that names have led to: in all rows, so that it is found by whatever hash. */
static void lease(const char *address, uint32_t destinations)
{
	uint64_t cgroup = 0;
	uint32_t row = 0;

	memset(&table, 0, sizeof(table));
	for (size_t i = 0; address && i < ARRAY_SIZE(table.leases); i++) {
		uint8_t *bytes = (uint8_t *)table.leases[i].address;

		bytes[10] = bytes[11] = 0xff;
		inet_pton(AF_INET, address, bytes + 12);
		table.leases[i].limits = destinations;
	}
	assert_int_equal(bpf_map_update_elem(names_fd, &row, &table, 0), 0);
	assert_int_equal(
		bpf_map_update_elem(bpf_map__fd(skeleton->maps.names), &cgroup, &names_fd, 0), 0);
}

/* Sends a packet; the groups that it was drawn from. */
static unsigned sent(const char *address, uint16_t port, int proto)
{
	struct {
		uint8_t ethernet[14];
		struct iphdr ip;
		struct udphdr udp;
		uint8_t data[100];
	} __attribute__((packed)) packet = {
		.ethernet = {[12] = 8},
		.ip = {.version = 4, .ihl = 5, .protocol = (uint8_t)proto, .ttl = 64},
		.udp = {.source = htons(4000), .dest = htons(port)},
	};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = &packet, .data_size_in = sizeof(packet));
	int fd = bpf_map__fd(skeleton->maps.limits);
	const uint32_t id = CELL;
	unsigned groups = 0;
	struct ambit_limits after;
	struct in_addr ip;

	inet_pton(AF_INET, address, &ip);
	packet.ip.daddr = ip.s_addr;
	assert_int_equal(bpf_map_update_elem(fd, &id, &limits, 0), 0);
	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(skeleton->progs.cell_egress), &options), 0);
	assert_int_equal(options.retval, 1);
	assert_int_equal(bpf_map_lookup_elem(fd, &id, &after), 0);
	for (unsigned i = 0; i < AMBIT_LIMIT_GROUPS; i++) {
		const struct ambit_bucket *bucket = &after.buckets[i][LIMIT_EGRESS_DAY];

		if (!bucket->limit || bucket->room == LIMIT * BUCKET_PARTS)
			continue;
		assert_int_equal(bucket_used(bucket), SIZE);
		groups |= 1U << i;
	}
	return groups;
}

static void leased(void **state)
{
	(void)state;
	lease("1.2.3.4", 1);
	assert_int_equal(sent("1.2.3.4", 443, IPPROTO_UDP), WHOLE | NAME);
	assert_int_equal(sent("1.2.3.4", 444, IPPROTO_UDP), WHOLE);
	lease("1.2.3.4", 3);
	assert_int_equal(sent("1.2.3.4", 443, IPPROTO_UDP), WHOLE | NAME);
	assert_int_equal(sent("1.2.3.4", 8050, IPPROTO_UDP), WHOLE | BENEATH);
	/* Another name, without limits, led there. */
	lease("1.2.3.4", 0);
	assert_int_equal(sent("1.2.3.4", 443, IPPROTO_UDP), WHOLE);
	/* The host has wrapped it: no port says anything. */
	lease("1.2.3.4", 3);
	assert_int_equal(sent("1.2.3.4", 443, IPPROTO_ESP), WHOLE | NAME | BENEATH);
}

/* Addresses count beside names, and for nothing more. */
static void addresses(void **state)
{
	(void)state;
	lease("10.1.0.1", 1);
	assert_int_equal(sent("10.1.0.1", 443, IPPROTO_UDP), WHOLE | NAME | ADDRESS);
	assert_int_equal(sent("10.1.0.2", 443, IPPROTO_UDP), WHOLE | ADDRESS);
	assert_int_equal(sent("10.2.0.1", 443, IPPROTO_UDP), WHOLE);
	assert_int_equal(sent("10.0.0.53", 53, IPPROTO_UDP), WHOLE);
}

/* What led there was forgotten, or the host sends it elsewhere: it counts for all. */
static void unknown(void **state)
{
	(void)state;
	lease(NULL, 0);
	assert_int_equal(sent("1.2.3.4", 443, IPPROTO_UDP), ALL);
	assert_int_equal(sent("1.2.3.4", 9, IPPROTO_UDP), ALL);
	assert_int_equal(sent("10.2.0.1", 444, IPPROTO_UDP), ALL);
	assert_int_equal(sent("1.2.3.4", 443, IPPROTO_ESP), ALL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leased),
		cmocka_unit_test(addresses),
		cmocka_unit_test(unknown),
	};

	if (geteuid() != 0) {
		print_message("BPF_PROG_TEST_RUN needs root\n");
		return 77;
	}
	return cmocka_run_group_tests_name("bpf/named", tests, set_up, tear_down);
}
