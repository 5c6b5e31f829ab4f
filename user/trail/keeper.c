/* SPDX-License-Identifier: Apache-2.0 */
#include "trail/keeper.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include "base/util.h"
#include "trail/pieces.h"
#include "trail/squeeze.h"

struct keeper {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	bool running, ends;
	int sync_fd;   /* to be written back; -1: none */
	char *squeeze; /* the trail whose pieces are to be compressed; NULL: none */
	int error;
};

/* All that are not compressed yet: also those that a crash left. */
static int squeeze_all(const char *path)
{
	struct pieces pieces = {0};
	int error = ambit_pieces_list(path, &pieces), result = error;

	for (size_t i = 0; !error && i < pieces.count; i++)
		if (!pieces.items[i].squeezed)
			result = ambit_squeeze(pieces.items[i].path) ?: result;
	ambit_pieces_clear(&pieces);
	return result;
}

static int do_task(int fd, char *path)
{
	int error = 0;

	if (fd >= 0) {
		error = fdatasync(fd) < 0 ? -errno : 0;
		close(fd);
	}
	/* A file that cannot be compressed stays as it is, which is no loss. */
	if (path)
		squeeze_all(path);
	free(path);
	return error;
}

static void *work(void *data)
{
	struct keeper *keeper = data;

	pthread_mutex_lock(&keeper->lock);
	for (;;) {
		int fd = keeper->sync_fd, error;
		char *path = keeper->squeeze;

		if (fd < 0 && !path && keeper->ends)
			break;
		if (fd < 0 && !path) {
			pthread_cond_wait(&keeper->wake, &keeper->lock);
			continue;
		}
		keeper->sync_fd = -1;
		keeper->squeeze = NULL;
		pthread_mutex_unlock(&keeper->lock);
		error = do_task(fd, path);
		pthread_mutex_lock(&keeper->lock);
		if (!keeper->error)
			keeper->error = error;
	}
	pthread_mutex_unlock(&keeper->lock);
	return NULL;
}

struct keeper *ambit_keeper_new(void)
{
	struct keeper *keeper = calloc(1, sizeof(*keeper));

	if (!keeper)
		return NULL;
	pthread_mutex_init(&keeper->lock, NULL);
	pthread_cond_init(&keeper->wake, NULL);
	keeper->sync_fd = -1;
	return keeper;
}

/* With the lock. Signals are for the one who polls for them. */
static void begin(struct keeper *keeper)
{
	sigset_t all, before;

	if (!keeper->running) {
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &before);
		keeper->running = !pthread_create(&keeper->thread, NULL, work, keeper);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	pthread_cond_signal(&keeper->wake);
}

void ambit_keeper_sync(struct keeper *keeper, int fd)
{
	pthread_mutex_lock(&keeper->lock);
	/* Of another file, before it was rotated: that one is written back at once. */
	if (keeper->sync_fd >= 0)
		close(keeper->sync_fd);
	keeper->sync_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	begin(keeper);
	pthread_mutex_unlock(&keeper->lock);
}

void ambit_keeper_squeeze(struct keeper *keeper, const char *path)
{
	pthread_mutex_lock(&keeper->lock);
	free(keeper->squeeze);
	keeper->squeeze = strdup(path);
	begin(keeper);
	pthread_mutex_unlock(&keeper->lock);
}

int ambit_keeper_error(struct keeper *keeper)
{
	int error;

	pthread_mutex_lock(&keeper->lock);
	error = keeper->error;
	keeper->error = 0;
	pthread_mutex_unlock(&keeper->lock);
	return error;
}

void ambit_keeper_free(struct keeper *keeper)
{
	if (!keeper)
		return;
	pthread_mutex_lock(&keeper->lock);
	keeper->ends = true;
	pthread_cond_signal(&keeper->wake);
	pthread_mutex_unlock(&keeper->lock);
	if (keeper->running)
		pthread_join(keeper->thread, NULL);
	if (keeper->sync_fd >= 0)
		close(keeper->sync_fd);
	free(keeper->squeeze);
	pthread_mutex_destroy(&keeper->lock);
	pthread_cond_destroy(&keeper->wake);
	free(keeper);
}
