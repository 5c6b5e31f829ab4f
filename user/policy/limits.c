/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/util.h"
#include "bpf/lib/bucket.h"
#include "policy/limits.h"
#include "policy/pattern.h"

/* A number without sign, spaces or leading zeros, times `unit`; -EINVAL if there is something else, or
 * more than a limit can be. */
static int number_parse(const char *text, size_t length, uint64_t unit, uint64_t *ret)
{
	uint64_t value = 0;

	if (!length || *text == '0')
		return -EINVAL;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
		value = value * 10 + (uint64_t)(text[i] - '0');
		if (value > BUCKET_LIMIT_MAX / unit)
			return -EINVAL;
	}
	*ret = value * unit;
	return 0;
}

static int size_parse(const char *text, uint64_t *ret)
{
	static const struct {
		const char *name;
		uint64_t bytes;
	} units[] = {{"KiB", 1ULL << 10}, {"MiB", 1ULL << 20}, {"GiB", 1ULL << 30}};
	size_t digits = strspn(text, "0123456789");

	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (!strcmp(text + digits, units[i].name))
			return number_parse(text, digits, units[i].bytes, ret);
	return number_parse(text, strlen(text), 1, ret);
}

static int limit_set(struct yaml *yaml, const struct yaml_key *key, uint64_t value, struct quota *ret)
{
	if (ret->value)
		yaml_error(yaml, yaml->key, "\"%s\" says what line %u said already; remove one of the two",
			key->name, ret->line);
	else
		*ret = (struct quota){.value = value, .line = yaml->key.line};
	return yaml_skip(yaml);
}

static int limit_parse_count(struct yaml *yaml, const struct yaml_key *key, struct quota *ret)
{
	const char *text = yaml_text(yaml);
	uint64_t value;

	if (text && number_parse(text, strlen(text), 1, &value) >= 0)
		return limit_set(yaml, key, value, ret);
	yaml_error(yaml, yaml_mark(yaml), "\"%s\" must be a whole number from 1 on", key->name);
	return yaml_skip(yaml);
}

int limit_parse_size(
	struct yaml *yaml, const struct yaml_key *key, uint64_t unit, struct quota *ret)
{
	const char *text = yaml_text(yaml);
	uint64_t value;

	if (unit != 1 && text && number_parse(text, strlen(text), unit, &value) >= 0)
		return limit_set(yaml, key, value, ret);
	if (unit == 1 && text && size_parse(text, &value) >= 0)
		return limit_set(yaml, key, value, ret);
	yaml_error(yaml, yaml_mark(yaml), "\"%s\" must be %s", key->name,
		unit == 1 ? "a size from 1 to 4096GiB, such as 500KiB, 10MiB or 1GiB"
			  : "a whole number from 1 on");
	return yaml_skip(yaml);
}

int limit_parse_rate(
	struct yaml *yaml, const struct yaml_key *key, enum ambit_limit kind, struct quota *ret)
{
	return kind == LIMIT_CONNECTS ? limit_parse_count(yaml, key, ret)
				      : limit_parse_size(yaml, key, 1, ret);
}

static int parse_limit(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	struct policy *policy = data;

	return limit_parse_rate(
		yaml, key, (enum ambit_limit)key->value, &policy->limits[key->value]);
}

static int parse_file_size(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	struct policy *policy = data;

	return limit_parse_size(yaml, key, 1, &policy->file_size);
}

int limits_parse(struct yaml *yaml, struct policy *policy)
{
	static const struct yaml_key keys[] = {
		{"connectsPerMinute", parse_limit, LIMIT_CONNECTS, NULL},
		{"egressPerHour", parse_limit, LIMIT_EGRESS_HOUR, NULL},
		{"egressPerDay", parse_limit, LIMIT_EGRESS_DAY, NULL},
		{"fileSize", parse_file_size, 0, NULL},
	};

	return yaml_mapping(yaml, "\"limits\"", keys, ARRAY_SIZE(keys), policy, NULL);
}

/* What is limited, and by which line (0: by the whole cell). */
static void put_limits(FILE *out, unsigned line, const struct quota limits[LIMIT_MAX], bool *some)
{
	static const char *const keys[] = {
#define X(name, key, seconds) [LIMIT_##name] = key,
		AMBIT_LIMITS(X)
#undef X
	};
	bool begun = false;

	for (unsigned kind = 0; kind < LIMIT_MAX; kind++) {
		if (!limits[kind].value)
			continue;
		if (!begun)
			fputs(*some ? ", " : "", out);
		if (!begun && line)
			fprintf(out, "line %u", line);
		else if (!begun)
			fputs("the cell", out);
		fprintf(out, "%s%s %" PRIu64, begun ? ", " : " (", keys[kind], limits[kind].value);
		begun = *some = true;
	}
	fputs(begun ? ")" : "", out);
}

static bool rule_covers(const struct rule *rule, const struct peer *peer)
{
	for (size_t i = 0; i < rule->peer_count; i++) {
		const struct peer *range = &rule->peers[i];

		if (peer_within(peer, range) && peer->port_low >= range->port_low &&
			peer->port_high <= range->port_high &&
			((peer->tcp && range->tcp) || (!peer->tcp && range->udp)))
			return true;
	}
	return false;
}

char *limits_text(const struct policy *policy, const struct peer *peer)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	bool some = false;

	if (!out)
		return NULL;
	for (size_t i = 0; i < policy->rule_count; i++)
		if (rule_covers(&policy->rules[i], peer))
			put_limits(out, policy->rules[i].line, policy->rules[i].limits, &some);
	put_limits(out, 0, policy->limits, &some);
	if (fclose(out) == 0 && some)
		return text;
	free(text);
	return NULL;
}
