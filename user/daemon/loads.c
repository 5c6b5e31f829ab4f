/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies that are loaded one after the other. Where thousands of cells have the same one, most of the time went
 * into compiling it again. So the last one is kept while many are done (`many`), for a second: after that, what it was
 * made of besides its text (sets, links, mounts) may have changed.
 */
#include <string.h>
#include "base/util.h"
#include "daemon/hold.h"
#include "trail/clock.h"

#define FRESH_NS 1000000000ULL

static struct {
	bool many, has_weaker;
	char weaker[sizeof(((struct kernel_state *)NULL)->weaker)];
	uint64_t since;
	char *text, *shown;
	size_t size;
	struct ready ready;
} kept;

static void forget(void)
{
	free(kept.text);
	free(kept.shown);
	ambit_ready_clear(&kept.ready);
	kept.ready = (struct ready){0};
	kept.text = kept.shown = NULL;
}

void loads_many(bool many)
{
	kept.many = many;
	kept.has_weaker = false;
	forget();
}

static int share(struct ready *ret)
{
	const struct identities *links = &kept.ready.links;
	struct identity *items = NULL;

	if (links->count) {
		items = malloc(links->count * sizeof(*items));
		if (!items)
			return -ENOMEM;
		memcpy(items, links->items, links->count * sizeof(*items));
	}
	ret->policy = ambit_policy_share(kept.ready.policy);
	ret->tables = ambit_tables_share(kept.ready.tables);
	ret->links = (struct identities){.items = items, .items_room = links->count, .count = links->count};
	return 0;
}

int loads_get(const struct daemon_options *options, const char *file, const char *shown, struct diags *diags,
	struct ready *ret)
{
	_cleanup_free_ char *text = NULL;
	struct diags ignored = {0};
	size_t size = 0;
	int result;

	if (!kept.many || ambit_policy_read(file, &text, &size, &ignored) < 0) {
		ambit_diags_clear(&ignored);
		return options->load(file, shown, diags, ret);
	}
	if (kept.text && kept.size == size && memcmp(kept.text, text, size) == 0 && strcmp(kept.shown, shown) == 0 &&
		clock_ns(CLOCK_MONOTONIC) - kept.since < FRESH_NS)
		return share(ret);
	forget();
	kept.since = clock_ns(CLOCK_MONOTONIC);
	result = options->load(file, shown, diags, &kept.ready);
	if (result < 0)
		return result;
	kept.text = TAKE_PTR(text);
	kept.size = size;
	kept.shown = strdup(shown);
	if (kept.shown)
		return share(ret);
	*ret = kept.ready;
	kept.ready = (struct ready){0};
	forget();
	return 0;
}

const char *loads_weaker(void)
{
	const struct arm_options as_it_is = {.as_it_is = true};
	struct kernel_state state = {0};

	if (!kept.has_weaker || !kept.many) {
		strcpy(kept.weaker, ambit_kernel_state(&as_it_is, &state) == 0 ? state.weaker : "");
		kept.has_weaker = true;
	}
	return kept.weaker;
}
