/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text -> checked policy. Knows no kernel, needs no privilege, reads bytes that may be hostile.
 *
 *   ambit_policy_parse()    one YAML document -> rules, each with file, line, column; all errors
 *   ambit_policy_resolve()  ~ . ${name} @set and symbolic links -> absolute patterns
 */
#ifndef AMBIT_POLICY_H
#define AMBIT_POLICY_H

#include <stdint.h>
#include "base/diag.h"
#include "bpf/abi.h"

/* One peer pattern: an address range, a port range, the protocols it is for. */
struct peer {
	uint8_t family; /* AMBIT_FAMILY_* */
	uint8_t bits;	/* prefix length */
	uint8_t addr[16];
	uint16_t port_low, port_high; /* host order, inclusive */
	bool tcp, udp;
};

/* One pattern of the file. A rule that came out of a set carries the line of the policy that named
 * the set. */
struct rule {
	uint32_t id;	  /* from 1, in the order of the file; what events carry */
	enum ambit_op op; /* OP_READ … OP_LISTEN */
	enum ambit_verdict verdict;
	char *text; /* the pattern as it stands in the file (or "@set: pattern"); owned */
	unsigned line, column;

	/* After ambit_policy_resolve(). Paths: absolute globs in normal form. Symbolic links in the
	 * part before the first glob character are followed; where that changes a pattern, both
	 * forms are here. Owned. */
	char **paths;
	size_t path_count;
	struct peer *peers;
	size_t peer_count;
};

struct policy {
	char *file; /* as given; owned */
	char *name;
	enum ambit_mode mode;
	bool jit; /* memory that no file backs may become code */
	struct rule *rules;
	size_t rule_count;
	/* Address ranges that no wider allow rule covers (set "special", resolved). */
	struct peer *specials;
	size_t special_count;
};

/* What the words ~ . and ${name} stand for when a cell starts, and where sets are. */
struct policy_env {
	const char *home;     /* ~ */
	const char *cwd;      /* . */
	const char *sets_dir; /* directory of the files that @name refers to */
	/* ${name}: returns NULL for an unknown one. */
	const char *(*lookup)(const char *name, void *data);
	void *data;
};

/* Reads a whole policy file with every limit applied (size, type of file, NUL bytes). `ret_text` is
 * owned by the caller. Errors are added to `diags`; returns 0 or a negative errno. */
int ambit_policy_read(const char *path, char **ret_text, size_t *ret_size, struct diags *diags);

/* Parses `text`; adds every error it finds to `diags` and returns -EINVAL if there was one. */
int ambit_policy_parse(
	const char *file, const char *text, size_t size, struct diags *diags, struct policy **ret);

/* Fills paths, peers and specials of every rule. Adds every error to `diags`. */
int ambit_policy_resolve(struct policy *policy, const struct policy_env *env, struct diags *diags);

/* All three for a file; errors of each step are added, as far as the one before allows. */
int ambit_policy_load(
	const char *path, const struct policy_env *env, struct diags *diags, struct policy **ret);

/* A policy without rules: everything is denied (canary), or recorded (ambit audit). */
int ambit_policy_empty(const char *name, enum ambit_mode mode, struct policy **ret);

/* The rule with this id, or NULL. */
const struct rule *ambit_policy_rule(const struct policy *policy, uint32_t id);

void ambit_policy_free(struct policy *policy);
static inline void policy_cleanup(struct policy **policy)
{
	ambit_policy_free(*policy);
}

#endif
