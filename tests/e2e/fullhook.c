// SPDX-License-Identifier: Apache-2.0
/*
 * fullhook HOOK   takes every place that the trampoline of an LSM hook has, says so, and keeps them
 *                 until stdin ends: nobody else can attach to that hook meanwhile
 * fullhook        prints how many BPF links there are
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/filter.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PLACES	   38 /* BPF_MAX_TRAMP_LINKS of include/linux/bpf.h, where a link has a cookie */
#define PLACES_MAX 64
#define SECONDS	   60

/* A program that allows, attached; a negative errno where no place is left. */
static int take_place(int hook)
{
	static const struct bpf_insn code[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, options, .attach_btf_id = (__u32)hook,
		.expected_attach_type = BPF_LSM_MAC);
	int program = bpf_prog_load(BPF_PROG_TYPE_LSM, "fullhook", "GPL", code, 2, &options);

	if (program < 0)
		return program;
	return bpf_link_create(program, 0, BPF_LSM_MAC, NULL);
}

static int count_links(void)
{
	__u32 id = 0;
	int count = 0;

	while (bpf_link_get_next_id(id, &id) == 0)
		count++;
	printf("%d\n", count);
	return 0;
}

int main(int argc, char **argv)
{
	time_t end = time(NULL) + SECONDS;
	int hook, taken = 0, place;
	char byte;

	if (argc < 2)
		return count_links();
	hook = libbpf_find_vmlinux_btf_id(argv[1], BPF_LSM_MAC);
	if (hook < 0) {
		fprintf(stderr, "no hook \"%s\"\n", argv[1]);
		return 2;
	}
	/* What was attached before may still be on its way out: a place that comes free is taken, too. */
	do {
		place = take_place(hook);
		taken += place >= 0;
	} while (taken < PLACES_MAX && (place >= 0 || (taken < PLACES && time(NULL) < end)));
	if (taken == 0 || taken == PLACES_MAX) {
		fprintf(stderr, "%d places taken: %s\n", taken, strerror(-place));
		return 2;
	}
	printf("%d\n", taken);
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0;
}
