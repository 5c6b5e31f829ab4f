// SPDX-License-Identifier: Apache-2.0
/*
 * Verdicts that are kept, against everything that ends one: names that move, mounts that move, files
 * that are born and die so that the memory of a dentry becomes that of another one.
 *
 * Every kind of change has slots, and a slot a number in memory that both sides see: odd while it is
 * being changed, then by turns "lies in an allowed place" and "in a denied one". An open during which
 * the number stood still has one right answer; of all others it is only asked that they never lead to
 * a secret, which is a content that no allowed name ever had.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include "stress.h"

#define SLOTS 32
#define SECRET "secret"

enum side { IN, OUT, HOLD };
static const char *const sides[] = {[IN] = "in", [OUT] = "out", [HOLD] = "hold"};

struct kind {
	const char *name, *under, *leaf; /* ROOT UNDER/SIDE/NAME/SLOT LEAF */
	bool both; /* there is something in both places at all times */
	void (*make)(const struct kind *kind, int slot);
	int (*change)(const struct kind *kind, int slot, enum side from, enum side to);
};

static const char *root;

/* Of a slot's file, or of what holds it. */
static const char *place(
	const struct kind *kind, enum side side, int slot, bool file, char path[static 256])
{
	snprintf(path, 256, "%s%s/%s/%s/%d%s", root, kind->under, sides[side], kind->name, slot,
		file ? kind->leaf : "");
	return path;
}

static int file_make(const struct kind *kind, enum side side, int slot, const char *content)
{
	char path[256];
	int fd = open(place(kind, side, slot, true, path), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);

	if (fd < 0 || write(fd, content, strlen(content)) < 0)
		return -errno;
	return close(fd);
}

static void directory_make(const struct kind *kind, enum side side, int slot)
{
	char path[256];

	if (mkdir(place(kind, side, slot, false, path), 0755) < 0)
		die(path);
}

static void make_one(const struct kind *kind, int slot)
{
	if (*kind->leaf)
		directory_make(kind, IN, slot);
	if (file_make(kind, IN, slot, "public") < 0)
		die(kind->name);
}

static void make_both(const struct kind *kind, int slot)
{
	make_one(kind, slot);
	if (file_make(kind, OUT, slot, "public") < 0)
		die(kind->name);
}

static void make_held(const struct kind *kind, int slot)
{
	char held[256], path[256];

	if (file_make(kind, HOLD, slot, "public") < 0 ||
		link(place(kind, HOLD, slot, true, held), place(kind, IN, slot, true, path)) < 0)
		die(kind->name);
}

/* Where a directory becomes a place to mount on, rename_lock changes too (d_set_mounted() in
 * fs/dcache.c); a move does so with the root of what it moves. Here each is one from the beginning, by
 * another mount of the directory above, so that mount_lock alone tells. */
static void mount_elsewhere(const struct kind *kind, enum side side, int slot)
{
	char from[256], to[256];

	directory_make(kind, side, slot);
	snprintf(from, sizeof(from), "%s/%s/%s", root, sides[side], kind->name);
	snprintf(to, sizeof(to), "%s/hold/%s/%s", root, kind->name, sides[side]);
	if (slot == 0 && (mkdir(to, 0755) < 0 || mount(from, to, NULL, MS_BIND, NULL) < 0))
		die(to);
	snprintf(to, sizeof(to), "%s/hold/%s/%s/%d", root, kind->name, sides[side], slot);
	if (mount("none", to, "tmpfs", 0, NULL) < 0)
		die(to);
}

static void make_mount(const struct kind *kind, int slot)
{
	char path[256];

	mount_elsewhere(kind, IN, slot);
	mount_elsewhere(kind, OUT, slot);
	place(kind, IN, slot, false, path);
	if (mount(path, path, NULL, MS_BIND, NULL) < 0 || file_make(kind, IN, slot, "public") < 0)
		die(kind->name);
}

/* They are in the layers already. */
static void make_none(const struct kind *kind, int slot)
{
	(void)kind;
	(void)slot;
}

static int change_name(const struct kind *kind, int slot, enum side from, enum side to)
{
	char one[256], other[256];

	return renameat2(AT_FDCWD, place(kind, from, slot, false, one), AT_FDCWD,
		       place(kind, to, slot, false, other), kind->both ? RENAME_EXCHANGE : 0) < 0
		       ? -errno
		       : 0;
}

static int change_mount(const struct kind *kind, int slot, enum side from, enum side to)
{
	char one[256], other[256];

	return mount(place(kind, from, slot, false, one), place(kind, to, slot, false, other), NULL,
		       MS_MOVE, NULL) < 0
		       ? -errno
		       : 0;
}

static int change_birth(const struct kind *kind, int slot, enum side from, enum side to)
{
	char path[256];

	if (unlink(place(kind, from, slot, true, path)) < 0)
		return -errno;
	return file_make(kind, to, slot, to == IN ? "public" : SECRET);
}

static int change_link(const struct kind *kind, int slot, enum side from, enum side to)
{
	char held[256], path[256];

	if (unlink(place(kind, from, slot, true, path)) < 0)
		return -errno;
	return link(place(kind, HOLD, slot, true, held), place(kind, to, slot, true, path)) < 0
		       ? -errno
		       : 0;
}

/* Nothing of it: what nobody has open at the moment loses its dentry and gets another. */
static int change_memory(const struct kind *kind, int slot, enum side from, enum side to)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC), result;

	(void)kind;
	(void)slot;
	(void)from;
	(void)to;
	if (fd < 0)
		return -errno;
	result = write(fd, "2", 1) < 0 ? -errno : 0;
	close(fd);
	return result;
}

static const struct kind kinds[] = {
	{"rename", "", "", false, make_one, change_name},
	{"parent", "", "/f", false, make_one, change_name},
	{"exchange", "", "", true, make_both, change_name},
	{"mount", "", "/f", false, make_mount, change_mount},
	{"born", "", "", false, make_one, change_birth},
	{"link", "", "", false, make_held, change_link},
	{"memory", "/over", "", true, make_none, change_memory}, /* an overlay: its dentries can go */
};

typedef atomic_uint slots_t[ARRAY_SIZE(kinds)][SLOTS];

static slots_t *slots_map(int flags, int protection)
{
	char path[256];
	slots_t *slots;
	int fd;

	snprintf(path, sizeof(path), "%s/in/slots", root);
	fd = open(path, flags | O_CLOEXEC, 0644);
	if (fd < 0 || (flags & O_CREAT && ftruncate(fd, sizeof(*slots)) < 0))
		die(path);
	slots = mmap(NULL, sizeof(*slots), protection, MAP_SHARED, fd, 0);
	close(fd);
	if (slots == MAP_FAILED)
		die(path);
	return slots;
}

static int kind_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(kinds[i].name, name) == 0)
			return (int)i;
	}
	fprintf(stderr, "stress: no kind \"%s\"\n", name);
	exit(2);
}

static int run_make(int argc, char **argv)
{
	char path[256];

	(void)argc;
	root = argv[0];
	slots_map(O_RDWR | O_CREAT, PROT_READ | PROT_WRITE);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		for (size_t side = 0; side < ARRAY_SIZE(sides) && !*kinds[i].under; side++) {
			snprintf(path, sizeof(path), "%s/%s/%s", root, sides[side], kinds[i].name);
			if (mkdir(path, 0755) < 0)
				die(path);
		}
		for (int slot = 0; slot < SLOTS; slot++)
			kinds[i].make(&kinds[i], slot);
	}
	return 0;
}

/* Where what a number stands for lies; it is even. */
static enum side side_of(unsigned number)
{
	return number & 2 ? OUT : IN;
}

static int run_change(int argc, char **argv)
{
	double end = instant_after(argv[0]);
	int row = kind_find(argv[2]);
	unsigned long rounds = 0;
	slots_t *slots;

	(void)argc;
	root = argv[1];
	slots = slots_map(O_RDWR, PROT_READ | PROT_WRITE);
	for (; !instant_is_past(end); rounds++) {
		atomic_uint *number = &(*slots)[row][rounds % SLOTS];
		enum side from = side_of(*number);
		int error;

		++*number;
		error = kinds[row].change(&kinds[row], (int)(rounds % SLOTS), from, !from);
		if (error) {
			fprintf(stderr, "stress: %s: %s\n", argv[2], strerror(-error));
			return 2;
		}
		++*number;
	}
	printf("%s: %lu changes\n", argv[2], rounds);
	return rounds ? 0 : 2;
}

struct keeper {
	struct load *load;
	slots_t *slots;
	double end;
	int rows[ARRAY_SIZE(kinds)], count;
};

static void count_open(struct load *load, struct seen *seen, int fd, int error)
{
	char content[sizeof(SECRET)] = "";

	if (fd >= 0) {
		seen->opened++;
		if (read(fd, content, sizeof(content) - 1) > 0 && strcmp(content, SECRET) == 0)
			load->secrets++;
		close(fd);
	} else if (error == EACCES) {
		seen->denied++;
	} else if (error == ENOENT && seen == &load->changing) {
		seen->gone++;
	} else {
		seen->error = error;
		seen->other++;
	}
}

/* Opens a slot's file where it should lie. Nothing may be written in either place. */
static void try_slot(struct keeper *keeper, int row, int slot, enum side side, int flags)
{
	atomic_uint *number = &(*keeper->slots)[row][slot];
	struct load *load = keeper->load;
	unsigned before = *number;
	struct seen *seen;
	char path[256];
	int fd, error;

	if (!kinds[row].both)
		side = side_of(before);
	fd = open(place(&kinds[row], side, slot, true, path), flags | O_CLOEXEC);
	error = errno;
	if (before & 1 || *number != before)
		seen = &load->changing;
	else
		seen = side == IN && flags == O_RDONLY ? &load->allowed : &load->denied;
	count_open(load, seen, fd, error);
}

static void *keeper_main(void *data)
{
	struct keeper *keeper = data;

	while (!instant_is_past(keeper->end)) {
		for (int i = 0; i < keeper->count; i++) {
			for (int slot = 0; slot < SLOTS; slot++) {
				try_slot(keeper, keeper->rows[i], slot, IN, O_RDONLY);
				try_slot(keeper, keeper->rows[i], slot, OUT, O_RDONLY);
				if (slot % 8 == 0)
					try_slot(keeper, keeper->rows[i], slot, IN, O_WRONLY);
			}
		}
		keeper->load->rounds++;
	}
	return NULL;
}

static int run_open(int argc, char **argv)
{
	struct keeper keeper = {.load = load_new(), .end = instant_after(argv[0])};
	int threads = atoi(argv[1]);

	root = argv[2];
	keeper.slots = slots_map(O_RDONLY, PROT_READ);
	if (threads < 1 || threads > THREADS_MAX || argc - 3 > (int)ARRAY_SIZE(kinds))
		return 2;
	for (int i = 3; i < argc; i++)
		keeper.rows[keeper.count++] = kind_find(argv[i]);
	return threads_run(threads, keeper_main, &keeper) ? load_report(keeper.load) : 2;
}

const struct verb kept_verbs[] = {
	{"kept-make", "ROOT: outside", 1, run_make},
	{"kept-change", "SECONDS ROOT KIND: outside", 3, run_change},
	{"kept-open", "SECONDS THREADS ROOT KIND...: in a cell", 4, run_open},
	{0},
};
