/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be promised on a kernel, from facts about it. No kernel in sight: all of it is decided
 * from what others found out, and tested natively.
 */
#ifndef AMBIT_PROMISE_H
#define AMBIT_PROMISE_H

#include <stdbool.h>
#include <stddef.h>
#include "base/diag.h"
#include "policy/policy.h"

/* A row of bpf/hooks.def. */
struct hook_row {
	const char *hook, *program;
	enum ambit_op op;
	bool must;
};
enum {
#define HOOK(area, hook, op, need) HOOK_ROW_##hook,
#include "bpf/hooks.def"
#undef HOOK
	HOOK_ROWS,
};
extern const struct hook_row hook_rows[HOOK_ROWS];

/* Row of the program `name` or of the hook `name`; -1 if there is none. */
int hook_row_of_program(const char *name);
int hook_row_of_hook(const char *name);

/* Whether kernel code can be preempted, and a program with it. */
enum preemption { PREEMPTION_UNKNOWN, PREEMPTION_OFF, PREEMPTION_ON };

/*
 * From the text of <debugfs>/sched/preempt (the mode in force stands in parentheses), or without it
 * from the kernel's command line and its version string (utsname). NULL for what could not be read.
 * Voluntary preemption happens at points that no program contains.
 */
enum preemption preemption_of(const char *debugfs, const char *cmdline, const char *version);

struct facts {
	enum { LSM_UNKNOWN, LSM_HAS_BPF, LSM_LACKS_BPF } lsm;
	char lsm_list[256];
	enum preemption preemption;
	/* LSM programs are skipped when they are entered again on their CPU: before 6.2, kernel
	 * commit 271de525e1d7, which stable kernels have by now. */
	bool lsm_skips;
	/* A label cannot be read while another look-up is in progress on the CPU: LSM programs
	 * before 6.2, kernel commit e8b02296a6b8. */
	bool label_fails;
	bool present[HOOK_ROWS]; /* there is a function to attach to */
};

/* Whether the programs have to go behind the functions that call all LSMs. */
bool facts_traced(const struct facts *facts);
/* Whether verdicts may be kept (bpf/lib/kept.bpf.h): only where no run of a program is skipped. */
bool facts_keep(const struct facts *facts);

/* Says why ambit does not arm here without --best-effort, and the way out: -ENOTSUP with a diag, or
 * 0. */
int facts_refuse(const struct facts *facts, struct diag *diag);

/* The first rule of the policy whose operation a hook that is missing here decides: -ENOTSUP and a
 * diag with its place, or 0. */
int facts_refuse_policy(const struct facts *facts, const struct policy *policy, struct diag *diag);

/* What is promised less than elsewhere by programs that are attached so; empty for nothing.
 * `attached` are the rows that have a program attached. Returns `ret`. */
char *promise_text(const struct facts *facts, bool traced, const bool attached[HOOK_ROWS],
	char *ret, size_t size);

#endif
