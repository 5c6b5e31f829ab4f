/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that is not ours comes into a cell. It may end at any moment, and its number be another's then; it
 * may make threads while it is looked at, or execute a program. So it gets its label first, by its pidfd, and
 * is looked at afterwards: what is found then cannot change any more without the label going along.
 */
#include <bpf/bpf.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include "base/util.h"
#include "kernel/cell.h"

static int refuse(struct diag *diag, const char *why)
{
	ambit_diag_set(diag, NULL, 0, 0, "the process that is to come into the cell %s", why);
	return -EPERM;
}

/* A number that has not ended is still that of the process that we hold. */
static bool has_ended(int pidfd)
{
	struct pollfd pollfd = {.fd = pidfd, .events = POLLIN};

	return poll(&pollfd, 1, 0) != 0;
}

/* What /proc/PID/status says; what is missing there is 0, and the ids are those of nobody. */
struct standing {
	unsigned parent, threads, no_new_privs;
	unsigned uids[4]; /* real, effective, saved, of the file system */
};

static int standing_read(pid_t pid, struct standing *ret)
{
	struct standing standing = {.uids = {~0U, ~0U, ~0U, ~0U}};
	char path[64], line[256];
	FILE *in;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	in = fopen(path, "re");
	if (!in)
		return -errno;
	while (fgets(line, sizeof(line), in)) {
		/* A line that is none of these leaves them as they are. The first, "Name:", is the process's
		 * own, but has no newline in it (it is escaped). */
		sscanf(line, "PPid: %u", &standing.parent);
		sscanf(line, "Threads: %u", &standing.threads);
		sscanf(line, "NoNewPrivs: %u", &standing.no_new_privs);
		sscanf(line, "Uid: %u %u %u %u", &standing.uids[0], &standing.uids[1],
			&standing.uids[2], &standing.uids[3]);
	}
	fclose(in);
	*ret = standing;
	return 0;
}

static bool same_namespace(pid_t pid, const char *which)
{
	char path[64], own[64];
	struct stat theirs, ours;

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, which);
	snprintf(own, sizeof(own), "/proc/self/ns/%s", which);
	return stat(path, &theirs) == 0 && stat(own, &ours) == 0 && theirs.st_ino == ours.st_ino;
}

/* Whose process it is, and whether its paths and rights are what they seem. */
static int standing_refuse(const struct stranger *stranger, int pidfd, struct diag *diag)
{
	struct standing standing;
	bool own = true, sees;
	int result = standing_read(stranger->pid, &standing);

	sees = same_namespace(stranger->pid, "mnt") && same_namespace(stranger->pid, "user");
	if (result < 0 || has_ended(pidfd))
		return refuse(diag, "has ended");
	for (size_t i = 0; i < ARRAY_SIZE(standing.uids); i++)
		own = own && standing.uids[i] == stranger->uid;
	if (!own || standing.parent != (unsigned)stranger->parent)
		return refuse(diag, "is no child of whoever asks");
	if (standing.threads != 1)
		return refuse(diag, "has several threads");
	if (!standing.no_new_privs)
		return refuse(diag, "can gain privileges (PR_SET_NO_NEW_PRIVS)");
	return sees ? 0 : refuse(diag, "has namespaces of its own, in which paths mean something else");
}

/* How often a cgroup is read: nothing new comes into it but children of what is there. */
#define PUT_BACK_TURNS 16

/* What came into the cgroup by a number that was another's by then goes out of it again, to the one above: where it
 * was before nobody knows, and where the other was is no place for it. True: there was something. */
static bool put_back_once(const char *cgroup)
{
	char path[128], above[128], text[32];
	bool some = false;
	FILE *in;
	int pid;

	snprintf(above, sizeof(above), "%s/..", cgroup);
	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	in = fopen(path, "re");
	while (in && fscanf(in, "%d", &pid) == 1) {
		some = true;
		snprintf(text, sizeof(text), "%d", pid);
		cgroup_write(above, "cgroup.procs", text);
	}
	if (in)
		fclose(in);
	return some;
}

static void put_back(const char *cgroup)
{
	for (unsigned turn = 0; turn < PUT_BACK_TURNS && put_back_once(cgroup); turn++)
		;
}

/* The cell's own cgroup, by a descriptor, so that it is that one all the time; what has its name may be another, made
 * anew, whose packets nobody counts. */
static int cgroup_open(const struct cell *cell)
{
	_cleanup_close_ int fd = open(cell->cgroup, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct ambit_cell row;
	char path[64];
	uint64_t id;
	int result = fd < 0 ? -errno : ambit_cell_row(cell, &row);

	if (result < 0)
		return result;
	snprintf(path, sizeof(path), "/proc/self/fd/%d/.", fd);
	result = cgroup_id(path, &id);
	if (result == 0 && id != row.cgroup)
		result = -ESTALE;
	return result < 0 ? result : TAKE_FD(fd);
}

/* By its number: who had it by then has his own limit again. */
static int limit_files(const struct stranger *stranger, int pidfd)
{
	struct rlimit limit, before;

	if (!stranger->file_size)
		return 0;
	if (prlimit(stranger->pid, RLIMIT_FSIZE, NULL, &limit) < 0)
		return -errno;
	if (limit.rlim_max > stranger->file_size)
		limit.rlim_max = stranger->file_size;
	if (limit.rlim_cur > limit.rlim_max)
		limit.rlim_cur = limit.rlim_max;
	if (prlimit(stranger->pid, RLIMIT_FSIZE, &limit, &before) < 0)
		return -errno;
	if (!has_ended(pidfd))
		return 0;
	prlimit(stranger->pid, RLIMIT_FSIZE, &before, NULL);
	return -ESRCH;
}

/* By its number, and a look afterwards whether that was still its own. */
static int move(const struct cell *cell, const struct stranger *stranger, int pidfd, struct diag *diag)
{
	_cleanup_close_ int cgroup = cgroup_open(cell);
	char text[32], path[64];
	int result = cgroup < 0 ? cgroup : 0;

	snprintf(text, sizeof(text), "%d", stranger->pid);
	snprintf(path, sizeof(path), "/proc/self/fd/%d/.", cgroup);
	if (result == 0)
		result = cgroup_write(path, "cgroup.procs", text);
	if (has_ended(pidfd)) {
		if (result == 0)
			put_back(path);
		return refuse(diag, "has ended");
	}
	if (result < 0)
		ambit_diag_set(diag, NULL, 0, 0, "cannot move a process to \"%s\": %s", cell->cgroup,
			strerror(-result));
	return result;
}

int ambit_cell_admit(
	struct cell *cell, const struct stranger *stranger, int *ret_pidfd, struct diag *diag)
{
	_cleanup_close_ int pidfd = stranger->pid > 1 ? pidfd_open(stranger->pid, 0) : -1;
	struct ambit_label label = {.cell = cell->id};
	int result;

	if (pidfd < 0)
		return refuse(diag, "is not there");
	/* Before it has a label as well: nobody else's is given one. */
	result = standing_refuse(stranger, pidfd, diag);
	if (result < 0)
		return result;
	if (bpf_map_update_elem(cell->kernel->labels, &pidfd, &label, BPF_NOEXIST) < 0)
		return refuse(diag, errno == EEXIST ? "is in a cell already" : "cannot be labelled");
	result = standing_refuse(stranger, pidfd, diag);
	/* A thread that executes a program takes the place of its leader, and has no label. */
	if (result == 0 && (bpf_map_lookup_elem(cell->kernel->labels, &pidfd, &label) < 0 ||
				   label.cell != cell->id))
		result = refuse(diag, "executed a program meanwhile");
	if (result == 0)
		result = limit_files(stranger, pidfd);
	if (result == 0)
		result = move(cell, stranger, pidfd, diag);
	if (result < 0) {
		if (!diag->text)
			ambit_diag_set(diag, NULL, 0, 0, "cannot put a process into the cell: %s",
				strerror(-result));
		pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
		return result;
	}
	*ret_pidfd = TAKE_FD(pidfd);
	return 0;
}
