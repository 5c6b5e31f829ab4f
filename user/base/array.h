/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays that grow: a pointer, a count of items in use and a count of items there is room for. */
#ifndef AMBIT_ARRAY_H
#define AMBIT_ARRAY_H

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

/* Makes room for `need` items of `size` bytes; doubles, so that appending is linear. -ENOMEM leaves
 * the array as it was. */
static inline int array_grow(void **items, size_t *room, size_t need, size_t size)
{
	size_t wanted = *room ? *room : 16;
	void *larger;

	if (need <= *room)
		return 0;
	while (wanted < need)
		if (__builtin_mul_overflow(wanted, 2, &wanted))
			return -ENOMEM;
	larger = reallocarray(*items, wanted, size);
	if (!larger)
		return -ENOMEM;
	*items = larger;
	*room = wanted;
	return 0;
}

/* `array` has the members NAME, NAME_room; makes room for `need` items in all. */
#define ARRAY_GROW(array, name, need)                                                              \
	array_grow((void **)&(array)->name, &(array)->name##_room, (need), sizeof(*(array)->name))

#endif
