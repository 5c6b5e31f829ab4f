/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same rules in Landlock, by raw system calls. The numbers stand here because the header of
 * Debian 12 knows Landlock only as far as kernel 6.1.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "bench.h"

#define FS_EXECUTE	 (1ULL << 0)
#define FS_WRITE_FILE	 (1ULL << 1)
#define FS_READ_FILE	 (1ULL << 2)
#define FS_READ_DIR	 (1ULL << 3)
#define FS_ALL		 ((1ULL << 14) - 1) /* every right of Linux 5.19 */
#define NET_BIND_TCP	 (1ULL << 0)
#define NET_CONNECT_TCP	 (1ULL << 1)
#define RULE_PATH	 1
#define RULE_PORT	 2
#define CREATE_VERSION	 1
#define VERSION_WITH_TCP 4 /* Linux 6.7 */

struct ruleset {
	uint64_t fs;
	uint64_t net;
};

struct path_rule {
	uint64_t access;
	int32_t fd;
} __attribute__((packed));

struct port_rule {
	uint64_t access;
	uint64_t port;
};

static int add_path(int ruleset, uint64_t access, const char *path)
{
	struct path_rule rule = {.access = access};
	int r = 0;

	rule.fd = open(path, O_PATH | O_CLOEXEC);
	if (rule.fd < 0)
		return -errno;
	if (syscall(SYS_landlock_add_rule, ruleset, RULE_PATH, &rule, 0) < 0)
		r = -errno;
	close(rule.fd);
	return r;
}

static int add_port(int ruleset, uint64_t port)
{
	struct port_rule rule = {.access = NET_CONNECT_TCP, .port = port};

	return syscall(SYS_landlock_add_rule, ruleset, RULE_PORT, &rule, 0) < 0 ? -errno : 0;
}

/* One line of the list: an operation and what it is for. A pattern is a rule for the directory that it
 * lies in, but not for the root. */
static int add_line(int ruleset, const char *op, char *what, bool ports)
{
	static unsigned next_port = 9; /* the one that is connected to comes first */
	char *glob = strpbrk(what, "*?[");

	if (glob && *what == '/') {
		while (glob > what + 1 && *glob != '/')
			glob--;
		*glob = '\0';
		if (strcmp(what, "/") == 0 || !strchr(what + 1, '/'))
			return 0;
	}
	if (strcmp(op, "deny") == 0)
		return 0;
	if (strcmp(op, "all") == 0)
		return add_path(ruleset, FS_ALL, what);
	if (strcmp(op, "write") == 0)
		return add_path(ruleset, FS_WRITE_FILE, what);
	if (strcmp(op, "read") == 0)
		return add_path(ruleset, FS_READ_FILE | FS_READ_DIR, what);
	if (strcmp(op, "exec") == 0)
		return add_path(ruleset, FS_EXECUTE | FS_READ_FILE, what);
	if (strcmp(op, "connect") == 0)
		return ports ? add_port(ruleset, next_port++) : 0;
	return -EINVAL;
}

int bench_landlock(const char *path)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);
	bool ports = version >= VERSION_WITH_TCP;
	struct ruleset attr = {.fs = FS_ALL, .net = ports ? NET_BIND_TCP | NET_CONNECT_TCP : 0};
	char op[16], what[256];
	int r = 0;

	if (version < 0)
		return -errno;
	int ruleset = (int)syscall(
		SYS_landlock_create_ruleset, &attr, ports ? sizeof(attr) : sizeof(attr.fs), 0);
	FILE *list = fopen(path, "re");

	if (ruleset < 0 || !list)
		r = -errno;
	while (r == 0 && fscanf(list, "%15s %255s", op, what) == 2)
		r = add_line(ruleset, op, what, ports);
	if (r == 0 && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
			      syscall(SYS_landlock_restrict_self, ruleset, 0) < 0))
		r = -errno;
	if (list)
		fclose(list);
	if (ruleset >= 0)
		close(ruleset);
	return r;
}
