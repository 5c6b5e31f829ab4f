// SPDX-License-Identifier: Apache-2.0
/* POSIX message queues: names that a system call takes, without opening anything. */
#include <fcntl.h>
#include <mqueue.h>
#include <unistd.h>
#include "probe.h"

static int make(const char *name)
{
	mqd_t queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666, NULL);

	return queue < 0 ? -errno : result_of(close((int)queue));
}

/* Makes one that stays. */
static int act_keep(int argc, char **argv)
{
	(void)argc;
	return make(argv[0]);
}

static int act_make(int argc, char **argv)
{
	int result = make(argv[0]);

	(void)argc;
	return result ? result : result_of(mq_unlink(argv[0]));
}

/* And makes it again, for whoever comes next. */
static int act_unlink(int argc, char **argv)
{
	(void)argc;
	return mq_unlink(argv[0]) < 0 ? -errno : make(argv[0]);
}

const struct verb queue_verbs[] = {
	{"mq-keep", "NAME: makes a queue that stays", 1, 0, act_keep},
	{"mq-make", "NAME: makes a queue, and removes it", 1, EACCES, act_make},
	{"mq-unlink", "NAME: removes a queue", 1, EACCES, act_unlink},
	{0},
};
