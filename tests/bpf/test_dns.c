/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The programs that read questions and answers, on packets, by BPF_PROG_TEST_RUN: what is sent, and what
 * an answer leases. They are attached nowhere.
 */
#include "packets.h"

const char policy_text[] =
	"apiVersion: ambit/v1\nname: a\nnetwork:\n"
	"  dns: {resolvers: [" RESOLVER "], labelLength: 20, grace: 7, longest: 100}\n"
	"  allow: {connect: ['api.example.com:443', '*.wild.org:1-9']}\n"
	"  deny: {connect: ['no.wild.org', 'part.wild.org:5']}\n";

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

/* What stands behind a question: nothing, or EDNS with no more than it needs. */
static void rests(void **state)
{
	static const struct {
		unsigned additional; /* as the header says */
		const char *bytes;
		size_t size, filler;
		int result;
	} cases[] = {
		{0, "", 0, 0, PASSED},
		{0, "x", 1, 0, DROPPED},
		{1, "", 0, 0, DROPPED},
		{1, "\0\0\x29\x10\0\0\0\0\0\0\0", 11, 0, PASSED},
		{1, "\0\0\x29\x10\0\0\0\0\0\0\x0c", 11, 12, PASSED},
		{1, "\0\0\x29\x10\0\0\0\0\0\0\x44", 11, 0x44, PASSED},
		{1, "\0\0\x29\x10\0\0\0\0\0\0\x45", 11, 0x45, DROPPED},
		{1, "\0\0\x29\x10\0\0\0\0\0\0\x0c", 11, 13, DROPPED},
		{1, "\0\0\x10\x10\0\0\0\0\0\0\0", 11, 0, DROPPED}, /* TXT */
		{1, "\1\0\x29\x10\0\0\0\0\0\0\0", 11, 0, DROPPED},
		{2, "\0\0\x29\x10\0\0\0\0\0\0\0\0\0\x29\x10\0\0\0\0\0\0\0", 22, 0, DROPPED},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct packet packet;

		fresh(state);
		begin(&packet, false, IPPROTO_UDP);
		put_question(&packet, 0x0100, 0, "api.example.com");
		packet.bytes[14 + 20 + 8 + 11] = (uint8_t)cases[i].additional;
		put(&packet, cases[i].bytes, cases[i].size);
		for (size_t k = 0; k < cases[i].filler; k++)
			put(&packet, "x", 1);
		if (run(skeleton->progs.dns_egress, &packet) != cases[i].result)
			fail_msg("row %zu: not %d", i, cases[i].result);
	}
}

/* An urgent byte is one that the resolver may leave out. */
static void urgent(void **state)
{
	struct packet packet;

	(void)state;
	begin(&packet, false, IPPROTO_TCP);
	put16(&packet, 0);
	put_question(&packet, 0x0100, 0, "api.example.com");
	packet.bytes[14 + 20 + 20 + 1] = (uint8_t)(packet.size - 14 - 20 - 20 - 2);
	assert_int_equal(run(skeleton->progs.dns_egress, &packet), PASSED);
	packet.bytes[14 + 20 + 13] |= 0x20;
	assert_int_equal(run(skeleton->progs.dns_egress, &packet), DROPPED);
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

/* A question over TCP, and its answer in two segments, cut at `cut` (0: in one). */
static int answer_in_pieces(size_t cut)
{
	struct packet packet, whole;
	const size_t head = 14 + 20 + 20;
	unsigned names;

	fresh(NULL);
	begin(&packet, false, IPPROTO_TCP);
	put16(&packet, 0);
	put_question(&packet, 0x0100, 0, "api.example.com");
	packet.bytes[head + 1] = (uint8_t)(packet.size - head - 2);
	assert_int_equal(run(skeleton->progs.dns_egress, &packet), PASSED);
	begin(&whole, true, IPPROTO_TCP);
	put16(&whole, 0);
	put_question(&whole, 0x8180, 1, "api.example.com");
	put_address(&whole, 60, "1.2.3.4");
	whole.bytes[head + 1] = (uint8_t)(whole.size - head - 2);
	packet = whole;
	packet.size = head + cut;
	assert_int_equal(run(skeleton->progs.dns_ingress, &packet), PASSED);
	packet.size = head;
	put(&packet, whole.bytes + head + cut, whole.size - head - cut);
	assert_int_equal(run(skeleton->progs.dns_ingress, &packet), PASSED);
	return leased("1.2.3.4", &names);
}

/* Cut anywhere it leases nothing, but where what is cut off is its length, which some servers write alone. */
static void pieces(void **state)
{
	const size_t size = 2 + 12 + 17 + 4 + 16;

	(void)state;
	for (size_t cut = 0; cut < size; cut++) {
		int rest = answer_in_pieces(cut);

		if (cut == 0 || cut == 2 ? rest <= 60 : rest != -1)
			fail_msg("cut at %zu: %d", cut, rest);
	}
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

static uint64_t counted(void)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < ARRAY_SIZE(skeleton->bss->kept.births); i++)
		sum += skeleton->bss->kept.births[i];
	return sum;
}

/* What was kept of verdicts on an address is void with each lease of it, a repeated one too, and with nothing
 * that is none. */
static void leases_count(void **state)
{
	uint64_t before = counted();

	(void)state;
	assert_int_equal(ask("api.example.com"), PASSED);
	assert_int_equal(counted(), before);
	for (int i = 0; i < 2; i++) {
		before = counted();
		assert_int_equal(ask("api.example.com"), PASSED);
		answer("api.example.com", 60, "1.2.3.4");
		assert_true(counted() > before);
		before = counted();
		answer("api.example.com", 60, "1.2.3.4"); /* nobody asked again */
		assert_int_equal(counted(), before);
	}
	assert_int_equal(ask("api.example.com"), PASSED);
	answer("api.example.com", 60, "127.0.0.1");
	assert_int_equal(counted(), before);
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

/* Leases so many addresses, from that of this number on, without a limit. */
static void lease_many(unsigned from, unsigned count)
{
	uint32_t row = 0;
	char address[16];

	for (unsigned i = from; i < from + count; i++) {
		if ((i - from) % 1000 == 0) {
			bpf_map_lookup_elem(names_fd, &row, &table);
			table.queries = 1000000;
			table.paid = 0;
			bpf_map_update_elem(names_fd, &row, &table, 0);
		}
		assert_int_equal(ask("api.example.com"), PASSED);
		snprintf(address, sizeof(address), "1.%u.%u.%u", 2 + i / 62500, i / 250 % 250, i % 250 + 1);
		answer("api.example.com", 60, address);
	}
	bpf_map_lookup_elem(names_fd, &row, &table);
}

static bool lease_held(const struct ambit_lease *lease)
{
	return lease->names[0].until > 1;
}

/* More addresses than there are places: the newest always has one, none grows, and all places are in use. */
static void many(void **state)
{
	unsigned names, held = 0;

	(void)state;
	lease_many(0, 6000);
	assert_true(leased("1.2.23.250", &names) > 0);
	lease_many(6000, 24000);
	assert_true(leased("1.2.119.250", &names) > 0);
	for (size_t i = 0; i < ARRAY_SIZE(table.leases); i++)
		held += lease_held(&table.leases[i]);
	assert_int_equal(held, ARRAY_SIZE(table.leases));
}

/* What is over is written over, and nothing else as long as there is some among the places of an address. */
static void over(void **state)
{
	static struct ambit_lease before[ARRAY_SIZE(table.leases)];
	uint32_t row = 0;
	size_t kept = 0;

	(void)state;
	lease_many(0, 30000);
	for (size_t i = 0; i < ARRAY_SIZE(before); i += 2)
		table.leases[i].names[0].until = 1;
	memcpy(before, table.leases, sizeof(before));
	bpf_map_update_elem(names_fd, &row, &table, 0);
	lease_many(30000, ARRAY_SIZE(before) / 4);
	for (size_t first = 0; first < ARRAY_SIZE(before); first += AMBIT_WAYS) {
		bool full = true;

		for (size_t i = first; i < first + AMBIT_WAYS; i++)
			full &= lease_held(&table.leases[i]);
		for (size_t i = first + 1; !full && i < first + AMBIT_WAYS; i += 2, kept++)
			assert_memory_equal(&table.leases[i], &before[i], sizeof(before[i]));
	}
	assert_true(kept > ARRAY_SIZE(before) / 4);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(questions, fresh),
		cmocka_unit_test_setup(rate, fresh),
		cmocka_unit_test_setup(packets, fresh),
		cmocka_unit_test_setup(rests, fresh),
		cmocka_unit_test_setup(urgent, fresh),
		cmocka_unit_test_setup(stream, fresh),
		cmocka_unit_test_setup(leases, fresh),
		cmocka_unit_test_setup(leases_count, fresh),
		cmocka_unit_test_setup(pieces, fresh),
		cmocka_unit_test_setup(no_leases, fresh),
		cmocka_unit_test_setup(forged, fresh),
		cmocka_unit_test_setup(many, fresh),
		cmocka_unit_test_setup(over, fresh),
		cmocka_unit_test_setup(memory, fresh),
	};

	if (geteuid() != 0) {
		print_message("BPF_PROG_TEST_RUN needs root\n");
		return 77;
	}
	return cmocka_run_group_tests_name("dns", tests, harness_open, harness_close);
}
