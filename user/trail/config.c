/* SPDX-License-Identifier: Apache-2.0 */
#include "trail/config.h"

#include <string.h>
#include "base/util.h"
#include "policy/limits.h"
#include "policy/rule.h"
#include "policy/yaml.h"

/* As much as a second of a busy cell: a disk is asked for no more. */
#define SYNC_LINES 1000
#define SECOND_NS  1000000000ULL
/* No file is rotated below this: it would be more names than lines. */
#define ROTATE_MIN (64U << 10)

#define COUNT_MAX  1000000000ULL
#define DAYS_MAX   36500ULL

static int parse_version(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	(void)data;
	return policy_parse_version(yaml, key, NULL);
}

/* A whole number from 1 on, in front of `ret_unit`. */
static uint64_t leading_number(const char *text, const char **ret_unit)
{
	uint64_t value = 0;

	for (*ret_unit = text; **ret_unit >= '0' && **ret_unit <= '9'; ++*ret_unit) {
		value = value * 10 + (uint64_t)(**ret_unit - '0');
		if (value > COUNT_MAX)
			return 0;
	}
	return *text == '0' ? 0 : value;
}

static int parse_count(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	const char *text = yaml_text(yaml), *unit = "?";
	uint64_t value = text ? leading_number(text, &unit) : 0;

	if (value && !*unit)
		*(uint64_t *)((char *)data + key->value) = value;
	else
		yaml_error(yaml, yaml_mark(yaml), "\"%s\" must be a whole number from 1 on", key->name);
	return yaml_skip(yaml);
}

static int parse_time(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	static const struct {
		const char *name;
		uint64_t seconds;
	} units[] = {{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
	const char *text = yaml_text(yaml), *unit = "";
	uint64_t value = text ? leading_number(text, &unit) : 0;

	for (size_t i = 0; value && i < ARRAY_SIZE(units); i++) {
		if (strcmp(unit, units[i].name) || value > DAYS_MAX * 86400 / units[i].seconds)
			continue;
		*(uint64_t *)((char *)data + key->value) = value * units[i].seconds * SECOND_NS;
		return yaml_skip(yaml);
	}
	yaml_error(yaml, yaml_mark(yaml), "\"%s\" must be a time such as 1s, 10m, 24h or 90d", key->name);
	return yaml_skip(yaml);
}

static int parse_rotate_size(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	struct trail_keep *keep = data;
	struct quota quota = {0};
	struct mark mark = yaml_mark(yaml);
	int r = limit_parse_size(yaml, key, 1, &quota);

	if (quota.value && quota.value < ROTATE_MIN)
		yaml_error(yaml, mark, "\"%s\" must be %uKiB or more", key->name, ROTATE_MIN >> 10);
	keep->rotate_size = quota.value;
	return r;
}

static const struct yaml_key file_keys[] = {
	{"rotateSize", parse_rotate_size, 0, NULL},
	{"rotateAge", parse_time, offsetof(struct trail_keep, rotate_age), NULL},
	{"keepFiles", parse_count, offsetof(struct trail_keep, keep_files), NULL},
	{"keepAge", parse_time, offsetof(struct trail_keep, keep_age), NULL},
	{"syncLines", parse_count, offsetof(struct trail_keep, sync_lines), NULL},
	{"syncAge", parse_time, offsetof(struct trail_keep, sync_ns), NULL},
};

static int parse_file(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	struct trail_config *config = data;

	(void)key;
	return yaml_mapping(yaml, "\"file\"", file_keys, ARRAY_SIZE(file_keys), &config->keep, NULL);
}

static const struct yaml_key top_keys[] = {
	{"apiVersion", parse_version, 0, NULL},
	{"file", parse_file, 0, NULL},
};

static int parse_document(struct yaml *yaml, struct trail_config *config)
{
	struct mark mark = yaml_mark(yaml);
	unsigned seen = 0;
	int r = yaml_mapping(
		yaml, "the settings of trails", top_keys, ARRAY_SIZE(top_keys), config, &seen);

	if (r < 0)
		return r;
	if (!(seen & 1))
		yaml_error(yaml, mark,
			"\"apiVersion\" is missing; add \"apiVersion: " AMBIT_API_VERSION "\"");
	return yaml_finish(yaml);
}

void ambit_trail_config_default(struct trail_config *ret)
{
	*ret = (struct trail_config){.keep = {.sync_lines = SYNC_LINES, .sync_ns = SECOND_NS}};
}

int ambit_trail_config_parse(const char *file, const char *text, size_t size, struct diags *diags,
	struct trail_config *ret)
{
	struct trail_config config;
	struct yaml yaml;
	int r;

	ambit_trail_config_default(&config);
	r = yaml_open(&yaml, file, text, size, diags);
	if (r == -ENODATA || (r >= 0 && yaml_is_null(&yaml))) {
		ambit_diags_add(diags, file, 1, 1,
			"the file is empty; remove it, or begin with \"apiVersion: " AMBIT_API_VERSION
			"\"");
		r = -EINVAL;
	} else if (r >= 0) {
		r = parse_document(&yaml, &config);
	}
	if (r >= 0 && yaml.failed)
		r = -EINVAL;
	yaml_close(&yaml);
	if (r < 0) {
		ambit_trail_config_clear(&config);
		return r;
	}
	*ret = config;
	return 0;
}

int ambit_trail_config_load(const char *path, struct diags *diags, struct trail_config *ret)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	int r;

	if (access(path, F_OK) < 0 && errno == ENOENT) {
		ambit_trail_config_default(ret);
		return 0;
	}
	r = ambit_policy_read(path, &text, &size, diags);
	return r < 0 ? r : ambit_trail_config_parse(path, text, size, diags, ret);
}

void ambit_trail_config_clear(struct trail_config *config)
{
	*config = (struct trail_config){0};
}
