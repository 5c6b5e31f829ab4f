/* SPDX-License-Identifier: Apache-2.0 */
#include "trail/config.h"

#include <string.h>
#include "base/array.h"
#include "base/util.h"
#include "policy/limits.h"
#include "policy/rule.h"
#include "policy/yaml.h"
#include "trail/room.h"

/* As much as a second of a busy cell: a disk is asked for no more. */
#define SYNC_LINES 1000
#define SECOND_NS  1000000000ULL
/* No file is rotated below this: it would be more names than lines. */
#define ROTATE_MIN (64U << 10)

/* Of memory, for each sink that is slow. */
#define QUEUE_MAX (1U << 30)

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

static int parse_user_room(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	/* `keep` is where the others go. */
	struct trail_config *config = (void *)((char *)data - offsetof(struct trail_config, keep));
	struct quota quota = {0};
	struct mark mark = yaml_mark(yaml);
	int r = limit_parse_size(yaml, key, 1, &quota);

	if (quota.value && quota.value < AMBIT_ROOM_MIN)
		yaml_error(yaml, mark, "\"%s\" must be %lluMiB or more", key->name, AMBIT_ROOM_MIN >> 20);
	config->user_room = quota.value;
	return r;
}

static const struct yaml_key file_keys[] = {
	{"rotateSize", parse_rotate_size, 0, NULL},
	{"rotateAge", parse_time, offsetof(struct trail_keep, rotate_age), NULL},
	{"keepFiles", parse_count, offsetof(struct trail_keep, keep_files), NULL},
	{"keepAge", parse_time, offsetof(struct trail_keep, keep_age), NULL},
	{"userRoom", parse_user_room, 0, NULL},
	{"syncLines", parse_count, offsetof(struct trail_keep, sync_lines), NULL},
	{"syncAge", parse_time, offsetof(struct trail_keep, sync_ns), NULL},
};

static int parse_file(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	struct trail_config *config = data;

	(void)key;
	return yaml_mapping(yaml, "\"file\"", file_keys, ARRAY_SIZE(file_keys), &config->keep, NULL);
}

/* A word of a list; `count` where it is none of them. */
static unsigned choose(const char *text, const char *(*name)(unsigned), unsigned count)
{
	unsigned at = 0;

	while (at < count && (!text || strcmp(text, name(at))))
		at++;
	return at;
}

static int sink_add(struct trail_config *config, struct sink_config **ret)
{
	if (ARRAY_GROW(config, sinks, config->sink_count + 1))
		return -ENOMEM;
	*ret = &config->sinks[config->sink_count++];
	**ret = (struct sink_config){.kind = SINK_KIND_MAX, .queue = SINK_QUEUE};
	return 0;
}

#define KINDS "\"journal\", \"syslog\", \"stdout\", \"program\" or \"otlp\""

static void set_kind(struct yaml *yaml, const char *text, struct mark mark, struct sink_config *sink)
{
	sink->kind = choose(text, ambit_sink_kind, SINK_KIND_MAX);
	if (sink->kind == SINK_KIND_MAX)
		yaml_error(yaml, mark, "\"kind\" of a sink must be " KINDS);
}

static int parse_kind(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	(void)key;
	set_kind(yaml, yaml_text(yaml), yaml_mark(yaml), data);
	return yaml_skip(yaml);
}

static int parse_lines(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	struct sink_config *sink = data;

	(void)key;
	sink->lines = choose(yaml_text(yaml), ambit_sink_lines, SINK_LINES_MAX);
	if (sink->lines == SINK_LINES_MAX)
		yaml_error(yaml, yaml_mark(yaml),
			"\"lines\" must be \"all\", \"denied\" or \"checkpoints\"");
	return yaml_skip(yaml);
}

static int parse_to(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	struct sink_config *sink = data;
	const char *text = yaml_text(yaml);

	if (!text || !*text) {
		yaml_error(yaml, yaml_mark(yaml), "\"%s\" must be a text", key->name);
		return yaml_skip(yaml);
	}
	sink->to = strdup(text);
	return sink->to ? yaml_skip(yaml) : -ENOMEM;
}

static int add_word(struct yaml *yaml, const char *text, struct mark mark, void *data)
{
	struct sink_config *sink = data;

	if (!sink->argc && *text != '/') {
		yaml_error(yaml, mark, "the program of a sink must be an absolute path");
		return 0;
	}
	if (ARRAY_GROW(sink, argv, sink->argc + 2))
		return -ENOMEM;
	sink->argv[sink->argc] = strdup(text);
	if (!sink->argv[sink->argc])
		return -ENOMEM;
	sink->argv[++sink->argc] = NULL;
	return 0;
}

static int parse_command(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	(void)key;
	return yaml_list(yaml, "\"command\"", add_word, NULL, data);
}

static int parse_queue(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	struct sink_config *sink = data;
	struct quota quota = {0};
	struct mark mark = yaml_mark(yaml);
	int r = limit_parse_size(yaml, key, 1, &quota);

	if (quota.value && (quota.value < AMBIT_TRAIL_LINE_MAX || quota.value > QUEUE_MAX))
		yaml_error(yaml, mark, "\"%s\" must be from 128KiB to 1GiB", key->name);
	sink->queue = quota.value;
	return r;
}

static const struct yaml_key sink_keys[] = {
	{"kind", parse_kind, 0, NULL},
	{"lines", parse_lines, 0, NULL},
	{"to", parse_to, 0, NULL},
	{"command", parse_command, 0, NULL},
	{"queue", parse_queue, 0, NULL},
};

static bool is_url(const char *text)
{
	return !strncmp(text, "http://", 7) || !strncmp(text, "https://", 8);
}

/* What a kind needs, and what it has no use for. */
static void check_sink(struct yaml *yaml, struct mark mark, const struct sink_config *sink)
{
	static const struct {
		bool to, command;
	} takes[] = {[SINK_JOURNAL] = {0}, [SINK_SYSLOG] = {.to = true}, [SINK_STDOUT] = {0},
		[SINK_PROGRAM] = {.command = true}, [SINK_OTLP] = {.to = true}};

	_Static_assert(ARRAY_SIZE(takes) == SINK_KIND_MAX, "one each");
	if (yaml->failed)
		return;
	if (sink->kind == SINK_KIND_MAX)
		yaml_error(yaml, mark, "\"kind\" is missing; it is " KINDS);
	else if (sink->to && !takes[sink->kind].to)
		yaml_error(yaml, mark, "this kind of sink has no \"to\"");
	else if (sink->argc && !takes[sink->kind].command)
		yaml_error(yaml, mark, "this kind of sink has no \"command\"");
	else if (sink->kind == SINK_PROGRAM && !sink->argc)
		yaml_error(yaml, mark, "\"command\" is missing, such as [/usr/bin/tee, /srv/trail]");
	else if (sink->kind == SINK_OTLP && (!sink->to || !is_url(sink->to)))
		yaml_error(yaml, mark,
			"\"to\" must be a URL, such as http://127.0.0.1:4318/v1/logs");
	else if (sink->kind == SINK_SYSLOG && sink->to && *sink->to != '/' && strncmp(sink->to, "udp:", 4))
		yaml_error(yaml, mark, "\"to\" must be the path of a socket, or udp:ADDRESS:PORT");
}

static int parse_sink(struct yaml *yaml, void *data)
{
	struct mark mark = yaml_mark(yaml);
	struct sink_config *sink;
	int r = sink_add(data, &sink);

	if (r >= 0)
		r = yaml_mapping(yaml, "a sink", sink_keys, ARRAY_SIZE(sink_keys), sink, NULL);
	if (r >= 0)
		check_sink(yaml, mark, sink);
	return r;
}

/* The kind alone. */
static int parse_word(struct yaml *yaml, const char *text, struct mark mark, void *data)
{
	struct sink_config *sink;
	int r = sink_add(data, &sink);

	if (r >= 0)
		set_kind(yaml, text, mark, sink);
	if (r >= 0)
		check_sink(yaml, mark, sink);
	return r;
}

static int parse_sinks(struct yaml *yaml, const struct yaml_key *key, void *data)
{
	(void)key;
	return yaml_list(yaml, "\"sinks\"", parse_word, parse_sink, data);
}

static const struct yaml_key top_keys[] = {
	{"apiVersion", parse_version, 0, NULL},
	{"file", parse_file, 0, NULL},
	{"sinks", parse_sinks, 0, NULL},
};
enum { KEY_VERSION, KEY_FILE, KEY_SINKS };

/* Where there is a journal it gets what the file can be compared with later. */
static int default_sinks(struct trail_config *config)
{
	struct sink_config *sink;
	int error;

	if (access(SINK_JOURNAL_SOCKET, W_OK) < 0)
		return 0;
	error = sink_add(config, &sink);
	if (error)
		return error;
	sink->kind = SINK_JOURNAL;
	sink->lines = SINK_CHECKPOINTS;
	return 0;
}

static int parse_document(struct yaml *yaml, struct trail_config *config)
{
	struct mark mark = yaml_mark(yaml);
	unsigned seen = 0;
	int r = yaml_mapping(
		yaml, "the settings of trails", top_keys, ARRAY_SIZE(top_keys), config, &seen);

	if (r < 0)
		return r;
	if (!(seen & 1U << KEY_SINKS) && default_sinks(config))
		return -ENOMEM;
	if (!(seen & 1U << KEY_VERSION))
		yaml_error(yaml, mark,
			"\"apiVersion\" is missing; add \"apiVersion: " AMBIT_API_VERSION "\"");
	return yaml_finish(yaml);
}

static struct trail_config begin(void)
{
	return (struct trail_config){
		.keep = {.sync_lines = SYNC_LINES, .sync_ns = SECOND_NS}, .user_room = AMBIT_ROOM_USUAL};
}

int ambit_trail_config_parse(const char *file, const char *text, size_t size, struct diags *diags,
	struct trail_config *ret)
{
	struct trail_config config = begin();
	struct yaml yaml;
	int r;

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
		*ret = begin();
		return default_sinks(ret);
	}
	r = ambit_policy_read(path, &text, &size, diags);
	return r < 0 ? r : ambit_trail_config_parse(path, text, size, diags, ret);
}

void ambit_trail_config_clear(struct trail_config *config)
{
	for (size_t i = 0; i < config->sink_count; i++) {
		struct sink_config *sink = &config->sinks[i];

		for (size_t k = 0; k < sink->argc; k++)
			free(sink->argv[k]);
		free(sink->argv);
		free(sink->to);
	}
	free(config->sinks);
	*config = (struct trail_config){0};
}
