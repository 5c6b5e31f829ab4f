/* SPDX-License-Identifier: Apache-2.0 */
/* What a verb prints. */
#ifndef AMBIT_TEST_CAPTURE_H
#define AMBIT_TEST_CAPTURE_H

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define CAPTURE_SIZE 4096

/* Runs a verb, with its stdout, as far as there is room, in `text`; returns its exit status. */
static inline int capture(
	int (*verb)(int argc, char **argv), int argc, char **argv, char text[CAPTURE_SIZE])
{
	int saved = dup(STDOUT_FILENO), out = open("/tmp", O_TMPFILE | O_RDWR, 0600), status;
	ssize_t size;

	fflush(stdout);
	assert_int_equal(dup2(out, STDOUT_FILENO), STDOUT_FILENO);
	status = verb(argc, argv);
	fflush(stdout);
	assert_int_equal(dup2(saved, STDOUT_FILENO), STDOUT_FILENO);
	size = pread(out, text, CAPTURE_SIZE - 1, 0);
	assert_true(size >= 0);
	text[size] = '\0';
	close(saved);
	close(out);
	return status;
}

#endif
