// SPDX-License-Identifier: Apache-2.0
/* bounds   prints how many rows the map `bounds` has: cgroups that are bound, by name or by a glob. */
#include <bpf/bpf.h>
#include <stdio.h>
#include "bpf/abi.h"

#define TEXT_(number) #number
#define TEXT(number) TEXT_(number)

int main(void)
{
	struct ambit_bound_key key, next;
	int map = bpf_obj_get("/sys/fs/bpf/ambit/abi-" TEXT(AMBIT_ABI) "/bounds");
	unsigned count = 0;

	if (map < 0) {
		perror("bounds");
		return 1;
	}
	for (int more = bpf_map_get_next_key(map, NULL, &next); !more; count++) {
		key = next;
		more = bpf_map_get_next_key(map, &key, &next);
	}
	printf("%u\n", count);
	return 0;
}
