/* SPDX-License-Identifier: Apache-2.0 */
/* The readers of streams in BPF, against the same code in user space: all that the fuzzers keep, in pieces
 * of several sizes. */
#include <dirent.h>
#include <stdio.h>
#include "harness.h"
#include "tests/unit/stream/feed.h"

#define DIR_MAX 4096

static struct stream_case stream;

static size_t file_read(const char *dir, const char *name, uint8_t *ret, size_t size)
{
	char path[DIR_MAX];
	FILE *file;
	size_t got;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "re");
	assert_non_null(file);
	got = fread(ret, 1, size, file);
	fclose(file);
	return got;
}

/* The stream in pieces, from one run of the program to the next. */
static void run_pieces(size_t size, uint32_t piece)
{
	int map = bpf_map__fd(skeleton->maps.streams);
	uint32_t row = 0;

	stream.at = 0;
	for (stream.size = 0; stream.size < size;) {
		stream.size = size - stream.size < piece ? (uint32_t)size : stream.size + piece;
		assert_int_equal(bpf_map_update_elem(map, &row, &stream, 0), 0);
		run(skeleton->progs.test_streams);
		assert_int_equal(bpf_map_lookup_elem(map, &row, &stream), 0);
		assert_int_equal(stream.at, stream.size);
	}
}

static void compare_file(const char *dir, const char *name, bool is_request)
{
	struct hello hello = {};
	struct http_head request = {};
	uint8_t bytes[STREAM_BYTES];
	size_t size = file_read(dir, name, bytes, sizeof(bytes));

	stream = (struct stream_case){.is_request = is_request};
	memcpy(stream.bytes, bytes, size);
	if (is_request)
		request_feed(&request, bytes, size);
	else
		hello_feed(&hello, bytes, size);
	run_pieces(size, 1 + rnd(200));
	assert_memory_equal(&stream.hello, &hello, sizeof(hello));
	assert_memory_equal(&stream.request, &request, sizeof(request));
}

static void compare(const char *dir, bool is_request)
{
	DIR *files = opendir(dir);
	struct dirent *entry;
	size_t count = 0;

	assert_non_null(files);
	while ((entry = readdir(files))) {
		if (*entry->d_name == '.')
			continue;
		compare_file(dir, entry->d_name, is_request);
		count++;
	}
	closedir(files);
	assert_true(count > 10);
}

static void hellos(void **state_)
{
	(void)state_;
	compare("tests/fuzz/corpus/hello", false);
}

static void requests(void **state_)
{
	(void)state_;
	compare("tests/fuzz/corpus/request", true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hellos),
		cmocka_unit_test(requests),
	};

	return cmocka_run_group_tests(tests, harness_open, harness_close);
}
