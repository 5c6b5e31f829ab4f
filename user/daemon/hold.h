/* SPDX-License-Identifier: Apache-2.0 */
/* A cell that the service holds. */
#ifndef AMBIT_HOLD_H
#define AMBIT_HOLD_H

#include "daemon/daemon.h"
#include "trail/recorder.h"

/* What the next one has to know of a cell, besides what the kernel has. */
struct hold_state {
	char *name;   /* of the cell */
	char *cgroup; /* path */
	char *file;   /* of the policy */
	struct ambit_counters seen; /* losses that the trail knows of */
	uint64_t tightens; /* the epoch whose narrower policy is being applied to what is open; 0: none */
	char **frozen; /* the cgroups whose tasks are frozen for that, by us; owned */
	size_t frozen_room, frozen_count;
	bool glob; /* `cgroup` ends with one */
};
static inline struct ambit_place hold_place(const struct hold_state *state)
{
	return (struct ambit_place){.path = state->cgroup, .glob = state->glob};
}
/* Written as one; a negative errno. */
int ambit_state_write(uint32_t id, const struct hold_state *state);
int ambit_state_read(uint32_t id, struct hold_state *ret);
void ambit_state_clear(struct hold_state *state);
/* Where the text of the policy is that a cell has since `epoch`; malloc()ed. */
char *ambit_state_policy(uint32_t id, uint64_t epoch);
/* Where it is kept what of its ring is in the trail (told.h); malloc()ed. */
char *ambit_state_told(uint32_t id);
/* Copies `file` there: what is compiled, and what explains events later, is one text. */
int ambit_state_keep(uint32_t id, uint64_t epoch, const char *file, struct diag *diag);
/* Tables of a cell that the kernel has no more, while somebody may have to know what they allowed: those before the
 * policy that became narrower (`tightens`), and those of a cell that may be
 * shut (`onTrailFailure`), which the kernel does by itself. */
enum state_time { STATE_BEFORE, STATE_ASIDE };
/* After an error, or where `ready` has none, there are none. */
int ambit_state_keep_tables(uint32_t id, enum state_time time, uint64_t epoch, const struct ready *ready);
/* Into `ret`, which has a policy no more than the file has. A negative errno also where another build of ambit wrote
 * them. Links are in the order in which they were kept. */
int ambit_state_tables(uint32_t id, enum state_time time, uint64_t epoch, struct ready *ret);
void ambit_state_drop_tables(uint32_t id, enum state_time time, uint64_t epoch);
/* Takes away what was kept of a cell, or of one epoch of it. */
void ambit_state_drop(uint32_t id);
void ambit_state_drop_all(void);
/* That a cgroup is about to be frozen by us. */
int ambit_state_freezes(struct hold_state *state, const char *path);
/* Thaws what is frozen by us, and keeps of that what could not be thawed and is still there: then the first errno. */
int ambit_state_thaw(struct hold_state *state);
/* Thaws what a daemon left frozen, as the states say, and has them say so; what was to be looked at meanwhile
 * (`tightens`) stays due. For cells that nobody could take over. */
void ambit_state_thaw_all(void);
void ambit_state_drop_policy(uint32_t id, uint64_t epoch);

struct hold {
	struct hold *next;
	const struct daemon_options *options;
	struct kernel *kernel;
	struct cell *cell;
	struct hold_state state;
	enum ambit_mode mode;
	/* In force, and before it: events that wait are explained by the one that decided them. */
	struct policy *policies[2];
	uint64_t epochs[2];
	unsigned source; /* which of them explains at the moment */
	struct trail *trail;
	struct recorder recorder;
	struct told turn; /* of the ring, that is written */
	uint64_t budget; /* events left in this turn */
	bool told; /* that the trail cannot be written */
	bool shut; /* AMBIT_CELL_SHUT, as far as it is known here */
};

/* Binds a place to a policy file: a cell of its own, all tasks there in it. */
int ambit_hold_new(const struct daemon_options *options, struct kernel *kernel, const struct ambit_place *place,
	const char *file, struct hold **ret, unsigned *ret_tasks, struct diag *diag);
/* Goes on with a cell that is bound. */
int ambit_hold_take(const struct daemon_options *options, struct kernel *kernel, uint32_t id,
	struct hold **ret, struct diag *diag);
/* Writes what waits in the ring, and only then gives it up: if one is killed in between the next one takes it again,
 * and leaves out what is in the file. True: there is more, for the next turn. */
bool ambit_hold_drain(struct hold *hold);
/* All that waits in the ring, and little of what comes meanwhile. */
void ambit_hold_drain_waiting(struct hold *hold);
/* Binds what its glob names and is not bound yet, but labels nobody (ambit_bound_label()). -ENOMEM if one is left. */
int hold_spread(struct hold *hold);
/* Once a second: what is due without an event, and whether the cgroup is still bound. */
void ambit_hold_look(struct hold *hold);
/* Another text of the policy, from the same file: all of it, or with a diag none. */
int ambit_hold_reload(struct hold *hold, struct diag *diag);
/* Appends a line about the service. */
void ambit_hold_mark(struct hold *hold, const char *what, const char *detail);
/* Appends any line, which stays the caller's; NULL counts as one that is missing. */
void ambit_hold_write(struct hold *hold, const char *json);
/* Ends the trail and lets go; the cell stays. */
void ambit_hold_free(struct hold *hold, const char *what);

/* --- hold.c, record.c and reload.c share --- */

/* loads.c: a policy, as options->load() has it. While many are loaded, one whose text and name are those of the last
 * is the same; nobody changes what is in it. */
int loads_get(const struct daemon_options *options, const char *file, const char *shown, struct diags *diags,
	struct ready *ret);
void loads_many(bool many);
/* What the armed kernel promises less than elsewhere, which is looked up once for many; "" for nothing. */
const char *loads_weaker(void);
/* The kept text of an epoch, ready to be bound. */
int hold_ready(struct hold *hold, uint64_t epoch, struct ready *ret, struct diag *diag);
/* Opens the trail; an error, with a diag, leaves nothing to be closed. */
int hold_trail_open(struct hold *hold, struct diag *diag);
/* Writes the first line of a cell. */
void hold_start(struct hold *hold);
/* Has the events that come now explained by the policy of an epoch. */
void hold_explain(struct hold *hold, uint64_t epoch);
/* Once a cell was bound or taken over: keeps aside what decides in it (STATE_ASIDE), if it may ever be shut. */
void hold_aside(struct hold *hold);
/* --- freeze.c and tighten.c --- */

/* What decides now, or would if the cell was not shut, without its policy. Not by compiling the text again: the sets
 * and links in it may say something else by now. */
int hold_in_force(struct hold *hold, struct ready *ret);

/* Before another policy takes the place of one: freezes the tasks of the cell if the new one could be narrower.
 * `before` is of
 * hold_in_force(). True: hold_tighten() is due behind it, and in any case hold_thaw(). */
bool hold_freeze(struct hold *hold, const struct ready *before, const struct ready *now, uint64_t epoch);
/* Ends what is open and was allowed before and is not now: connections, and processes that hold files. A
 * negative errno if not all of it could be looked at. */
int hold_tighten(struct hold *hold, const struct ready *before, const struct ready *now);
/* What it could not thaw stays so in the state, and is tried again with ambit_hold_look(). */
void hold_thaw(struct hold *hold);
/* Goes on where a daemon was killed in between; once a cell was taken over. */
void hold_tighten_again(struct hold *hold);

/* --- notify.c --- */

/* Tells systemd, if it is what started us: "READY=1"; "WATCHDOG=1" at each step of what may take long. */
void notify(const char *text);

/* --- a trail that fails --- */

/* Where the policy says `onTrailFailure: deny`: whether lines did not get into the file, and then nothing is
 * allowed. After each batch. */
void hold_shut_check(struct hold *hold);
/* Once a second: whether the kernel did the same, because events were lost; and puts the policy into force
 * again when the trail works and has caught up. */
void hold_shut_look(struct hold *hold);

#endif
