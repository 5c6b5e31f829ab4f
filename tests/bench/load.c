/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load   loads the programs of load.bpf.c and ends. What that takes on a machine, and how many instructions
 * in a guest that counts them, is how long arming takes on that machine, which need not be able to arm
 * (tests/bench/goals, "converted"): both are the kernel's verifier, libbpf and types by the same shares.
 */
#include <stdio.h>
#include <stdlib.h>
#include "bpf/abi.h"
#include "load.skel.h"

int main(void)
{
	struct load_bpf *load = load_bpf__open_and_load();

	if (!load) {
		fputs("load: the programs could not be loaded; it needs root\n", stderr);
		return EXIT_FAILURE;
	}
	load_bpf__destroy(load);
	return EXIT_SUCCESS;
}
