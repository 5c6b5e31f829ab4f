/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ambit why: what a policy says about one path or peer, from the tables that the kernel would read
 * and by the same step. Needs no privilege. It knows the policy alone: what the kernel denies
 * whatever a policy says (a hard link that was made before, another mount namespace) it does not.
 */
#include <argp.h>
#include <limits.h>
#include <string.h>
#include "base/util.h"
#include "cli/cli.h"
#include "policy/limits.h"
#include "policy/pattern.h"
#include "trail/trail.h"

struct why_options {
	const char *policy, *user, *object;
	enum ambit_op op;
	bool json;
};

enum { KEY_READ = 256, KEY_WRITE, KEY_EXEC, KEY_UNIX, KEY_CONNECT, KEY_LISTEN };

static const struct argp_option options[] = {
	{"policy", 'p', "FILE", 0, "the policy", 0},
	{"read", KEY_READ, "PATH", 0, "may PATH be read?", 1},
	{"write", KEY_WRITE, "PATH", 0, "may it be written, made, moved, taken away?", 1},
	{"exec", KEY_EXEC, "PATH", 0, "may it be executed?", 1},
	{"unix", KEY_UNIX, "PATH", 0, "may the socket at PATH be connected to (abstract:NAME, cell:NAME: the peer)?", 1},
	{"connect", KEY_CONNECT, "ADDR:PORT", 0, "may this peer or NAME:PORT be connected to (/udp: UDP)?", 1},
	{"listen", KEY_LISTEN, "ADDR:PORT", 0, "may this address be listened on?", 1},
	{"user", 'u', "NAME", 0, "~ is the home of this user", 2},
	{"json", 'j', NULL, 0, "print one JSON object", 2},
	{0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	static const enum ambit_op ops[] = {
		OP_READ, OP_WRITE, OP_EXEC, OP_UNIX, OP_CONNECT, OP_LISTEN};
	struct why_options *why = state->input;

	if (key >= KEY_READ && key <= KEY_LISTEN) {
		if (why->object)
			argp_error(state, "one question at a time");
		why->op = ops[key - KEY_READ];
		why->object = arg;
		return 0;
	}
	switch (key) {
	case 'p':
		why->policy = arg;
		return 0;
	case 'u':
		why->user = arg;
		return 0;
	case 'j':
		why->json = true;
		return 0;
	case ARGP_KEY_END:
		if (!why->policy || !why->object)
			argp_error(state, "ask: ambit why -p POLICY --read PATH");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* The path that the kernel will decide on: links are followed as far as the path exists; what does
 * not exist yet is taken as it stands. */
static char *real_path(const char *path)
{
	_cleanup_free_ char *parent = NULL, *real = realpath(path, NULL);
	const char *slash = strrchr(path, '/');
	char *joined = NULL;

	if (real || !*path)
		return TAKE_PTR(real);
	if (slash && !slash[1]) { /* "a/b/": what would be made is "a/b" */
		_cleanup_free_ char *trimmed = strndup(path, strlen(path) - 1);

		return trimmed ? real_path(trimmed) : NULL;
	}
	if (slash && (!strcmp(slash, "/..") || !strcmp(slash, "/.")))
		return NULL;
	parent = !slash		 ? strdup(".")
		 : slash == path ? strdup("/")
				 : strndup(path, (size_t)(slash - path));
	real = parent ? real_path(parent) : NULL;
	if (!real || asprintf(&joined, "%s/%s", strcmp(real, "/") ? real : "",
			     slash ? slash + 1 : path) < 0)
		return NULL;
	return joined;
}

/* One address and one port. "localhost" stands for a range, and the answer is about its first. */
static bool is_single(const struct peer *peer, bool named)
{
	unsigned bits = peer->family == AMBIT_FAMILY_V4 ? 32 : 128;

	if (peer->family == AMBIT_FAMILY_NAME)
		return !peer->beneath && peer->port_low == peer->port_high;
	return (named || peer->bits == bits) && peer->port_low == peer->port_high;
}

/* What came out. */
struct asked {
	struct decision decision;
	char *text; /* the path, or the name as it is written; owned */
	char *limits; /* what it counts for, NULL: nothing; owned */
};

static void asked_clear(struct asked *asked)
{
	free(asked->text);
	free(asked->limits);
}

/* A name: by the rules that have names. Whether it leads to an address now only a cell knows, which has
 * asked for it. */
static int ask_name(const struct tables *tables, const struct peer *peer, struct ambit_event *event,
	struct asked *ret)
{
	char *name = malloc(AMBIT_DOMAIN_SIZE);

	if (!name)
		return -ENOMEM;
	name_written(peer->name, name);
	event->family = 0;
	ret->decision = ambit_tables_name_peer(tables, peer->name, event->proto, event->port);
	ret->text = name;
	return 0;
}

/* Fills `event`, and for a name its text; the deny of two, where a name stands for two peers. */
static int ask_peer(const struct why_options *why, const struct loaded *loaded,
	struct ambit_event *event, struct asked *ret)
{
	_cleanup_free_ char *problem = NULL;
	struct peer peers[PEERS_MAX] = {0};
	size_t count = 0;

	if (peer_parse(why->object, why->op, peers, &count, &problem)) {
		ambit_ui_say("\"%s\" %s", why->object, problem ?: "cannot be read");
		return -EINVAL;
	}
	for (size_t i = 0; i < count; i++) {
		const struct peer *peer = &peers[i];

		if (!is_single(peer, count > 1)) {
			ambit_ui_say(
				"\"%s\" is a range: ask for one address or name and one port", why->object);
			return -EINVAL;
		}
		event->family = peer->family;
		event->proto = peer->tcp ? AMBIT_PROTO_TCP : AMBIT_PROTO_UDP;
		event->port = peer->port_low;
		if (why->op == OP_CONNECT && i == 0)
			ret->limits = limits_text(loaded->policy, peer);
		if (peer->family == AMBIT_FAMILY_NAME)
			return ask_name(loaded->tables, peer, event, ret);
		memcpy(event->addr, peer->addr, sizeof(event->addr));
		if (count > 1 && peer->family == AMBIT_FAMILY_V4)
			event->addr[3] = 1;
		ret->decision = ambit_tables_peer(loaded->tables, why->op, event->proto, event->family,
			event->addr, event->port);
		if (ret->decision.verdict != VERDICT_ALLOW)
			break;
	}
	return 0;
}

/* A peer of a unix socket that is no path. */
static int ask_unix(const struct why_options *why, const struct tables *tables, struct asked *ret)
{
	ret->decision = ambit_tables_path(tables, OP_UNIX, why->object, strlen(why->object));
	ret->text = strdup(why->object);
	return ret->text ? 0 : -ENOMEM;
}

static int ask_path(const struct why_options *why, const struct tables *tables, struct asked *ret)
{
	char *path = real_path(why->object);

	if (!path || strlen(path) >= AMBIT_PATH_SIZE) {
		ambit_ui_say("\"%s\" is no path that can exist", why->object);
		free(path);
		return -EINVAL;
	}
	/* In the tables the root is the empty path. */
	ret->decision = ambit_tables_path(tables, why->op, path, strcmp(path, "/") ? strlen(path) : 0);
	ret->text = path;
	return 0;
}

static void print_answer(const struct why_options *why, const struct record *record)
{
	static const char *const verbs[] = {
		[VERDICT_ALLOW] = "allowed", [VERDICT_ASK] = "held", [VERDICT_DENY] = "denied"};
	bool audit = !(record->event->flags & AMBIT_EVENT_ENFORCED);
	_cleanup_free_ char *object = NULL, *cause = NULL, *line = NULL;

	if (why->json) {
		line = ambit_record_answer(record);
		puts(line ?: "{}");
		return;
	}
	object = ambit_record_object(record);
	cause = ambit_record_cause(record);
	if (asprintf(&line, "%s  %s  %s",
		    audit && record->event->verdict == VERDICT_DENY ? "would deny"
								    : verbs[record->event->verdict],
		    object ?: "", cause ?: "") < 0)
		line = NULL;
	ambit_ui_line(stdout, line ?: "out of memory", ambit_ui_colour(STDOUT_FILENO));
}

/* What has to be said first over a connection that is allowed; NULL where nobody looks. */
static const char *first_bytes(const struct ambit_event *event, const struct decision *decision)
{
	if (decision->verdict != VERDICT_ALLOW || event->op != OP_CONNECT ||
		event->proto != AMBIT_PROTO_TCP || (event->family && !decision->stream))
		return NULL;
	if (decision->stream == AMBIT_STREAM_PROXY)
		return "CONNECT to a name that the policy allows";
	return decision->stream == AMBIT_STREAM_ANY
		       ? "anything"
		       : "TLS or HTTP/1 with this name, or another that led to its address";
}

static int answer(const struct why_options *why, const struct loaded *loaded)
{
	struct ambit_event event = {.abi = AMBIT_ABI, .op = (__u8)why->op};
	bool is_peer = why->op == OP_CONNECT || why->op == OP_LISTEN;
	_cleanup_(asked_clear) struct asked asked = {0};
	struct record record = {.event = &event};
	int error;

	if (is_peer)
		error = ask_peer(why, loaded, &event, &asked);
	else if (why->op == OP_UNIX && pattern_is_peer(why->object))
		error = ask_unix(why, loaded->tables, &asked);
	else
		error = ask_path(why, loaded->tables, &asked);

	if (error)
		return EXIT_USAGE;
	event.verdict = (__u8)asked.decision.verdict;
	event.reason = (__u8)asked.decision.reason;
	event.rule = asked.decision.rule;
	event.flags = loaded->policy->mode == MODE_ENFORCE ? AMBIT_EVENT_ENFORCED : 0;
	record.path = asked.text;
	record.path_length = asked.text ? strlen(asked.text) : 0;
	record.stream = first_bytes(&event, &asked.decision);
	record.limits = asked.decision.verdict == VERDICT_ALLOW ? asked.limits : NULL;
	ambit_record_explain(&record, loaded->policy);
	print_answer(why, &record);
	return asked.decision.verdict == VERDICT_ALLOW ? EXIT_SUCCESS : EXIT_DENIED;
}

/* For the answer "allowed", too. */
static int name_rules(const struct loaded *loaded)
{
	struct diag diag = {0};
	int error = ambit_tables_name(loaded->tables, loaded->policy, &diag);

	if (error)
		ambit_ui_diag(&diag);
	ambit_diag_clear(&diag);
	return error;
}

int ambit_verb_why(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse_option,
		.doc = "Says what a policy decides about one path or peer, and which line of it.\v"
		       "Paths are followed through links as far as they exist. Exit status: 0 "
		       "allowed, "
		       "1 denied, 2 no answer.",
	};
	struct why_options why = {0};
	struct loaded loaded = {0};
	struct target target = {0};
	struct diag diag = {0};
	int status = EXIT_USAGE;

	if (argp_parse(&argp, argc, argv, 0, NULL, &why))
		return EXIT_USAGE;
	if (ambit_target_find(why.user, &target, &diag))
		ambit_ui_diag(&diag);
	else if (!ambit_loaded_read(why.policy, &target, NULL, &loaded))
		status = name_rules(&loaded) ? EXIT_USAGE : answer(&why, &loaded);
	ambit_diag_clear(&diag);
	ambit_loaded_clear(&loaded);
	ambit_target_clear(&target);
	return status;
}
