/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "cli/cli.h"

#define WORD_MAX 32

static size_t least(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Edits, a swap of two neighbours among them; anything longer than WORD_MAX is far from everything.
 */
static size_t distance(const char *a, const char *b)
{
	size_t a_length = strlen(a), b_length = strlen(b);
	size_t rows[WORD_MAX + 1][WORD_MAX + 1];

	if (a_length > WORD_MAX || b_length > WORD_MAX)
		return WORD_MAX;
	for (size_t i = 0; i <= a_length; i++) {
		for (size_t j = 0; j <= b_length; j++) {
			if (!i || !j) {
				rows[i][j] = i + j;
				continue;
			}
			rows[i][j] = least(rows[i - 1][j] + 1, rows[i][j - 1] + 1,
				rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				rows[i][j] = least(rows[i][j], rows[i - 2][j - 2] + 1, WORD_MAX);
		}
	}
	return rows[a_length][b_length];
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
