// SPDX-License-Identifier: Apache-2.0
/*
 * Paths at the limits, on real dentries: chains of up to 400 directories within 4,095 bytes, with
 * names of 1 to 255 bytes of any value. Made outside, opened in a cell: on every level a file with
 * such a name and one that is called "secret".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "stress.h"

#define DEPTH_MAX	400
#define LENGTH_MAX	4095
#define NAME_LENGTH_MAX 255

/* The longest name of each chain. */
static const unsigned chains[] = {1, 2, 5, 9, 10, 18, 40, 80, 160, 255, 255};

struct chain {
	char path[LENGTH_MAX + 1];
	size_t length;
	uint64_t seed;
	unsigned depth, longest;
};

static unsigned pick(uint64_t *seed, unsigned below)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return (unsigned)(*seed >> 33) % below;
}

/* Appends "/NAME"; the path stays as it was where there is no room. */
static bool append(struct chain *chain, size_t size)
{
	char *name = chain->path + chain->length + 1;

	if (!size || size > NAME_LENGTH_MAX || chain->length + 1 + size > LENGTH_MAX)
		return false;
	chain->path[chain->length] = '/';
	for (size_t i = 0; i < size; i++) {
		name[i] = (char)(1 + pick(&chain->seed, 255));
		if (name[i] == '/' || name[i] == '.')
			name[i] = '\n';
	}
	chain->length += 1 + size;
	chain->path[chain->length] = '\0';
	return true;
}

static void cut(struct chain *chain, size_t length)
{
	chain->length = length;
	chain->path[length] = '\0';
}

/* Calls `each` for the chain's directory, its file, which may end at the last byte there can be,
 * and "secret"; returns false at the chain's end. */
static bool chain_step(struct chain *chain,
	void (*each)(const char *dir, const char *path, bool secret, void *data), void *data)
{
	size_t length = chain->length, room;
	static char dir[LENGTH_MAX + 1];

	if (chain->depth++ == DEPTH_MAX || !append(chain, 1 + pick(&chain->seed, chain->longest)))
		return false;
	length = chain->length;
	room = LENGTH_MAX - length;
	memcpy(dir, chain->path, length + 1);
	if (append(chain, room > 1 && room - 1 <= NAME_LENGTH_MAX
				  ? room - 1
				  : 1 + pick(&chain->seed, chain->longest)))
		each(dir, chain->path, false, data);
	cut(chain, length);
	if (room >= sizeof("/secret")) {
		strcpy(chain->path + length, "/secret");
		each(dir, chain->path, true, data);
	}
	cut(chain, length);
	return true;
}

static void chains_each(const char *root,
	void (*each)(const char *dir, const char *path, bool secret, void *data), void *data)
{
	for (size_t i = 0; i < ARRAY_SIZE(chains); i++) {
		struct chain chain = {.seed = 0x9e3779b97f4a7c15 + i, .longest = chains[i]};

		chain.length = (size_t)snprintf(chain.path, sizeof(chain.path), "%s/%zu", root, i);
		while (chain_step(&chain, each, data))
			;
	}
}

static void make(const char *dir, const char *path, bool secret, void *data)
{
	int fd;

	(void)secret;
	(void)data;
	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		die("mkdir");
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		die("a file of a chain");
	close(fd);
}

static int run_make(int argc, char **argv)
{
	char path[256];

	(void)argc;
	for (size_t i = 0; i < ARRAY_SIZE(chains); i++) {
		snprintf(path, sizeof(path), "%s/%zu", argv[0], i);
		if (mkdir(path, 0755) < 0)
			die(path);
	}
	chains_each(argv[0], make, NULL);
	return 0;
}

struct counts {
	struct load *load;
	bool denied; /* all of it */
	size_t longest;
	unsigned deepest;
};

static void try_path(const char *dir, const char *path, bool secret, void *data)
{
	struct counts *counts = data;
	size_t length = strlen(path);
	unsigned depth = 0;

	(void)dir;
	for (const char *at = path; *at; at++)
		depth += *at == '/';
	counts->longest = length > counts->longest ? length : counts->longest;
	counts->deepest = depth > counts->deepest ? depth : counts->deepest;
	counts->load->rounds++;
	seen_open(path, counts->denied || secret ? &counts->load->denied : &counts->load->allowed);
}

static int run_open(int argc, char **argv)
{
	struct counts counts = {.load = load_new()};
	int status;

	(void)argc;
	chains_each(argv[0], try_path, &counts);
	counts.denied = true;
	chains_each(argv[1], try_path, &counts);
	status = load_report(counts.load);
	printf("up to %u names and %zu bytes\n", counts.deepest, counts.longest);
	/* Every name is there: none may be gone. */
	if (counts.load->allowed.gone || counts.load->denied.gone || counts.deepest <= DEPTH_MAX ||
		counts.longest != LENGTH_MAX)
		return 1;
	return status;
}

const struct verb depth_verbs[] = {
	{"chains-make", "DIR: outside", 1, run_make},
	{"chains-open", "DIR DENIED: in a cell", 2, run_open},
	{0},
};
