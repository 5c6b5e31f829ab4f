/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "cli/cli.h"

#define WORD_MAX 32

static size_t least(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Levenshtein's distance; anything longer than WORD_MAX is far from everything. */
static size_t distance(const char *a, const char *b)
{
	size_t a_length = strlen(a), b_length = strlen(b);
	size_t row[WORD_MAX + 1];

	if (a_length > WORD_MAX || b_length > WORD_MAX)
		return WORD_MAX;
	for (size_t j = 0; j <= b_length; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			size_t above = row[j];

			row[j] = least(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[b_length];
}

const char *ambit_suggest(const char *word, const char *const *names)
{
	const char *best = NULL;
	size_t best_distance = strlen(word) < 4 ? 2 : 3;

	for (; *names; names++) {
		size_t found = distance(word, *names);

		if (found < best_distance) {
			best_distance = found;
			best = *names;
		}
	}
	return best;
}
