/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: a table of verbs, one file a verb, and what they share. The only room that
 * prints.
 */
#ifndef AMBIT_CLI_H
#define AMBIT_CLI_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include "base/diag.h"
#include "compile/links.h"
#include "compile/tables.h"
#include "policy/env.h"
#include "policy/policy.h"

/* Exit statuses; `run` and `audit` otherwise end with the command's. */
enum {
	EXIT_DENIED = 1,       /* why: the answer is no; check, doctor, …: something is wrong */
	EXIT_USAGE = 2,	       /* the command line is wrong */
	EXIT_AMBIT = 125,      /* run, audit: ambit failed and the command never started */
	EXIT_CANNOT_RUN = 126, /* as env(1): found, but could not be executed */
	EXIT_NOT_FOUND = 127,  /* as env(1) */
};

struct verb {
	const char *name;
	int (*run)(int argc, char **argv); /* returns the exit status; argv[0] is "ambit NAME" */
	const char *help;
};

int ambit_verb_run(int argc, char **argv);
int ambit_verb_audit(int argc, char **argv);
int ambit_verb_check(int argc, char **argv);
int ambit_verb_why(int argc, char **argv);
int ambit_verb_doctor(int argc, char **argv);
int ambit_verb_arm(int argc, char **argv);
int ambit_verb_disarm(int argc, char **argv);
int ambit_verb_ps(int argc, char **argv);
int ambit_verb_metrics(int argc, char **argv);
int ambit_verb_top(int argc, char **argv);
int ambit_verb_log(int argc, char **argv);
int ambit_verb_verify(int argc, char **argv);
int ambit_verb_diff(int argc, char **argv);
int ambit_verb_daemon(int argc, char **argv);
int ambit_verb_attach(int argc, char **argv);
int ambit_verb_reload(int argc, char **argv);
int ambit_verb_stop(int argc, char **argv);

/* --- ui.c: how ambit speaks --- */

/* "ambit: …" and a newline on stderr, in one write. */
void ambit_ui_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "FILE:LINE:COLUMN: TEXT" as far as the diag has a place, else "ambit: TEXT". */
void ambit_ui_diag(const struct diag *diag);
void ambit_ui_diags(const struct diags *diags);
/* Whether to colour what goes to `fd`: a terminal, NO_COLOR empty or unset, TERM not "dumb". */
bool ambit_ui_colour(int fd);
/* One line of the trail for people; the verdict in front is coloured if `colour`. */
void ambit_ui_line(FILE *out, const char *line, bool colour);
/* False, after saying how to go on, unless we are root. `usage` is the command line to repeat. */
bool ambit_ui_root(const char *usage);

/* --- effort.c --- */

/* The command line of a verb that takes --best-effort alone; not 0 if it is wrong. `doc` is what --help says. */
int ambit_effort_parse(int argc, char **argv, const char *doc, bool *ret_best_effort);

/* --- suggest.c --- */

/* The name in `names` (ends with NULL) that `word` was probably meant to be; NULL if none is near.
 */
const char *ambit_suggest(const char *word, const char *const *names);

/* --- status.c: exit statuses --- */

/* Of a command that ended: `code` and `status` as waitid() has them. */
int ambit_status_of_child(int code, int status);
/* Of a command that could not be executed. */
int ambit_status_of_exec(int error);

/* --- target.c: whom the command runs as --- */

struct target {
	uid_t uid;
	gid_t gid;
	char *name;    /* NULL for a uid without an account; owned */
	char *home;    /* owned */
	char *shell;   /* NULL without one; owned */
	uint64_t file_size; /* the most that its files may grow to, in bytes; 0: no limit */
	bool size_later; /* somebody else limits them once the process is there */
	bool switched; /* another user than the one ambit runs as was asked for */
};

/* --user NAME (or a number), else who called sudo, else who we are. */
int ambit_target_find(const char *user, struct target *ret, struct diag *diag);
void ambit_target_clear(struct target *target);

/* --- load.c: a policy file, ready to use --- */

struct loaded {
	struct policy *policy;
	struct tables *tables;
	struct policy_env_own env; /* by which it was resolved; empty where that was another's, or is over */
};

/* Settings and state that outlive a run. */
#define AMBIT_CONFIG_DIR "/etc/ambit"
#define AMBIT_STATE_DIR	 "/var/lib/ambit"
/* How trails are kept, unless another file is named. */
#define AMBIT_TRAIL_CONFIG AMBIT_CONFIG_DIR "/trail.yaml"
/* What users may have who are not root; no cell of theirs goes beyond. */
#define AMBIT_USERS_POLICY AMBIT_CONFIG_DIR "/policy.yaml"
/* Where trails go that nobody named; a cell cannot write there, whatever its policy says. */
#define AMBIT_TRAIL_DIR "/var/log/ambit"

/* Reads, parses, resolves and compiles `file`, or with NULL the empty policy, for `target`. `trail` is
 * the file that a cell of it writes its trail to; NULL: one in AMBIT_TRAIL_DIR. Prints what is wrong
 * with it. */
int ambit_loaded_read(
	const char *file, const struct target *target, const char *trail, struct loaded *ret);
/* The same without a word: what is wrong is added to `diags`. `shown` is the file that no cell may write, as
 * which `file` counts. */
int ambit_loaded_quietly(const char *file, const char *shown, const char *home, const char *trail,
	struct diags *diags, struct loaded *ret);
void ambit_loaded_clear(struct loaded *loaded);
/* The files that the policy denies and that have several names now. Says which rules it could not
 * search for to the end. `diag` is filled on failure. */
int ambit_loaded_links(
	const struct loaded *loaded, enum search_part part, struct identities *ret, struct diag *diag);

/* --- places.c --- */

/* Makes ambit's own places guarded: directories that it keeps, the policy's `file` and the `trail`
 * (NULL: none), the sets and this program. A negative errno. */
int ambit_guard_places(
	struct policy *policy, const struct policy_env *env, const char *file, const char *trail);

/* AMBIT_KEEP=no in the environment of who arms: every access is decided anew, none by a verdict that is
 * kept. For tests, and to find out whether a wrong verdict was a kept one. */
bool ambit_keeps_nothing(void);

#endif
