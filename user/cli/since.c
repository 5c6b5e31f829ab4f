/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <time.h>
#include "base/util.h"
#include "cli/log.h"

#define SECOND_NS 1000000000ULL
/* A hundred years: no trail is older. */
#define SECONDS_MAX 3155760000ULL

/* 90s, 10m, 2h, 7d. */
static bool ago(const char *text, uint64_t *ret_seconds)
{
	static const struct {
		char unit;
		uint64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	size_t digits = strspn(text, "0123456789");
	uint64_t value;

	if (!digits || digits > 10 || !text[digits] || text[digits + 1])
		return false;
	value = strtoull(text, NULL, 10);
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (text[digits] == units[i].unit && value <= SECONDS_MAX / units[i].seconds) {
			*ret_seconds = value * units[i].seconds;
			return true;
		}
	return false;
}

int ambit_since_parse(const char *text, uint64_t now, uint64_t *ret)
{
	static const char *const formats[] = {
		"%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"};
	uint64_t seconds;
	time_t when;

	if (ago(text, &seconds)) {
		*ret = seconds * SECOND_NS < now ? now - seconds * SECOND_NS : 0;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		struct tm tm = {.tm_isdst = -1};
		const char *end = strptime(text, formats[i], &tm);

		/* In UTC, as the trail itself has it, or here, as ambit log shows it. */
		if (!end || (*end && strcmp(end, "Z")))
			continue;
		when = *end ? timegm(&tm) : mktime(&tm);
		if (when < 0)
			return -EINVAL;
		*ret = (uint64_t)when * SECOND_NS;
		return 0;
	}
	return -EINVAL;
}
