/* SPDX-License-Identifier: Apache-2.0 */
/* Paths and names: all pairs of states that some input leads to, from the shortest on. */
#include <search.h>
#include <string.h>
#include "base/util.h"
#include "bpf/lib/dfa.h"
#include "compile/pairs.h"

static uint32_t step(const struct diff *diff, unsigned which, uint32_t state, uint8_t byte)
{
	return state ? dfa_next(&diff->tables[which]->segments[dfa_segment(state)], state, byte) : 0;
}

void pair_step(const struct diff *diff, const uint32_t from[2], uint8_t byte, uint32_t ret[2])
{
	ret[0] = step(diff, 0, from[0], byte);
	ret[1] = step(diff, 1, from[1], byte);
}

bool verdicts_differ(const struct decision *before, const struct decision *after)
{
	const bool was = before->verdict == VERDICT_ALLOW, is = after->verdict == VERDICT_ALLOW;

	return was != is || (was && before->stream != after->stream);
}

/* --- pairs --- */

static size_t slot_of(const struct diff *diff, const struct pair *pair)
{
	uint64_t hash = pair->states[0] * 0x9e3779b97f4a7c15ULL ^
			pair->states[1] * 0xc2b2ae3d27d4eb4fULL ^ pair->place * 0x165667b19e3779f9ULL;

	return (size_t)((hash ^ hash >> 29) & (diff->slot_count - 1));
}

static bool is_same(const struct pair *a, const struct pair *b)
{
	return a->states[0] == b->states[0] && a->states[1] == b->states[1] && a->place == b->place;
}

/* The slot where a pair is, or would be. */
static uint32_t *slot_find(const struct diff *diff, const struct pair *pair)
{
	size_t at = slot_of(diff, pair);

	while (diff->slots[at] && !is_same(&diff->pairs[diff->slots[at] - 1], pair))
		at = (at + 1) & (diff->slot_count - 1);
	return &diff->slots[at];
}

/* Half of the slots are free, so that a search ends soon. */
static int grow(struct diff *diff)
{
	const size_t room = diff->room ? 2 * diff->room : 1024;
	struct pair *pairs = reallocarray(diff->pairs, room, sizeof(*pairs));
	uint32_t *slots = pairs ? calloc(2 * room, sizeof(*slots)) : NULL;

	if (pairs)
		diff->pairs = pairs;
	if (!slots)
		return -ENOMEM;
	free(diff->slots);
	diff->slots = slots;
	diff->slot_count = 2 * room;
	diff->room = room;
	for (size_t i = 0; i < diff->count; i++)
		*slot_find(diff, &pairs[i]) = (uint32_t)i + 1;
	return 0;
}

int pair_add(struct diff *diff, struct pair pair)
{
	uint32_t *slot;
	int result = 0;

	if (!pair.states[0] && !pair.states[1])
		return 0;
	if (diff->count == diff->room)
		result = diff->count < DIFF_PAIRS ? grow(diff) : -E2BIG;
	if (result < 0)
		return result;
	slot = slot_find(diff, &pair);
	if (*slot)
		return 0;
	diff->pairs[diff->count++] = pair;
	*slot = (uint32_t)diff->count;
	return 0;
}

bool pair_known(const struct diff *diff, const struct pair *pair)
{
	return diff->room && *slot_find(diff, pair);
}

void pairs_forget(struct diff *diff)
{
	diff->count = 0;
	if (diff->slots)
		memset(diff->slots, 0, diff->slot_count * sizeof(*diff->slots));
}

/* --- what was found --- */

int told_compare(const void *a, const void *b)
{
	const struct difference *left = a, *right = b;
	const int64_t keys[][2] = {
		{left->op, right->op},
		{left->proto, right->proto},
		{left->port_low, right->port_low},
		{left->port_high, right->port_high},
		{left->before.verdict, right->before.verdict},
		{left->before.reason, right->before.reason},
		{left->before.rule, right->before.rule},
		{left->after.reason, right->after.reason},
		{left->after.rule, right->after.rule},
		{left->before.stream, right->before.stream},
		{left->after.stream, right->after.stream},
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (keys[i][0] != keys[i][1])
			return keys[i][0] < keys[i][1] ? -1 : 1;
	return 0;
}

/* The first of a kind is the shortest, since pairs come in that order. */
static int tell_once(struct diff *diff, const struct difference *found)
{
	struct difference *kept = malloc(sizeof(*kept)), **node;

	if (!kept)
		return -ENOMEM;
	*kept = *found;
	kept->text = NULL; /* the caller's */
	node = tsearch(kept, &diff->told, told_compare);
	if (node && *node == kept)
		return diff->each(found, diff->data);
	free(kept);
	return node ? 0 : -ENOMEM;
}

/* What leads to a pair, malloc()ed. */
static char *text_of(const struct diff *diff, size_t index, size_t *ret_length)
{
	size_t length = 0;
	char *text;

	for (size_t i = index; i; i = diff->pairs[i].before)
		length++;
	text = malloc(length + 1);
	if (!text)
		return NULL;
	text[length] = '\0';
	*ret_length = length;
	for (size_t i = index; i; i = diff->pairs[i].before)
		text[--length] = (char)diff->pairs[i].byte;
	return text;
}

/* Bytes in the order in which an example should have them. */
static void bytes_order(uint8_t ret[256])
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz0123456789/.-_ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	bool taken[256] = {true};
	size_t count = 0;

	for (const char *at = first; *at; at++) {
		ret[count++] = (uint8_t)*at;
		taken[(uint8_t)*at] = true;
	}
	for (unsigned byte = 0; byte < 256; byte++)
		if (!taken[byte])
			ret[count++] = (uint8_t)byte;
	ret[255] = 0; /* no path has it */
}

/* --- paths --- */

/* The root is "", others are "/a/b": no component is empty, "." or "..". Peers of unix sockets that are no
 * path (AMBIT_PEER_ABSTRACT, AMBIT_PEER_CELL) begin with something else and go on as they like. */
enum path_place { PATH_ROOT, PATH_SLASH, PATH_DOT, PATH_DOTS, PATH_NAME, PATH_PEER, PATH_NEVER };

static enum path_place path_step(enum ambit_op op, enum path_place place, uint8_t byte)
{
	if (!byte || place == PATH_NEVER)
		return PATH_NEVER;
	if (place == PATH_PEER || (place == PATH_ROOT && byte != '/' && op == OP_UNIX))
		return PATH_PEER;
	if (byte == '/')
		return place == PATH_ROOT || place == PATH_NAME ? PATH_SLASH : PATH_NEVER;
	if (place == PATH_ROOT)
		return PATH_NEVER;
	if (byte == '.' && (place == PATH_SLASH || place == PATH_DOT))
		return place == PATH_SLASH ? PATH_DOT : PATH_DOTS;
	return PATH_NAME;
}

static int path_found(struct diff *diff, size_t index)
{
	const struct pair *pair = &diff->pairs[index];
	struct difference found = {.op = diff->op};
	_cleanup_free_ char *text = NULL;

	if (pair->place != PATH_ROOT && pair->place != PATH_NAME && pair->place != PATH_PEER)
		return 0;
	found.before = ambit_tables_state(diff->tables[0], diff->op, pair->states[0]);
	found.after = ambit_tables_state(diff->tables[1], diff->op, pair->states[1]);
	if (!verdicts_differ(&found.before, &found.after))
		return 0;
	text = text_of(diff, index, &found.length);
	if (!text)
		return -ENOMEM;
	/* Again, for the names of the rules that allow. */
	found.text = text;
	found.before = ambit_tables_path(diff->tables[0], diff->op, text, found.length);
	found.after = ambit_tables_path(diff->tables[1], diff->op, text, found.length);
	return tell_once(diff, &found);
}

static int paths_diff(struct diff *diff, const uint8_t order[256])
{
	struct pair first = {.place = PATH_ROOT};
	int result;

	pairs_forget(diff);
	for (unsigned which = 0; which < 2; which++)
		first.states[which] = ambit_tables_start(diff->tables[which], diff->op);
	result = pair_add(diff, first);
	for (size_t i = 0; result == 0 && i < diff->count; i++) {
		result = path_found(diff, i);
		for (unsigned k = 0; result == 0 && k < 255; k++) {
			const struct pair from = diff->pairs[i];
			const struct pair to = {
				{step(diff, 0, from.states[0], order[k]),
					step(diff, 1, from.states[1], order[k])},
				path_step(diff->op, from.place, order[k]), (uint32_t)i, order[k]};

			if (to.place != PATH_NEVER)
				result = pair_add(diff, to);
		}
	}
	return result;
}

/* --- names --- */

static bool is_name_byte(uint8_t byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' || byte == '_';
}

/* Behind a whole name. */
static int name_found(struct diff *diff, size_t index)
{
	static const uint8_t protos[] = {AMBIT_PROTO_TCP, AMBIT_PROTO_UDP};
	_cleanup_free_ char *text = NULL;
	uint32_t ended[2], states[2];
	int result = 0;

	pair_step(diff, diff->pairs[index].states, '/', ended);
	for (unsigned i = 0; result == 0 && i < ARRAY_SIZE(protos); i++) {
		struct difference found = {
			.op = diff->op, .proto = protos[i], .family = AMBIT_FAMILY_NAME};

		if (!text)
			text = text_of(diff, index, &found.length);
		if (!text)
			return -ENOMEM;
		found.text = text;
		found.length = strlen(text);
		pair_step(diff, ended, protos[i], states);
		if (states[0] || states[1])
			result = ports_diff(diff, states, &found, tell_once);
	}
	return result;
}

/* Labels from the root downwards: letters, and a dot between them. The place says whether one is begun. */
static int names_diff(struct diff *diff, const uint8_t order[256])
{
	struct pair first = {.place = 0};
	uint32_t from[2];
	int result;

	pairs_forget(diff);
	for (unsigned which = 0; which < 2; which++)
		from[which] = ambit_tables_peer_start(diff->tables[which]);
	pair_step(diff, from, AMBIT_PEER_NAME, first.states);
	result = pair_add(diff, first);
	for (size_t i = 0; result == 0 && i < diff->count; i++) {
		if (diff->pairs[i].place)
			result = name_found(diff, i);
		for (unsigned k = 0; result == 0 && k < 255; k++) {
			const struct pair at = diff->pairs[i];
			const bool dot = order[k] == '.' && at.place;

			if (dot || is_name_byte(order[k]))
				result = pair_add(diff, (struct pair){
					{step(diff, 0, at.states[0], order[k]),
						step(diff, 1, at.states[1], order[k])},
					!dot, (uint32_t)i, order[k]});
		}
	}
	return result;
}

int ambit_tables_diff(const struct tables *before, const struct tables *after,
	int (*each)(const struct difference *difference, void *data), void *data)
{
	struct diff diff = {.tables = {before, after}, .each = each, .data = data};
	uint8_t order[256];
	int result = 0;

	bytes_order(order);
	for (diff.op = OP_READ; result == 0 && diff.op <= OP_UNIX; diff.op++)
		result = paths_diff(&diff, order);
	for (diff.op = OP_CONNECT; result == 0 && diff.op <= OP_LISTEN; diff.op++)
		result = peers_diff(&diff);
	diff.op = OP_CONNECT;
	if (result == 0)
		result = names_diff(&diff, order);
	tdestroy(diff.told, free);
	free(diff.ranges);
	free(diff.pairs);
	free(diff.slots);
	return result;
}
