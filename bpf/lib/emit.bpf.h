/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From a verdict to counters and an event. Nothing here can change the verdict. */
#ifndef AMBIT_EMIT_H
#define AMBIT_EMIT_H

#include "label.bpf.h"
#include "path.bpf.h"

/* What a decision says about itself; the room for an event is found elsewhere. */
struct verdict {
	__u32 cell;
	__u32 rule;
	__u8 kind; /* enum ambit_event_kind */
	__u8 op;
	__u8 reason;
	__u8 verdict;
	__u8 proto;
	__u8 family;
	__u8 detail;
	__u8 silent; /* count, but no event */
	__u16 port;
	__u16 hook;
	__s32 slot; /* scratch slot that holds the path; -1: none */
	__u8 addr[16];
};

FRAME int tally(const struct verdict *v, struct ambit_counters *counts)
{
	struct ambit_tally_key key = {
		.cell = v->cell,
		.rule = v->rule,
		.op = v->op,
		.reason = v->reason,
	};
	__u64 one = 1, *count = FAULT(TALLY, NULL, bpf_map_lookup_elem(&tallies, &key));

	if (!count) {
		/* Another task may be first: then the look-up finds its entry. */
		if (!FAULT(TALLY, -E2BIG, bpf_map_update_elem(&tallies, &key, &one, BPF_NOEXIST)))
			return 0;
		count = FAULT(TALLY, NULL, bpf_map_lookup_elem(&tallies, &key));
	}
	if (count)
		__sync_fetch_and_add(count, 1);
	else if (counts)
		__sync_fetch_and_add(&counts->lost_tally, 1);
	return 0;
}

/* Who does it: the current task. */
FRAME int event_task(struct ambit_event *event)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 ids = bpf_get_current_pid_tgid(), user = bpf_get_current_uid_gid();

	event->pid = ids >> 32;
	event->tid = ids;
	event->uid = user;
	event->gid = user >> 32;
	event->ppid = BPF_CORE_READ(task, real_parent, tgid);
	event->start_time = BPF_CORE_READ(task, group_leader, start_boottime);
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	BPF_CORE_READ_STR_INTO(&event->parent_comm, task, real_parent, comm);
	return 0;
}

/* The program that the current process runs, or nothing where it has none. Programs are files of
 * any namespace, so a walk that fails leaves the name out. */
static __always_inline void exe_build(struct scratch *scratch, __u32 slot, __u32 mnt_ns)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct file *file = BPF_CORE_READ(task, mm, exe_file);

	if (!file || path_build(slot, BUFFER_EXE, (__u64)BPF_CORE_READ(file, f_path.dentry),
			     (__u64)BPF_CORE_READ(file, f_path.mnt), mnt_ns) != PATH_DONE)
		scratch->exe.start = PATH_END;
}

/* Copies both strings behind the event and returns the size of all. */
static __always_inline __u32 event_strings(struct scratch *scratch)
{
	__u32 path = (PATH_END - scratch->path.start) & PATH_MASK;
	__u32 exe = (PATH_END - scratch->exe.start) & PATH_MASK;

	/* What cannot be read is left out of the event. */
	if (bpf_probe_read_kernel(scratch->strings, path,
		    FAULT(STRING_PATH, NULL,
			    &scratch->path.bytes[scratch->path.start & PATH_MASK])))
		path = 0;
	if (bpf_probe_read_kernel(&scratch->strings[path & PATH_MASK], exe,
		    FAULT(STRING_EXE, NULL,
			    &scratch->exe.bytes[scratch->exe.start & PATH_MASK])))
		exe = 0;
	scratch->event.path_len = path;
	scratch->event.exe_len = exe;
	return sizeof(scratch->event) + path + exe;
}

/* Sends the event of `v`, built in `scratch`, whose path buffer is filled or empty. */
static __always_inline void event_send(
	const struct verdict *v, struct scratch *scratch, __u32 slot, struct ambit_counters *counts)
{
	__u32 size, id = v->cell; /* 6.1 takes no key from an argument's memory */
	struct ambit_cell *cell = FAULT(CELL_EVENT, NULL, bpf_map_lookup_elem(&cells, &id));
	void *ring = FAULT(RING, NULL, bpf_map_lookup_elem(&rings, &id));
	struct ambit_event *event = &scratch->event;

	if (!cell || !ring) {
		if (counts)
			__sync_fetch_and_add(&counts->lost_full, 1);
		return;
	}
	__builtin_memset(event, 0, sizeof(*event));
	event_task(event);
	event->time = bpf_ktime_get_ns();
	event->epoch = cell->epoch;
	event->abi = AMBIT_ABI;
	event->cell = v->cell;
	event->rule = v->rule;
	event->kind = v->kind;
	event->op = v->op;
	event->verdict = v->verdict;
	event->reason = v->reason;
	/* A child without a label is made nowhere (task.bpf.c). */
	event->flags = cell->mode == MODE_AUDIT && v->hook != HOOK_task_alloc
			       ? 0
			       : AMBIT_EVENT_ENFORCED;
	event->proto = v->proto;
	event->family = v->family;
	event->detail = v->detail;
	event->port = v->port;
	event->hook = v->hook;
	__builtin_memcpy(event->addr, v->addr, sizeof(event->addr));
	exe_build(scratch, slot, cell->mnt_ns);
	size = event_strings(scratch);
	if (size > sizeof(*event) + 2 * AMBIT_PATH_SIZE)
		return; /* cannot be: for the verifier */
	if (FAULT(RING_FULL, -EAGAIN, bpf_ringbuf_output(ring, event, size, 0)) && counts)
		__sync_fetch_and_add(&counts->lost_full, 1);
}

/* Counts a verdict and reports it, with the path in slot `v->slot` if there is one. The slot stays
 * the caller's. */
GLOBAL int report(const struct verdict *v)
{
	struct ambit_counters *counts;
	struct scratch *scratch = NULL;
	__u32 slot = 0, cell;
	bool own;

	if (!v)
		return 0;
	cell = v->cell;
	counts = FAULT(COUNTERS, NULL, bpf_map_lookup_elem(&counters, &cell));
	if (v->kind == EVENT_DECISION && v->verdict == VERDICT_DENY) {
		if (counts && v->op < OP_MAX)
			__sync_fetch_and_add(&counts->denied[v->op], 1);
		tally(v, counts);
	}
	if (v->silent)
		return 0;
	own = v->slot < 0;
	if (own) {
		scratch = FAULT(SCRATCH_EVENT, NULL, scratch_claim(&slot));
	} else {
		slot = v->slot;
		scratch = FAULT(SLOT_EVENT, NULL, bpf_map_lookup_elem(&scratches, &slot));
	}
	if (!scratch) {
		if (counts)
			__sync_fetch_and_add(&counts->lost_scratch, 1);
		return 0;
	}
	if (own)
		scratch->path.start = PATH_END;
	event_send(v, scratch, slot, counts);
	if (own)
		scratch_release(scratch);
	return 0;
}

/* Whether a denial is carried out: not where the cell only records. A cell that cannot be read
 * enforces. */
static __always_inline bool enforce(__u32 cell_id)
{
	struct ambit_cell *cell = FAULT(CELL_MODE, NULL, bpf_map_lookup_elem(&cells, &cell_id));

	return !cell || cell->mode != MODE_AUDIT;
}

/* A denial that no rule decides: by what the act is. 1: carry it out. */
GLOBAL int deny(__u32 cell, __u32 hook, __u32 op, __u32 reason)
{
	struct verdict v = {
		.cell = cell,
		.op = op,
		.reason = reason,
		.verdict = VERDICT_DENY,
		.hook = hook,
		.slot = -1,
	};

	report(&v);
	return enforce(cell);
}

/* The same for what is known by a number (struct ambit_numbers): `numbers` is level << 32 | number. */
GLOBAL int deny_number(__u32 cell, __u32 hook, __u32 op, __u32 reason, __u64 numbers)
{
	struct ambit_numbers about = {.level = numbers >> 32, .number = numbers};
	struct verdict v = {
		.cell = cell,
		.op = op,
		.reason = reason,
		.verdict = VERDICT_DENY,
		.hook = hook,
		.slot = -1,
	};

	__builtin_memcpy(v.addr, &about, sizeof(about));
	report(&v);
	return enforce(cell);
}

static __always_inline void count_allowed(__u32 cell, __u32 op)
{
	struct ambit_counters *counts =
		FAULT(COUNTERS, NULL, bpf_map_lookup_elem(&counters, &cell));

	if (counts && op < OP_MAX)
		__sync_fetch_and_add(&counts->allowed[op], 1);
}

#endif
