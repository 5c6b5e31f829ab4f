/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pattern as it stands in a policy -> an absolute glob in normal form. Problems are owned
 * sentences that go on after `pattern "..."`.
 */
#ifndef AMBIT_PATTERN_H
#define AMBIT_PATTERN_H

#include "policy/policy.h"

/* True for a pattern of a unix socket's peer that is no path: "abstract:NAME" or "cell:NAME" (abi.h), with
 * the wildcards of one name of a path. */
bool pattern_is_peer(const char *text);
/* The problem of one among files. */
#define PATTERN_NO_FILE \
	"is the peer of a unix socket; name it under \"network\", or write \"./\" before a file " \
	"of that name"

/* Puts in what ~ . and ${name} stand for and checks the result. `env` NULL only checks: every name
 * stands for something then. A peer stays in the form above. -EINVAL with a problem, or -ENOMEM without. */
int pattern_resolve(const char *text, const struct policy_env *env, char **ret, char **ret_problem);

/* Symbolic links that lie on the way of a pattern, by their own absolute paths. */
struct links {
	char **items; /* owned, with what they point to */
	size_t items_room, count;
};
void links_clear(struct links *links);

/* Follows the symbolic links in the part before the first component with a glob character, as far
 * as that exists. `*ret` is NULL where that changes nothing. The links that were followed are added
 * to `links`, also after an error. Nothing below /proc is followed: the links there mean another
 * thing to each process. */
struct seen; /* NULL: what was looked for is not remembered (seen.h) */
int pattern_follow(const char *pattern, struct seen *seen, char **ret, struct links *links);

/* True for a link that nobody but root can have made, or put in another's place: it and all directories on its way
 * are root's, and nobody else may write there. */
bool link_is_roots(const char *path);

/* The part of a pattern before the first name with a glob character, as plain text: "" is the root.
 * malloc()ed or NULL. */
char *pattern_prefix(const char *pattern);

/* True if all that the pattern covers lies in the directory `root` (plain text), as its text says: it
 * names `root`, or something beneath, before its first glob character. */
bool pattern_lies_in(const char *pattern, const char *root);

/* True if the pattern covers `path`: an independent answer to what the automaton says, for the few
 * questions that are asked before there is one. */
bool pattern_covers(const char *pattern, const char *path);

/* The same for one name of a pattern and of a path, given with their lengths; not for "**". */
bool pattern_name_matches(
	const char *pattern, size_t pattern_length, const char *text, size_t length);

/* A name of the DNS, of which `length` bytes stand in a policy, into the form of `peer.name`; with "*."
 * before it, all beneath. Other alphabets become their A-labels (RFC 5891). Errors as above. */
int name_parse(const char *text, size_t length, struct peer *peer, char **ret_problem);
/* The same name in the order in which it is written: the inverse, for names in this form alone. */
void name_written(const char *name, char ret[AMBIT_DOMAIN_SIZE]);

/* An address without a port, as it stands among resolvers: port 53 of it. */
int resolver_parse(const char *text, struct peer *ret, char **ret_problem);

/* Whether all addresses of `peer` lie in `range`. */
bool peer_within(const struct peer *peer, const struct peer *range);
/* Whether a rule with this peer names a special range: it lies inside it. */
bool policy_names_special(const struct policy *policy, const struct peer *peer);

/* A peer as it stands in a policy; "localhost" is two. `op` is OP_CONNECT or OP_LISTEN. */
#define PEERS_MAX 2
int peer_parse(const char *text, enum ambit_op op, struct peer ret[PEERS_MAX], size_t *ret_count,
	char **ret_problem);

#endif
