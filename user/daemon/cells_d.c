/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What AMBIT_CELLS_DIR binds: when the service begins, and when it reloads. The kernel has the rows then, so what
 * starts later is in its cell before its first instruction, whatever the service does meanwhile.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/array.h"
#include "base/util.h"
#include "daemon/serve.h"
#include "policy/text.h"

static void diag_take(struct diag *diag, const struct diags *diags)
{
	const struct diag *first = &diags->items[0];

	if (diags->count && !diag->text)
		ambit_diag_set(diag, first->file, first->line, first->column, "%s", first->text);
}

/* A row is by the cgroup above, so that has to be there: made here, it is the one that systemd finds. */
static int make_above(const char *cgroup, struct diag *diag)
{
	_cleanup_free_ char *path = strdup(cgroup);

	if (!path)
		return -ENOMEM;
	for (char *slash = path + strlen(AMBIT_CGROUP_MOUNT) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST) {
			int result = -errno;

			ambit_diag_set(diag, NULL, 0, 0, "cannot make the cgroup \"%s\": %s", path,
				strerror(-result));
			return result;
		}
		*slash = '/';
	}
	return 0;
}

/* Those that are held before a pass over the rules, in the order of what they are bound to. */
struct holds {
	struct hold **items; /* the array is owned */
	size_t items_room, count;
};

static int hold_compare(const void *left, const void *right)
{
	return strcmp((*(struct hold *const *)left)->state.cgroup, (*(struct hold *const *)right)->state.cgroup);
}

static int holds_read(const struct service *service, struct holds *ret)
{
	for (const struct held *held = service->held; held; held = held->next) {
		if (ARRAY_GROW(ret, items, ret->count + 1) < 0)
			return -ENOMEM;
		ret->items[ret->count++] = held->hold;
	}
	if (ret->count)
		qsort(ret->items, ret->count, sizeof(struct hold *), hold_compare);
	return 0;
}

static int cgroup_compare(const void *cgroup, const void *hold)
{
	return strcmp(cgroup, (*(struct hold *const *)hold)->state.cgroup);
}

static struct hold *hold_find(const struct holds *holds, const char *cgroup)
{
	struct hold **found = holds->count ? bsearch(cgroup, holds->items, holds->count, sizeof(struct hold *),
						     cgroup_compare)
					   : NULL;

	return found ? *found : NULL;
}

/* What was bound already has another policy now. */
static int rename_policy(struct hold *hold, const char *policy, struct diag *diag)
{
	char *before = hold->state.file, *now = strdup(policy);
	int result = now ? 0 : -ENOMEM;

	if (result == 0) {
		/* What a daemon that was killed had not looked at would be forgotten. */
		hold_tighten_again(hold);
		hold->state.file = now;
		result = ambit_hold_reload(hold, diag);
	}
	if (result < 0)
		hold->state.file = before;
	/* In any case: a reload that fails may have written it with the other file. */
	ambit_state_write(ambit_cell_id(hold->cell), &hold->state);
	free(result == 0 ? before : now);
	return result;
}

static int rule_apply(struct service *service, const struct holds *holds, const struct cell_rule *rule,
	uint32_t order, struct diag *diag)
{
	const struct ambit_place place = {.path = rule->cgroup, .glob = rule->glob, .order = order};
	struct hold *hold = hold_find(holds, rule->cgroup);
	unsigned tasks;
	int result;

	if (hold && rule->glob && ambit_cell_order(hold->cell, order))
		service->unspread = true;
	if (hold)
		return strcmp(hold->state.file, rule->policy) ? rename_policy(hold, rule->policy, diag) : 0;
	result = make_above(rule->cgroup, diag);
	if (result == 0)
		result = ambit_hold_new(service->options, service->kernel, &place, rule->policy, &hold,
			&tasks, diag);
	if (result < 0)
		return result;
	if (tasks) {
		_cleanup_free_ char *detail = text_format("%u tasks", tasks);

		ambit_hold_mark(hold, "found", detail);
		service->options->say("%s: %u tasks ran in %s before it was bound", rule->file, tasks, rule->cgroup);
	}
	return service_add(service, hold);
}

/* Those with a name come first, since what is bound by it is bound by no glob. */
static int rules_apply(struct service *service, const struct holds *holds, bool globs, struct diag *diag)
{
	int first = 0;

	for (size_t i = 0; i < service->rules.count; i++) {
		const struct cell_rule *rule = &service->rules.items[i];
		struct diag why = {0};
		int result;

		if (rule->glob != globs)
			continue;
		notify("WATCHDOG=1");
		result = rule_apply(service, holds, rule, (uint32_t)i, &why);
		if (result < 0) {
			service->options->say("%s: %s is not bound: %s", rule->file, rule->cgroup,
				why.text ?: strerror(-result));
			if (!diag->text)
				ambit_diag_set(diag, rule->file, 0, 0, "%s is not bound: %s", rule->cgroup,
					why.text ?: strerror(-result));
			first = first ?: result;
		}
		ambit_diag_clear(&why);
	}
	return first;
}

/* A cgroup that was made while a glob was given another order may have met none. What fails is tried again with those
 * that were missed. */
static void spread_again(struct service *service)
{
	bool left = false;

	if (!service->unspread)
		return;
	for (struct held *held = service->held; held; held = held->next)
		left |= hold_spread(held->hold) < 0;
	left |= ambit_bound_label(service->kernel) < 0;
	service->unlabelled |= left;
	service->unspread = false;
}

/* Each on its own: that one cannot be bound leaves no other without its policy. */
int cells_d_apply(struct service *service, struct diag *diag)
{
	struct holds holds = {0};
	int named, globs = holds_read(service, &holds);

	if (globs < 0) {
		free(holds.items);
		return globs;
	}
	loads_many(true);
	named = rules_apply(service, &holds, false, diag);
	globs = rules_apply(service, &holds, true, diag);
	spread_again(service);
	loads_many(false);
	free(holds.items);
	return named ?: globs;
}

void cells_d_begin(struct service *service)
{
	struct diags diags = {0};
	struct diag ignored = {0};

	cell_rules_read(&service->rules, AMBIT_CELLS_DIR, &diags);
	for (size_t i = 0; i < diags.count; i++)
		service->options->say("%s:%u:%u: %s", diags.items[i].file ?: AMBIT_CELLS_DIR,
			diags.items[i].line, diags.items[i].column, diags.items[i].text);
	ambit_diags_clear(&diags);
	cells_d_apply(service, &ignored);
	ambit_diag_clear(&ignored);
}

int cells_d_read(struct service *service, struct diag *diag)
{
	struct cell_rules rules = {0};
	struct diags diags = {0};
	int result = cell_rules_read(&rules, AMBIT_CELLS_DIR, &diags);

	diag_take(diag, &diags);
	ambit_diags_clear(&diags);
	if (result < 0) {
		cell_rules_clear(&rules);
		return result;
	}
	cell_rules_clear(&service->rules);
	service->rules = rules;
	return 0;
}

