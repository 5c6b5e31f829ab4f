// SPDX-License-Identifier: Apache-2.0
/* ioctls on files that are open for reading, and on sockets. */
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "probe.h"

static int act_flags_get(int argc, char **argv)
{
	int fd = open(argv[0], O_RDONLY | O_CLOEXEC), flags;

	(void)argc;
	return fd < 0 ? -errno : result_of(ioctl(fd, FS_IOC_GETFLAGS, &flags));
}

/* Sets what is set, so that nothing changes; the kernel asks all the same. */
static int act_flags_set(int argc, char **argv)
{
	int fd = open(argv[0], O_RDONLY | O_CLOEXEC), flags;

	(void)argc;
	if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		return -errno;
	return result_of(ioctl(fd, FS_IOC_SETFLAGS, &flags));
}

static int act_attributes_set(int argc, char **argv)
{
	int fd = open(argv[0], O_RDONLY | O_CLOEXEC);
	struct fsxattr attributes;

	(void)argc;
	if (fd < 0 || ioctl(fd, FS_IOC_FSGETXATTR, &attributes) < 0)
		return -errno;
	return result_of(ioctl(fd, FS_IOC_FSSETXATTR, &attributes));
}

/* What a kernel answers that was asked for nonsense: that it was asked is what counts. */
static int asked(int result)
{
	static const int nonsense[] = {ENOTTY, EOPNOTSUPP, EFAULT, EINVAL, EBADF, ENOENT, EAGAIN,
		ESRCH, EAFNOSUPPORT, EPFNOSUPPORT};

	for (size_t i = 0; i < ARRAY_SIZE(nonsense); i++) {
		if (result == -nonsense[i])
			return 0;
	}
	return result;
}

/* COMMAND in any notation of strtoul. */
static int act_file(int argc, char **argv)
{
	int fd = open(argv[0], O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char buffer[4096] = {};

	(void)argc;
	return fd < 0 ? -errno : asked(result_of(ioctl(fd, strtoul(argv[1], NULL, 0), buffer)));
}

static int act_socket(int argc, char **argv)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	unsigned long command = strtoul(argv[0], NULL, 0);
	union {
		struct ifreq request;
		char bytes[256];
	} about = {};

	(void)argc;
	strcpy(about.request.ifr_name, "lo");
	/* What is there is set again. */
	if (command == SIOCSIFFLAGS && ioctl(fd, SIOCGIFFLAGS, &about) < 0)
		return -errno;
	if (command == SIOCSIFMTU && ioctl(fd, SIOCGIFMTU, &about) < 0)
		return -errno;
	return asked(result_of(ioctl(fd, command, &about)));
}

const struct verb ioctl_verbs[] = {
	{"flags-get", "PATH: lsattr", 1, EACCES, act_flags_get},
	{"flags-set", "PATH: chattr", 1, EACCES, act_flags_set},
	{"fsxattr-set", "PATH", 1, EACCES, act_attributes_set},
	{"ioctl", "PATH COMMAND", 2, EPERM, act_file},
	{"ioctl-write", "PATH COMMAND: one that is a write", 2, EACCES, act_file},
	{"ioctl-socket", "COMMAND", 1, EPERM, act_socket},
	{0},
};
