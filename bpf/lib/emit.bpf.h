/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From a verdict to counters and an event. Nothing here can change the verdict. */
#ifndef AMBIT_EMIT_H
#define AMBIT_EMIT_H

#include "label.bpf.h"
#include "exe.bpf.h"

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
	__u32 domain; /* hash of the name that a peer is known by (names.bpf.h); 0: none */
	__u32 cell_flags; /* of a peer's cell: AMBIT_CELL_* */
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

/* What a task is called. Read as a field it would be sixteen reads of a byte, and each read through a pointer
 * that was cast is checked. */
static __always_inline void comm_read(__u64 *ret, const struct task_struct *task)
{
	if (PEEKS) {
		ret[0] = peek((__u64)task + bpf_core_field_offset(struct task_struct, comm));
		ret[1] = peek((__u64)task + bpf_core_field_offset(struct task_struct, comm) + 8);
		return;
	}
	__builtin_memcpy(ret, task->comm, AMBIT_COMM_SIZE);
}

/* Who does it: the current task. Typed pointers are read directly, which is cheaper than any helper
 * and gives zeroes where there is nothing. */
FRAME int event_task(struct ambit_event *event)
{
	struct task_struct *task = task_read(), *parent = task->real_parent;
	struct cred const *cred = task->cred;

	event->pid = task->tgid;
	event->tid = task->pid;
	event->uid = cred->uid.val;
	event->gid = cred->gid.val;
	event->ppid = parent->tgid;
	event->start_time = task->group_leader->start_boottime;
	event->parent_start_time = parent->group_leader->start_boottime;
	comm_read((__u64 *)event->comm, task);
	comm_read((__u64 *)event->parent_comm, parent);
	return 0;
}

/* A packet leaves when its socket is written to, but also when an answer comes, in whatever task runs then:
 * nobody outside of the cell has sent it. */
static __always_inline bool event_has_task(const struct ambit_cell *cell)
{
	/* Before 6.2 programs of cgroups cannot tell, and name nobody. */
	if (cell->flags & AMBIT_CELL_BOUND)
		return label_peek(task_read()->bpf_storage) == cell->id;
	return cgroup_of_cell(BPF_CORE_READ(bpf_get_current_task_btf(), cgroups, dfl_cgrp)) == cell->cgroup;
}

/* Of nobody. */
static __always_inline void event_nobody(struct ambit_event *event)
{
	event->pid = event->tid = event->ppid = event->uid = event->gid = 0;
	event->start_time = event->parent_start_time = 0;
	__builtin_memset(event->comm, 0, sizeof(event->comm));
	__builtin_memset(event->parent_comm, 0, sizeof(event->parent_comm));
}

/* What was decided. Every field of the event is written here or in event_task(). */
static __always_inline void event_fill(
	struct ambit_event *event, const struct verdict *v, const struct ambit_cell *cell)
{
	event->time = bpf_ktime_get_ns();
	event->epoch = cell->epoch;
	event->abi = AMBIT_ABI;
	event->cell = v->cell;
	event->rule = v->rule;
	event->kind = v->kind;
	event->op = v->op;
	event->verdict = v->verdict;
	/* What a policy that allows nothing says is not what the one of the cell would say. */
	event->reason = v->reason == REASON_NO_RULE && cell->flags & AMBIT_CELL_SHUT ? REASON_TRAIL
										      : v->reason;
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
}

/* The program's path if it was found before; its length, or 0. */
static __always_inline __u32 exe_known(__u32 slot, __u32 at)
{
	int length = exe_find(slot, at);

	return length < 0 ? 0 : length & (EXE_SIZE - 1);
}

/* Puts both strings behind the event and returns the size of all. */
static __always_inline __u32 event_strings(
	struct scratch *scratch, __u32 slot, __u32 mnt_ns, bool walks, bool known)
{
	__u32 path = (PATH_END - scratch->path.start) & PATH_MASK, exe;

	/* What cannot be read is left out of the event. */
	if (bpf_probe_read_kernel(scratch->strings, path,
		    FAULT(STRING_PATH, NULL,
			    &scratch->path.bytes[scratch->path.start & PATH_MASK])))
		path = 0;
	exe = walks ? exe_put(scratch, slot, mnt_ns, path) : known ? exe_known(slot, path) : 0;
	scratch->event.path_len = path;
	scratch->event.exe_len = exe;
	return sizeof(scratch->event) + path + exe;
}

#define LOST(why) offsetof(struct ambit_counters, lost_##why)

/*
 * An event did not get out; `place` is the counter of why. A cell whose policy says so is allowed nothing
 * from here on: as a swap does it, by what its row names and then by what is kept of verdicts. User space may
 * replace the row meanwhile by one that knows nothing of it; then the next event that is lost does it again.
 */
static __always_inline void event_lost(struct ambit_cell *cell, __u32 id, __u32 place)
{
	/* Looked up here, since what is known of it all the way is followed twice all the way. */
	struct ambit_counters *counts = FAULT(COUNTERS, NULL, counters_row(id));

	if (counts)
		__sync_fetch_and_add((__u64 *)((char *)counts + place), 1);
	if (!cell || (cell->flags & (AMBIT_CELL_STRICT | AMBIT_CELL_SHUT)) != AMBIT_CELL_STRICT)
		return;
	__sync_fetch_and_or(&cell->flags, AMBIT_CELL_SHUT);
	cell->policy = AMBIT_POLICY_NOTHING;
	__sync_fetch_and_add(&kept.fence, 2);
}

/*
 * Into the ring. By itself the kernel wakes the reader for a record that it finds the reader waiting
 * at: the first one after all others were read. The reader lets more come together then
 * (user/cli/session.c), and is woken again when half of the ring is full and at each further eighth.
 *
 * What only records gives up the last quarter of the ring, so that what was denied finds room.
 */
static __always_inline void event_output(struct ambit_cell *cell, void *ring, struct ambit_event *event,
	__u32 size)
{
	__u64 room = bpf_ringbuf_query(ring, BPF_RB_RING_SIZE);
	__u64 used = bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA);
	__u64 eighth = room / 8, after = used + size;
	bool denial = event->verdict == VERDICT_DENY && event->flags & AMBIT_EVENT_ENFORCED;
	__u64 flags = 0;

	if (FAULT(RING_SPARED, true, after > room - room / AMBIT_RING_SPARE) && !denial) {
		event_lost(cell, event->cell, LOST(spared));
		return;
	}
	if (after >= room / 2 && (used ^ after) & ~(eighth - 1))
		flags = BPF_RB_FORCE_WAKEUP;
	if (FAULT(RING_FULL, -EAGAIN, bpf_ringbuf_output(ring, event, size, flags)))
		event_lost(cell, event->cell, LOST(full));
}

/* Sends the event of `v`, built in `scratch`, whose path buffer is filled or empty. */
static __always_inline void event_send(
	const struct verdict *v, struct scratch *scratch, __u32 slot, bool walks)
{
	struct ambit_cell *cell = FAULT(CELL_EVENT, NULL, cell_row(v->cell));
	__u32 size, key = cell ? cell->ring : 0;
	void *ring = FAULT(RING, NULL, bpf_map_lookup_elem(&rings, &key));
	bool known;

	if (!cell || !ring) {
		event_lost(cell, v->cell, LOST(full));
		return;
	}
	event_fill(&scratch->event, v, cell);
	/* A path was decided by a row that may have been replaced since. */
	if (scratch->path.epoch)
		scratch->event.epoch = scratch->path.epoch;
	known = walks || event_has_task(cell);
	if (known)
		event_task(&scratch->event);
	else
		event_nobody(&scratch->event);
	size = event_strings(scratch, slot, cell->mnt_ns, walks, known);
	if (size <= sizeof(scratch->event) + 2 * AMBIT_PATH_SIZE) /* it is: for the verifier */
		event_output(cell, ring, &scratch->event, size);
}

/* What report() does; without `walks` for programs that cannot look for the path of a program (before
 * 6.2 those of cgroups may not read labels). */
static __always_inline int report_as(const struct verdict *v, bool walks)
{
	struct ambit_counters *counts;
	struct scratch *scratch = NULL;
	__u32 slot = 0, cell;
	bool own;

	if (!v)
		return 0;
	cell = v->cell;
	counts = FAULT(COUNTERS, NULL, counters_row(cell));
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
		/* NULL is an answer. */
		event_lost(cell_row(cell), cell, LOST(scratch));
		return 0;
	}
	if (own)
		scratch->path.start = PATH_END;
	event_send(v, scratch, slot, walks);
	if (own)
		scratch_release(scratch);
	return 0;
}

/* Counts a verdict and reports it, with the path in slot `v->slot` if there is one. The slot stays
 * the caller's. */
GLOBAL int report(const struct verdict *v)
{
	return report_as(v, true);
}

/* Whether a denial is carried out: not where the cell only records. A cell that cannot be read
 * enforces. */
static __always_inline bool enforce(__u32 cell_id)
{
	struct ambit_cell *cell = FAULT(CELL_MODE, NULL, cell_row(cell_id));

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
		FAULT(COUNTERS, NULL, counters_row(cell));

	if (counts && op < OP_MAX)
		__sync_fetch_and_add(&counts->allowed[op], 1);
}

#endif
