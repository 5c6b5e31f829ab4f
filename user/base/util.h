/* SPDX-License-Identifier: Apache-2.0 */
/* Small things that every room needs: owned pointers and descriptors that free themselves. */
#ifndef AMBIT_UTIL_H
#define AMBIT_UTIL_H

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Gives up ownership of a pointer: returns it and leaves NULL behind. */
#define TAKE_PTR(pointer)                              \
	({                                             \
		__typeof__(pointer) taken_ = (pointer); \
		(pointer) = NULL;                      \
		taken_;                                \
	})

/* Gives up ownership of a descriptor: returns it and leaves -1 behind. */
#define TAKE_FD(fd)                \
	({                         \
		int taken_ = (fd); \
		(fd) = -1;         \
		taken_;            \
	})

static inline void free_cleanup(void *pointer)
{
	free(*(void **)pointer);
}

static inline void close_cleanup(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

#define _cleanup_free_	__attribute__((cleanup(free_cleanup)))
#define _cleanup_close_ __attribute__((cleanup(close_cleanup)))
#define _cleanup_(f)	__attribute__((cleanup(f)))

#endif
