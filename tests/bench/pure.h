/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What pure.c asks of the programs of pure.bpf.c: one case. */
#ifndef AMBIT_BENCH_PURE_H
#define AMBIT_BENCH_PURE_H

#include "abi.h"

#define PURE_ROUNDS (1 << 20)
#define PURE_POLICY 1

struct pure_case {
	__u32 length; /* of the path */
	__u32 allowed; /* how often it was, of PURE_ROUNDS */
	char path[256];
};

#endif
