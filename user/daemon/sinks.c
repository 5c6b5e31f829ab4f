/* SPDX-License-Identifier: Apache-2.0 */
/* Where the lines of all trails go besides their files: one set of sinks, since each is a thread. */
#include <string.h>
#include "base/util.h"
#include "daemon/serve.h"

/* How long sinks may take at the end to send what they have, as those of `ambit run`. */
#define SINKS_PATIENCE_MS 3000

int sinks_open(struct service *service)
{
	const struct trail_config *config = service->with.trail;
	int result = config->sink_count ? ambit_sinks_new(config->sinks, config->sink_count,
						  &service->with.sinks)
					: 0;

	service->sinks = (struct source){SOURCE_SINKS, ambit_sinks_fd(service->with.sinks)};
	return result < 0 || !service->with.sinks ? result : service_watch(service, &service->sinks);
}

/* What became of a sink is said in every trail: each goes there. */
void sinks_report(struct service *service)
{
	char *json;

	/* One for each sink at most: a report changes none. */
	while ((json = ambit_sinks_report(service->with.sinks))) {
		for (struct held *held = service->held; held; held = held->next)
			ambit_hold_write(held->hold, json);
		free(json);
	}
}

void sinks_close(struct service *service)
{
	uint64_t unsent = ambit_sinks_free(service->with.sinks, SINKS_PATIENCE_MS);

	service->with.sinks = NULL;
	if (unsent)
		service->options->say("%lu lines did not get to all sinks of the trails", (unsigned long)unsent);
}
