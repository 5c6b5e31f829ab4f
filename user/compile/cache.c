/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include "base/util.h"
#include "compile/cache.h"

/* In front of a file; after it come the key, the segments, and the bits of may_deny. */
struct head {
	uint64_t key_size;
	uint32_t segment_count, accept_count, state_count, reserved;
};

struct key {
	char *bytes; /* owned */
	size_t size;
};

static void key_clear(struct key *key)
{
	free(key->bytes);
}

static size_t may_deny_size(uint32_t segment_count)
{
	return segment_count * (AMBIT_SEGMENT_WORDS / 64UL) * sizeof(uint64_t);
}

/* --- the key: all that the compiler reads of a policy (patterns.c) --- */

static void put_number(FILE *key, uint64_t number)
{
	fwrite(&number, sizeof(number), 1, key);
}

static void put_texts(FILE *key, char *const *texts, size_t count)
{
	put_number(key, count);
	for (size_t i = 0; i < count; i++)
		fwrite(texts[i], strlen(texts[i]) + 1, 1, key);
}

_Static_assert(sizeof(struct peer) == 24, "without padding, so that equal peers have equal bytes");

static void put_peers(FILE *key, const struct peer *peers, size_t count)
{
	put_number(key, count);
	if (count)
		fwrite(peers, sizeof(*peers), count, key);
}

static void put_policy(FILE *key, const struct policy *policy)
{
	put_number(key, policy->rule_count);
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct rule *rule = &policy->rules[i];

		put_number(key, rule->id);
		put_number(key, (uint64_t)rule->op << 32 | rule->verdict);
		put_texts(key, rule->paths, rule->path_count);
		put_peers(key, rule->peers, rule->peer_count);
	}
	put_peers(key, policy->specials, policy->special_count);
	put_texts(key, policy->reserved, policy->reserved_count);
	put_number(key, policy->guarded_count);
	for (size_t i = 0; i < policy->guarded_count; i++) {
		put_number(key, policy->guarded[i].ops);
		put_texts(key, &policy->guarded[i].path, 1);
	}
}

static int key_make(const struct policy *policy, const char *build, struct key *ret)
{
	FILE *key = open_memstream(&ret->bytes, &ret->size);
	bool bad;

	if (!key)
		return -errno;
	fwrite(build, strlen(build) + 1, 1, key);
	put_policy(key, policy);
	bad = ferror(key);
	return fclose(key) != 0 || bad ? -ENOMEM : 0;
}

/* The name of its file: FNV-1a. Two keys that meet there take turns. */
static void key_name(const struct key *key, char *ret, size_t size)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (size_t i = 0; i < key->size; i++)
		hash = (hash ^ (uint8_t)key->bytes[i]) * 0x100000001b3;
	snprintf(ret, size, "%016" PRIx64, hash);
}

/* --- the files --- */

static void stream_close(DIR **stream)
{
	if (*stream)
		closedir(*stream);
}

/* A directory that nobody else can write to; a negative errno for another. */
static int dir_open(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0)
		return -errno;
	return status.st_uid == geteuid() && !(status.st_mode & 077) ? TAKE_FD(fd) : -EPERM;
}

static bool read_all(int fd, void *bytes, size_t size)
{
	for (ssize_t done; size; size -= (size_t)done, bytes = (char *)bytes + done) {
		done = read(fd, bytes, size);
		if (done <= 0)
			return false;
	}
	return true;
}

/* Reads the head and compares the key. */
static bool file_matches(int fd, const struct key *key, struct head *ret)
{
	_cleanup_free_ char *bytes = NULL;
	struct stat status;

	if (fstat(fd, &status) < 0 || !read_all(fd, ret, sizeof(*ret)) || ret->key_size != key->size ||
		(uint64_t)status.st_size !=
			sizeof(*ret) + key->size + may_deny_size(ret->segment_count) +
				(uint64_t)ret->segment_count * sizeof(struct ambit_segment))
		return false;
	bytes = malloc(key->size);
	return bytes && read_all(fd, bytes, key->size) && memcmp(bytes, key->bytes, key->size) == 0;
}

static struct tables *file_read(int dir, const char *name, const struct key *key)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_(tables_cleanup) struct tables *tables = calloc(1, sizeof(*tables));
	struct head head;

	if (fd < 0 || !tables || !file_matches(fd, key, &head))
		return NULL;
	tables->segment_count = head.segment_count;
	tables->accept_count = head.accept_count;
	tables->state_count = head.state_count;
	tables->segments = malloc(head.segment_count * sizeof(*tables->segments));
	tables->may_deny = malloc(may_deny_size(head.segment_count));
	if (!tables->segments || !tables->may_deny ||
		!read_all(fd, tables->segments, head.segment_count * sizeof(*tables->segments)) ||
		!read_all(fd, tables->may_deny, may_deny_size(head.segment_count)))
		return NULL;
	return TAKE_PTR(tables);
}

/* Makes room for one more: takes away the file that was written first, unless there are few. */
static void room_make(int dir)
{
	_cleanup_(stream_close) DIR *stream = fdopendir(dup(dir));
	struct timespec first = {.tv_sec = INT64_MAX};
	char name[sizeof(((struct dirent *)0)->d_name)] = "";
	struct dirent *entry;
	struct stat status;
	unsigned count = 0;

	if (stream)
		rewinddir(stream);
	while (stream && (entry = readdir(stream))) {
		if (entry->d_name[0] == '.' || fstatat(dir, entry->d_name, &status, AT_SYMLINK_NOFOLLOW))
			continue;
		count++;
		if (status.st_mtim.tv_sec > first.tv_sec ||
			(status.st_mtim.tv_sec == first.tv_sec &&
				status.st_mtim.tv_nsec >= first.tv_nsec))
			continue;
		first = status.st_mtim;
		strcpy(name, entry->d_name);
	}
	if (count >= CACHE_FILES)
		unlinkat(dir, name, 0);
}

/* Whole or not at all, and by one at a time; who finds it busy leaves it. */
static void file_write(int dir, const char *name, const struct key *key, const struct tables *tables)
{
	static const char new[] = "new";
	const struct head head = {key->size, tables->segment_count, tables->accept_count,
		tables->state_count, 0};
	const struct iovec parts[] = {
		{(void *)&head, sizeof(head)},
		{key->bytes, key->size},
		{tables->segments, tables->segment_count * sizeof(*tables->segments)},
		{tables->may_deny, may_deny_size(tables->segment_count)},
	};
	_cleanup_close_ int fd = -1;
	size_t size = 0;

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		size += parts[i].iov_len;
	if (flock(dir, LOCK_EX | LOCK_NB) < 0)
		return;
	room_make(dir);
	fd = openat(dir, new, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0 && (writev(fd, parts, ARRAY_SIZE(parts)) != (ssize_t)size ||
			       renameat(dir, new, dir, name) < 0))
		unlinkat(dir, new, 0);
}

int ambit_tables_cached(const struct policy *policy, const struct cache *cache, struct diag *diag,
	struct tables **ret)
{
	_cleanup_close_ int dir = cache ? dir_open(cache->dir) : -ENOENT;
	_cleanup_(key_clear) struct key key = {};
	struct tables *tables;
	char name[32];
	int r;

	if (dir < 0 || key_make(policy, cache->build, &key) < 0)
		return ambit_tables_compile(policy, diag, ret);
	key_name(&key, name, sizeof(name));
	tables = file_read(dir, name, &key);
	if (tables) {
		*ret = tables;
		return 0;
	}
	r = ambit_tables_compile(policy, diag, ret);
	if (r >= 0)
		file_write(dir, name, &key, *ret);
	return r;
}
