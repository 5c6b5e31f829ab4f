/* SPDX-License-Identifier: Apache-2.0 */
/* What the programs keep of verdicts (bpf/lib/kept.bpf.h), as far as user space has a part in it: it
 * counts what was allowed, and says when all of it is void. */
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/util.h"
#include "kernel/internal.h"

/* What stands in front of the rows, which alone is always there: to map a page of rows and to look through it
 * takes 4,000 instructions, and there are 320. */
#define HEAD_SIZE  offsetof(struct ambit_kept, verdicts)
#define GROUP_ROWS 64

int kept_open(struct kernel *kernel)
{
	void *at = mmap(NULL, HEAD_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, kernel->bss, 0);

	if (at == MAP_FAILED)
		return -errno;
	kernel->kept = at;
	return 0;
}

void kept_close(struct kernel *kernel)
{
	if (kernel->kept)
		munmap(kernel->kept, HEAD_SIZE);
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

/* `count` groups of rows; the first begins `offset` bytes behind the beginning of all that is kept. */
static int groups_add(struct kernel *kernel, size_t offset, size_t count, uint32_t id,
	struct ambit_counters *counters)
{
	const size_t rows = count * GROUP_ROWS, page = (size_t)sysconf(_SC_PAGESIZE);
	const size_t before = offset % page, size = before + rows * sizeof(struct ambit_allowed);
	char *at = mmap(NULL, size, PROT_READ, MAP_SHARED, kernel->bss, (off_t)(offset - before));

	if (at == MAP_FAILED)
		return -errno;
	rows_add((const struct ambit_allowed *)(at + before), rows, id, counters);
	munmap(at, size);
	return 0;
}

/* Groups that a bit is set of; those beside each other at once. */
static int touched_add(struct kernel *kernel, const uint64_t *touched, size_t groups, size_t offset, uint32_t id,
	struct ambit_counters *counters)
{
	int result = 0;

	for (size_t at = 0, end; result == 0 && at < groups; at = end + 1) {
		for (end = at; end < groups && touched[end / 64] >> end % 64 & 1;)
			end++;
		if (end > at)
			result = groups_add(kernel,
				offset + at * GROUP_ROWS * sizeof(struct ambit_allowed), end - at, id, counters);
	}
	return result;
}

int kept_add(struct kernel *kernel, uint32_t id, struct ambit_counters *counters)
{
	uint64_t verdicts[ARRAY_SIZE(kernel->kept->verdicts_in)];
	uint64_t peers[ARRAY_SIZE(kernel->kept->peers_in)];
	int result;

	for (size_t i = 0; i < ARRAY_SIZE(verdicts); i++)
		verdicts[i] = __atomic_load_n(&kernel->kept->verdicts_in[i], __ATOMIC_SEQ_CST);
	for (size_t i = 0; i < ARRAY_SIZE(peers); i++)
		peers[i] = __atomic_load_n(&kernel->kept->peers_in[i], __ATOMIC_SEQ_CST);
	result = touched_add(kernel, verdicts, 64 * ARRAY_SIZE(verdicts),
		offsetof(struct ambit_kept, verdicts), id, counters);
	if (result == 0)
		result = touched_add(kernel, peers, 64 * ARRAY_SIZE(peers),
			offsetof(struct ambit_kept, peers), id, counters);
	return result;
}

void kept_forget(struct kernel *kernel)
{
	for (size_t i = 0; i < ARRAY_SIZE(kernel->kept->verdicts_in); i++)
		__atomic_store_n(&kernel->kept->verdicts_in[i], 0, __ATOMIC_SEQ_CST);
	for (size_t i = 0; i < ARRAY_SIZE(kernel->kept->peers_in); i++)
		__atomic_store_n(&kernel->kept->peers_in[i], 0, __ATOMIC_SEQ_CST);
}
