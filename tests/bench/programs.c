/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel says of the BPF LSM programs that are loaded, by raw system calls. */
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "bench.h"

static int bpf(int command, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static int info_read(unsigned id, struct bpf_prog_info *ret)
{
	union bpf_attr attr = {.prog_id = id};
	int fd = bpf(BPF_PROG_GET_FD_BY_ID, &attr), r;

	if (fd < 0)
		return -errno;
	memset(&attr, 0, sizeof(attr));
	memset(ret, 0, sizeof(*ret));
	attr.info.bpf_fd = (unsigned)fd;
	attr.info.info_len = sizeof(*ret);
	attr.info.info = (uint64_t)(uintptr_t)ret;
	r = bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) < 0 ? -errno : 0;
	close(fd);
	return r;
}

static int each(int (*handle)(const struct bpf_prog_info *info, void *data), void *data)
{
	struct bpf_prog_info info;
	union bpf_attr attr = {};
	int r = 0;

	for (unsigned id = 0; r == 0; id = attr.next_id) {
		memset(&attr, 0, sizeof(attr));
		attr.start_id = id;
		if (bpf(BPF_PROG_GET_NEXT_ID, &attr) < 0)
			return errno == ENOENT ? 0 : -errno;
		r = info_read(attr.next_id, &info);
		if (r == -ENOENT) /* went away meanwhile */
			r = 0;
		else if (r == 0 && info.type == BPF_PROG_TYPE_LSM)
			r = handle(&info, data);
	}
	return r;
}

static int add(const struct bpf_prog_info *info, void *data)
{
	*(int64_t *)data += (int64_t)info->run_cnt;
	return 0;
}

int64_t bench_programs_ran(void)
{
	int64_t sum = 0;
	int r = each(add, &sum);

	return r < 0 ? r : sum;
}

static int print(const struct bpf_prog_info *info, void *data)
{
	(void)data;
	printf("verifier,%s,%u,%u\n", info->name, info->verified_insns, info->xlated_prog_len);
	return 0;
}

int bench_programs_print(void)
{
	return each(print, NULL);
}
