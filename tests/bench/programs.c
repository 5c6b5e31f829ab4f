/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel says of the BPF LSM programs that are loaded, by raw system calls. */
#include <dirent.h>
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

/* By the links that are pinned, because a program's own name is cut off after 15 bytes. */
static int link_program(int directory, const char *name, struct bpf_prog_info *ret)
{
	struct bpf_link_info info = {};
	union bpf_attr attr = {};
	char path[512];
	int fd, r;

	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", directory, name);
	attr.pathname = (uint64_t)(uintptr_t)path;
	fd = bpf(BPF_OBJ_GET, &attr);
	if (fd < 0)
		return -errno;
	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (unsigned)fd;
	attr.info.info_len = sizeof(info);
	attr.info.info = (uint64_t)(uintptr_t)&info;
	r = bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) < 0 ? -errno : info_read(info.prog_id, ret);
	close(fd);
	return r;
}

/* What is known of the program behind one pin. */
struct figure {
	char name[64];
	uint64_t runs, time; /* as statistics stood after the last round */
	uint64_t best;       /* of one run, in the round in which it took least; UINT64_MAX: it did not run */
	unsigned verified, length;
};

#define PROGRAMS_MAX 512

static struct figure figures[PROGRAMS_MAX];
static size_t figures_count;

static struct figure *figure_of(const char *name)
{
	struct figure *figure;

	for (size_t i = 0; i < figures_count; i++)
		if (strcmp(figures[i].name, name) == 0)
			return &figures[i];
	if (figures_count == PROGRAMS_MAX)
		return NULL;
	figure = &figures[figures_count++];
	snprintf(figure->name, sizeof(figure->name), "%s", name);
	figure->best = UINT64_MAX;
	return figure;
}

static int figure_take(const char *name, const struct bpf_prog_info *info)
{
	struct figure *figure = figure_of(name);
	uint64_t runs, each;

	if (!figure)
		return -E2BIG;
	runs = info->run_cnt - figure->runs;
	each = runs ? (info->run_time_ns - figure->time + runs / 2) / runs : UINT64_MAX;
	if (each < figure->best)
		figure->best = each;
	figure->runs = info->run_cnt;
	figure->time = info->run_time_ns;
	figure->verified = info->verified_insns;
	figure->length = info->xlated_prog_len;
	return 0;
}

int bench_programs_take(const char *pins)
{
	struct bpf_prog_info info;
	DIR *directory = opendir(pins);
	struct dirent *entry;
	int r = directory ? 0 : -errno;

	while (r == 0 && (entry = readdir(directory))) {
		if (strncmp(entry->d_name, "link_", 5) != 0)
			continue;
		r = link_program(dirfd(directory), entry->d_name, &info);
		if (r == 0)
			r = figure_take(entry->d_name + 5, &info);
	}
	if (directory)
		closedir(directory);
	return r;
}

void bench_programs_print(void)
{
	for (size_t i = 0; i < figures_count; i++) {
		printf("verifier,%s,%u,%u\n", figures[i].name, figures[i].verified, figures[i].length);
		if (figures[i].best != UINT64_MAX)
			printf("bench,outside,programs,0,%s,%llu\n", figures[i].name,
				(unsigned long long)figures[i].best);
	}
}

static int count(const struct bpf_prog_info *info, void *data)
{
	(void)info;
	++*(int *)data;
	return 0;
}

int bench_programs_count(void)
{
	int number = 0, r = each(count, &number);

	return r < 0 ? r : number;
}
