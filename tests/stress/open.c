// SPDX-License-Identifier: Apache-2.0
/* Loads for a cell: threads that open, and processes that are born, open and end. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "stress.h"

#define PROCESSES 2 /* of threads that open */
#define TASKS_MAX 64

struct names {
	char **allowed, **denied;
	int allowed_count, denied_count;
};

struct opener {
	struct load *load;
	struct names names;
	double end;
};

void seen_open(const char *path, struct seen *seen)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		seen->opened++;
		close(fd);
	} else if (errno == EACCES) {
		seen->denied++;
	} else if (errno == ENOENT) {
		seen->gone++;
	} else {
		seen->error = errno;
		seen->other++;
	}
}

static void try_all(struct load *load, const struct names *names)
{
	for (int i = 0; i < names->allowed_count; i++)
		seen_open(names->allowed[i], &load->allowed);
	for (int i = 0; i < names->denied_count; i++)
		seen_open(names->denied[i], &load->denied);
	load->rounds++;
}

/* "ALLOWED... -- DENIED..." */
static struct names names_split(int argc, char **argv)
{
	struct names names = {.allowed = argv};

	while (names.allowed_count < argc && strcmp(argv[names.allowed_count], "--") != 0)
		names.allowed_count++;
	names.denied = argv + names.allowed_count + 1;
	names.denied_count = argc - names.allowed_count - 1;
	return names;
}

static void *opener_main(void *data)
{
	struct opener *opener = data;

	while (!instant_is_past(opener->end))
		try_all(opener->load, &opener->names);
	return NULL;
}

/* Waits for all children; whether each ended well. */
static bool children_end(void)
{
	bool well = true;
	int status;

	while (wait(&status) > 0) {
		if (status)
			fprintf(stderr, "stress: a task ended with wait status 0x%x\n", status);
		well = well && status == 0;
	}
	return well;
}

bool threads_run(int count, void *(*run)(void *data), void *data)
{
	pthread_t threads[THREADS_MAX];

	for (int i = 0; i < PROCESSES; i++) {
		pid_t child = fork();

		if (child < 0)
			die("fork");
		if (child > 0)
			continue;
		for (int j = 0; j < count; j++) {
			errno = pthread_create(&threads[j], NULL, run, data);
			if (errno)
				die("a thread");
		}
		for (int j = 0; j < count; j++)
			pthread_join(threads[j], NULL);
		_exit(0);
	}
	return children_end();
}

static int run_open(int argc, char **argv)
{
	struct opener opener = {
		.load = load_new(),
		.names = names_split(argc - 2, argv + 2),
		.end = instant_after(argv[0]),
	};
	int count = atoi(argv[1]);

	if (count < 1 || count > THREADS_MAX)
		return 2;
	return threads_run(count, opener_main, &opener) ? load_report(opener.load) : 2;
}

/* A child that opens, and leaves behind a grandchild that opens and is nobody's child any more. The
 * end of the pipe says when the last of both is gone, so that there are never many. */
static void generation(struct load *load, const struct names *names)
{
	int alive[2];
	pid_t child;
	char byte;

	if (pipe2(alive, O_CLOEXEC) < 0)
		die("pipe");
	child = fork();
	if (child < 0)
		die("fork");
	if (child == 0) {
		close(alive[0]);
		if (fork() < 0)
			die("fork");
		try_all(load, names);
		_exit(0);
	}
	close(alive[1]);
	try_all(load, names);
	if (waitpid(child, NULL, 0) < 0 || read(alive[0], &byte, 1) != 0)
		die("the end of a child");
	close(alive[0]);
}

static int run_fork(int argc, char **argv)
{
	struct names names = names_split(argc - 2, argv + 2);
	struct load *load = load_new();
	double end = instant_after(argv[0]);
	int count = atoi(argv[1]);

	if (count < 1 || count > TASKS_MAX)
		return 2;
	for (int i = 0; i < count; i++) {
		pid_t child = fork();

		if (child < 0)
			die("fork");
		if (child == 0) {
			while (!instant_is_past(end))
				generation(load, &names);
			_exit(0);
		}
	}
	return children_end() ? load_report(load) : 2;
}

const struct verb open_verbs[] = {
	{"open", "SECONDS THREADS ALLOWED... -- DENIED...: in each of two processes", 5, run_open},
	{"fork", "SECONDS TASKS ALLOWED... -- DENIED...: each task, its children and theirs", 5,
		run_fork},
	{0},
};
