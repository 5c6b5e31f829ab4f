/* SPDX-License-Identifier: Apache-2.0 */
/* Names that are no symbolic links, while one policy is resolved: most patterns lie beneath the same few places. */
#ifndef AMBIT_POLICY_SEEN_H
#define AMBIT_POLICY_SEEN_H

#include <stdbool.h>
#include <sys/types.h>

struct seen;

/* NULL without memory, which seen_readlink() takes, too: then nothing is remembered. */
struct seen *seen_new(void);
void seen_free(struct seen *seen);

/* readlink(2), or what it said before of a path that leads to no link, or to nothing: -1 with EINVAL or ENOENT. What
 * failed in another way depends on who asks, and is asked again; so is what a link says. */
ssize_t seen_readlink(struct seen *seen, const char *path, char *ret, size_t size);

#endif
