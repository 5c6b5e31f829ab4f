/* SPDX-License-Identifier: Apache-2.0 */
/* What the programs keep of verdicts (bpf/lib/kept.bpf.h), as far as user space has a part in it: it
 * counts what was allowed, and says when all of it is void. */
#include <sys/mman.h>
#include "base/util.h"
#include "kernel/internal.h"

int kept_open(struct kernel *kernel)
{
	void *at = mmap(NULL, sizeof(*kernel->kept), PROT_READ | PROT_WRITE, MAP_SHARED, kernel->bss, 0);

	kernel->kept = at == MAP_FAILED ? NULL : at;
	return kernel->kept ? 0 : -errno;
}

void kept_close(struct kernel *kernel)
{
	if (kernel->kept)
		munmap(kernel->kept, sizeof(*kernel->kept));
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

static bool rows_have(const struct ambit_allowed *rows, size_t count, uint32_t id)
{
	for (size_t i = 0; i < count; i++)
		if ((uint32_t)rows[i].key == id)
			return true;
	return false;
}

bool kept_has(const struct kernel *kernel, uint32_t id)
{
	return rows_have(kernel->kept->verdicts, ARRAY_SIZE(kernel->kept->verdicts), id) ||
	       rows_have(kernel->kept->peers, ARRAY_SIZE(kernel->kept->peers), id);
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
