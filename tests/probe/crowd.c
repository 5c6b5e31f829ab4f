// SPDX-License-Identifier: Apache-2.0
/* Many decisions at once: more threads than processors, and renames under them. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "probe.h"

#define THREADS_MAX 64

struct crowd {
	const char *allowed, *denied;
	int rounds;
	atomic_int wrongly_denied, wrongly_allowed;
};

static bool opens(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void *crowd_main(void *data)
{
	struct crowd *crowd = data;

	for (int i = 0; i < crowd->rounds; i++) {
		if (!opens(crowd->allowed))
			crowd->wrongly_denied++;
		if (opens(crowd->denied))
			crowd->wrongly_allowed++;
	}
	return NULL;
}

static int act_stress(int argc, char **argv)
{
	struct crowd crowd = {.allowed = argv[2], .denied = argv[3], .rounds = atoi(argv[1])};
	pthread_t threads[THREADS_MAX];
	int count = atoi(argv[0]);

	(void)argc;
	if (count < 1 || count > THREADS_MAX)
		return -EINVAL;
	for (int i = 0; i < count; i++) {
		int error = pthread_create(&threads[i], NULL, crowd_main, &crowd);

		if (error)
			return -error;
	}
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	fprintf(stderr, "wrongly denied %d, wrongly allowed %d\n", crowd.wrongly_denied,
		crowd.wrongly_allowed);
	return crowd.wrongly_denied || crowd.wrongly_allowed ? -EBADE : 0;
}

struct race {
	const char *one, *other;
	atomic_bool over;
};

static void *race_main(void *data)
{
	struct race *race = data;

	while (!race->over) {
		rename(race->one, race->other);
		rename(race->other, race->one);
	}
	return NULL;
}

/* Opens NAME in a directory that moves between two names, which may fail but not be denied for
 * good, and DENIED, which must never open. */
static int act_race(int argc, char **argv)
{
	struct race race = {.one = argv[1], .other = argv[2]};
	int rounds = atoi(argv[0]), opened = 0, wrong = 0, error;
	char path[4096];
	pthread_t thread;

	(void)argc;
	snprintf(path, sizeof(path), "%s/%s", argv[1], argv[3]);
	error = pthread_create(&thread, NULL, race_main, &race);
	if (error)
		return -error;
	for (int i = 0; i < rounds; i++) {
		opened += opens(path);
		wrong += opens(argv[4]);
	}
	race.over = true;
	pthread_join(thread, NULL);
	fprintf(stderr, "opened %d of %d, wrongly allowed %d\n", opened, rounds, wrong);
	return wrong || !opened ? -EBADE : 0;
}

const struct verb crowd_verbs[] = {
	{"stress", "THREADS ROUNDS ALLOWED DENIED", 4, EACCES, act_stress},
	{"race", "ROUNDS DIR OTHER NAME DENIED: renames DIR meanwhile", 5, EACCES, act_race},
	{0},
};
