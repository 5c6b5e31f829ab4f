/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/question.h"

#include <string.h>
#include "base/array.h"
#include "base/util.h"

/* Whoever adds a field says here whether the tables depend on it: if they do and it is not written below,
 * a policy would get the tables of another one. One that fits between others is found by test_question.c. */
_Static_assert(sizeof(struct policy) == 2440 && sizeof(struct rule) == 144 && sizeof(struct peer) == 280 &&
		       sizeof(struct guarded) == 16,
	"is the new field in the question?");

static int put(struct question *question, const void *bytes, size_t size)
{
	int r = ARRAY_GROW(question, bytes, question->count + size + 8);

	if (r < 0)
		return r;
	memcpy(question->bytes + question->count, bytes, size);
	question->count += size;
	return 0;
}

static int put_number(struct question *question, uint64_t number)
{
	return put(question, &number, sizeof(number));
}

/* With its length in front, so that no two lists of texts are spelled alike. */
static int put_text(struct question *question, const char *text)
{
	size_t size = strlen(text);
	int r = put_number(question, size);

	return r < 0 ? r : put(question, text, size);
}

static int put_texts(struct question *question, char *const *texts, size_t count)
{
	int r = put_number(question, count);

	for (size_t i = 0; r >= 0 && i < count; i++)
		r = put_text(question, texts[i]);
	return r;
}

static int put_peers(struct question *question, const struct peer *peers, size_t count)
{
	int r = put_number(question, count);

	for (size_t i = 0; r >= 0 && i < count; i++) {
		const struct peer *peer = &peers[i];
		const uint8_t bytes[] = {peer->family, peer->bits, peer->tcp, peer->udp, peer->beneath};

		r = put(question, bytes, sizeof(bytes));
		if (r >= 0)
			r = put(question, peer->addr, sizeof(peer->addr));
		if (r >= 0)
			r = put(question, &peer->port_low, sizeof(peer->port_low));
		if (r >= 0)
			r = put(question, &peer->port_high, sizeof(peer->port_high));
		if (r >= 0)
			r = put_text(question, peer->name);
	}
	return r;
}

static int put_rule(struct question *question, const struct rule *rule)
{
	const uint64_t numbers[] = {rule->id, rule->op, rule->verdict, rule->tls, rule->quic, rule->resolver,
		rule->outer};
	int r = put(question, numbers, sizeof(numbers));

	if (r >= 0)
		r = put_texts(question, rule->paths, rule->path_count);
	if (r >= 0)
		r = put_texts(question, rule->names, rule->name_count);
	return r < 0 ? r : put_peers(question, rule->peers, rule->peer_count);
}

static int put_guarded(struct question *question, const struct policy *policy)
{
	int r = put_number(question, policy->guarded_count);

	for (size_t i = 0; r >= 0 && i < policy->guarded_count; i++) {
		r = put_number(question, policy->guarded[i].ops);
		if (r >= 0)
			r = put_text(question, policy->guarded[i].path);
	}
	return r;
}

static int put_policy(struct question *question, const struct policy *policy)
{
	const uint64_t numbers[] = {policy->names, policy->narrowed, policy->rule_count};
	int r = put(question, numbers, sizeof(numbers));

	for (size_t i = 0; r >= 0 && i < policy->rule_count; i++)
		r = put_rule(question, &policy->rules[i]);
	if (r >= 0)
		r = put_guarded(question, policy);
	if (r >= 0)
		r = put_texts(question, policy->reserved, policy->reserved_count);
	if (r >= 0)
		r = put_peers(question, policy->specials, policy->special_count);
	return r < 0 ? r : put_peers(question, policy->dns.resolvers, policy->dns.resolver_count);
}

int question_write(const struct policy *policy, struct question *ret)
{
	struct question question = {};
	int r = put_policy(&question, policy);

	if (r < 0) {
		question_clear(&question);
		return r;
	}
	/* put() left room for these. */
	while (question.count % 8)
		question.bytes[question.count++] = 0;
	*ret = question;
	return 0;
}

void question_clear(struct question *question)
{
	free(question->bytes);
	*question = (struct question){};
}
