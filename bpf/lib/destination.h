/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Names as limits have them: a hash of the name from the root downwards ("com.example.api"), so that all
 * beneath a name begin with the same bytes. Plain C, for both sides. It need not be secret: a name that has
 * another's hash counts for one rule more.
 */
#ifndef AMBIT_DESTINATION_H
#define AMBIT_DESTINATION_H

#include "../abi.h"

#define DESTINATION_HASH 0xcbf29ce484222325ULL /* of no bytes */

static inline __u64 destination_hash(__u64 hash, __u8 byte)
{
	hash = (hash ^ byte) * 0x9e3779b97f4a7c15ULL;
	return hash ^ hash >> 29;
}

#endif
