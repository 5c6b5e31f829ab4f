/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer: any bytes as a compressed piece of a trail, which somebody reads and verifies. */
#include <string.h>
#include <sys/mman.h>
#include "base/util.h"
#include "cli/log.h"
#include "trail/squeeze.h"
#include "trail/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* More than a small input can hold in good faith is read no further. */
#define READ_MAX (1U << 20)

struct reading {
	struct lines lines;
	size_t left;
};

static void each(const char *line, size_t size, void *data)
{
	if (ambit_verify_line(data, line, size))
		abort();
}

static int feed(const char *bytes, size_t size, void *data)
{
	struct reading *reading = data;

	if (size > reading->left)
		return -E2BIG;
	reading->left -= size;
	return ambit_lines_feed(&reading->lines, bytes, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct verify_options options = {.part = size && data[0] & 1};
	_cleanup_(verify_cleanup) struct verify *verify = ambit_verify_new(&options);
	_cleanup_close_ int fd = memfd_create("piece", MFD_CLOEXEC);
	struct reading reading = {.lines = {.each = each, .data = verify}, .left = READ_MAX};
	struct verify_result result;

	if (!verify || fd < 0 || write(fd, data, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET))
		return 0;
	ambit_verify_file(verify);
	ambit_unsqueeze(fd, feed, &reading);
	if (ambit_lines_reset(&reading.lines))
		ambit_verify_torn(verify);
	ambit_verify_end(verify, &result);
	ambit_lines_clear(&reading.lines);
	return 0;
}
