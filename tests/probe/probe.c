// SPDX-License-Identifier: Apache-2.0
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "probe.h"

static const struct verb *const tables[] = {obey_verbs, keep_verbs, file_verbs, name_verbs, long_verbs,
	exec_verbs, net_verbs, unix_verbs, task_verbs, uring_verbs, serve_verbs, state_verbs,
	crowd_verbs, many_verbs, memory_verbs, rate_verbs, via_verbs, guard_verbs, option_verbs, netlink_verbs,
	queue_verbs, pass_verbs, ioctl_verbs, dns_verbs, ask_verbs, say_verbs, call_verbs};

const struct verb *verb_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		for (const struct verb *verb = tables[i]; verb->name; verb++) {
			if (strcmp(verb->name, name) == 0)
				return verb;
		}
	}
	return NULL;
}

static int usage(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		for (const struct verb *verb = tables[i]; verb->name; verb++)
			printf("%-14s %s\n", verb->name, verb->usage);
	}
	return 2;
}

/* \xNN stands for a byte, so that a table of cases can name any path. */
static void unescape(char *text)
{
	char *to = text;

	while (*text) {
		if (text[0] == '\\' && text[1] == 'x' && isxdigit(text[2]) && isxdigit(text[3])) {
			char digits[3] = {text[2], text[3], '\0'};

			*to++ = (char)strtol(digits, NULL, 16);
			text += 4;
		} else {
			*to++ = *text++;
		}
	}
	*to = '\0';
}

/* What a kernel without the feature answers. */
static int is_absent(int error)
{
	return error == ENOSYS || error == EAFNOSUPPORT || error == EPROTONOSUPPORT ||
	       error == EOPNOTSUPP || error == ESOCKTNOSUPPORT || error == ENOPROTOOPT;
}

int main(int argc, char **argv)
{
	const struct verb *verb = argc < 2 ? NULL : verb_find(argv[1]);
	int error;

	if (!verb || argc - 2 < verb->arguments)
		return usage();
	for (int i = 2; i < argc; i++)
		unescape(argv[i]);
	error = -verb->act(argc - 2, argv + 2);
	if (error == 0)
		return 0;
	fprintf(stderr, "%s %s: %s (%d)\n", argv[0], argv[1], strerror(error), error);
	/* `via` denies as the verb that it wraps. */
	if (strcmp(verb->name, "via") == 0)
		verb = verb_find(argv[3]);
	if (verb && error == verb->denied)
		return 1;
	return is_absent(error) ? 2 : 3;
}
