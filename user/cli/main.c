/* SPDX-License-Identifier: Apache-2.0 */
#include <argp.h>
#include <signal.h>
#include <fcntl.h>
#include <string.h>
#include "base/util.h"
#include "cli/cli.h"

static const struct verb verbs[] = {
	{"run", ambit_verb_run, "run a command under a policy"},
	{"audit", ambit_verb_audit, "run a command, record what a policy would deny"},
	{"check", ambit_verb_check, "check a policy file"},
	{"why", ambit_verb_why, "what a policy says about one path or peer"},
	{"log", ambit_verb_log, "print a trail"},
	{"verify", ambit_verb_verify, "is a trail whole, and if not, what was done to it"},
	{"diff", ambit_verb_diff, "what a policy allows and denies that another does not"},
	{"daemon", ambit_verb_daemon, "hold cells that are bound to cgroups"},
	{"attach", ambit_verb_attach, "bind a cgroup to a policy"},
	{"reload", ambit_verb_reload, "give bound cells what their policy files say now"},
	{"stop", ambit_verb_stop, "end the daemon; policies stay in force"},
	{"ps", ambit_verb_ps, "list the cells that are running"},
	{"top", ambit_verb_top, "the same, again and again, with rates"},
	{"metrics", ambit_verb_metrics, "what the kernel counts, for Prometheus"},
	{"doctor", ambit_verb_doctor, "what this kernel can enforce, and proof"},
	{"arm", ambit_verb_arm, "load ambit into the kernel"},
	{"disarm", ambit_verb_disarm, "take ambit out of the kernel again"},
};

const char *argp_program_version = "ambit " AMBIT_VERSION;

struct words {
	int argc;
	char **argv; /* from the verb on */
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct words *words = state->input;

	(void)arg;
	if (key == ARGP_KEY_NO_ARGS)
		argp_usage(state);
	if (key != ARGP_KEY_ARG)
		return ARGP_ERR_UNKNOWN;
	words->argv = state->argv + state->next - 1;
	words->argc = state->argc - state->next + 1;
	state->next = state->argc;
	return 0;
}

/* The help text with the table of verbs; freed by nobody, as argp may use it until we exit. */
static const char *help_text(void)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fputs("Keeps a command inside the files, programs and peers that its policy names.\v"
	      "Verbs (ambit VERB --help has their options):\n",
		out);
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		fprintf(out, "  %-8s %s\n", verbs[i].name, verbs[i].help);
	return fclose(out) ? NULL : text;
}

static int unknown(const char *word)
{
	const char *names[ARRAY_SIZE(verbs) + 1] = {NULL};
	const char *near;

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		names[i] = verbs[i].name;
	near = ambit_suggest(word, names);
	if (near)
		ambit_ui_say("there is no verb \"%s\"; did you mean \"ambit %s\"?", word, near);
	else
		ambit_ui_say("there is no verb \"%s\"; \"ambit --help\" lists them", word);
	return EXIT_USAGE;
}

static int dispatch(struct words *words)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		char name[32];

		if (strcmp(words->argv[0], verbs[i].name))
			continue;
		snprintf(name, sizeof(name), "ambit %s", verbs[i].name);
		words->argv[0] = name;
		return verbs[i].run(words->argc, words->argv);
	}
	return unknown(words->argv[0]);
}

/* Whoever starts us with stdin, stdout or stderr closed must not find our files there. */
static int open_standard(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	struct argp argp = {.parser = parse_option, .args_doc = "VERB [OPTION...]"};
	struct words words = {0};
	int status;

	if (open_standard())
		return EXIT_AMBIT;
	signal(SIGCHLD, SIG_DFL); /* ignored, it would take the exit status of every child away */
	argp_err_exit_status = EXIT_USAGE;
	argp.doc = help_text();
	if (argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &words))
		return EXIT_USAGE;
	status = dispatch(&words);
	if (fflush(stdout) && !status)
		status = EXIT_DENIED;
	return status;
}
