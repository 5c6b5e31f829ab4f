/* SPDX-License-Identifier: Apache-2.0 */
/* The ways round of `ambit doctor`: which are closed by which hooks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "kernel/rows.h"

static void all(bool present[HOOK_ROWS])
{
	memset(present, true, HOOK_ROWS * sizeof(*present));
}

static void closed_by_hooks(void **state)
{
	static const struct mediation_row row = {
		"Files", "rename", "rename",
		"`file_open`: both names, `/proc`; `path_rename`; `inode_set_acl`, path_unlink"};
	bool present[HOOK_ROWS];
	char detail[256];

	(void)state;
	all(present);
	assert_int_equal(mediation_state(&row, present, detail, sizeof(detail)), MEDIATION_CLOSED);
	assert_string_equal(
		detail, "file_open: both names, /proc; path_rename; inode_set_acl, path_unlink");
	present[hook_row_of_hook("path_unlink")] = false;   /* not in backquotes */
	present[hook_row_of_hook("inode_set_acl")] = false; /* may be missing */
	assert_int_equal(mediation_state(&row, present, detail, sizeof(detail)), MEDIATION_CLOSED);
	present[hook_row_of_hook("path_rename")] = false;
	assert_int_equal(mediation_state(&row, present, detail, sizeof(detail)), MEDIATION_OPEN);
	assert_string_equal(detail, "the LSM hook \"path_rename\" is missing here");
}

/* A row that is ahead of the programs. */
static void no_program(void **state)
{
	static const struct mediation_row row = {
		"Files", "watching", "inotify", "`file_open`, `no_such_hook`"};
	bool present[HOOK_ROWS];
	char detail[256], cut[8];

	(void)state;
	all(present);
	assert_int_equal(mediation_state(&row, present, detail, sizeof(detail)), MEDIATION_OPEN);
	assert_string_equal(detail, "ambit has no program for the hook \"no_such_hook\"");
	assert_int_equal(mediation_state(&row, present, cut, sizeof(cut)), MEDIATION_OPEN);
}

static void undecided(void **state)
{
	static const struct mediation_row row = {"Network", "tenant", "a tenant", "not decided"};
	bool present[HOOK_ROWS];
	char detail[256];

	(void)state;
	all(present);
	assert_int_equal(mediation_state(&row, present, detail, sizeof(detail)), MEDIATION_OPEN);
	assert_string_equal(detail, "not decided");
}

static void in_part(void **state)
{
	static const struct mediation_row row = {
		"Files", "listing", "watching", "`file_open`; open: names are seen"};
	bool present[HOOK_ROWS];
	char detail[256];

	(void)state;
	all(present);
	assert_int_equal(
		mediation_state(&row, present, detail, sizeof(detail)), MEDIATION_PART);
}

/* A hook that stands in no row is one that nobody knows the reason of: tests/e2e/mediation. */
static void every_hook_has_a_row(void **state)
{
	bool complete = true;

	(void)state;
	for (int i = 0; i < HOOK_ROWS; i++) {
		bool named = hook_rows[i].when == WHEN_KEPT; /* it decides nothing */

		for (size_t j = 0; j < mediation_row_count; j++)
			named = named || mediation_names(&mediation_rows[j], hook_rows[i].hook);
		if (!named)
			print_error("tests/e2e/mediation has no row for the hook \"%s\"\n",
				hook_rows[i].hook);
		complete = complete && named;
	}
	assert_true(complete);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(closed_by_hooks),
		cmocka_unit_test(no_program), cmocka_unit_test(undecided), cmocka_unit_test(in_part),
		cmocka_unit_test(every_hook_has_a_row)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
