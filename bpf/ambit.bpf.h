/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What every BPF file of ambit starts with. */
#ifndef AMBIT_BPF_H
#define AMBIT_BPF_H

/* The kernel has enumerators of the same name (nfs4, ima); they are of no use here. */
#define OP_READ	 kernel_OP_READ
#define OP_WRITE kernel_OP_WRITE
#define OP_MAX	 kernel_OP_MAX
#include "vmlinux.h"
#undef OP_READ
#undef OP_WRITE
#undef OP_MAX
#include <asm-generic/errno-base.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "abi.h"

/* Numbers of the rows of hooks.def, as events carry them. */
enum ambit_hook {
#define HOOK(area, hook, op, need, when) HOOK_##hook,
#include "hooks.def"
#undef HOOK
	HOOK_MAX,
};

/* A function with a frame of its own, so that what it needs of the stack (512 bytes for the deepest
 * chain of calls, which 6.1 rounds up frame by frame) is given back before the caller goes on. */
#define FRAME static __attribute__((noinline, unused))

/* 0, made where it stands: clang would make it early and keep it on the stack, where the verifier
 * loses what it is, and refuses the program ("should have been in [-4095, 0]"). */
static __always_inline int zero(void)
{
	int value;

	asm volatile("%0 = 0" : "=r"(value));
	return value;
}

/*
 * A function that the verifier checks once for each program that calls it, whatever the caller
 * knows: arguments are scalars or pointers to sized memory. Weak, because several objects define
 * it and one skeleton holds them all.
 */
#define GLOBAL __weak __attribute__((noinline))

#endif
