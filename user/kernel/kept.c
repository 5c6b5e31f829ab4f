/* SPDX-License-Identifier: Apache-2.0 */
/* What the programs keep of verdicts (bpf/lib/kept.bpf.h), as far as user space has a part in it: it
 * counts what was allowed, and says when all of it is void. */
#include <stddef.h>
#include <sys/mman.h>
#include "base/util.h"
#include "kernel/internal.h"

/* What of it is read here. */
#define KEPT_SIZE offsetof(struct ambit_kept, prefixes)

int kept_open(struct kernel *kernel)
{
	void *at = mmap(NULL, KEPT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, kernel->bss, 0);

	if (at == MAP_FAILED)
		return -errno;
	/* Else each fork copies the entries of all its pages. */
	madvise(at, KEPT_SIZE, MADV_DONTFORK);
	kernel->kept = at;
	return 0;
}

void kept_close(struct kernel *kernel)
{
	if (kernel->kept)
		munmap(kernel->kept, KEPT_SIZE);
	kernel->kept = NULL;
}

void kept_fence(struct kernel *kernel, bool begins)
{
	uint32_t *fence = &kernel->kept->fence;

	if (begins)
		__atomic_fetch_or(fence, 1, __ATOMIC_SEQ_CST);
	else if (__atomic_load_n(fence, __ATOMIC_SEQ_CST) & 1)
		__atomic_fetch_add(fence, 1, __ATOMIC_SEQ_CST);
}

void kept_void(struct kernel *kernel)
{
	if (kernel->kept)
		__atomic_fetch_add(&kernel->kept->fence, 2, __ATOMIC_SEQ_CST);
}

static void rows_add(const struct ambit_allowed *rows, size_t count, uint32_t id,
	struct ambit_counters *counters)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t allowed = __atomic_load_n(&rows[i].allowed, __ATOMIC_RELAXED);

		if (allowed && (uint32_t)rows[i].key == id && rows[i].op < OP_MAX)
			counters->allowed[rows[i].op] += allowed;
	}
}

void kept_add(struct kernel *kernel, uint32_t id, struct ambit_counters *counters)
{
	rows_add(kernel->kept->verdicts, ARRAY_SIZE(kernel->kept->verdicts), id, counters);
	rows_add(kernel->kept->peers, ARRAY_SIZE(kernel->kept->peers), id, counters);
}
