/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include "base/util.h"
#include "compile/ids.h"

/* A file: this, the question, the bits of `may_deny`, and the words of the segments without the zeroes at their
 * end. */
struct head {
	uint64_t check; /* of all that follows */
	uint64_t question_size;
	uint64_t word_count;
	uint32_t segment_count, accept_count, state_count;
	struct ambit_digest digest;
	uint8_t build[STORE_BUILD]; /* of the program that wrote it: another compiler, another answer */
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
			if (note->n_type == NT_GNU_BUILD_ID && note->n_descsz == STORE_BUILD) {
				memcpy(data, at, STORE_BUILD);
				return 1;
			}
			at += (note->n_descsz + 3) & ~3U;
		}
	}
	return -1; /* the program itself is the first, and it has none */
}

int store_build(uint8_t ret[STORE_BUILD])
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
	uint8_t *bytes = store_build(head.build) < 0 ? NULL : malloc(size), *at = bytes;

	if (!bytes)
		return NULL;
	ambit_tables_digest(tables, &head.digest);
	memcpy(at, &head, sizeof(head));
	memcpy(at += sizeof(head), question->bytes, question->count);
	memcpy(at += question->count, tables->may_deny, bits);
	memcpy(at + bits, tables->segments, words);
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
	const uint64_t accepts = tables->accept_count;

	for (size_t i = first; i < count; i++) {
		const uint64_t word = words[i];

		/* Half of them are zero. */
		if (word && (word >> 48 > accepts || !state_within(tables, (uint32_t)word)))
			return false;
	}
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

/* Bytes in front of the words. */
static size_t words_offset(const struct head *head)
{
	return sizeof(*head) + head->question_size + bits_size(head->segment_count);
}

/* Bytes of a file with the zeroes that are left out. */
static size_t region_size(const struct head *head)
{
	return words_offset(head) + head->segment_count * sizeof(struct ambit_segment);
}

/* What says how large it is, without a look at the rest. */
static bool sizes_fit(const struct head *head, size_t size, const struct question *question)
{
	return head->segment_count && head->segment_count <= AMBIT_SEGMENTS_MAX &&
	       head->accept_count <= AMBIT_ACCEPTS_MAX && head->question_size == question->count &&
	       head->word_count <= (uint64_t)head->segment_count * AMBIT_SEGMENT_WORDS &&
	       size == words_offset(head) + head->word_count * sizeof(uint64_t);
}

static bool is_answer(const uint8_t *bytes, size_t size, const struct question *question)
{
	struct head head;
	uint8_t build[STORE_BUILD];

	memcpy(&head, bytes, sizeof(head));
	return sizes_fit(&head, size, question) && store_build(build) == 0 &&
	       memcmp(head.build, build, STORE_BUILD) == 0 &&
	       memcmp(bytes + sizeof(head), question->bytes, question->count) == 0 &&
	       head.check == check_sum(bytes + sizeof(head.check), size - sizeof(head.check));
}

/* `region` is the bytes of a file of `size`, and zeroes behind them up to region_size(). Taken over, also on
 * failure. `mapped`: its size, if it is not allocated. */
static int region_take(void *region, size_t mapped, size_t size, const struct question *question, struct tables **ret)
{
	_cleanup_(tables_cleanup) struct tables *tables = calloc(1, sizeof(*tables));
	const struct head *head = region;

	if (!tables) {
		if (mapped)
			munmap(region, mapped);
		else
			free(region);
		return -ENOMEM;
	}
	tables->region = region;
	tables->region_size = mapped;
	if (!is_answer(region, size, question))
		return -EBADMSG;
	tables->segment_count = head->segment_count;
	tables->accept_count = head->accept_count;
	tables->state_count = head->state_count;
	tables->digest = head->digest;
	tables->may_deny = (uint64_t *)((char *)region + sizeof(*head) + head->question_size);
	tables->segments = (struct ambit_segment *)((char *)region + words_offset(head));
	if (!tables_within(tables, head->word_count))
		return -EBADMSG;
	*ret = TAKE_PTR(tables);
	return 0;
}

int store_read(const uint8_t *bytes, size_t size, const struct question *question, struct tables **ret)
{
	struct head head;
	uint8_t *region;

	if (size < sizeof(head))
		return -EBADMSG;
	memcpy(&head, bytes, sizeof(head));
	if (!sizes_fit(&head, size, question))
		return -EBADMSG;
	region = calloc(1, region_size(&head));
	if (!region)
		return -ENOMEM;
	memcpy(region, bytes, size);
	return region_take(region, 0, size, question, ret);
}

/* The same for a file, in pages that are zero behind its end. Copied and not mapped: an error of the disk, or a file
 * that was cut, would end the one who looks at a mapped page long after (SIGBUS), with the cell that it runs. */
static int file_take(int fd, size_t size, const struct question *question, struct tables **ret)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct head head;
	size_t whole;
	void *region;

	if (pread(fd, &head, sizeof(head), 0) != sizeof(head) || !sizes_fit(&head, size, question))
		return -EBADMSG;
	whole = (region_size(&head) + page - 1) & ~(page - 1);
	region = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (region == MAP_FAILED)
		return -errno;
	if (pread(fd, region, size, 0) != (ssize_t)size || memcmp(region, &head, sizeof(head)) != 0 ||
		mprotect(region, whole, PROT_READ) < 0) {
		munmap(region, whole);
		return -EBADMSG;
	}
	return region_take(region, whole, size, question, ret);
}

/* Nobody else can have written into it. */
static bool is_own(int fd, mode_t type, struct stat *ret)
{
	return fstat(fd, ret) == 0 && (ret->st_mode & S_IFMT) == type && ret->st_uid == geteuid() &&
	       !(ret->st_mode & (S_IRWXG | S_IRWXO));
}

static int dir_open(const char *path)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	_cleanup_close_ int fd = open(path, flags);
	struct stat status;

	/* Where the directory above is missing, nothing is kept yet. */
	if (fd < 0 && errno == ENOENT && mkdir(path, 0700) == 0)
		fd = open(path, flags);
	return fd >= 0 && is_own(fd, S_IFDIR, &status) ? TAKE_FD(fd) : -1;
}

static void file_name(const struct question *question, char *ret, size_t size)
{
	snprintf(ret, size, "%016llx",
		(unsigned long long)hash_mix(check_sum(question->bytes, question->count)));
}

/* What a file holds, if it is an answer. */
static int file_read(int dir, const char *name, const struct question *question, struct tables **ret)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat status;

	if (fd < 0 || !is_own(fd, S_IFREG, &status) || (size_t)status.st_size > STORE_SIZE)
		return -ENOENT;
	return file_take(fd, (size_t)status.st_size, question, ret);
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
	if (file_read(fd, name, &question, ret) == 0)
		return 0;
	r = ambit_tables_compile(policy, diag, ret);
	if (r < 0)
		return r;
	bytes = store_write(&question, *ret, &size);
	if (bytes && size <= STORE_SIZE) {
		make_room(fd);
		file_write(fd, name, bytes, size);
	}
	return 0;
}
