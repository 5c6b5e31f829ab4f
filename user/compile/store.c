/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "base/util.h"
#include "compile/ids.h"

#define BUILD_ID 20

/* A file: this, the question, the words of the segments without the zeroes at their end, and the bits of
 * `may_deny`. */
struct head {
	uint64_t check; /* of all that follows */
	uint64_t question_size;
	uint64_t word_count;
	uint32_t segment_count, accept_count, state_count;
	uint8_t build[BUILD_ID]; /* of the program that wrote it: another compiler, another answer */
};
_Static_assert(sizeof(struct head) % 8 == 0, "what follows is read in words");

static int build_note(struct dl_phdr_info *info, size_t size, void *data)
{
	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		const char *at = (const char *)(info->dlpi_addr + part->p_vaddr), *end = at + part->p_memsz;

		while (part->p_type == PT_NOTE && at < end) {
			const ElfW(Nhdr) *note = (const ElfW(Nhdr) *)at;

			at += sizeof(*note) + ((note->n_namesz + 3) & ~3U);
			if (note->n_type == NT_GNU_BUILD_ID && note->n_descsz == BUILD_ID) {
				memcpy(data, at, BUILD_ID);
				return 1;
			}
			at += (note->n_descsz + 3) & ~3U;
		}
	}
	return -1; /* the program itself is the first, and it has none */
}

/* Which build of ambit this is, by what the linker wrote into it. */
static int build_find(uint8_t ret[BUILD_ID])
{
	return dl_iterate_phdr(build_note, ret) == 1 ? 0 : -ENOENT;
}

static uint64_t check_sum(const uint8_t *bytes, size_t size)
{
	uint64_t sum = size, word;

	for (size_t i = 0; i + 8 <= size; i += 8) {
		memcpy(&word, bytes + i, 8);
		sum = (sum ^ word) * 0x9e3779b97f4a7c15ULL;
		sum ^= sum >> 32;
	}
	return sum;
}

void store_seal(uint8_t *bytes, size_t size)
{
	uint64_t check = check_sum(bytes + sizeof(check), size - sizeof(check));

	memcpy(bytes, &check, sizeof(check));
}

static size_t bits_size(uint32_t count)
{
	return count * (AMBIT_SEGMENT_WORDS / 8UL);
}

uint8_t *store_write(const struct question *question, const struct tables *tables, size_t *ret_size)
{
	struct head head = {
		.question_size = question->count,
		.word_count = ambit_tables_words(tables),
		.segment_count = tables->segment_count,
		.accept_count = tables->accept_count,
		.state_count = tables->state_count,
	};
	const size_t words = head.word_count * sizeof(uint64_t), bits = bits_size(tables->segment_count);
	const size_t size = sizeof(head) + question->count + words + bits;
	uint8_t *bytes = build_find(head.build) < 0 ? NULL : malloc(size), *at = bytes;

	if (!bytes)
		return NULL;
	memcpy(at, &head, sizeof(head));
	memcpy(at += sizeof(head), question->bytes, question->count);
	memcpy(at += question->count, tables->segments, words);
	memcpy(at + words, tables->may_deny, bits);
	store_seal(bytes, size);
	*ret_size = size;
	return bytes;
}

/* Words that are none of a row: the head and what is accepted. */
static size_t words_before_rows(const struct tables *tables)
{
	return AMBIT_HEAD_WORDS + (size_t)tables->accept_count * AMBIT_ACCEPT_WORDS;
}

/* A row lies behind those words, and whatever byte comes leads to a word of its own segment, as pack.c puts it. */
static bool state_within(const struct tables *tables, uint32_t state)
{
	const size_t segment = state >> AMBIT_SEGMENT_BITS, base = state & (AMBIT_SEGMENT_WORDS - 1);

	return !state || (segment < tables->segment_count && base + AMBIT_ROW_WORDS <= AMBIT_SEGMENT_WORDS &&
				 segment * AMBIT_SEGMENT_WORDS + base >= words_before_rows(tables));
}

/* Any word may be read as one of a row, but for those of the head and of what is accepted. Zeroes behind
 * `count` are within. */
static bool words_within(const struct tables *tables, size_t count)
{
	const size_t first = words_before_rows(tables);
	const __u64 *words = tables->segments[0].words;

	for (size_t i = first; i < count; i++)
		if (!state_within(tables, (uint32_t)words[i]) || words[i] >> 48 > tables->accept_count)
			return false;
	return first <= count;
}

static bool tables_within(const struct tables *tables, size_t word_count)
{
	struct ambit_head head;

	memcpy(&head, tables->segments[0].words, sizeof(head));
	if (head.abi != AMBIT_ABI || head.segments != tables->segment_count ||
		head.accepts != tables->accept_count || !state_within(tables, head.peer_start))
		return false;
	for (size_t i = 0; i < AMBIT_COLUMNS; i++)
		if (!state_within(tables, head.path_start[i]))
			return false;
	return words_within(tables, word_count);
}

static bool head_fits(const struct head *head, const uint8_t *bytes, size_t size,
	const struct question *question)
{
	uint8_t build[BUILD_ID];

	return head->segment_count && head->segment_count <= AMBIT_SEGMENTS_MAX &&
	       head->accept_count <= AMBIT_ACCEPTS_MAX && head->question_size == question->count &&
	       head->word_count <= (uint64_t)head->segment_count * AMBIT_SEGMENT_WORDS &&
	       size == sizeof(*head) + question->count + head->word_count * sizeof(uint64_t) +
			       bits_size(head->segment_count) &&
	       build_find(build) == 0 && memcmp(head->build, build, BUILD_ID) == 0 &&
	       memcmp(bytes + sizeof(*head), question->bytes, question->count) == 0 &&
	       head->check == check_sum(bytes + sizeof(head->check), size - sizeof(head->check));
}

int store_read(const uint8_t *bytes, size_t size, const struct question *question, struct tables **ret)
{
	_cleanup_(tables_cleanup) struct tables *tables = calloc(1, sizeof(*tables));
	struct head head;

	if (!tables)
		return -ENOMEM;
	if (size < sizeof(head))
		return -EBADMSG;
	memcpy(&head, bytes, sizeof(head));
	if (!head_fits(&head, bytes, size, question))
		return -EBADMSG;
	tables->segment_count = head.segment_count;
	tables->accept_count = head.accept_count;
	tables->state_count = head.state_count;
	tables->segments = calloc(head.segment_count, sizeof(*tables->segments));
	tables->may_deny = malloc(bits_size(head.segment_count));
	if (!tables->segments || !tables->may_deny)
		return -ENOMEM;
	bytes += sizeof(head) + question->count;
	memcpy(tables->segments, bytes, head.word_count * sizeof(uint64_t));
	memcpy(tables->may_deny, bytes + head.word_count * sizeof(uint64_t), bits_size(head.segment_count));
	if (!tables_within(tables, head.word_count))
		return -EBADMSG;
	*ret = TAKE_PTR(tables);
	return 0;
}

/* Nobody else can have written into it. */
static bool is_own(int fd, mode_t type)
{
	struct stat status;

	return fstat(fd, &status) == 0 && (status.st_mode & S_IFMT) == type &&
	       status.st_uid == geteuid() && !(status.st_mode & (S_IRWXG | S_IRWXO));
}

static int dir_open(const char *path)
{
	_cleanup_close_ int fd = -1;

	mkdir(path, 0700); /* where the directory above is missing, nothing is kept yet */
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 && is_own(fd, S_IFDIR) ? TAKE_FD(fd) : -1;
}

static void file_name(const struct question *question, char *ret, size_t size)
{
	snprintf(ret, size, "%016llx",
		(unsigned long long)hash_mix(check_sum(question->bytes, question->count)));
}

/* What a file holds, or NULL. */
static uint8_t *file_read(int dir, const char *name, size_t *ret_size)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	_cleanup_free_ uint8_t *bytes = NULL;
	struct stat status;

	if (fd < 0 || !is_own(fd, S_IFREG) || fstat(fd, &status) < 0 || status.st_size <= 0 ||
		(size_t)status.st_size > STORE_SIZE)
		return NULL;
	bytes = malloc((size_t)status.st_size);
	if (!bytes || read(fd, bytes, (size_t)status.st_size) != status.st_size)
		return NULL;
	*ret_size = (size_t)status.st_size;
	return TAKE_PTR(bytes);
}

static void make_room(int dir)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;
	int count = 0;

	while (stream && (entry = readdir(stream)))
		count += *entry->d_name != '.';
	if (stream && count >= STORE_FILES) {
		rewinddir(stream);
		while ((entry = readdir(stream)))
			unlinkat(dir, entry->d_name, 0);
	}
	if (stream)
		closedir(stream);
	else if (copy >= 0)
		close(copy);
}

/* Under a name of its own first, so that a file is whole or not there. */
static void file_write(int dir, const char *name, const uint8_t *bytes, size_t size)
{
	_cleanup_close_ int fd = -1;
	char draft[64];

	snprintf(draft, sizeof(draft), "%s.%d", name, getpid());
	fd = openat(dir, draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0 && (write(fd, bytes, size) != (ssize_t)size || renameat(dir, draft, dir, name) < 0))
		unlinkat(dir, draft, 0);
}

int ambit_tables_obtain(
	const char *dir, const struct policy *policy, struct diag *diag, struct tables **ret)
{
	_cleanup_close_ int fd = dir ? dir_open(dir) : -1;
	_cleanup_(question_clear) struct question question = {};
	_cleanup_free_ uint8_t *bytes = NULL;
	char name[32];
	size_t size;
	int r;

	if (fd < 0 || question_write(policy, &question) < 0)
		return ambit_tables_compile(policy, diag, ret);
	file_name(&question, name, sizeof(name));
	bytes = file_read(fd, name, &size);
	if (bytes && store_read(bytes, size, &question, ret) == 0)
		return 0;
	r = ambit_tables_compile(policy, diag, ret);
	if (r < 0)
		return r;
	free(bytes);
	bytes = store_write(&question, *ret, &size);
	if (bytes && size <= STORE_SIZE) {
		make_room(fd);
		file_write(fd, name, bytes, size);
	}
	return 0;
}
