/* SPDX-License-Identifier: Apache-2.0 */
#include "trail/lineage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As many processes are kept, each where its number says: one that comes takes the place of another. */
#define KINS  1024U
#define SECOND_NS 1000000000ULL
#define TICK  10000000ULL /* ns; in such steps /proc has the start of a process (USER_HZ is 100 everywhere) */

struct kin {
	struct ancestor self;
	uint64_t tick;	      /* of its start */
	uint32_t parent;      /* 0: has none */
	uint64_t parent_tick; /* 0: not known; of those that /proc tells of, until the parent was found */
};

/* Of the thread, so that nobody waits for another. */
static _Thread_local struct kin *kins;
static _Thread_local uint64_t second; /* of events, and how often /proc was read for those */
static _Thread_local unsigned reads;
static const char *proc = "/proc";

static struct kin *kin_at(uint32_t pid)
{
	if (!kins)
		kins = calloc(KINS, sizeof(*kins));
	return kins ? &kins[pid % KINS] : NULL;
}

void ambit_lineage_proc(const char *path)
{
	proc = path;
	free(kins);
	kins = NULL;
	second = reads = 0;
}

void ambit_lineage_learn(const struct ambit_event *event)
{
	struct kin *kin = event->pid && event->start_time ? kin_at(event->pid) : NULL;

	if (!kin)
		return;
	kin->self = (struct ancestor){.pid = event->pid, .start = event->start_time};
	memcpy(kin->self.name, event->comm, sizeof(kin->self.name));
	kin->tick = event->start_time / TICK;
	kin->parent = event->ppid;
	kin->parent_tick = event->parent_start_time / TICK;
}

/* Fields 2, 4 and 22 of /proc/PID/stat (proc(5)). A name can have anything in it, but what follows it has no
 * bracket. */
static int kin_read(uint32_t pid, struct kin *ret)
{
	struct kin kin = {.self.pid = pid};
	unsigned long long start;
	char path[512], line[1024];
	const char *name, *end;
	size_t size;
	FILE *in;

	if (reads == LINEAGE_READS)
		return -1;
	snprintf(path, sizeof(path), "%s/%u/stat", proc, pid);
	in = fopen(path, "re");
	size = in ? fread(line, 1, sizeof(line) - 1, in) : 0;
	reads += in != NULL; /* that there is none costs next to nothing */
	if (in)
		fclose(in);
	line[size] = '\0';
	name = strchr(line, '(');
	end = strrchr(line, ')');
	if (!name || !end || end < name ||
		sscanf(end + 1,
			" %*c %u %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
			&kin.parent, &start) != 2)
		return -1;
	size = (size_t)(end - name) - 1;
	memcpy(kin.self.name, name + 1, size < sizeof(kin.self.name) ? size : sizeof(kin.self.name));
	kin.tick = start;
	*ret = kin;
	return 0;
}

/* A process by its number and start; `tick` 0: whoever has the number now, if it is no younger than its child. */
static struct kin *kin_find(uint32_t pid, uint64_t tick, uint64_t child_tick)
{
	struct kin *kin = kin_at(pid), read;

	if (!kin)
		return NULL;
	if (kin->self.pid == pid && tick && kin->tick == tick)
		return kin;
	if (kin_read(pid, &read) < 0 || (tick ? read.tick != tick : read.tick > child_tick))
		return NULL;
	/* What an event said of it has more. */
	if (kin->self.pid != pid || kin->tick != read.tick)
		*kin = read;
	return kin;
}

unsigned ambit_lineage_find(const struct ambit_event *event, struct ancestor ret[LINEAGE_MOST])
{
	uint64_t tick = event->parent_start_time / TICK, child_tick = event->start_time / TICK;
	struct kin *child = NULL;
	uint32_t pid = event->ppid;
	unsigned count = 0;

	/* Of several cells one may be behind. */
	if (event->time / SECOND_NS > second) {
		second = event->time / SECOND_NS;
		reads = 0;
	}
	while (pid && count < LINEAGE_MOST) {
		struct kin *kin = kin_find(pid, tick, child_tick);

		/* The parent is known from the event itself. */
		ret[count] = kin ? kin->self : (struct ancestor){.pid = pid};
		if (count == 0) {
			ret[0].start = event->parent_start_time;
			memcpy(ret[0].name, event->parent_comm, sizeof(ret[0].name));
		} else if (!kin) {
			break;
		}
		count++;
		if (!kin)
			break;
		/* The next time it is found without /proc; unless it took the very place of its child. */
		if (child && child != kin)
			child->parent_tick = kin->tick;
		child = kin;
		child_tick = kin->tick;
		pid = kin->parent;
		tick = kin->parent_tick;
	}
	return count;
}
