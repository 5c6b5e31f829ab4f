/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer: any bytes as a file of a set, as a policy names one. What is broken has to say why. Run
 * from any directory.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/util.h"
#include "policy/rule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[] = "/dev/shm/ambit-fuzz-XXXXXX", file[sizeof(dir) + 16];

static void take_away(void)
{
	unlink(file);
	rmdir(dir);
}

static void prepare(void)
{
	if (*file)
		return;
	if (!mkdtemp(dir))
		abort();
	snprintf(file, sizeof(file), "%s/fuzz.yaml", dir);
	atexit(take_away);
}

static void put(const uint8_t *data, size_t size)
{
	_cleanup_close_ int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct diags diags = {};
	struct set *set = NULL;

	prepare();
	put(data, size);
	if (!set_read(dir, "fuzz", NULL, (struct mark){}, &diags, &set)) {
		/* Either it holds something or somebody was told why not. */
		if (set->broken ? !diags.count : !set->item_count || diags.count)
			abort();
	}
	set_free(set);
	ambit_diags_clear(&diags);
	return 0;
}
