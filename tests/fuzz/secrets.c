/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer: any bytes as a command line, arguments apart by NULs. What is shown of one is pieces of it, in their
 * order, with "***" between them; and of a value whose name says that it is a secret nothing is shown.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "trail/secrets.h"

#define HIDDEN "***"
#define SIZE_MAX_ARGUMENT 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each byte that is shown stands in the argument, behind the one before. Which of several stars are ours does not
 * matter for that. */
static void is_of(const char *shown, const char *argument)
{
	while (*shown) {
		if (strncmp(shown, HIDDEN, strlen(HIDDEN)) == 0) {
			shown += strlen(HIDDEN);
			continue;
		}
		argument = strchr(argument, *shown++);
		if (!argument++)
			abort();
	}
}

static void is_hidden(const char *rest)
{
	char argument[SIZE_MAX_ARGUMENT + 16];
	struct secrets secrets = {0};
	char *shown;

	snprintf(argument, sizeof(argument), "API_TOKEN=x%s", rest); /* an x: no scheme, and not empty */
	shown = ambit_secrets_hide(&secrets, argument);
	if (!shown || strcmp(shown, "API_TOKEN=" HIDDEN) != 0)
		abort();
	free(shown);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct secrets secrets = {0};
	char text[SIZE_MAX_ARGUMENT + 1];

	if (size > SIZE_MAX_ARGUMENT)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	for (const char *at = text; at < text + size; at += strlen(at) + 1) {
		char *shown;

		is_hidden(at);
		shown = ambit_secrets_hide(&secrets, at);
		if (!shown)
			abort();
		is_of(shown, at);
		free(shown);
	}
	return 0;
}
