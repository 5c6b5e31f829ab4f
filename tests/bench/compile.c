/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compile                      what policies of 10, 1,000 and 10,000 rules cost to compile, from text
 *                              to tables, and what the tables occupy in the kernel
 * compile --policy PATHS PEERS prints such a policy
 *
 * Rows: compile,RULES,KIND,MILLISECONDS,BYTES,STATES. The time is that of one processor, the least
 * of a few runs. KIND: plain (paths without globs), paths, peers, both (RULES of each).
 */
#include <string.h>
#include <time.h>
#include "base/util.h"
#include "compile/tables.h"
#include "rulebook.h"

#define RUNS 7

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

/* Text -> tables, as `ambit run` does it; milliseconds, or -1 after a message. */
static double compile_once(const char *text, size_t size, struct tables **ret)
{
	const struct policy_env env = {
		.home = RULEBOOK_HOME, .cwd = "/w", .sets_dir = "policies/sets"};
	_cleanup_(policy_cleanup) struct policy *policy = NULL;
	struct diags diags = {};
	struct diag diag = {};
	double start = now();
	int r;

	r = ambit_policy_parse("rulebook", text, size, &diags, &policy);
	if (r >= 0)
		r = ambit_policy_resolve(policy, &env, &diags);
	if (r >= 0)
		r = ambit_policy_mounts(policy, &env, &diags);
	if (r >= 0)
		r = ambit_tables_compile(policy, &diag, ret);
	if (r >= 0)
		return now() - start;
	fprintf(stderr, "compile: %s: %s\n", strerror(-r),
		diag.text ?: diags.count ? diags.items[0].text : "no reason given");
	ambit_diag_clear(&diag);
	ambit_diags_clear(&diags);
	return -1;
}

static int measure(unsigned rules, const char *kind, const struct rulebook *book)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	double least = 0;

	text = rulebook_text(book, &size);
	for (int run = 0; text && run < RUNS; run++) {
		_cleanup_(tables_cleanup) struct tables *tables = NULL;
		double time = compile_once(text, size, &tables);

		if (time < 0)
			return 1;
		if (run == 0 || time < least)
			least = time;
		if (run == RUNS - 1)
			printf("compile,%u,%s,%.1f,%zu,%u\n", rules, kind, least,
				tables->segment_count * sizeof(struct ambit_segment),
				tables->state_count);
	}
	return text ? 0 : 1;
}

static int measure_all(void)
{
	static const unsigned sizes[] = {20, 1000, 10000};
	int failed = 0;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		unsigned n = sizes[i];

		failed |= measure(n, "plain", &(struct rulebook){.paths = n, .plain = true});
		failed |= measure(n, "paths", &(struct rulebook){.paths = n});
		failed |= measure(n, "peers", &(struct rulebook){.peers = n});
		failed |= measure(n, "both", &(struct rulebook){.paths = n, .peers = n});
	}
	return failed;
}

static int print_policy(unsigned paths, unsigned peers)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0;

	text = rulebook_text(&(struct rulebook){.paths = paths, .peers = peers}, &size);
	return text && fwrite(text, 1, size, stdout) == size ? 0 : 1;
}

int main(int argc, char **argv)
{
	if (argc == 1)
		return measure_all();
	if (argc == 4 && !strcmp(argv[1], "--policy"))
		return print_policy((unsigned)atoi(argv[2]), (unsigned)atoi(argv[3]));
	fprintf(stderr, "usage: compile [--policy PATHS PEERS]\n");
	return 2;
}
