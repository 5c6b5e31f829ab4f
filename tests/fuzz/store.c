/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer: any bytes as a file of tables that were compiled before. The input is laid over a whole file,
 * and the sum is made right where it asks for that: what is taken must lead nowhere out of itself.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/util.h"
#include "compile/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const struct tables *tables)
{
	static const char *const paths[] = {"/srv/a.conf", "/srv/secret/x", "/", ""};
	const uint8_t addr[16] = {127, 0, 0, 1};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		for (int op = OP_READ; op <= OP_UNIX; op++)
			ambit_tables_path(tables, op, paths[i], strlen(paths[i]));
	ambit_tables_peer(tables, OP_CONNECT, AMBIT_PROTO_TCP, AMBIT_FAMILY_V4, addr, 80);
	ambit_tables_may_deny(tables, ambit_tables_start(tables, OP_READ));
}

/* The sum of a file, by what is said of it: read again with the one it should have. */
static void lay_over(uint8_t *bytes, size_t whole, const uint8_t *data, size_t size)
{
	for (; size >= 5; data += 5, size -= 5) {
		uint32_t at;

		memcpy(&at, data, 4);
		bytes[at % whole] = data[4];
	}
	store_seal(bytes, whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(policy_cleanup) struct policy *policy = NULL;
	_cleanup_(tables_cleanup) struct tables *tables = NULL, *read = NULL;
	_cleanup_(question_clear) struct question question = {};
	_cleanup_free_ uint8_t *bytes = NULL;
	struct diag diag = {0};
	size_t whole;

	if (ambit_policy_empty("fuzz", MODE_ENFORCE, &policy) || ambit_policy_guard(policy, "/srv/secret", 1) ||
		ambit_tables_compile(policy, &diag, &tables) || question_write(policy, &question))
		return 0;
	if (store_read(data, size, &question, &read) == 0)
		walk(read);
	bytes = store_write(&question, tables, &whole);
	if (!bytes)
		return 0;
	ambit_tables_free(TAKE_PTR(read));
	lay_over(bytes, whole, data, size);
	if (store_read(bytes, whole, &question, &read) == 0)
		walk(read);
	return 0;
}
