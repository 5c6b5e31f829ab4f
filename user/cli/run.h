/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pieces of `ambit run` and `ambit audit`:
 *
 *   run.c      the order of things, and what is undone when one of them fails
 *   cell.c     the cell, from an armed kernel to its end
 *   ask.c      the same for who is not root: the service makes the cell
 *   served.c   the service's side of that
 *   under.c    a user's policy, narrowed by the administrator's
 *   options.c  the command line
 *   launch.c   the command's process, from fork to exec
 *   relay.c    signals that the command should get, and the end of patience
 *   session.c  events -> trail and stderr
 *   shut.c     what is allowed while the trail cannot be written
 *   fold.c     one line for denials that are alike
 *   summary.c  what it came to
 */
#ifndef AMBIT_RUN_H
#define AMBIT_RUN_H

#include <signal.h>
#include "cli/cli.h"
#include "kernel/kernel.h"
#include "trail/config.h"
#include "trail/recorder.h"
#include "trail/sinks.h"
#include "trail/trail.h"

struct user_call;

/* --- options.c --- */

struct run_options {
	bool audit;	    /* the verb: record, deny nothing */
	const char *policy; /* NULL: the empty one */
	const char *user;   /* NULL: who called sudo, else root */
	const char *trail;  /* NULL: a new file under AMBIT_TRAIL_DIR */
	const char *trail_config; /* NULL: AMBIT_TRAIL_CONFIG, if there is one */
	uint32_t ring;	    /* bytes of the cell's ring */
	bool quiet, json;
	bool best_effort;
	uid_t lent;	   /* to whom, and how many bytes the trail may have; 0: it is root's own */
	uint64_t share;
	char **argv; /* the command, ends with NULL */
};

/* The kernel takes powers of two of pages. How large it is decides what is lost, never a verdict. */
#define AMBIT_RING_MIN (4U << 10)
#define AMBIT_RING_MAX (64U << 20)

/* Exits with EXIT_AMBIT when the command line is wrong (argp), unless `flags` (ARGP_*) say that it
 * must not; then returns an errno. */
int ambit_run_options(int argc, char **argv, bool audit, unsigned flags, struct run_options *ret);

/* --- launch.c --- */

/* How signals stood when ambit was started: the command gets them back. */
struct signal_state {
	sigset_t mask;
	struct sigaction pipe;
};

/* A process that waits to become the command. */
struct launch {
	pid_t pid;
	int pidfd;
	int go_fd;     /* closing it unused ends the process */
	int report_fd; /* what went wrong in there */
};
#define LAUNCH_NONE ((struct launch){.pid = -1, .pidfd = -1, .go_fd = -1, .report_fd = -1})

/* Starts the process, in the directory `cgroup` of the cgroups if it is not -1, and waits until it has
 * become the user it will run as. It holds no descriptor
 * but 0, 1, 2 and its two pipes, cannot gain privileges, and dies with us. */
int ambit_launch_new(const struct target *target, char **argv, const struct signal_state *signals,
	int cgroup, struct launch *ret, struct diag *diag);
/* Lets it execute the command. */
int ambit_launch_go(struct launch *launch);
/* After its end: 0 if the command was executed, else the errno of execvp(). */
int ambit_launch_exec_error(const struct launch *launch);
/* Kills it if it still waits, reaps it, closes everything. */
void ambit_launch_clear(struct launch *launch);

/* --- relay.c --- */

enum relay_step { RELAY_NOTHING, RELAY_KILL };

struct relay {
	int signal_fd;
	int timer_fd;
	bool asked; /* the command was told to end */
};
#define RELAY_NONE ((struct relay){.signal_fd = -1, .timer_fd = -1})
/* How long a command may take to end after it was told to. */
#define RELAY_PATIENCE_S 5

/* Blocks the signals that are passed on and opens the descriptors to poll. */
int ambit_relay_open(struct relay *ret, struct signal_state *ret_state);
/* A signal came that nobody has read yet. */
bool ambit_relay_is_pending(const struct relay *relay);
/* After `signal_fd` or `timer_fd` became readable. RELAY_KILL: the cell has to be ended now. */
enum relay_step ambit_relay_step(struct relay *relay, int pidfd);
void ambit_relay_close(struct relay *relay);

/* --- fold.c --- */

struct fold;
struct fold *ambit_fold_new(void);
/* True the first time that a denial of this object for this reason comes by; false if one like it
 * was seen already, or without memory. Forgets everything after FOLD_MAX different ones. */
bool ambit_fold_is_new(struct fold *fold, const struct record *record);
void ambit_fold_free(struct fold *fold);
#define FOLD_MAX 10000

/* --- session.c --- */

struct session {
	const struct run_options *options;
	const struct policy *policy;
	enum ambit_mode mode;
	struct cell *cell;
	char *cell_name;  /* owned */
	char *trail_path; /* owned */
	struct trail_config config;
	const struct loaded *loaded;
	struct loaded shut; /* what allows nothing; empty unless the policy may need it */
	uint64_t epoch;
	struct trail *trail;
	struct sinks *sinks;
	struct fold *fold;
	struct recorder recorder;
	int timer_fd;
	uint64_t due;		    /* when the timer wakes us (CLOCK_MONOTONIC, ns); 0: never */
	struct ambit_counters seen; /* losses that the trail knows of */
	bool told;		    /* that the trail cannot be written */
	unsigned budget;	    /* events left in this turn */
	bool colour;
	const struct kernel_state *state; /* as the run began */
};
#define AMBIT_EPOCH 1

/* Names the cell and opens its trail with the start record. */
int ambit_session_open(struct session *session, const struct target *target, struct diag *diag);
/* The ring's descriptor is readable: lets more come together, or drains a ring that is half full. */
void ambit_session_woken(struct session *session);
/* `timer_fd` is readable: drains. The timer runs only while something waits in the ring, or is
 * counted and not yet written. */
void ambit_session_tick(struct session *session);
/* Hands on what waits in the ring; in one turn no more than a bounded number of events unless
 * `all`, so that a flood does not keep us from signals. With `all` also what was counted, and the last of it
 * is in the file only with the next line: nothing may be waited for until then. */
int ambit_session_drain(struct session *session, bool all);
/* Appends a line to the trail; takes `json`. */
void ambit_session_write(struct session *session, char *json);
/* Appends the last line of the trail and signs it for good; takes `json`. */
void ambit_session_end(struct session *session, char *json);
/* Writes a line that ambit stops, where there is no last one. */
void ambit_session_close(struct session *session);

/* Sinks have something to say: it becomes lines of the trail. */
void ambit_session_sinks(struct session *session);

/* --- shut.c --- */

int ambit_shut_open(struct session *session, const struct target *target);
/* After a batch was written, or was not. */
void ambit_shut_check(struct session *session);
void ambit_shut_close(struct session *session);

/* --- cell.c --- */

struct run {
	struct run_options options;
	struct target target;
	struct loaded loaded;
	enum ambit_mode mode;
	struct kernel *kernel;
	struct kernel_state state;
	struct cell *cell;
	struct session session;
	const struct user_call *lent; /* to whom, if to a user: its tasks have no mark, and no peer can name it */
};

/* Arms the kernel, has it proved that it denies, and makes the cell, with its trail. `options`, `target`,
 * `loaded` and `mode` are there. */
int ambit_run_open(struct run *run, struct diag *diag);
/* Ends what is left in the cell and reads its last events. */
void ambit_run_end(struct run *run);
void ambit_run_clear(struct run *run);

/* --- ask.c --- */

/* Runs the command in a cell that the service makes; its exit status. */
int ambit_ask_run(const struct run_options *options);

/* --- under.c --- */

/* What a user sent, with his rights, and what the administrator lets users have: both, compiled. What is wrong is
 * added to `diags`. We are in the directory that he named then. */
int ambit_loaded_under(const struct user_call *user, const struct target *target, struct diags *diags,
	struct loaded *ret);

/* As ambit_loaded_links(): the places that the user named with his rights, the others with ours. */
int ambit_links_under(const struct user_call *user, const struct loaded *loaded, struct identities *ret,
	struct diag *diag);

/* --- summary.c --- */

/* Writes the end record and prints what the run came to. */
void ambit_summary(struct session *session, int status);

#endif
