/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command line as a trail shows it: what looks like a secret is "***". It is looked for by what names it
 * (--password=…, TOKEN=…, Authorization: Bearer …), by its place (the userinfo of a URL) and by its shape
 * (keys of well-known services). A secret that is none of that stays: it does not belong on a command line,
 * where everybody on the machine can read it.
 */
#ifndef AMBIT_SECRETS_H
#define AMBIT_SECRETS_H

#include <stdbool.h>

/* Of one command line; zero-initialise. */
struct secrets {
	bool next; /* the argument before was the name of a secret: --token */
};

/* The next argument of the command line, as it may be shown. malloc()ed; NULL without memory. */
char *ambit_secrets_hide(struct secrets *secrets, const char *argument);

#endif
