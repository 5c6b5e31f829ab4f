/* SPDX-License-Identifier: Apache-2.0 */
/* What the loop waits for. */
#include <sys/epoll.h>
#include "base/util.h"
#include "daemon/serve.h"

int service_watch(struct service *service, struct source *source)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = source};

	return epoll_ctl(service->epoll, EPOLL_CTL_ADD, source->fd, &event) < 0 ? -errno : 0;
}

void service_unwatch(struct service *service, struct source *source)
{
	if (source->fd < 0)
		return;
	/* One that was never added, or whose loop is gone, has nothing to be taken out of. */
	epoll_ctl(service->epoll, EPOLL_CTL_DEL, source->fd, NULL);
	close(source->fd);
	source->fd = -1;
}
