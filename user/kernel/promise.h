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

/* Which policies need a hook: the last column of bpf/hooks.def. */
enum hook_when {
	WHEN_ALWAYS, /* all */
	WHEN_JIT,    /* those that do not let memory become code */
	WHEN_KEPT,   /* all, where verdicts are kept (facts_keep()) */
};
#define NEEDS(when) (1U << WHEN_##when)
#define NEEDS_ALL   (~0U)

/* A row of bpf/hooks.def. */
struct hook_row {
	const char *hook, *program;
	size_t program_length;
	enum ambit_op op;
	bool must;
	enum hook_when when;
};
enum {
#define HOOK(area, hook, op, need, when) HOOK_ROW_##hook,
#include "bpf/hooks.def"
#undef HOOK
	HOOK_ROWS,
};
extern const struct hook_row hook_rows[HOOK_ROWS];

/* Row of the program `name` or of the hook `name`; -1 if there is none. */
int hook_row_of_program(const char *name);
int hook_row_of_hook(const char *name);

/* What a policy needs (NULL: what any may), and a cell that is bound: a bit set of NEEDS(). The
 * canary's cell asks for nothing that not every policy denies. */
unsigned policy_needs(const struct policy *policy);
unsigned cell_needs(const struct ambit_cell *cell);
bool hook_needed(int row, unsigned needs);
/* The first row without which nothing that has these needs may run; -1: all are attached. */
int hook_lacking(unsigned needs, const bool attached[HOOK_ROWS]);

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

/* Says why ambit does not arm here without --best-effort for who has these needs, and the way out:
 * -ENOTSUP with a diag, or 0. */
int facts_refuse(const struct facts *facts, unsigned needs, struct diag *diag);

/* The first rule of the policy whose operation a hook that is missing here decides: -ENOTSUP and a
 * diag with its place, or 0. */
int facts_refuse_policy(const struct facts *facts, const struct policy *policy, struct diag *diag);

/* What is promised less than elsewhere by programs that are attached so; empty for nothing.
 * `attached` are the rows that have a program attached; of the others those count that are needed.
 * Returns `ret`. */
char *promise_text(const struct facts *facts, bool traced, unsigned needs,
	const bool attached[HOOK_ROWS], char *ret, size_t size);

#endif
