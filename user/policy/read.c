/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include "base/util.h"
#include "policy/policy.h"

/* A policy of 65,534 rules with paths of 200 bytes has 13 MiB. */
#define FILE_MAX (16UL << 20)

static int file_refuse(struct diags *diags, const char *path, int error, const char *why)
{
	ambit_diags_add(
		diags, path, 0, 0, "cannot read \"%s\": %s", path, why ? why : strerror(-error));
	return error;
}

/* Opens a regular file; others could be endless, or block. */
static int file_open(const char *path, struct diags *diags, int *ret, size_t *ret_size)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat status;

	if (fd < 0 && errno == ENOENT)
		return file_refuse(diags, path, -ENOENT, "it does not exist; check the name");
	if (fd < 0 || fstat(fd, &status))
		return file_refuse(diags, path, -errno, NULL);
	if (S_ISDIR(status.st_mode))
		return file_refuse(diags, path, -EISDIR, "it is a directory; name a file in it");
	if (!S_ISREG(status.st_mode))
		return file_refuse(
			diags, path, -EINVAL, "it is not a regular file; copy it to one");
	if ((uint64_t)status.st_size > FILE_MAX)
		return file_refuse(diags, path, -EFBIG,
			"it is larger than 16 MiB; no policy needs "
			"that");
	*ret = TAKE_FD(fd);
	*ret_size = (size_t)status.st_size;
	return 0;
}

/* A file may shrink or grow while it is read: what is there counts, up to `size`. */
static int file_fill(int fd, char *text, size_t size, size_t *ret)
{
	size_t length = 0;

	while (length < size) {
		ssize_t got = read(fd, text + length, size - length);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		length += (size_t)got;
	}
	*ret = length;
	return 0;
}

static void nul_report(const char *path, const char *text, size_t offset, struct diags *diags)
{
	unsigned line = 1, column = 1;

	for (size_t i = 0; i < offset; i++) {
		column = text[i] == '\n' ? 1 : column + 1;
		line += text[i] == '\n';
	}
	ambit_diags_add(diags, path, line, column,
		"a NUL byte: this is not a text file; save it as "
		"UTF-8");
}

int ambit_policy_read(const char *path, char **ret_text, size_t *ret_size, struct diags *diags)
{
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *text = NULL;
	const char *nul;
	size_t size = 0, length = 0;
	int r;

	r = file_open(path, diags, &fd, &size);
	if (r < 0)
		return r;
	text = malloc(size + 1);
	if (!text)
		return file_refuse(diags, path, -ENOMEM, NULL);
	r = file_fill(fd, text, size, &length);
	if (r < 0)
		return file_refuse(diags, path, r, NULL);
	text[length] = '\0';
	nul = memchr(text, '\0', length);
	if (nul) {
		nul_report(path, text, (size_t)(nul - text), diags);
		return -EINVAL;
	}
	*ret_text = TAKE_PTR(text);
	*ret_size = length;
	return 0;
}
