// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include "stress.h"

static const struct verb *const tables[] = {open_verbs, change_verbs, depth_verbs, kept_verbs};

_Noreturn void die(const char *what)
{
	fprintf(stderr, "stress: %s: %s\n", what, strerror(errno));
	exit(2);
}

struct load *load_new(void)
{
	struct load *load = mmap(
		NULL, sizeof(*load), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (load == MAP_FAILED)
		die("shared memory");
	return load;
}

static void print_seen(const char *what, const struct seen *seen)
{
	printf("%s names: %lu opened, %lu denied, %lu gone, %lu other", what, seen->opened,
		seen->denied, seen->gone, seen->other);
	if (seen->other)
		printf(" (%s)", strerror(seen->error));
	printf("\n");
}

int load_report(const struct load *load)
{
	unsigned long wrong = load->allowed.denied + load->allowed.other + load->denied.opened +
			      load->denied.other + load->changing.other + load->secrets;

	print_seen("allowed", &load->allowed);
	print_seen("denied", &load->denied);
	if (load->changing.opened || load->changing.denied)
		print_seen("changing", &load->changing);
	if (load->secrets)
		printf("secrets read: %lu\n", load->secrets);
	printf("rounds %lu, wrong verdicts %lu\n", load->rounds, wrong);
	printf("denials %lu\n", load->allowed.denied + load->denied.denied + load->changing.denied);
	if (!load->allowed.opened || !load->denied.denied) {
		printf("one of the verdicts was never seen\n");
		return 1;
	}
	return wrong ? 1 : 0;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

double instant_after(const char *seconds)
{
	return now() + atof(seconds);
}

bool instant_is_past(double instant)
{
	return now() >= instant;
}

int main(int argc, char **argv)
{
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		for (const struct verb *verb = tables[i]; verb->name; verb++) {
			if (argc >= 2 && strcmp(verb->name, argv[1]) == 0 &&
				argc - 2 >= verb->arguments)
				return verb->run(argc - 2, argv + 2);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		for (const struct verb *verb = tables[i]; verb->name; verb++)
			fprintf(stderr, "stress %s %s\n", verb->name, verb->usage);
	}
	return 2;
}
