/* SPDX-License-Identifier: Apache-2.0 */
/* The command's process, and the signals it gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>
#include "base/util.h"
#include "cli/run.h"

static const struct target self = {.uid = 0};

static struct signal_state signals_now(void)
{
	struct signal_state state;

	assert_int_equal(sigprocmask(SIG_BLOCK, NULL, &state.mask), 0);
	assert_int_equal(sigaction(SIGPIPE, NULL, &state.pipe), 0);
	return state;
}

static int end_of(struct launch *launch)
{
	siginfo_t info = {0};

	assert_int_equal(waitid(P_PIDFD, (id_t)launch->pidfd, &info, WEXITED), 0);
	launch->pid = -1;
	return ambit_status_of_child(info.si_code, info.si_status);
}

/* Runs `script` in sh and returns its status. */
static int run_script(const struct target *target, const char *script)
{
	char *argv[] = {(char *)"sh", (char *)"-c", (char *)script, NULL};
	struct signal_state signals = signals_now();
	struct launch launch = LAUNCH_NONE;
	struct diag diag = {0};
	int status;

	assert_int_equal(ambit_launch_new(target, argv, &signals, -1, &launch, &diag), 0);
	assert_int_equal(ambit_launch_go(&launch), 0);
	status = end_of(&launch);
	assert_int_equal(ambit_launch_exec_error(&launch), 0);
	ambit_launch_clear(&launch);
	return status;
}

static void status_is_the_commands(void **state)
{
	(void)state;
	assert_int_equal(run_script(&self, "exit 7"), 7);
	assert_int_equal(run_script(&self, "kill -KILL $$"), 137);
}

static void gets_three_files_and_no_privileges(void **state)
{
	int extra = open("/dev/null", O_RDONLY); /* without O_CLOEXEC */
	int far = fcntl(extra, F_DUPFD, 500);

	(void)state;
	assert_true(extra > 2 && far >= 500);
	/* The shell's own view: its three, and the directory that `ls` reads. */
	assert_int_equal(run_script(&self, "test \"$(ls /proc/self/fd | wc -l)\" = 4"), 0);
	assert_int_equal(run_script(&self, "grep -q '^NoNewPrivs:.*1$' /proc/self/status"), 0);
	close(extra);
	close(far);
}

static void becomes_the_user(void **state)
{
	const struct target user = {.uid = 54321,
		.gid = 54322,
		.name = NULL,
		.home = (char *)"/somewhere",
		.shell = (char *)"/bin/odd",
		.switched = true};

	(void)state;
	if (geteuid())
		skip();
	assert_int_equal(run_script(&user, "test \"$(id -u) $(id -g) $(id -G)\" = "
					   "'54321 54322 54322'"),
		0);
	assert_int_equal(run_script(&user, "test $HOME$SHELL = /somewhere/bin/odd"), 0);
	assert_int_equal(
		run_script(&user, "grep -q '^CapPrm:.*0000000000000000$' /proc/self/status"), 0);
}

static void exec_errors(void **state)
{
	static const struct {
		const char *command;
		int error, status;
	} cases[] = {{"/nonexistent", ENOENT, 127}, {"no-such-command-anywhere", ENOENT, 127},
		{"/etc/passwd", EACCES, 126}, {"/", EACCES, 126}, {"", ENOENT, 127}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *argv[] = {(char *)cases[i].command, NULL};
		struct signal_state signals = signals_now();
		struct launch launch = LAUNCH_NONE;
		struct diag diag = {0};

		assert_int_equal(ambit_launch_new(&self, argv, &signals, -1, &launch, &diag), 0);
		assert_int_equal(ambit_launch_go(&launch), 0);
		assert_int_equal(end_of(&launch), cases[i].status);
		assert_int_equal(ambit_launch_exec_error(&launch), cases[i].error);
		ambit_launch_clear(&launch);
	}
}

/* Not told to go, it never becomes the command. */
static void cleared_before_its_start(void **state)
{
	char path[] = "/tmp/ambit-test.XXXXXX";
	char *argv[] = {(char *)"rm", path, NULL};
	struct signal_state signals = signals_now();
	struct launch launch = LAUNCH_NONE;
	struct diag diag = {0};
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(ambit_launch_new(&self, argv, &signals, -1, &launch, &diag), 0);
	ambit_launch_clear(&launch);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(unlink(path), 0);
	close(fd);
}

struct relayed {
	struct relay relay;
	struct signal_state before;
	struct launch launch;
};

/* A command that says on a pipe that it is ready, and its relay. */
static void relay_set_up(struct relayed *test, const char *script)
{
	char *argv[] = {(char *)"sh", (char *)"-c", (char *)script, NULL};
	struct diag diag = {0};
	int ready[2], saved = dup(STDOUT_FILENO);
	char byte;

	*test = (struct relayed){.relay = RELAY_NONE, .launch = LAUNCH_NONE};
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(ambit_relay_open(&test->relay, &test->before), 0);
	assert_int_equal(dup2(ready[1], STDOUT_FILENO), STDOUT_FILENO);
	assert_int_equal(ambit_launch_new(&self, argv, &test->before, -1, &test->launch, &diag), 0);
	assert_int_equal(dup2(saved, STDOUT_FILENO), STDOUT_FILENO);
	assert_int_equal(ambit_launch_go(&test->launch), 0);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(saved);
	close(ready[0]);
	close(ready[1]);
}

static void relay_tear_down(struct relayed *test)
{
	ambit_launch_clear(&test->launch);
	ambit_relay_close(&test->relay);
	assert_int_equal(sigprocmask(SIG_SETMASK, &test->before.mask, NULL), 0);
	assert_int_equal(sigaction(SIGPIPE, &test->before.pipe, NULL), 0);
}

static enum relay_step step_after(struct relayed *test, int signal)
{
	assert_int_equal(kill(getpid(), signal), 0);
	assert_true(ambit_relay_is_pending(&test->relay));
	return ambit_relay_step(&test->relay, test->launch.pidfd);
}

static void signal_is_passed_on(void **state)
{
	struct relayed test;

	(void)state;
	relay_set_up(&test, "trap 'exit 9' TERM; echo; while :; do sleep 0.01; done");
	assert_false(ambit_relay_is_pending(&test.relay));
	assert_int_equal(step_after(&test, SIGTERM), RELAY_NOTHING);
	assert_int_equal(end_of(&test.launch), 9);
	relay_tear_down(&test);
}

static void second_signal_ends_the_cell(void **state)
{
	struct relayed test;

	(void)state;
	relay_set_up(&test, "trap '' TERM HUP; echo; while :; do sleep 0.01; done");
	assert_int_equal(step_after(&test, SIGTERM), RELAY_NOTHING);
	assert_int_equal(step_after(&test, SIGHUP), RELAY_KILL);
	relay_tear_down(&test);
}

static void patience_ends(void **state)
{
	struct relayed test;
	struct pollfd poll_fd = {.events = POLLIN};

	(void)state;
	relay_set_up(&test, "trap '' TERM; echo; while :; do sleep 0.01; done");
	assert_int_equal(step_after(&test, SIGTERM), RELAY_NOTHING);
	poll_fd.fd = test.relay.timer_fd;
	assert_int_equal(poll(&poll_fd, 1, 2000 * RELAY_PATIENCE_S), 1);
	assert_int_equal(ambit_relay_step(&test.relay, test.launch.pidfd), RELAY_KILL);
	relay_tear_down(&test);
}

/* The command finds its signals as ambit found them. */
static void dispositions_come_back(void **state)
{
	struct relayed test;

	(void)state;
	relay_set_up(&test, "echo; grep -q '^SigBlk:.*0000000000000000$' /proc/self/status && "
			    "! kill -PIPE $$");
	assert_int_equal(end_of(&test.launch), 128 + SIGPIPE);
	relay_tear_down(&test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_is_the_commands),
		cmocka_unit_test(gets_three_files_and_no_privileges),
		cmocka_unit_test(becomes_the_user),
		cmocka_unit_test(exec_errors),
		cmocka_unit_test(cleared_before_its_start),
		cmocka_unit_test(signal_is_passed_on),
		cmocka_unit_test(second_signal_ends_the_cell),
		cmocka_unit_test(patience_ends),
		cmocka_unit_test(dispositions_come_back),
	};

	/* Whoever starts the tests may ignore some of them (nohup does), which a command inherits. */
	signal(SIGHUP, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	return cmocka_run_group_tests_name("cli/launch", tests, NULL, NULL);
}
