/* SPDX-License-Identifier: Apache-2.0 */
/* Files that were rotated are compressed (zstd), and read again. */
#ifndef AMBIT_SQUEEZE_H
#define AMBIT_SQUEEZE_H

#include <stddef.h>

#define SQUEEZE_SUFFIX ".zst"

/* `path` -> `path`.zst, which is on the disk before `path` goes; where `path` is removed meanwhile, both go.
 * What is half done when the power goes is begun anew by the next call. A negative errno leaves `path` as it is. */
int ambit_squeeze(const char *path);
/* Hands the content of a file to `feed`, many bytes at a time; a negative result of it ends the reading and
 * is returned. -EBADMSG: the file was not compressed, is damaged, or ends in the middle; what came before
 * was handed on. */
int ambit_unsqueeze(int fd, int (*feed)(const char *bytes, size_t size, void *data), void *data);

#endif
