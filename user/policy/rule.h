/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share about rules. */
#ifndef AMBIT_RULE_H
#define AMBIT_RULE_H

#include "policy/policy.h"
#include "policy/yaml.h"

#define AMBIT_API_VERSION "ambit/v1"

/* What names of policies are made of. */
#define AMBIT_POLICY_LETTERS \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

/* Frees what a rule owns. */
void policy_rule_clear(struct rule *rule);

/* True for operations that are decided by peer, not by path. */
static inline bool op_has_peers(enum ambit_op op)
{
	return op == OP_CONNECT || op == OP_LISTEN;
}

/* A name of a set, or NULL with an owned problem that goes on after `pattern "..."`. `text` begins
 * with '@'. */
const char *set_name(const char *text, char **ret_problem);

/* The peers that a host of allowed_domains (VERDICT_ALLOW) or denied_domains stands for, as they would stand
 * in a policy: without a port an allowed one is a web server, and a denied one is denied with all names
 * beneath it. The caller owns what is not NULL, also after -ENOMEM. */
#define DOMAIN_PEERS 2
int domain_peers(const char *text, enum ambit_verdict verdict, char *ret[DOMAIN_PEERS]);

/* Reads the value of `apiVersion`; an error if it is another one. */
int policy_parse_version(struct yaml *yaml, const struct yaml_key *key, void *data);

/* Reads the value of `network.dns`. */
int policy_parse_dns(struct yaml *yaml, struct dns *dns);
/* Of a resolved policy with names: what it leaves out of `dns`, and who the resolvers are; adds every
 * error to `diags`, -EINVAL. A name that is allowed at (file, line, column) for errors. */
int policy_resolve_dns(struct policy *policy, const struct policy_env *env, struct diags *diags);

/* A peer with more than its text, {to: PEER, connectsPerMinute: 10, tls: none}: its text (owned; NULL
 * without one, after an error was added), place, limits, `tls` and `quic` in `ret`, which is all zero. */
int rule_parse_peer(struct yaml *yaml, struct rule *ret);
/* Of a resolved policy: whether the rules say of their peers what can be said of them; adds every error to
 * `diags`, -EINVAL. */
int rule_check_peers(const struct policy *policy, struct diags *diags);

/* Adds `pattern "TEXT" PROBLEM` and frees the problem; NULL means out of memory. */
void policy_add_problem(
	struct diags *diags, const char *file, struct mark mark, const char *text, char *problem);

/* A set: policies/sets/NAME.yaml. */
struct set_item {
	char *text; /* owned */
	struct mark mark;
};
struct set {
	char *name, *file; /* owned */
	bool has_peers;	   /* else paths */
	bool broken;	   /* its errors were added; it holds nothing */
	struct set_item *items;
	size_t items_room, item_count;
};

/* Reads a set out of `dir`. `from` and `mark` are where it is named, for the error that there is no
 * such set (`from` NULL: nowhere), -ENOENT. Errors inside it are added with its own file; it is
 * `broken` then. */
int set_read(const char *dir, const char *name, const char *from, struct mark mark,
	struct diags *diags, struct set **ret);
void set_free(struct set *set);

#endif
