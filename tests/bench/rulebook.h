/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies of any size as text, the same for the same numbers: what the bench compiles, and what tests
 * ask questions about. Of 100 path rules 59 are plain paths and 12 more lie beneath "~", 10 name an
 * ending in a directory, 8 have a star for a name, 6 a character class, 2 a "**" in the middle and 1 at
 * the start, and 2 deny a place. A dozen, whatever the number, deny files wherever they lie.
 */
#ifndef AMBIT_BENCH_RULEBOOK_H
#define AMBIT_BENCH_RULEBOOK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define RULEBOOK_HOME "/home/u"

struct rulebook {
	unsigned paths; /* path rules; 0, or 20 at least */
	unsigned peers; /* rules for peers */
	bool plain;	/* no glob characters */
};

static const char *const rulebook_words[] = {"main", "data", "conf", "build", "cache", "index",
	"users", "logs", "media", "static", "private", "public", "reports", "models", "images",
	"assets", "vendor", "plugins", "themes", "locale"};
#define RULEBOOK_WORDS (sizeof(rulebook_words) / sizeof(rulebook_words[0]))

/* Files that are denied wherever they lie: as in the policies that come with ambit. */
static const char *const rulebook_anywhere[] = {"**/.env", "**/.env.*", "**/*.pem", "**/*.key",
	"**/*.p12", "**/id_rsa*", "**/id_ed25519*", "**/.git/hooks", "**/private", "**/*.kdbx",
	"**/.netrc", "**/secret[0-9]"};
#define RULEBOOK_ANYWHERE (sizeof(rulebook_anywhere) / sizeof(rulebook_anywhere[0]))

enum rulebook_list { /* in the order of the file */
	ALLOW_READ,
	ALLOW_WRITE,
	ALLOW_EXEC,
	DENY_READ,
	DENY_WRITE,
	DENY_EXEC,
	RULEBOOK_LISTS,
};

/* Rule number `i`: its text, and the list that it belongs to. */
static inline enum rulebook_list rulebook_path(
	const struct rulebook *book, unsigned i, char *ret, size_t size)
{
	const char *word = rulebook_words[i * 7 % RULEBOOK_WORDS];
	static const char *const endings[] = {"c", "so", "txt", "py"};
	enum rulebook_list list = i % 10 < 7 ? ALLOW_READ : i % 10 < 9 ? ALLOW_WRITE : ALLOW_EXEC;
	unsigned kind = i % 100;

	if (book->plain) {
		snprintf(ret, size, "/data/set%u/%s/part%u", i % 97, word, i);
	} else if (i < RULEBOOK_ANYWHERE) {
		snprintf(ret, size, "%s", rulebook_anywhere[i]);
		list = DENY_READ;
	} else if (kind < 2) {
		snprintf(ret, size, "/home/team%u/%s/closed%u", i % 50, word, i);
		list = (enum rulebook_list)(DENY_READ + i / 100 % 3);
	} else if (kind < 3) {
		snprintf(ret, size, "**/%s%u", word, i);
	} else if (kind < 5) {
		snprintf(ret, size, "/usr/share/%s%u/**/%s%u", word, i % 37, word, i);
	} else if (kind < 11) {
		snprintf(ret, size, "/var/log/app[0-9]/%s%u", word, i);
	} else if (kind < 19) {
		snprintf(ret, size, "/srv/*/%s%u", word, i);
	} else if (kind < 29) {
		snprintf(ret, size, "/opt/pkg%u/%s/*.%s%u", i / 5, word, endings[i % 4], i);
	} else if (kind < 41) {
		snprintf(ret, size, "~/projects/%s%u/src", word, i);
	} else {
		snprintf(ret, size, "/data/set%u/%s/part%u", i % 97, word, i);
	}
	return list;
}

static inline void rulebook_peer(unsigned i, char *ret, size_t size)
{
	static const unsigned bits[] = {24, 24, 16, 28, 32, 22};
	static const char *const ports[] = {"443", "53", "1000-2000", "*"};
	unsigned length = bits[i % 6];
	/* Spread over 11.0.0.0 to 110.255.255.255: sparse enough that few cover each other. */
	uint32_t spread = i * 2654435761U;
	uint32_t address = (11 + (spread >> 24) % 100) << 24 | (spread & 0xffffff);

	if (i % 20 == 19) {
		snprintf(ret, size, "[2001:db8:%x:%x::/64]:443", i >> 8, i & 255);
		return;
	}
	address &= length == 32 ? ~0U : ~(~0U >> length);
	snprintf(ret, size, "%u.%u.%u.%u/%u:%s", address >> 24, address >> 16 & 255,
		address >> 8 & 255, address & 255, length, ports[i % 4]);
}

static inline void rulebook_files(FILE *out, const struct rulebook *book)
{
	static const char *const heads[RULEBOOK_LISTS] = {"  allow:\n    read:\n", "    write:\n",
		"    exec:\n", "  deny:\n    read:\n", "    write:\n", "    exec:\n"};
	char text[256];

	fputs("files:\n", out);
	for (unsigned list = 0; list < RULEBOOK_LISTS; list++) {
		bool begun = false;

		for (unsigned i = 0; i < book->paths; i++) {
			if (rulebook_path(book, i, text, sizeof(text)) != list)
				continue;
			if (!begun)
				fputs(heads[list], out);
			begun = true;
			fprintf(out, "      - \"%s\"\n", text);
		}
	}
}

/* The policy as text; malloc()ed or NULL. */
static inline char *rulebook_text(const struct rulebook *book, size_t *ret_size)
{
	char *text = NULL, peer[64];
	FILE *out = open_memstream(&text, ret_size);

	if (!out)
		return NULL;
	fputs("apiVersion: ambit/v1\nname: rulebook\nmode: enforce\n", out);
	if (book->paths)
		rulebook_files(out, book);
	if (book->peers)
		fputs("network:\n  allow:\n    connect:\n", out);
	for (unsigned i = 0; i < book->peers; i++) {
		rulebook_peer(i, peer, sizeof(peer));
		fprintf(out, "      - \"%s\"\n", peer);
	}
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

#endif
