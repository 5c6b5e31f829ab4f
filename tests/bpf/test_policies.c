/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of `policies` and swapping them, on real maps: cells with the same tables share a row, which
 * goes with the last of them; a row under the same key that holds others is not taken; and a swap
 * changes what a cell is allowed, with one write of its row.
 */
#include <netinet/in.h>
#include "../unit/compile/build.h"
#include "harness.h"
#include "kernel/internal.h"

#define CELL  7
#define OTHER 8

static struct kernel kernel;

static unsigned row_count(int map)
{
	uint32_t key, next, row;
	unsigned count = 0;

	/* An array has keys without a row. */
	for (bool more = !bpf_map_get_next_key(map, NULL, &next); more;) {
		key = next;
		more = !bpf_map_get_next_key(map, &key, &next);
		count += bpf_map_lookup_elem(map, &key, &row) == 0;
	}
	return count;
}

/* The map that a row leads to, as the kernel numbers maps; 0 without a row. */
static uint32_t map_of(uint32_t key)
{
	uint32_t id = 0;

	return bpf_map_lookup_elem(kernel.policies, &key, &id) ? 0 : id;
}

/* Tables that let connect to 10.0.0.0/8 at one port, and nothing else. */
static struct tables *tables_for(uint16_t port)
{
	_cleanup_(policy_cleanup) struct policy *policy = build_policy();
	const struct peer peer = {
		.family = AMBIT_FAMILY_V4,
		.bits = 8,
		.addr = {10},
		.port_low = port,
		.port_high = port,
		.tcp = true,
	};

	build_peer(policy, OP_CONNECT, VERDICT_ALLOW, &peer);
	return build_tables(policy);
}

static uint32_t acquire(const struct tables *tables)
{
	struct diag diag = {};
	uint32_t key = 0;

	if (policy_acquire(&kernel, tables, &key, &diag) < 0)
		fail_msg("%s", diag.text);
	assert_int_not_equal(key, 0);
	return key;
}

static void cell_put(uint32_t id, uint32_t policy)
{
	const struct ambit_cell row = {.policy = policy, .epoch = 1};

	assert_int_equal(bpf_map_update_elem(kernel.cells, &id, &row, BPF_ANY), 0);
}

static struct ambit_cell cell_get(uint32_t id)
{
	struct ambit_cell row;

	assert_int_equal(bpf_map_lookup_elem(kernel.cells, &id, &row), 0);
	return row;
}

/* What the BPF side says about connecting to 10.0.0.1. */
static bool may_connect(uint32_t cell, uint16_t port)
{
	const struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(0x0a000001)};
	int map = bpf_map__fd(skeleton->maps.peer_cases);
	struct peer_case c = {
		.cell = cell,
		.op = OP_CONNECT,
		.proto = AMBIT_PROTO_TCP,
		.socket_family = AF_INET,
		.length = sizeof(address),
		.as_peer = 1,
	};
	uint32_t index = 0;

	memcpy(c.sockaddr, &address, sizeof(address));
	assert_int_equal(bpf_map_update_elem(map, &index, &c, 0), 0);
	run(skeleton->progs.test_peers);
	assert_int_equal(bpf_map_lookup_elem(map, &index, &c), 0);
	assert_int_equal(c.read, 0);
	return c.result.verdict == VERDICT_ALLOW;
}

static int setup(void **context)
{
	const uint32_t ids[] = {CELL, OTHER};

	(void)context;
	kernel = (struct kernel){
		.policies = bpf_map__fd(skeleton->maps.policies),
		.policy_keys = bpf_map__fd(skeleton->maps.policy_keys),
		.cells = bpf_map__fd(skeleton->maps.cells),
		.identities = bpf_map__fd(skeleton->maps.identities),
		.kept = &skeleton->bss->kept,
		.arming = -1,
		.lock = -1,
	};
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		bpf_map_delete_elem(kernel.cells, &ids[i]);
	policies_sweep(&kernel);
	return row_count(kernel.policies) ? -1 : 0;
}

static void same_tables_share_a_row(void **context)
{
	_cleanup_(tables_cleanup) struct tables *one = tables_for(1), *again = tables_for(1),
						*two = tables_for(2);
	const uint32_t cell = CELL, other = OTHER;
	uint32_t key = acquire(one), map = map_of(key);

	(void)context;
	cell_put(CELL, key);
	assert_int_equal(acquire(again), key);
	assert_int_equal(map_of(key), map);
	cell_put(OTHER, key);
	assert_int_not_equal(acquire(two), key);
	assert_int_equal(row_count(kernel.policies), 2);
	/* The first cell ends, and the second works on; nobody names the other tables. */
	assert_int_equal(bpf_map_delete_elem(kernel.cells, &cell), 0);
	policy_release(&kernel, key);
	policies_sweep(&kernel);
	assert_int_equal(map_of(key), map);
	assert_int_equal(row_count(kernel.policies), 1);
	assert_true(may_connect(OTHER, 1));
	assert_int_equal(bpf_map_delete_elem(kernel.cells, &other), 0);
	policy_release(&kernel, key);
	assert_int_equal(row_count(kernel.policies), 0);
}

/* The key is a hash of 31 bits: other tables may lie there, of the same size or of another. */
static void a_key_is_no_proof(void **context)
{
	_cleanup_(tables_cleanup) struct tables *one = tables_for(1), *two = tables_for(2);
	struct ambit_segment *segments = calloc(2, sizeof(*segments));
	struct tables larger = {.segments = segments, .segment_count = 2};
	struct ambit_digest digest;
	struct diag diag = {};
	uint32_t key = acquire(one);

	(void)context;
	assert_non_null(segments);
	memcpy(segments, one->segments, sizeof(*segments));
	for (int i = 0; i < 2; i++) {
		_cleanup_close_ int fd = table_load(i ? &larger : two, &diag);

		assert_true(fd >= 0);
		ambit_tables_digest(i ? &larger : two, &digest);
		assert_int_equal(bpf_map_update_elem(kernel.policies, &key, &fd, BPF_ANY), 0);
		assert_int_equal(bpf_map_update_elem(kernel.policy_keys, &key, &digest, BPF_ANY), 0);
		cell_put(CELL, acquire(one));
		assert_int_not_equal(cell_get(CELL).policy, key);
		assert_true(may_connect(CELL, 1));
		assert_false(may_connect(CELL, 2));
	}
	free(segments);
}

/* Who was killed before he had said what is in a row left one that may hold anything. */
static void a_row_without_a_digest_is_not_taken(void **context)
{
	_cleanup_(tables_cleanup) struct tables *one = tables_for(1);
	const struct ambit_digest unknown = {};
	uint32_t key = acquire(one);

	(void)context;
	assert_int_equal(bpf_map_update_elem(kernel.policy_keys, &key, &unknown, BPF_EXIST), 0);
	assert_int_not_equal(acquire(one), key);
}

/* A map is looked through unless it is certain that there is no row: also after somebody was killed between the row and
 * its count, until that is mended. */
static void a_count_is_never_too_low(void **context)
{
	const uint32_t cell = CELL;

	(void)context;
	assert_false(census_none(&kernel, CENSUS_CELLS)); /* nobody knows */
	kernel.arming = bpf_map_create(
		BPF_MAP_TYPE_ARRAY, "arming", sizeof(uint32_t), sizeof(struct ambit_arming), 1, NULL);
	assert_true(kernel.arming >= 0);
	assert_true(census_none(&kernel, CENSUS_CELLS));
	assert_int_equal(census_add(&kernel, CENSUS_CELLS, 1), 0);
	assert_false(census_none(&kernel, CENSUS_CELLS));
	assert_true(census_none(&kernel, CENSUS_LIMITS));
	cell_put(CELL, AMBIT_POLICY_NOTHING);
	census_mend(&kernel, CENSUS_CELLS);
	assert_false(census_none(&kernel, CENSUS_CELLS));
	assert_int_equal(bpf_map_delete_elem(kernel.cells, &cell), 0);
	assert_false(census_none(&kernel, CENSUS_CELLS));
	census_mend(&kernel, CENSUS_CELLS);
	assert_true(census_none(&kernel, CENSUS_CELLS));
	close(kernel.arming);
}

static void swap(const struct tables *tables, const struct identities *identities, uint64_t epoch)
{
	struct diag diag = {};

	if (cell_swap(&kernel, CELL, tables, identities, epoch, NULL, &diag) < 0)
		fail_msg("%s", diag.text);
}

static void a_swap_changes_all_at_once(void **context)
{
	_cleanup_(tables_cleanup) struct tables *one = tables_for(1), *two = tables_for(2);
	struct identity file = {.key = {.inode = 5, .device = 6}, .value.deny = {9}};
	const struct identities identities = {.items = &file, .count = 1};
	struct ambit_cell before, after;

	(void)context;
	cell_put(CELL, acquire(one));
	cell_put(OTHER, acquire(one));
	before = cell_get(CELL);
	assert_true(may_connect(CELL, 1));
	swap(two, &identities, 2);
	after = cell_get(CELL);
	assert_int_equal(after.epoch, 2);
	assert_int_not_equal(after.policy, before.policy);
	assert_true(after.links & LINKS_SWAPPED && after.flags & AMBIT_CELL_LINKS);
	assert_false(may_connect(CELL, 1));
	assert_true(may_connect(CELL, 2));
	/* Another cell has the old one still. */
	assert_true(may_connect(OTHER, 1));
	assert_int_equal(row_count(kernel.policies), 2);
	assert_int_equal(row_count(kernel.identities), 1);
	before = after;
	swap(two, &identities, 3);
	after = cell_get(CELL);
	assert_int_equal(after.policy, before.policy);
	assert_int_not_equal(after.links, before.links);
	assert_int_equal(row_count(kernel.identities), 1);
	swap(one, NULL, 4);
	after = cell_get(CELL);
	assert_int_equal(after.policy, cell_get(OTHER).policy);
	assert_int_equal(after.links, 0);
	assert_int_equal(after.flags & AMBIT_CELL_LINKS, 0);
	assert_true(may_connect(CELL, 1));
	assert_int_equal(row_count(kernel.policies), 1);
	assert_int_equal(row_count(kernel.identities), 0);
}

static void what_fails_leaves_nothing(void **context)
{
	_cleanup_(tables_cleanup) struct tables *one = tables_for(1);
	struct diag diag = {};

	(void)context;
	assert_int_equal(cell_swap(&kernel, CELL, one, NULL, 2, NULL, &diag), -ENOENT);
	assert_non_null(strstr(diag.text, "00000007"));
	ambit_diag_clear(&diag);
	assert_int_equal(row_count(kernel.policies), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(same_tables_share_a_row, setup),
		cmocka_unit_test_setup(a_key_is_no_proof, setup),
		cmocka_unit_test_setup(a_row_without_a_digest_is_not_taken, setup),
		cmocka_unit_test_setup(a_count_is_never_too_low, setup),
		cmocka_unit_test_setup(a_swap_changes_all_at_once, setup),
		cmocka_unit_test_setup(what_fails_leaves_nothing, setup),
	};

	if (geteuid() != 0) {
		print_message("maps need root\n");
		return 77;
	}
	return cmocka_run_group_tests_name("policies", tests, harness_open, harness_close);
}
