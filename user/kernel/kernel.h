/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only room that knows libbpf: what this kernel can do, arming it, binding cells to it.
 *
 * Armed means: the programs are attached and pinned under AMBIT_PIN_DIR and do nothing, because no
 * task has a label. A cell is bound by writing its policy, its counters, its ring and its row in
 * `cells`; a task enters it by a label in its task storage.
 */
#ifndef AMBIT_KERNEL_H
#define AMBIT_KERNEL_H

#include <stdint.h>
#include <sys/types.h>
#include "base/diag.h"
#include "compile/links.h"
#include "compile/tables.h"
#include "policy/policy.h"

#define AMBIT_PIN_DIR "/sys/fs/bpf/ambit"
#define AMBIT_RUN_DIR "/run/ambit"
#define AMBIT_CGROUP "ambit" /* below where cgroup v2 is mounted: the cgroups of cells */

struct kernel; /* open handles on the pinned maps */
struct cell;   /* a bound cell: owns its row, ring, counters, policy and cgroup */

/* One row of what `ambit doctor` prints. */
enum feature_state {
	FEATURE_OK,
	FEATURE_MISSING,
	FEATURE_UNKNOWN,
	FEATURE_ATTACHED, /* of a hook */
	FEATURE_UNUSED,	  /* of a hook: no loaded policy needs it */
	FEATURE_CLOSED, /* of a way round a policy */
	FEATURE_PART,
	FEATURE_OPEN,
};
struct feature {
	const char *name;   /* "hook path_rename", "lsm list", "canary read" …; or the row's key */
	const char *part;   /* of a way round: the part of the table that it stands in; else NULL */
	const char *way;    /* likewise: the way round */
	enum feature_state state;
	bool required;
	char detail[1100];  /* what was seen */
	char remedy[700];   /* what to do, when it is not OK */
};

/* Looks at the running kernel without changing it. With `best_effort` ways round are closed also where
 * the promise is weaker. `*ret` is an array owned by the caller (free()). */
int ambit_kernel_features(bool best_effort, struct feature **ret, size_t *ret_count);

/* Arms the kernel if it is not armed yet, attaches what the policy needs and is not attached, and opens
 * the pinned maps. All or nothing: a program that does not attach takes the others with it and is named
 * in `diag`. */
struct arm_options {
	bool best_effort;	     /* take a weaker promise where there is no other */
	bool keep_nothing;	     /* decide everything anew each time; what is armed stays as it is */
	bool as_it_is;		     /* what is armed is not added to: the cells that are bound need it */
	const struct policy *policy; /* what has to be attached; NULL: all that any policy needs */
};
int ambit_kernel_arm(const struct arm_options *options, struct kernel **ret, struct diag *diag);

/* What the armed kernel promises to who armed it with these options. */
struct kernel_state {
	unsigned hooks;	  /* that have a program attached */
	bool skips; /* this kernel may skip runs of programs, that is, allow what they would decide */
	uint64_t skipped; /* how many it did; of all tasks */
	bool best_effort; /* the programs run behind the functions that call LSMs */
	char weaker[1024]; /* what is promised less than elsewhere; empty: nothing */
};
int ambit_kernel_state(const struct arm_options *options, struct kernel_state *ret);
/* The same as it was found by ambit_kernel_arm(), of whose `kernel` it has to be. */
void ambit_kernel_armed_state(
	const struct kernel *kernel, const struct arm_options *options, struct kernel_state *ret);
/* The count of skipped runs alone. */
int ambit_kernel_skipped(uint64_t *ret);
/* Opens what is armed already; -ENOENT if nothing is. */
int ambit_kernel_open(struct kernel **ret, struct diag *diag);
void ambit_kernel_close(struct kernel *kernel);
bool ambit_kernel_is_armed(void);
/* Takes all pins away. -EBUSY, naming the cells, while somebody has one, or unless `bound` one is bound to a
 * cgroup: its tasks then go on without a policy. */
int ambit_kernel_disarm(bool bound, struct diag *diag);

/* A cell's ring, unless it is asked for another: 8,000 to 25,000 events, a few seconds of an agent that
 * does nothing but be denied. */
#define AMBIT_RING_SIZE (4U << 20)

/* The same for one more cell that is bound: smaller, the more of them there are. */
size_t ambit_bound_ring_size(const struct kernel *kernel);

/* Binds a new cell: makes its cgroup, loads its tables, its ring and its row. `ring_size` in bytes
 * (power of two, multiple of the page size). */
struct cell_options {
	const struct tables *tables; /* NULL: nothing is allowed */
	const struct identities *identities; /* of files with several names; NULL: none are known */
	const struct dns *dns; /* how its names are looked up; NULL: its policy has none */
	const char *name; /* of its policy, at most AMBIT_POLICY_NAME bytes; NULL: no peer can name it */
	enum ambit_mode mode;
	uint32_t flags; /* AMBIT_CELL_* */
	uint64_t epoch;
	size_t ring_size;
	bool cgroup; /* make a cgroup; without it the cell has labelled tasks only */
	const struct policy *limits; /* whose limits it has; NULL: none. They need the cgroup, or a cell
				      * that is bound. */
};
int ambit_cell_new(struct kernel *kernel, const struct cell_options *options, struct cell **ret,
	struct diag *diag);
uint32_t ambit_cell_id(const struct cell *cell);
/* A descriptor of its cgroup, for a first process that is made in it; a negative errno without one. */
int ambit_cell_cgroup(const struct cell *cell);
/* Puts a task (by its pidfd and pid) into the cell's cgroup, unless it was made in it, and labels it; it
 * must not run yet. */
int ambit_cell_enter(struct cell *cell, pid_t pid, int pidfd, struct diag *diag);
/*
 * The same for a process that somebody else made, `parent`, who waits for it; it waits too, has one thread,
 * cannot gain privileges, is the user `uid` and nobody else, and sees the files that we see. What of it is not
 * so is said in `diag` (-EPERM), or that it is in a cell already. `pid` may be any number that somebody named:
 * who is meant is settled by what is found there. No file of it grows beyond `file_size` bytes, unless that is
 * 0.
 */
struct stranger {
	pid_t pid, parent;
	uid_t uid;
	uint64_t file_size;
};
int ambit_cell_admit(
	struct cell *cell, const struct stranger *stranger, int *ret_pidfd, struct diag *diag);
/* Descriptor of the cell's ring, for poll(): readable after a wake-up of the kernel, until
 * ambit_cell_ring_woken(). It comes with the first event after the ring was empty, and with those
 * that fill half of it and each further eighth. */
int ambit_cell_ring_fd(const struct cell *cell);
void ambit_cell_ring_woken(struct cell *cell);
/* How full the ring is, in hundredths. 0: empty, and the next event wakes. */
unsigned ambit_cell_ring_used(const struct cell *cell);
/* Hands every event that waits now to `handle`; returns how many. A negative result of `handle` ends
 * it behind that event, and is returned. */
int ambit_cell_drain(struct cell *cell,
	int (*handle)(const struct ambit_event *event, size_t size, void *data), void *data);
int ambit_cell_counters(struct cell *cell, struct ambit_counters *ret);
/* The same, with what verdicts that are kept have allowed: it takes a look at each of them. */
int ambit_cell_totals(struct cell *cell, struct ambit_counters *ret);
/* What was denied, by rule; calls `each` for each tally of this cell. */
int ambit_cell_tallies(struct cell *cell,
	void (*each)(const struct ambit_tally_key *key, uint64_t count, void *data), void *data);
/* Gives the cell another policy: a decision is made by the one or by the other, never by parts of both.
 * When it returns, none is made by the old one any more. `identities` as for a new cell. Names and limits of a
 * bound cell become those of `policy`, with what was drawn and looked up so far; NULL: they stay. After an error
 * (with a diag) the old one is in force. */
int ambit_cell_swap(struct cell *cell, const struct tables *tables, const struct identities *identities,
	const struct policy *policy, uint64_t epoch, struct diag *diag);
/* What the kernel decides by in a cell now, whoever put it there, for the matcher alone; both are the caller's, the
 * links in the order of identity_compare(). -ENODATA where the cell is shut. */
int ambit_cell_in_force(
	const struct cell *cell, struct tables **ret_tables, struct identities *ret_links);
/* Has the cell allow nothing (AMBIT_CELL_SHUT) until it is given a policy again. A negative errno: the one
 * before is in force. */
int ambit_cell_shut(struct cell *cell);
/* Keeps a short text with the cell, for ambit_cells_each(): its name. */
int ambit_cell_note(struct cell *cell, const char *text);
/* Ends every task of the cell and waits until it has none: those in its cgroup, and those that left
 * it, whose number (of all calls) is returned. From then on no task is made in it; the cell stays, so that its last
 * events and counts can be read. */
int ambit_cell_kill(struct cell *cell);
/* Ends every task in the cell, waits until it is empty, takes its cgroup and its rows away and
 * frees it. */
int ambit_cell_free(struct cell *cell, struct diag *diag);

/* --- cells that are bound to a cgroup (bound.c): made with AMBIT_CELL_BOUND and without a cgroup --- */

/* How a cgroup is named in the map `bounds`; it need not exist, the one above it does. -EINVAL for what is
 * no cgroup, or a place of ambit's own. */
int ambit_bound_key(const char *path, struct ambit_bound_key *ret, struct diag *diag);
/* What a cell is bound to: a cgroup, or all whose names match, beneath one. */
struct ambit_place {
	const char *path;
	bool glob;	/* its last name is one (compile/unitglob.h) */
	uint32_t order; /* of globs that match the same, the one with the smaller number counts */
};
/* Calls `each` for the cgroups that are there now; a negative result of it ends that, and is returned. */
int ambit_place_each(
	const struct ambit_place *place, int (*each)(const char *path, void *data), void *data);

/* Has every task in a place, and all that will come into it, in the cell: all, or, with a diag, none. What has a row
 * of another cell by then stays with that. The cell then stays when it is freed. `ret_tasks`: how many there are. */
int ambit_cell_bind(struct cell *cell, const struct ambit_place *place, unsigned *ret_tasks, struct diag *diag);
/* Whether a cgroup itself is bound to the cell now: one that a glob matches may be another cell's. */
bool ambit_cell_binds(const struct cell *cell, const char *path);
/* Gives a glob another order, for cgroups that are made from now on: 0 where it has that. 1: it was written anew, and
 * a cgroup made just then may not have met it; ambit_cell_spread() finds that. */
int ambit_cell_order(struct cell *cell, uint32_t order);
/* -ENOTSUP, with a diag that says why, where a label cannot always be read: in a cell that is bound such a task
 * would be outside. Whether a kernel is preempted anywhere can change while it runs. */
int ambit_bound_labels(const struct kernel *kernel, struct diag *diag);
/* Goes on with a cell that is bound and whose ambit is gone. Its ring begins with what that one had not
 * given up. -EWOULDBLOCK if another holds it. */
int ambit_cell_adopt(struct kernel *kernel, uint32_t id, struct cell **ret, struct diag *diag);
/* Where who was killed left limits of a policy that never came into force, or did not get to those of `policy`, which
 * is in force: makes them, with what was drawn. */
int ambit_cell_mend(struct cell *cell, const struct policy *policy, struct diag *diag);
/* Where in its ring the next event begins, in bytes since the ring was made. */
uint64_t ambit_cell_position(const struct cell *cell);
/* A number that no other ring has until the machine starts again; 0: not known. */
uint64_t ambit_cell_ring(const struct cell *cell);
/* Of a cell that is bound: what was drained is recorded, and need not be read again. */
void ambit_cell_drained(struct cell *cell);
int ambit_cell_row(const struct cell *cell, struct ambit_cell *ret);
/* Whether a process is in a cell; also true where that cannot be found out. */
bool ambit_process_is_inside(struct kernel *kernel, int pidfd);
/* Tasks that came into a bound cgroup and got no label, for lack of memory, since the kernel was armed. */
unsigned ambit_bound_missed(struct kernel *kernel);
/* Labels all tasks that are in a bound cgroup and have no label. -ENOMEM if one is left. */
int ambit_bound_label(struct kernel *kernel);
/* Binds what a glob names and is not bound yet, for a cell that is bound by it; its order stays. */
int ambit_cell_spread(struct cell *cell, const struct ambit_place *place);
/* Where the cgroup above the cell's was made anew, and so has another id: binds it again and returns 1, or a
 * negative errno if a task there got no label. 0: it is bound as before, or there is none above it now. */
int ambit_cell_rebind(struct cell *cell, const struct ambit_place *place);

/* Calls `each` for every process of the cell, wherever it is. A negative errno, too, if of one it could not be
 * found out whether it is; the others were called for. */
int ambit_cell_processes(
	struct cell *cell, void (*each)(pid_t pid, int pidfd, void *data), void *data);
/* The processes of the machine in which a task has rings of io_uring that it registered with itself; the list is the
 * caller's. A negative errno where that cannot be found out, such as before the first cell is bound. */
int ambit_ring_processes(pid_t **ret, size_t *ret_count);
/* Stops all tasks of a cgroup outside of the kernel, and waits until they are: -ETIMEDOUT; or lets them go on. */
int ambit_cgroup_freeze(const char *path, bool freeze);
/* Whether somebody has had it frozen. */
bool ambit_cgroup_is_frozen(const char *path);

/* Takes away cells whose ambit is gone (killed). Returns how many. */
int ambit_cells_reap(struct kernel *kernel);
/* Takes away what was left by who was killed while a cell was being bound, or had its policy replaced: for who
 * alone does so. */
void ambit_bound_reap(struct kernel *kernel);

/* A bound cell, whoever bound it. */
struct cell_info {
	uint32_t id;
	struct ambit_cell row;
	struct ambit_counters counters;
	unsigned processes;
	bool limited; /* `limits` is filled */
	struct ambit_limits limits; /* as of now */
	size_t ring_used, ring_size; /* bytes; 0: it has no ring */
	char note[128]; /* of ambit_cell_note(); empty without one */
};
/* What is drawn of a limit, in its units. */
uint64_t ambit_bucket_used(const struct ambit_bucket *bucket);
/* Calls `each` for every bound cell, in no order. */
int ambit_cells_each(struct kernel *kernel,
	void (*each)(const struct cell_info *info, void *data), void *data);

/* What was denied in all cells, by rule and reason; in no order. */
int ambit_kernel_tallies(struct kernel *kernel,
	void (*each)(const struct ambit_tally_key *key, uint64_t count, void *data), void *data);
/* How many rows those maps have whose being full would be felt, and room for how many. */
int ambit_kernel_gauges(struct kernel *kernel,
	void (*each)(const char *map, uint64_t used, uint64_t room, void *data), void *data);

/* Proves that the armed kernel denies: runs a task in the deny-all cell, one attempt for each operation in `ops`
 * (a bit set of 1 << enum ambit_op); and outside, the first time after arming or if `outside_too`. `results[op]`:
 * 0 not asked, 1 denied inside, by ambit, and possible outside, negative: not proved; `diag` says what was seen. */
int ambit_kernel_canary(struct kernel *kernel, unsigned ops, bool outside_too, int results[OP_MAX],
	struct diag *diag);

#endif
