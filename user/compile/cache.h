/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables that were compiled before. A policy that is run often is compiled once: what was compiled is
 * kept beside the tables, byte for byte, and compared, so that no digest has to be trusted.
 */
#ifndef AMBIT_CACHE_H
#define AMBIT_CACHE_H

#include "compile/tables.h"

/* Where: a directory that belongs to us alone (0700) and holds CACHE_FILES files at most. `build` names
 * the compiler: tables of another one are not used. */
struct cache {
	const char *dir, *build;
};
#define CACHE_FILES 16

/* Like ambit_tables_compile(). Without a cache (NULL), without its directory, or where anything about it
 * fails, the policy is compiled. */
int ambit_tables_cached(const struct policy *policy, const struct cache *cache, struct diag *diag,
	struct tables **ret);

#endif
