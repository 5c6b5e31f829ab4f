/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events -> trail: one OCSF event a line, as JSON (docs/trail.md has the schema). Every line is valid JSON
 * whatever bytes a path holds.
 *
 *   ocsf.c    what every line has               secrets.c what a command line does not show
 *   record.c  bytes of the ring -> record       json.c   record -> line for machines
 *   parse.c   line for machines -> record       line.c   record -> line for people
 *   marks.c   start, gaps and end of a trail    trail.c  the file
 *   writer.c  JSON                              tail.c   how a file ends
 *   seal.c    what chains a line to others      repeats.c  events that are alike
 *   chain.c   lines -> chain                    verify.c  chain -> what was done to it
 *   recorder.c  events and marks -> file, in batches
 *   turn.c   a file ends and another begins    succeed.c  and the chain goes on in it
 *   pieces.c  the files there were before      squeeze.c  compresses them
 *   keeper.c  a thread that waits for the disk
 *   config.c  how trails are kept              sinks.c   where lines go besides
 */
#ifndef AMBIT_TRAIL_H
#define AMBIT_TRAIL_H

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include "base/diag.h"
#include "policy/policy.h"

/* Raised when a key changes its meaning or goes; a new key does not raise it. */
#define AMBIT_TRAIL_SCHEMA 2
/* No line is longer: two paths of 4095 bytes, each byte escaped twice (as a path, and as the name at its end)
 * and again in hex, and the rest. */
#define AMBIT_TRAIL_LINE_MAX (128 * 1024)

/* An event with everything that user space adds to it. Strings point into the event. */
struct record {
	const struct ambit_event *event;
	const char *path; /* of a connect the name that led to the address */
	size_t path_length;
	const char *said; /* of a connection that was cut, the name in its first bytes */
	size_t said_length;
	const char *stream; /* what first bytes have to be, for `ambit why`; NULL: nothing is said of them */
	const char *limits; /* likewise: the limits that it counts for */
	const char *exe;
	size_t exe_length;
	const char *cell;	 /* name */
	const char *policy;	 /* file */
	const char *policy_name; /* `name` in that file */
	const struct rule *rule; /* NULL without one */
	/* Without a rule: the line of the first rule that allows the operation, which is where one
	 * that is missing would go, or of the cell's limit that was reached; 0 if the policy has none. */
	unsigned section_line;
	uint64_t wall; /* CLOCK_REALTIME of the event, ns since 1970 */
	uint64_t count; /* events that this one stands for; 0 is 1 */
	uint64_t last;	/* wall time of the last of them, if it is not 1 */
	struct trail_source *source; /* NULL: the record did not come from a ring */
};
struct trail_source;
struct writer;

/* Checks the raw bytes of a ring record (sizes, ranges, ABI) and fills `ret`; -EBADMSG if they are
 * not an event. Reads nothing outside `size` bytes. `bytes` is aligned to 8, as the ring's records
 * are. `source` (source.h) has to outlive `ret`. */
int ambit_record_decode(
	const void *bytes, size_t size, struct trail_source *source, struct record *ret);

/* The numbers that a denial is about; false for events that are not about any. */
bool ambit_event_numbers(const struct ambit_event *event, struct ambit_numbers *ret);
bool ambit_reason_has_numbers(unsigned reason);
/* "SO_MARK"; NULL for what has no name here. */
const char *ambit_option_name(const struct ambit_numbers *numbers);

/* The one line for people: verb, object, program, policy line, remedy. Control characters and
 * invalid UTF-8 are shown as escapes. malloc()ed; NULL without memory. */
char *ambit_record_line(const struct record *record);
/* What was asked for, "write /etc/passwd", escaped as above. malloc()ed; NULL without memory. */
char *ambit_record_object(const struct record *record);
/* Why, and what to do about it: "policy coding-agent:14  not in files.allow.write". malloc()ed;
 * NULL without memory. */
char *ambit_record_cause(const struct record *record);
/* The one line for machines, without a newline. malloc()ed; NULL without memory. */
char *ambit_record_json(const struct record *record);
/* The same behind what `writer` holds; ambit_writer_line() ends it. */
void ambit_record_put(struct writer *writer, const struct record *record);
/* The same for a decision that nobody asked the kernel for (ambit why): no process, no time. */
char *ambit_record_answer(const struct record *record);

/* Fills what follows from the event and the policy: its names, rule and section_line. */
void ambit_record_explain(struct record *record, const struct policy *policy);

/* Where in a policy file the rules of an operation stand, such as "files.allow.write"; NULL for an
 * operation without rules. */
const char *ambit_section(enum ambit_op op, enum ambit_verdict verdict);
const char *ambit_op_text(unsigned op);
const char *ambit_reason_code(unsigned reason);
const char *ambit_reason_text(unsigned reason);
/* Name of a row of bpf/hooks.def, NULL outside of it. */
const char *ambit_hook_name(unsigned hook);
/* Name of a capability as capabilities(7) has it, in small letters and without CAP_; NULL for a number
 * that no kernel gave a name yet. */
const char *ambit_capability_name(unsigned capability);

/* --- records that are not events --- */

struct trail_start {
	const char *cell;
	uint32_t cell_id;
	const struct policy *policy;
	enum ambit_mode mode;
	uint64_t epoch;
	uid_t uid;	   /* the command's */
	char *const *argv; /* the command, ends with NULL */
	const char *weaker; /* what is promised less than elsewhere; empty: nothing */
};

/* What was denied how often, by rule and reason. */
struct trail_tally {
	struct ambit_tally_key key;
	uint64_t count;
};

struct trail_end {
	const char *cell;
	uint32_t cell_id;
	const struct policy *policy;
	enum ambit_mode mode;
	uint64_t epoch;
	int status; /* exit status, 128 + signal as a shell has it */
	const struct ambit_counters *counters;
	uint64_t unreadable; /* ring records that were no events */
	const struct trail_tally *tallies;
	size_t tally_count;
	const char *weaker; /* as in the start */
	uint64_t skipped;   /* decisions that the kernel skipped meanwhile, that is, allowed */
};

/* The first line of a run: what runs where under which policy. malloc()ed; NULL without memory. */
char *ambit_start_json(const struct trail_start *start);
/* The last line: the kernel's own counts, exact even where events were lost. */
char *ambit_end_json(const struct trail_end *end);
/* Between two lines events are missing; the counts are those since the last such line. */
char *ambit_lost_json(const char *cell, uint32_t cell_id, const struct ambit_counters *now,
	const struct ambit_counters *before);
/* Decisions were skipped, that is, allowed: `count` since the run began, of any task. */
char *ambit_skipped_json(const char *cell, uint32_t cell_id, uint64_t count);
/* `count` processes had left the cgroup of the cell. */
char *ambit_strayed_json(const char *cell, uint32_t cell_id, uint64_t count);
/* `count` lines before this one could not be written. */
char *ambit_missing_json(uint64_t count);
/* The wall clock was set: without that it would show `was` (ns since 1970). */
char *ambit_clock_json(uint64_t was);
/* The file ends, and the trail goes on in another: `piece` is the name that it gets. */
char *ambit_rotate_json(const char *piece);
/* The first line of a file that goes on with a trail; `piece` is the file before. */
char *ambit_continue_json(const char *piece);
/* `count` files, `newest` the youngest of them, are removed; the line before the oldest one that stays has
 * the hash `until`. */
char *ambit_retired_json(uint64_t count, const char *newest, const uint8_t until[32]);
/* The trail could not be written from `since` (ns since 1970) on, for the first time because of `error`
 * (negative errno); `denied`: meanwhile everything was denied. */
char *ambit_failure_json(uint64_t since, int error, bool denied);
/* What became of a sink (sinks.h): it fails, works again, or lost lines. */
struct trail_sink {
	const char *kind, *to; /* NULL: its kind has one place */
	bool failing;
	const char *error;
	uint64_t dropped; /* lines since the last such line */
};
char *ambit_sink_json(const struct trail_sink *sink);
/* ambit ends, and the command was not started. */
char *ambit_stop_json(void);
/* What the service did with a cell: "takeover", "release", "reload", "reload-refused", "missed", "rebound", "disarm";
 * `detail` NULL: nothing more to say. */
char *ambit_service_json(const char *cell, uint32_t cell_id, const char *what, uint64_t epoch,
	const char *detail);
/* Of all operations together. */
uint64_t ambit_counts_sum(const __u64 counts[OP_MAX]);
/* Events that never came out of the kernel, whatever the reason. */
uint64_t ambit_events_lost(const struct ambit_counters *counters);

/* --- reading a trail --- */

enum trail_type {
	TRAIL_DECISION,
	TRAIL_EXEC,
	TRAIL_START,
	TRAIL_LOST,
	TRAIL_SKIPPED,
	TRAIL_STRAYED,
	TRAIL_MISSING,
	TRAIL_CLOCK,
	TRAIL_STOP,
	TRAIL_END,
	TRAIL_ROTATE,
	TRAIL_CONTINUE,
	TRAIL_RETIRED,
	TRAIL_FAILURE,
	TRAIL_SINK,
	TRAIL_SERVICE,
	TRAIL_TYPE_MAX
};
const char *ambit_trail_type(unsigned type);

/* One line read back. For what is neither a decision nor an exec, `record` has the cell, the policy
 * and the time alone. */
struct trail_entry {
	enum trail_type type;
	struct record record;
	uint64_t allowed, denied; /* TRAIL_END */
	uint64_t lost;		  /* TRAIL_LOST, TRAIL_END */
	uint64_t skipped;	  /* TRAIL_SKIPPED, TRAIL_END */
	uint64_t strayed;	  /* TRAIL_STRAYED */
	uint64_t missing;	  /* TRAIL_MISSING */
	uint64_t was;		  /* TRAIL_CLOCK: what the clock would show, ns since 1970 */
	const char *piece;	  /* TRAIL_ROTATE, TRAIL_CONTINUE, TRAIL_RETIRED: a file */
	uint64_t files;		  /* TRAIL_RETIRED */
	uint64_t since;		  /* TRAIL_FAILURE, ns since 1970 */
	const char *error;	  /* TRAIL_FAILURE, TRAIL_SINK */
	struct trail_sink sink;	  /* TRAIL_SINK */
	bool denied_all;	  /* TRAIL_FAILURE */
	int status;		  /* TRAIL_END */
	bool audit;		  /* TRAIL_START, TRAIL_END */
	const char *what;	  /* TRAIL_SERVICE */
	const char *weaker;	  /* TRAIL_START, TRAIL_END: as in struct trail_start; NULL: nothing */
};

/* Reads one line (no newline) that may be hostile or cut short; -EBADMSG if it is not a line of a
 * trail. Free with ambit_entry_free(). */
int ambit_entry_parse(const char *line, size_t size, struct trail_entry **ret);
void ambit_entry_free(struct trail_entry *entry);
static inline void entry_cleanup(struct trail_entry **entry)
{
	ambit_entry_free(*entry);
}

/* --- the file --- */

struct trail;
/* What the file held when it was opened. */
struct trail_before {
	uint8_t last[32]; /* hash of its last whole line; all zero: it had none */
	bool beside;	  /* another run has it open and may be writing */
};
/* What it ends in and is no line: the rest of one that was cut short by a write that failed, or, after
 * a crash, before it was opened. */
struct trail_torn {
	uint64_t size; /* 0: it ends with a line */
	uint8_t hash[32];
};

/* Opens (0600, append, created) a trail. Refuses what is not a regular file, symbolic links, and a file
 * in whose end there are no lines. */
int ambit_trail_open(const char *path, struct trail **ret, struct diag *diag);
const struct trail_before *ambit_trail_before(const struct trail *trail);
void ambit_trail_torn(const struct trail *trail, struct trail_torn *ret);
/* Appends lines, each with its newline, in one write. A short or failed write is a negative errno;
 * `ret_whole` is how many lines are in the file, the last perhaps without its newline. A line that was
 * cut short is ended by the next write, so that it spoils no other. */
int ambit_trail_write(struct trail *trail, const char *lines, size_t size, uint64_t *ret_whole);
/* When a file is left for another, for how long those are kept, and what a power cut can take. 0: never,
 * for ever, not before the end. */
struct trail_keep {
	uint64_t rotate_size; /* bytes */
	uint64_t rotate_age;  /* ns */
	uint64_t keep_files;  /* that were rotated */
	uint64_t keep_age;    /* ns since they were written to last */
	/* The disk is asked to write back after so many lines, or so long (ns) after the first of them. */
	uint64_t sync_lines, sync_ns;
};
void ambit_trail_keep(struct trail *trail, const struct trail_keep *keep);

/* Begins to write back what is due at `now` (CLOCK_MONOTONIC, ns; UINT64_MAX: all), without waiting for it.
 * An error is that of one that was begun before. */
int ambit_trail_sync(struct trail *trail, uint64_t now);
/* When ambit_trail_sync() has to be called; 0: there is nothing to write back. */
uint64_t ambit_trail_due(const struct trail *trail);

enum trail_state {
	TRAIL_STANDS,
	TRAIL_FULL, /* as large or as old as it may become, and nobody else has it open */
	TRAIL_GONE, /* it was removed: nobody can find what is written to it */
};
/* Whether a new file has to be begun. TRAIL_FULL keeps others from opening it, until one of the next two. */
enum trail_state ambit_trail_state(struct trail *trail);
/* The file stays, and is not found full again for a while. */
void ambit_trail_stay(struct trail *trail);
/* Gives the file, which is on the disk then, the name `piece`, and begins a new one under its old name.
 * After an error all is as it was. */
int ambit_trail_turn(struct trail *trail, const char *piece);
/* Writes a file that was removed anew, from what the kernel still has of it; also its directory (not what
 * that was in). After an error all is as it was. */
int ambit_trail_again(struct trail *trail);
/* Where the file is rotated to next, malloc()ed. */
int ambit_trail_next(const struct trail *trail, char **ret);

/* Files that are not kept any longer. */
struct trail_surplus {
	char **paths; /* owned */
	size_t count, paths_room;
	uint8_t until[32]; /* what the first line of the oldest one that stays names as the line before it */
};
int ambit_trail_surplus(const struct trail *trail, struct trail_surplus *ret);
/* Removes them, and begins to compress those that stay. */
void ambit_trail_retire(struct trail *trail, const struct trail_surplus *surplus);
void ambit_trail_surplus_clear(struct trail_surplus *surplus);

/* Writes what the kernel still holds back to the disk and frees `trail`. NULL is fine. */
int ambit_trail_close(struct trail *trail);

#endif
