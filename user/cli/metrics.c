/* SPDX-License-Identifier: Apache-2.0 */
/* ambit metrics: what the kernel counts, for Prometheus. */
#include <argp.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include "base/util.h"
#include "cli/cli.h"
#include "metrics/metrics.h"

/* Who asks has so long for a request, and to read the answer. */
#define CLIENT_MS   1000
#define REQUEST_MAX 8192U

struct metrics_words {
	const char *textfile, *socket;
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct metrics_words *words = state->input;

	switch (key) {
	case 't':
		words->textfile = arg;
		return 0;
	case 's':
		words->socket = arg;
		return 0;
	case ARGP_KEY_END:
		if (words->textfile && words->socket)
			argp_error(state, "--textfile or --socket, one of them");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* malloc()ed text in `ret`. The kernel is opened anew each time: it may be disarmed meanwhile. */
static int collect(char **ret, size_t *ret_size)
{
	struct kernel *kernel = NULL;
	struct diag diag = {0};
	int error = ambit_kernel_open(&kernel, &diag);
	char *text = NULL;
	FILE *out;

	if (error && error != -ENOENT) {
		ambit_ui_diag(&diag);
		ambit_diag_clear(&diag);
		return error;
	}
	ambit_diag_clear(&diag);
	out = open_memstream(&text, ret_size);
	error = out ? ambit_metrics_write(kernel, out) : -ENOMEM;
	if (out && fclose(out) && !error)
		error = -ENOMEM;
	ambit_kernel_close(kernel);
	if (error) {
		ambit_ui_say("the kernel's counts could not be read: %s", strerror(-error));
		free(text);
		return error;
	}
	*ret = text;
	return 0;
}

static int print_once(void)
{
	_cleanup_free_ char *text = NULL;
	size_t size;

	if (collect(&text, &size))
		return EXIT_DENIED;
	fwrite(text, size, 1, stdout);
	return EXIT_SUCCESS;
}

/* A reader finds all of it, or all that was there before. */
static int replace_file(const char *path, const char *text, size_t size)
{
	_cleanup_free_ char *half = NULL;
	FILE *out;
	int error = 0;

	if (asprintf(&half, "%s.half", path) < 0)
		return -ENOMEM;
	unlink(half);
	out = fopen(half, "wxe");
	if (!out)
		return -errno;
	/* The node exporter runs as somebody else. */
	if (fchmod(fileno(out), 0644) < 0 || fwrite(text, size, 1, out) != 1)
		error = -errno;
	if (fclose(out) && !error)
		error = -errno;
	if (!error && rename(half, path) < 0)
		error = -errno;
	if (error)
		unlink(half);
	return error;
}

static int write_textfile(const char *path)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	int error;

	if (collect(&text, &size))
		return EXIT_DENIED;
	error = replace_file(path, text, size);
	if (error)
		ambit_ui_say("cannot write \"%s\": %s", path, strerror(-error));
	return error ? EXIT_DENIED : EXIT_SUCCESS;
}

static int listen_unix(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	mode_t before;
	int error = 0;

	if (fd < 0)
		return -errno;
	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, path);
	/* What one before left, that nobody listens on. */
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return -EADDRINUSE;
	if (errno == ECONNREFUSED)
		unlink(path);
	before = umask(0177);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 16) < 0)
		error = -errno;
	umask(before);
	return error ?: TAKE_FD(fd);
}

/* Whatever is asked, there is one answer. The request is read, so that what is sent back is not thrown away
 * with it. */
static void answer(int fd)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	_cleanup_free_ char *text = NULL, *all = NULL;
	char request[REQUEST_MAX];
	size_t size, got = 0;
	ssize_t count;
	int length;

	do {
		if (poll(&ready, 1, CLIENT_MS) <= 0)
			return;
		count = recv(fd, request + got, sizeof(request) - got, MSG_DONTWAIT);
		got += count > 0 ? (size_t)count : 0;
	} while (count > 0 && got < sizeof(request) && !memmem(request, got, "\r\n\r\n", 4));
	/* Who has stopped waiting is not counted for: else, where counting takes long, those behind stop as well. */
	if (count < 0 || poll(&ready, 1, 0) < 0 || (ready.revents & POLLHUP) || collect(&text, &size))
		return;
	length = asprintf(&all,
		"HTTP/1.0 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: %zu\r\n"
		"\r\n%s", size, text);
	for (int at = 0; at < length; at += (int)count) {
		ready.events = POLLOUT;
		if (poll(&ready, 1, CLIENT_MS) <= 0)
			return;
		count = send(fd, all + at, (size_t)(length - at), MSG_NOSIGNAL | MSG_DONTWAIT);
		if (count <= 0)
			return;
	}
}

static int serve(const char *path)
{
	_cleanup_close_ int fd = listen_unix(path), signals = -1, client = -1;
	struct pollfd fds[2];
	sigset_t set;

	if (fd < 0) {
		ambit_ui_say("cannot listen on \"%s\": %s", path, strerror(-fd));
		return EXIT_DENIED;
	}
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	fds[0] = (struct pollfd){.fd = fd, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = signals, .events = POLLIN};
	while (poll(fds, 2, -1) < 0 || !fds[1].revents) {
		if (!fds[0].revents)
			continue;
		client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		if (client >= 0) {
			answer(client);
			close(TAKE_FD(client));
		}
	}
	unlink(path);
	return EXIT_SUCCESS;
}

int ambit_verb_metrics(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"textfile", 't', "FILE", 0, "write FILE anew, for the textfile collector", 0},
		{"socket", 's', "PATH", 0, "answer HTTP requests on a unix socket until a signal comes", 0},
		{0},
	};
	static const struct argp argp = {
		.options = options,
		.parser = parse_option,
		.doc = "Prints what the kernel counts in the text format of Prometheus.",
	};
	struct metrics_words words = {0};

	if (argp_parse(&argp, argc, argv, 0, NULL, &words))
		return EXIT_USAGE;
	if (!ambit_ui_root("ambit metrics"))
		return EXIT_DENIED;
	if (words.textfile)
		return write_textfile(words.textfile);
	return words.socket ? serve(words.socket) : print_once();
}
