/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/util.h"
#include "kernel/promise.h"

#define MUST true
#define MAY  false
const struct hook_row hook_rows[HOOK_ROWS] = {
#define HOOK(area, hook, op, need, when) \
	{#hook, #area "_" #hook, sizeof(#area "_" #hook) - 1, OP_##op, need, WHEN_##when},
#include "bpf/hooks.def"
#undef HOOK
};

int hook_row_of_program(const char *name)
{
	const size_t length = strlen(name);

	for (int i = 0; i < HOOK_ROWS; i++) {
		/* A run looks for all of them. */
		if (hook_rows[i].program_length == length && memcmp(hook_rows[i].program, name, length) == 0)
			return i;
	}
	return -1;
}

int hook_row_of_hook(const char *name)
{
	for (int i = 0; i < HOOK_ROWS; i++) {
		if (strcmp(hook_rows[i].hook, name) == 0)
			return i;
	}
	return -1;
}

unsigned policy_needs(const struct policy *policy)
{
	if (!policy)
		return NEEDS_ALL;
	return NEEDS(ALWAYS) | (policy->jit ? 0 : NEEDS(JIT));
}

unsigned cell_needs(const struct ambit_cell *cell)
{
	if (cell->flags & AMBIT_CELL_CANARY)
		return NEEDS(ALWAYS);
	return NEEDS(ALWAYS) | (cell->flags & AMBIT_CELL_JIT ? 0 : NEEDS(JIT));
}

bool hook_needed(int row, unsigned needs)
{
	return needs & 1U << hook_rows[row].when;
}

int hook_lacking(unsigned needs, const bool attached[HOOK_ROWS])
{
	for (int i = 0; i < HOOK_ROWS; i++) {
		if (hook_rows[i].must && hook_needed(i, needs) && !attached[i])
			return i;
	}
	return -1;
}

/* "none" and "voluntary" do not preempt, all other modes ("full", "lazy") do. */
static enum preemption mode_preempts(const char *mode, size_t length)
{
	static const char *const off[] = {"none", "voluntary"};

	for (size_t i = 0; i < ARRAY_SIZE(off); i++) {
		if (strlen(off[i]) == length && strncmp(mode, off[i], length) == 0)
			return PREEMPTION_OFF;
	}
	return PREEMPTION_ON;
}

/* The last "preempt=" on the command line wins, as in the kernel. */
static const char *cmdline_mode(const char *cmdline)
{
	const char *found = NULL;

	for (const char *at = cmdline; at && (at = strstr(at, "preempt=")); at += 8) {
		if (at == cmdline || at[-1] == ' ')
			found = at + 8;
	}
	return found;
}

enum preemption preemption_of(const char *debugfs, const char *cmdline, const char *version)
{
	const char *mode = debugfs ? strchr(debugfs, '(') : NULL;

	if (version && strstr(version, "PREEMPT_RT"))
		return PREEMPTION_ON;
	if (mode)
		return mode_preempts(mode + 1, strcspn(mode + 1, ")"));
	if (!version)
		return PREEMPTION_UNKNOWN;
	if (!strstr(version, "PREEMPT"))
		return PREEMPTION_OFF; /* neither at run time nor by configuration */
	if (!strstr(version, "PREEMPT_DYNAMIC"))
		return PREEMPTION_ON;
	mode = cmdline_mode(cmdline);
	return mode ? mode_preempts(mode, strcspn(mode, " \n")) : PREEMPTION_UNKNOWN;
}

bool facts_traced(const struct facts *facts)
{
	return facts->lsm == LSM_LACKS_BPF;
}

/* LSM programs, and yet not every decision is one: in doubt about the preemption too. */
static bool lsm_is_weak(const struct facts *facts)
{
	return (facts->lsm_skips || facts->label_fails) && facts->preemption != PREEMPTION_OFF;
}

bool facts_keep(const struct facts *facts)
{
	return facts->present[HOOK_ROW_d_instantiate] && !facts_traced(facts) && !lsm_is_weak(facts);
}

int facts_refuse(const struct facts *facts, unsigned needs, struct diag *diag)
{
	int missing = hook_lacking(needs, facts->present);

	if (facts_traced(facts)) {
		ambit_diag_set(diag, NULL, 0, 0,
			"this kernel was booted without \"bpf\" in its list of LSMs (%s), so BPF LSM "
			"programs enforce nothing: in /etc/default/grub put lsm=%s,bpf into "
			"GRUB_CMDLINE_LINUX, run `update-grub` and reboot; or take a weaker promise "
			"with --best-effort", facts->lsm_list, facts->lsm_list);
		return -ENOTSUP;
	}
	if (lsm_is_weak(facts)) {
		ambit_diag_set(diag, NULL, 0, 0,
			"this kernel is %spreemptible and too old to decide every act then (fixed in "
			"6.2): boot it with preempt=voluntary, or write \"voluntary\" to "
			"/sys/kernel/debug/sched/preempt; or take a weaker promise with --best-effort",
			facts->preemption == PREEMPTION_UNKNOWN ? "perhaps " : "");
		return -ENOTSUP;
	}
	if (missing >= 0) {
		ambit_diag_set(diag, NULL, 0, 0,
			"this kernel has no LSM hook \"%s\"; ambit needs Linux 6.1 or newer with "
			"CONFIG_BPF_LSM and CONFIG_SECURITY_PATH; --best-effort does without it",
			hook_rows[missing].hook);
		return -ENOTSUP;
	}
	return 0;
}

int facts_refuse_policy(const struct facts *facts, const struct policy *policy, struct diag *diag)
{
	static const char *const ops[] = {
#define X(name, text) text,
		AMBIT_OPS(X)
#undef X
	};

	const unsigned needs = policy_needs(policy);

	if (hook_lacking(needs, facts->present) < 0)
		return 0;
	for (size_t i = 0; policy && i < policy->rule_count; i++) {
		const struct rule *rule = &policy->rules[i];

		for (int row = 0; row < HOOK_ROWS; row++) {
			if (facts->present[row] || !hook_rows[row].must ||
				!hook_needed(row, needs) || hook_rows[row].op != rule->op)
				continue;
			ambit_diag_set(diag, policy->file, rule->line, 0,
				"\"%s\" of \"%s\" cannot be enforced here: this kernel has no LSM hook "
				"\"%s\"; --best-effort runs the command without it",
				ops[rule->op], rule->text, hook_rows[row].hook);
			return -ENOTSUP;
		}
	}
	return 0;
}

/* Appends to `text`, with a separator; what does not fit is cut off. */
__attribute__((format(printf, 4, 5))) static void append(
	char *text, size_t size, const char *separator, const char *format, ...)
{
	size_t length = strlen(text);
	va_list arguments;

	if (length && length < size)
		length += (size_t)snprintf(text + length, size - length, "%s", separator);
	if (length >= size)
		return;
	va_start(arguments, format);
	vsnprintf(text + length, size - length, format, arguments);
	va_end(arguments);
}

char *promise_text(const struct facts *facts, bool traced, unsigned needs,
	const bool attached[HOOK_ROWS], char *ret, size_t size)
{
	char missing[512] = "";

	*ret = '\0';
	if (traced)
		append(ret, size, "; ",
			"\"bpf\" is not in the kernel's list of LSMs, and a decision that comes while "
			"another one was interrupted on the same CPU is skipped, that is, allowed%s",
			facts->preemption == PREEMPTION_OFF
				? ""
				: " (this kernel is preemptible, so a cell can bring that about)");
	else if (lsm_is_weak(facts))
		append(ret, size, "; ",
			"the kernel is preemptible and too old: decisions that come while another one "
			"was interrupted on the same CPU can be skipped, that is, allowed");
	for (int i = 0; i < HOOK_ROWS; i++) {
		if (hook_rows[i].must && hook_needed(i, needs) && !attached[i])
			append(missing, sizeof(missing), ", ", "%s", hook_rows[i].hook);
	}
	if (missing[0])
		append(ret, size, "; ", "not enforced, for lack of a hook: %s", missing);
	return ret;
}
