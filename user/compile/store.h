/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables that were compiled before, in files. Compiling is a function of the resolved policy alone, and a
 * file holds all of that policy (question.h) beside its tables: it is taken only for a policy that is the
 * same byte by byte. Sets, links, mounts and words are resolved anew each time, before.
 */
#ifndef AMBIT_STORE_H
#define AMBIT_STORE_H

#include "compile/question.h"
#include "compile/tables.h"

/* A store that has so many files is emptied before the next one is written, and larger files are not
 * written: 64 MiB together. */
#define STORE_FILES 16
#define STORE_SIZE  (4UL << 20)

/* Which build of ambit this is, by what the linker wrote into it. -ENOENT without: `ret` stays as it is. */
#define STORE_BUILD 20
int store_build(uint8_t ret[STORE_BUILD]);

/* ambit_tables_compile(), from the directory `dir` if it has them; else they are put there. What cannot be
 * read, made or trusted there is compiled, and no error. `dir` has to be the caller's alone. */
int ambit_tables_obtain(
	const char *dir, const struct policy *policy, struct diag *diag, struct tables **ret);

/* The bytes of a file for these tables, or NULL. Owned by the caller. */
uint8_t *store_write(const struct question *question, const struct tables *tables, size_t *ret_size);

/* The tables in the bytes of a file, whatever they are. -EBADMSG if they were not written by this very
 * program for this question, or are damaged: no state of what is returned leads out of its segments. */
int store_read(const uint8_t *bytes, size_t size, const struct question *question, struct tables **ret);

/* Writes the sum of a file's bytes into them. */
void store_seal(uint8_t *bytes, size_t size);

#endif
