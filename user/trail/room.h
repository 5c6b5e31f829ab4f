/* SPDX-License-Identifier: Apache-2.0 */
/* What the trails of one user take, who is not root and for whom they are written all the same. */
#ifndef AMBIT_ROOM_H
#define AMBIT_ROOM_H

#include <sys/types.h>
#include "trail/trail.h"

/* Of a user's room one trail may have so much, since a user has several cells at once. */
#define AMBIT_ROOM_SHARES 32
#define AMBIT_ROOM_MIN	  (16ULL << 20)
#define AMBIT_ROOM_USUAL  (1ULL << 30)

/* How the names of a user's trails begin behind the time, "-u1000-"; `ret` has room for 16. */
void ambit_room_mark(uid_t uid, char ret[16]);
/* The bytes of those in a directory, with what was left by rotation. A negative errno. */
int ambit_room_used(const char *directory, uid_t uid, uint64_t *ret);
/* Has a trail be rotated, and its oldest files go, so that it takes about `share` at most. */
void ambit_room_keep(struct trail_keep *keep, uint64_t share);

#endif
