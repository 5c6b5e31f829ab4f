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

/* One peer pattern: an address range or a name, a port range, the protocols it is for. */
struct peer {
	uint8_t family; /* AMBIT_FAMILY_* */
	uint8_t bits;	/* prefix length */
	uint8_t addr[16];
	uint16_t port_low, port_high; /* host order, inclusive */
	bool tcp, udp;
	/* AMBIT_FAMILY_NAME: in small letters, from the root downwards ("com.example.api"). */
	char name[AMBIT_DOMAIN_SIZE];
	bool beneath; /* all names beneath that one, and not itself */
};

/* How names are looked up (network.dns), of a policy whose rules have names. */
#define RESOLVERS_MAX 8
struct dns {
	unsigned line, column;	/* 0: the policy says nothing */
	struct peer resolvers[RESOLVERS_MAX];
	size_t resolver_count;
	unsigned queries; /* a minute */
	unsigned label;	  /* bytes of the longest label that is asked for */
	unsigned grace;	  /* seconds that a lease goes on after its time to live */
	unsigned longest; /* seconds of a lease at most, without the grace */
	bool private_names; /* addresses of private networks may have names */
};

/* What the first bytes of a connection that a rule allows have to be (docs/policy.md). */
enum tls {
	TLS_NAME,  /* TLS or HTTP/1 with a name that led to the address */
	TLS_NONE,  /* anything */
	TLS_PROXY, /* CONNECT, to a name that the policy allows, and TLS with that name behind it */
};

/* A limit; 0: there is none. */
struct quota {
	uint64_t value; /* connects or bytes */
	unsigned line;
};

/* One pattern of the file. A rule that came out of a set carries the line of the policy that named
 * the set. */
struct rule {
	uint32_t id;	  /* from 1, in the order of the file; what events carry */
	enum ambit_op op; /* OP_READ … OP_LISTEN */
	enum ambit_verdict verdict;
	char *text; /* the pattern as it stands in the file (or "@set: pattern"); owned */
	unsigned line, column;
	bool resolver; /* made for a resolver of the policy: no pattern of the file */
	bool outer;    /* of the policy that this one was narrowed by (ambit_policy_narrow()) */
	struct quota limits[LIMIT_MAX]; /* of what the rule allows (OP_CONNECT) */
	enum tls tls; /* likewise */
	bool quic;    /* likewise: QUIC, whose first bytes nobody reads */

	/* After ambit_policy_resolve(). Paths: absolute globs in normal form. Symbolic links in the
	 * part before the first glob character are followed; where that changes a pattern, both
	 * forms are here. Owned. */
	char **paths;
	size_t path_count;
	/* Of OP_UNIX: peers that are no path (pattern_is_peer()). Owned. */
	char **names;
	size_t name_count;
	struct peer *peers;
	size_t peer_count;
};

/* A place of ambit's own: no rule allows the operations in `ops` on it, or on what is beneath. */
struct guarded {
	char *path; /* an absolute glob, like those of a rule; owned */
	unsigned ops; /* bits 1 << enum ambit_op, of OP_READ … OP_UNIX */
};

struct policy {
	char *file; /* as given; owned */
	char *name;
	enum ambit_mode mode;
	bool trail_denies; /* while the trail cannot be written, everything is denied */
	bool jit; /* memory that no file backs may become code */
	bool names; /* some rule has a name, and so leases are kept; after ambit_policy_resolve() */
	bool narrowed; /* allowed is only what rules of both policies allow */
	struct dns dns;
	struct quota limits[LIMIT_MAX]; /* of the whole cell */
	struct quota file_size;
	struct rule *rules;
	size_t rule_count;
	/* Address ranges that no wider allow rule covers (set "special", resolved). */
	struct peer *specials;
	size_t special_count;
	/* Where file systems of the kernel show its settings, besides /proc and /sys: what is written
	 * there has to be named, too. Paths, owned. */
	char **reserved;
	size_t reserved_count;
	struct guarded *guarded;
	size_t guarded_count;
	unsigned shares; /* others that have it as well (ambit_policy_share()) */
};

/* What the words ~ . and ${name} stand for when a cell starts, and where sets are. */
struct seen;
struct policy_env {
	const char *home;     /* ~ */
	const char *cwd;      /* . */
	const char *sets_dir; /* directory of the files that @name refers to */
	/* ${name}: returns NULL for an unknown one. */
	const char *(*lookup)(const char *name, void *data);
	void *data;
	const char *mountinfo; /* text of /proc/PID/mountinfo; NULL: no mounts are known */
	const char *resolvers; /* text of /etc/resolv.conf; NULL: none is known */
	struct seen *seen; /* what is known to be no link (seen.h); NULL: nothing is remembered */
	bool roots_links; /* what is allowed may go through no symbolic link that others than root could have made */
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

/* Makes what rules deny, and what is ambit's own, denied at all places where it is mounted, and has
 * every mount of the kernel's own file systems reserved. After ambit_policy_guard(). -E2BIG, with an
 * error added, when a pattern lies at too many places. */
int ambit_policy_mounts(
	struct policy *policy, const struct policy_env *env, struct diags *diags);

/*
 * Narrows a policy by an outer one, which is taken over: allowed is from now on what both allow, denied what
 * either denies; of limits the smaller ones count, and whichever policy enforces, or has no `jit`, is obeyed.
 * Names are looked up as both say. The name and the file stay. Both are resolved, with what is ambit's own and
 * the mounts in them. -EINVAL, with an error added, where nothing can be both.
 */
int ambit_policy_narrow(struct policy *policy, struct policy *outer, struct diags *diags);

/* A policy without rules: everything is denied (canary), or recorded (ambit audit). */
int ambit_policy_empty(const char *name, enum ambit_mode mode, struct policy **ret);

/* Makes a place ambit's own, also where symbolic links lead from `path` (absolute, plain text). Links
 * on the way become ambit's own, too. For the time before the policy is compiled. -ENOMEM. */
int ambit_policy_guard(struct policy *policy, const char *path, unsigned ops);
/* The same, with what is remembered of links (policy_env.seen). */
int ambit_policy_guard_seen(struct policy *policy, const char *path, unsigned ops, struct seen *seen);

/* The rule with this id, or NULL. */
const struct rule *ambit_policy_rule(const struct policy *policy, uint32_t id);

/* The same policy for one more, who changes nothing in it either: it goes with the last who frees it. */
struct policy *ambit_policy_share(struct policy *policy);
void ambit_policy_free(struct policy *policy);
static inline void policy_cleanup(struct policy **policy)
{
	ambit_policy_free(*policy);
}

#endif
