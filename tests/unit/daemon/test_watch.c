/* SPDX-License-Identifier: Apache-2.0 */
/* The loop forgets what is closed, also where a forked process has it open. */
#include "daemon/serve.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <cmocka.h>

static int event_count(const struct service *service)
{
	struct epoll_event event;

	return epoll_wait(service->epoll, &event, 1, 0);
}

static void forgotten(void **state)
{
	struct service service = {.epoll = epoll_create1(EPOLL_CLOEXEC)};
	struct source source = {.kind = SOURCE_CLIENT};
	int pair[2], other;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	source.fd = pair[0];
	assert_int_equal(service_watch(&service, &source), 0);
	/* The same open file, as the process has that is forked for a call. */
	other = dup(source.fd);
	assert_true(other >= 0);
	assert_int_equal(write(pair[1], "x", 1), 1);
	assert_int_equal(event_count(&service), 1);
	service_unwatch(&service, &source);
	assert_int_equal(source.fd, -1);
	assert_int_equal(event_count(&service), 0);
	close(other);
	close(pair[1]);
	close(service.epoll);
}

/* Whom there was no descriptor for: nothing else is closed. */
static void without(void **state)
{
	struct service service = {.epoll = epoll_create1(EPOLL_CLOEXEC)};
	struct source source = {.kind = SOURCE_RUN, .fd = -1};

	(void)state;
	service_unwatch(&service, &source);
	assert_int_equal(event_count(&service), 0);
	close(service.epoll);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(forgotten), cmocka_unit_test(without)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
