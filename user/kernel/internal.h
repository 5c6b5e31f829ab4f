/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the kernel room share. */
#ifndef AMBIT_KERNEL_INTERNAL_H
#define AMBIT_KERNEL_INTERNAL_H

#include "kernel/kernel.h"
#include "kernel/promise.h"

/* The maps that user space needs; pinned under their names. */
#define KERNEL_MAPS(X)                                                                             \
	X(arming) X(labels) X(cells) X(counters) X(tallies) X(policies) X(policy_keys) X(rings)    \
	X(identities) X(names) X(bss) X(limits) X(cell_cgroups) \
	X(bounds) X(globs) X(binding)

struct attached;
struct kernel {
#define X(name) int name;
	KERNEL_MAPS(X)
#undef X
	struct ambit_kept *kept; /* the section of the map `bss`, shared with the programs */
	struct attached *attached; /* when it was armed by ambit_kernel_arm(); owned */
	int lock; /* shared lock on AMBIT_RUN_DIR/lock: nobody disarms while it is held */
	size_t bound; /* cells that are bound and held by this process */
};

/* The lock of whoever writes rows of `policies` and of `cells` (policies.c), or takes an id. */
int policies_lock(struct diag *diag);
/* An id that no cell has had since the kernel was armed, under the lock. -errno. */
int id_next(struct kernel *kernel, uint32_t *ret);
/* True if a cell has the slot of this id (AMBIT_CELL_SLOT). */
bool slot_is_taken(struct kernel *kernel, uint32_t id);
/* Has the slot of the id, under the lock, with nothing counted. */
int counters_clear(struct kernel *kernel, uint32_t id);
/* The counters of a cell, without what is kept of verdicts. */
int counters_read(struct kernel *kernel, uint32_t id, struct ambit_counters *ret);

/* Calls `each` for the tallies of a cell; or takes them away. */
int tallies_each(struct kernel *kernel, uint32_t id,
	void (*each)(const struct ambit_tally_key *key, uint64_t count, void *data), void *data);
void tallies_remove(struct kernel *kernel, uint32_t id);

/* Maps what the programs keep. */
int kept_open(struct kernel *kernel);
void kept_close(struct kernel *kernel);
/* Makes void what is kept of verdicts. Before a row of `cells` is replaced nothing is kept or used any
 * more (`begins`), and after it nothing that was kept before. */
void kept_fence(struct kernel *kernel, bool begins);
/* The same at once, where the change was made already. */
void kept_void(struct kernel *kernel);
/* Ends what an ambit that was killed has begun. */
void kept_mend(struct kernel *kernel);
/* Adds what verdicts that are kept have allowed to a cell. A negative errno. */
int kept_add(struct kernel *kernel, uint32_t id, struct ambit_counters *counters);
/* Says that no row is of a cell: where there is none, under policies_lock(), so that none begins. */
void kept_forget(struct kernel *kernel);

/* How many rows there are in maps that take long to look through, though most of the time they have none: in
 * the map `arming`, changed under policies_lock(). Counted before a row is made and after it went, so there are
 * never more; whoever was killed in between leaves a count that is too high, until census_mend(). */
enum census { CENSUS_CELLS, CENSUS_LIMITS };
int census_add(struct kernel *kernel, enum census of, int by);
/* True if there is certainly no row. */
bool census_none(struct kernel *kernel, enum census of);
/* Sets the count to none if that is so; under the lock. */
void census_mend(struct kernel *kernel, enum census of);

/* Where the pins of this ABI are; a different ABI has a different directory. */
#define STRING_(x)  #x
#define STRING(x)   STRING_(x)
#define PIN_ABI_DIR AMBIT_PIN_DIR "/abi-" STRING(AMBIT_ABI)
#define PIN_NEW_DIR AMBIT_PIN_DIR "/new"
#define PIN_LINK    "link_" /* and the name of the program */
#define PIN_PROGRAM "prog_" /* likewise, of programs that are attached to the cgroups of cells */
#define PIN_TASKS   "task_cells" /* tells in which cells tasks are (strays.c) */
#define PIN_RINGS   "ring_tasks" /* tells which processes have rings that they registered (strays.c) */
#define PIN_MOVED   "bind_moved" /* what puts tasks into cells by their cgroup (bound.c) */
#define CELL_LOCKS  AMBIT_RUN_DIR "/cells"

/* Adresses of kernel symbols from /proc/kallsyms: fills values[i] for names[i]. -ENOENT names the
 * first that is missing, also when kptr_restrict hides them. */
int symbols_find(const char *const *names, uint64_t *values, size_t count, struct diag *diag);

/* What a program for `hook` is attached to, by the kernel's BTF: bpf_lsm_HOOK, or `traced` the
 * function that calls all LSMs for it. -ENOENT where this kernel has none. */
struct btf;
struct hook_function {
	char name[128];
	unsigned arguments;
	bool is_void; /* it has no result that a program could change */
};
int hook_function(
	const struct btf *btf, const char *hook, bool traced, struct hook_function *ret);
/* Which rows of bpf/hooks.def have such a function. */
void hooks_present(const struct btf *btf, bool traced, bool ret[HOOK_ROWS]);

/* Looks at the running kernel; `btf` NULL leaves out what it tells. */
void facts_read(const struct btf *btf, struct facts *ret);
/* The same for a kernel that is armed, from what was found out then (AMBIT_ARMING_*), hooks left out. */
void facts_read_armed(unsigned flags, struct facts *ret);

/* The kernel's function that the programs call to read any address (AMBIT_CALL_CAST). */
#define CAST_FUNCTION "bpf_rdonly_cast"
struct ambit_bpf;
/* Opens the programs that were built in, with their calls of CAST_FUNCTION made such where this kernel
 * has it; where it has not, no program gets to one. A negative errno. */
int skeleton_open(const struct btf *btf, struct ambit_bpf **ret);

/* What is attached, by the pins in PIN_ABI_DIR. */
struct attached {
	bool rows[HOOK_ROWS];
	unsigned count;
	bool traced;
	bool keeps; /* verdicts */
	bool skips; /* the kernel may skip runs */
	bool tried; /* AMBIT_ARMING_TRIED */
	uint64_t skipped; /* how many it did since the programs were loaded */
	struct facts facts; /* what is known of this kernel without looking at its types */
};
int attached_read(struct attached *ret);
/* The same, with a diag if it fails. */
int attached_read_armed(struct attached *ret, struct diag *diag);
/* The same, and what the cells need that are bound: a bit set of NEEDS(). */
int attached_wanted(struct attached *ret, unsigned *ret_needs);
/* Says why what is attached does not do for `options`: a negative errno with a diag, or 0. */
int attached_refuse(
	const struct arm_options *options, const struct attached *attached, struct diag *diag);

/* The directory under which cells are made, in the cgroup v2 hierarchy (also where it is mounted
 * hybrid); makes it. `ret_level` is its depth below the root. */
int cgroup_base(char *ret_path, size_t size, uint64_t *ret_id, uint32_t *ret_level,
	struct diag *diag);
/* Where that directory is, or will be: its path alone. */
int cgroup_base_path(char *ret_path, size_t size, struct diag *diag);
/* Makes a directory in that one. */
int cgroup_add(const char *path, struct diag *diag);
int cgroup_id(const char *path, uint64_t *ret);
/* True if `pid` is the first process in it. */
bool cgroup_has(const char *path, pid_t pid);
/* Ends all tasks in the cgroup and waits until it is empty. */
int cgroup_kill(const char *path);
/* The same, and removes it. */
int cgroup_destroy(const char *path, struct diag *diag);
/* Ends the processes that have the label of a cell, wherever they are; the cell must let none be made
 * any more (AMBIT_CELL_ENDS, or no row). How many there were, or a negative errno. */
int strays_end(struct kernel *kernel, uint32_t id);
/* Writes a short text to a file below a cgroup. */
int cgroup_write(const char *path, const char *file, const char *text);

/* The lock file, locked with `operation` of flock(2): exclusive while arming and disarming, shared
 * while a kernel is open. */
int lock_open(int operation, struct diag *diag);
/* The same for another file beside it. */
int lock_file(const char *name, int operation, struct diag *diag);
/* Unlinks every pin in a directory, and the directory. */
void pins_remove(const char *path);

/* A new ring of `size` bytes in a row of the map `rings`; returns its descriptor, or -errno. */
int ring_make(int rings, uint32_t key, size_t size);
/* A descriptor of the ring in a row of `rings`; a negative errno without one. */
int ring_row_open(int rings, uint32_t key);
/* How much of it is used, and its size, in bytes. */
int ring_gauge(struct kernel *kernel, uint32_t key, size_t *ret_used, size_t *ret_size);
/* A ring for a cell, one that is there or a new one: the caller's until `ret_lock` is closed. Returns its
 * descriptor, or -errno with a diag. */
int ring_take(struct kernel *kernel, size_t size, uint32_t *ret_key, int *ret_lock, struct diag *diag);
/* A descriptor of the ring in a row; a negative errno without one. */
int ring_row_open(int rings, uint32_t key);
/* Takes the row of a cell's ring away that nobody holds any more, unless it is one of those that stay. */
void ring_leave(struct kernel *kernel, uint32_t key);

/* Loads tables into a new map; returns its descriptor. */
int table_load(const struct tables *tables, struct diag *diag);

/* The same for identities. */
int identities_load(const struct identities *identities, struct diag *diag);

/* What such a map holds, for the matcher alone: `may_deny` is empty. */
int table_read(int fd, struct tables **ret);
/* The same for identities, in the order of identity_compare(). */
int identities_read(int fd, struct identities *ret);

/* In the keys of `identities` that swapped policies have: no id of a cell has this bit. */
#define LINKS_SWAPPED 0x80000000U

/* Rows of `policies`. All of this, and all that writes rows of `cells`, is done by one ambit at a time.
 * The key of the row that holds these tables; made, if there is none. */
int policy_acquire(
	struct kernel *kernel, const struct tables *tables, uint32_t *ret_key, struct diag *diag);
/* A descriptor of the map in a row; -ENOENT without one. */
int policy_open(struct kernel *kernel, uint32_t key);
/* Takes a row away, if no row of `cells` names it; or every such row, and those of `identities` that
 * a swap has left. */
void policy_release(struct kernel *kernel, uint32_t key);
/* The same for a cell that ends: its row stays until that of another policy takes its place, so that a
 * command that is run again need not wait for the kernel. */
void policy_retire(struct kernel *kernel, uint32_t key);
void policies_sweep(struct kernel *kernel);
/* Waits until no decision is going on that began before; `key` is of any row. */
int policies_settle(struct kernel *kernel, uint32_t key);
/* What of a row of `cells` comes from names and limits of a policy. */
struct reach {
	uint64_t cgroup;
	uint32_t flags;
};
#define REACH_FLAGS (AMBIT_CELL_NAMES | AMBIT_CELL_CONNECTS | AMBIT_CELL_EGRESS | AMBIT_CELL_NAMED)
/* See ambit_cell_swap(). With `reach` that becomes another, too; NULL: it stays as it is. */
int cell_swap(struct kernel *kernel, uint32_t id, const struct tables *tables,
	const struct identities *identities, uint64_t epoch, const struct reach *reach, struct diag *diag);
/* See ambit_cell_shut(). */
int cell_shut(struct kernel *kernel, uint32_t id);

/* --- names.c --- */

/* Whether the programs for cells with names are loaded and pinned. */
bool names_armed(void);
/* Makes a cell one with names: its row in `names`, and the programs on its cgroup (an id, and its path),
 * with which they go; no path: attached is what bound cells have. What a failure leaves names_end() takes away. */
int names_begin(struct kernel *kernel, uint32_t cell, uint64_t cgroup, const char *path,
	const struct dns *dns, struct diag *diag);
/* Takes the row away; then nothing is sent to port 53 from there any more. */
void names_end(struct kernel *kernel, uint64_t cgroup);

/* Makes the row of a cell's limits, attaches what counts to its cgroup (`path`), and puts into its row
 * which limits there are. Before the row is in `cells`. */
int limits_bind(struct kernel *kernel, const struct cell_options *options, const char *path,
	struct ambit_cell *row, struct diag *diag);
/* The limits of a cell as of now; false if it has none. */
bool limits_read(struct kernel *kernel, uint32_t id, struct ambit_limits *ret);
/* Takes away what is left of cells that are gone. */
void limits_sweep(struct kernel *kernel);

/* CLOCK_MONOTONIC, ns: what buckets are filled by. */
uint64_t limits_now(void);
/* The row of limits of a cell, made or replaced; and taken away. Under policies_lock(), which nobody who calls may
 * hold. */
int limits_put(struct kernel *kernel, uint32_t id, const struct ambit_limits *limits, struct diag *diag);
void limits_drop(struct kernel *kernel, uint32_t id);
/* Has the programs look for limits of bytes and sizes, and for bound cells with names (`kept.limited`). */
void limits_tell(struct kernel *kernel);

/* --- reach.c: names and limits of a cell that is bound --- */

/* Which of REACH_FLAGS a policy has; `limits` and `dns` as in struct cell_options. */
uint32_t reach_flags(const struct policy *limits, const struct dns *dns);
/* Loads and attaches what `flags` need and is not there. -ENOTSUP where that cannot be. */
int sockets_attach(struct kernel *kernel, uint32_t flags, struct diag *diag);

/* The key of the ring of a cell that is bound: no other has it, and it needs no lock of its own, since who
 * has the cell's lock has it. */
#define RING_BOUND(id) (0x80000000U | (id))

/* The lock file of a cell, locked; or a negative errno (-EWOULDBLOCK: its ambit lives). */
int cell_lock(uint32_t id);
void cell_unlock(uint32_t id);

/* The name of a cell's cgroup and lock file, and their paths. */
void cell_name(uint32_t id, char *ret, size_t size);
void cell_lock_path(uint32_t id, char *ret, size_t size);
int cell_cgroup_path(uint32_t id, char *ret, size_t size, struct diag *diag);
/* Takes away the rows and the cgroup of a cell, whoever made it; `has_cgroup`: it is not known to have none. */
int cell_remove(struct kernel *kernel, uint32_t id, bool has_cgroup, struct diag *diag);

#endif
