// SPDX-License-Identifier: Apache-2.0
/*
 * fault POLICY warm|limited   the rows that are WARM, or LIMITED
 * fault POLICY DENIALS        all others
 *
 * In a guest with a tree and peers (run), under a kernel that was armed by a build with faults. For
 * each row, where the kernel keeps what the row says:
 *
 *   outside of a cell the act succeeds while the fault is forced;
 *   in a cell it is denied, with the errno, the reason and a record of its own;
 *   in a cell that audits it passes, with the same record;
 *   in the first cell it succeeds when the fault is no more;
 *   in both cells a program came to the fault.
 *
 * Of faults that lose a record or a shorter way, not a verdict: an allowed act stays allowed and a
 * denied one denied. Last, each reason has to be reached by a row here or one of tests/e2e/denials.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "fault.h"

static const char *const fault_names[] = {
#define X(name) #name,
	AMBIT_FAULTS(X)
#undef X
};
_Static_assert(ARRAY_SIZE(fault_names) == FAULT_MAX, "a name for each fault");

static const char *const reason_codes[] = {
#define X(name, code, text) code,
	AMBIT_REASONS(X)
#undef X
};

#define TRAIL_ENFORCE "/run/fault.enforce"
#define TRAIL_AUDIT   "/run/fault.audit"
#define ALLOWED	      "read /t/in/file"
#define RENAMES	      "rename /t/in/src /t/in/new"

static struct session outside, enforce, audit;
static uint32_t enforce_id, audit_id;
static enum before asked; /* the rows that this run is for: COLD stands for all others */
static int failed;

/* What a row left, to be looked for in the trails when they are complete. */
struct left {
	pid_t enforce, audit;
	char wrong[256];
};

static void wrong(struct left *left, const char *what, long got, long expected)
{
	if (!left->wrong[0])
		snprintf(left->wrong, sizeof(left->wrong), "%s: %ld, expected %ld", what, got,
			expected);
}

static void expect(struct left *left, const char *what, long got, long expected)
{
	if (got != expected)
		wrong(left, what, got, expected);
}

/* The names that the acts make and take away. */
static void names_fresh(void)
{
	int fd = open("/t/in/src", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

	if (fd >= 0)
		close(fd);
	unlink("/t/in/new");
	unlink("/t/in/boy");
}

/* Acts beside those that follow, so that no verdict on these is kept. */
static void before(struct session *session, enum before what)
{
	static const char *const acts[][2] = {
		[COLD] = {},
		[MOVED] = {RENAMES},
		[NAMED] = {"read /t/out/marked"},
		[WARM] = {"read /t/in/marked", "read /t/out/marked"},
		[LIMITED] = {},
	};
	pid_t pid;

	kept_forget();
	for (size_t i = 0; i < ARRAY_SIZE(acts[what]); i++) {
		names_fresh();
		if (acts[what][i])
			session_act(session, FAULT_NONE, acts[what][i], &pid);
	}
	names_fresh();
}

static int act(const struct row *row, struct session *session, enum ambit_fault fault,
	const char *text, pid_t *ret_pid)
{
	before(session, row->before);
	return session_act(session, fault, text, ret_pid);
}

static uint64_t lost(const struct ambit_counters *counts, enum record record)
{
	switch (record) {
	case LOST_FULL:
		return counts->lost_full;
	case LOST_SCRATCH:
		return counts->lost_scratch;
	case LOST_AUDIT:
		return counts->lost_spared;
	case LOST_TALLY:
		return counts->lost_tally;
	case IN_TRAIL:
	case NO_CELL:
		return 0;
	}
	return 0;
}

static bool has_tally(const struct row *row)
{
	return row->record != LOST_TALLY;
}

static bool has_line(const struct row *row)
{
	return row->record == IN_TRAIL || row->record == LOST_TALLY || row->record == LOST_AUDIT;
}

/* A denied act, and that the kernel counted it as the row says. Of a cell that audits, where the
 * act goes on, one act can be denied more than once. */
static pid_t act_counted(const struct row *row, struct session *session, uint32_t cell,
	const char *what, int expected, struct left *left)
{
	uint32_t owner = row->record == NO_CELL ? UINT32_MAX : cell;
	struct ambit_counters before = counters_read(cell), after;
	uint64_t tally = tally_read(owner, row->op, row->reason);
	bool lossy = row->record != IN_TRAIL && row->record != NO_CELL &&
		     (row->record != LOST_AUDIT || session == &audit);
	pid_t pid;

	expect(left, what, act(row, session, row->fault, row->act, &pid), expected);
	after = counters_read(cell);
	if (row->record != LOST_AUDIT || session == &audit)
		expect(left, "a program comes to the fault", session->met, true);
	expect(left, "the tally grows", tally_read(owner, row->op, row->reason) > tally,
		has_tally(row));
	expect(left, "the loss is counted", lost(&after, row->record) > lost(&before, row->record),
		lossy);
	/* A packet leaves in nobody's name. */
	return row->fault == FAULT_LIMITS_PACKET ? 0 : pid;
}

/* A fault that decides: `act` is allowed by the policy. */
static void row_denies(const struct row *row, struct left *left)
{
	int audited = row->effect == STOPS ? row->error : 0;
	pid_t pid;

	expect(left, "outside of a cell", act(row, &outside, row->fault, row->act, &pid), 0);
	left->enforce = act_counted(row, &enforce, enforce_id, "in a cell", row->error, left);
	left->audit = act_counted(row, &audit, audit_id, "in audit mode", audited, left);
	expect(left, "without the fault", act(row, &enforce, FAULT_NONE, row->act, &pid), 0);
}

/* A fault that loses a record: `act` is denied by the policy. */
static void row_keeps(const struct row *row, struct left *left)
{
	/* Whether a cell audits stands in its row; one that cannot be read enforces. */
	int audited = row->fault == FAULT_CELL_MODE ? row->error : 0;
	pid_t pid;

	expect(left, "outside of a cell", act(row, &outside, row->fault, row->act, &pid), 0);
	expect(left, "an allowed act", act(row, &enforce, row->fault, ALLOWED, &pid),
		row->fault == FAULT_SCRATCH_BUSY ? EACCES : 0);
	if (row->when == KEPT || row->when == NEAR)
		expect(left, "an allowed act comes to the fault", enforce.met, true);
	left->enforce = act_counted(row, &enforce, enforce_id, "a denied act", row->error, left);
	left->audit = act_counted(row, &audit, audit_id, "in audit mode", audited, left);
	expect(left, "without the fault", act(row, &enforce, FAULT_NONE, row->act, &pid), row->error);
}

static bool is_asked(const struct row *row)
{
	return (row->before == WARM || row->before == LIMITED ? row->before : COLD) == asked;
}

static bool row_is_possible(const struct row *row)
{
	static bool known, is[NEAR + 1];

	if (!known) {
		known = true;
		is[ALWAYS] = true;
		is[MOUNT_PLAIN] = mounts_are_plain();
		is[MOUNT_LIST] = !is[MOUNT_PLAIN];
		is[PROBED] = !memory_is_peeked();
		is[KEPT] = kept_is_on();
		is[NEAR] = is[KEPT] && !is[PROBED];
	}
	return is[row->when];
}

static void row_judge(const struct row *row, struct left *left)
{
	const char *name = fault_names[row->fault];

	if (!row_is_possible(row)) {
		printf("skip fault %s: %s (this kernel has no way there)\n", name, row->act);
		return;
	}
	if (has_line(row) && !trail_has(TRAIL_ENFORCE, left->enforce, row->op, row->reason, true))
		wrong(left, "no line in the trail of process", left->enforce, left->enforce);
	if (has_line(row) && row->record != LOST_AUDIT &&
		!trail_has(TRAIL_AUDIT, left->audit, row->op, row->reason, row->effect == STOPS))
		wrong(left, "no line in the audit's trail of process", left->audit, left->audit);
	failed += !!left->wrong[0];
	if (left->wrong[0])
		printf("not ok fault %s: %s: %s\n", name, row->act, left->wrong);
	else
		printf("ok fault %s: %s (%s)\n", name, row->act,
			row->effect == KEEPS ? "verdicts stay" : reason_codes[row->reason]);
}

/* The row of the table of denials that reaches a reason, or NULL. */
static const char *denial_for(const char *table, const char *code)
{
	static char line[512];
	FILE *file = fopen(table, "re");
	char found[64], op[64], reason[64];

	while (file && fgets(line, sizeof(line), file)) {
		if (line[0] != '#' &&
			sscanf(line, "%63s | %*s | %63s %63s", found, op, reason) == 3 &&
			strcmp(reason, code) == 0) {
			fclose(file);
			return strcpy(line, found);
		}
	}
	if (file)
		fclose(file);
	return NULL;
}

/* A trail that fails is a case of its own (tests/e2e/daemon.sh), which expects the reason. */
static const char *case_for(size_t reason)
{
	return reason == REASON_TRAIL ? "bound-strict" : NULL;
}

static void reasons_judge(const char *table)
{
	for (size_t reason = 0; reason < REASON_MAX; reason++) {
		const char *by = denial_for(table, reason_codes[reason]) ?: case_for(reason);

		for (size_t i = 0; i < rows_count && !by; i++) {
			if (rows[i].reason == reason && rows[i].effect != KEEPS)
				by = fault_names[rows[i].fault];
		}
		failed += !by;
		printf("%s reason %s: %s\n", by ? "ok" : "not ok", reason_codes[reason],
			by ? by : "no denial and no fault reaches it");
	}
}

static void faults_judge(void)
{
	for (size_t fault = FAULT_NONE + 1; fault < FAULT_MAX; fault++) {
		bool found = false;

		for (size_t i = 0; i < rows_count; i++)
			found = found || rows[i].fault == fault;
		failed += !found;
		if (!found)
			printf("not ok fault %s: tests/fault/rows.c has no row\n",
				fault_names[fault]);
	}
}

int main(int argc, char **argv)
{
	static struct left left[512];
	char *policy = argc > 1 ? argv[1] : "";

	if (argc < 3 || rows_count > ARRAY_SIZE(left))
		return 2;
	asked = strcmp(argv[2], "warm") == 0 ? WARM : strcmp(argv[2], "limited") == 0 ? LIMITED : COLD;
	setvbuf(stdout, NULL, _IOLBF, 0);
	outside = session_start((char *[]){"probe", "obey", NULL});
	enforce = session_start((char *[]){"ambit", "run", "-q", "-p", policy, "--trail",
		TRAIL_ENFORCE, "--", "probe", "obey", NULL});
	audit = session_start((char *[]){"ambit", "audit", "-q", "-p", policy, "--trail",
		TRAIL_AUDIT, "--", "probe", "obey", NULL});
	kernel_open();
	/* An answer from each means that its cell is there. */
	for (struct session *session = &enforce;; session = &audit) {
		pid_t pid;

		if (session_act(session, FAULT_NONE, ALLOWED, &pid) != 0)
			die("the allowed act is denied");
		if (session == &audit)
			break;
	}
	enforce_id = cell_find(MODE_ENFORCE);
	audit_id = cell_find(MODE_AUDIT);
	for (size_t i = 0; i < rows_count; i++) {
		if (is_asked(&rows[i]) && row_is_possible(&rows[i]))
			(rows[i].effect == KEEPS ? row_keeps : row_denies)(&rows[i], &left[i]);
	}
	session_end(&outside);
	if (session_end(&enforce) != 0 || session_end(&audit) != 0)
		die("a cell did not end well");
	for (size_t i = 0; i < rows_count; i++) {
		if (is_asked(&rows[i]))
			row_judge(&rows[i], &left[i]);
	}
	if (asked == COLD) {
		faults_judge();
		reasons_judge(argv[2]);
	}
	return failed ? 1 : 0;
}
