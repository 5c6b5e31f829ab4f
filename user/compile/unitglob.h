/* SPDX-License-Identifier: Apache-2.0 */
/* Names of cgroups by a glob: "*", "?", "[a-z]" and "[!a-z]" as in paths (policy/glob.h), but a backslash is a letter,
 * since systemd writes names with it. */
#ifndef AMBIT_COMPILE_UNITGLOB_H
#define AMBIT_COMPILE_UNITGLOB_H

#include <stdbool.h>
#include "bpf/abi.h"

/* Whether a text is one, and not a name as it is. */
bool ambit_glob_is(const char *text);
/* Makes the row of a glob, but for whose it is and where; NULL, or what is wrong with it. */
const char *ambit_glob_compile(const char *text, struct ambit_glob *ret);
bool ambit_glob_matches(const struct ambit_glob *glob, const char *name);

#endif
