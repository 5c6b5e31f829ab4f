/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/util.h"
#include "policy/text.h"
#include "policy/yaml.h"

#define DEPTH_MAX 16

void yaml_error(struct yaml *yaml, struct mark mark, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list arguments;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	va_end(arguments);
	ambit_diags_add(yaml->diags, yaml->file, mark.line, mark.column, "%s",
		text ? text : "out of memory");
	yaml->failed = true;
}

/* libyaml counts characters; editors and compilers count bytes. */
static struct mark mark_convert(struct yaml *yaml, const yaml_mark_t *mark)
{
	struct mark converted = {(unsigned)mark->line + 1, (unsigned)mark->column + 1};
	size_t at, column = mark->column;

	if (mark->line < yaml->line)
		yaml->line = yaml->line_start = 0;
	while (yaml->line < mark->line) {
		const char *end =
			memchr(yaml->text + yaml->line_start, '\n', yaml->size - yaml->line_start);

		/* Another kind of line break: only libyaml knows. */
		if (!end)
			return converted;
		yaml->line_start = (size_t)(end - yaml->text) + 1;
		yaml->line++;
	}
	for (at = yaml->line_start; column && at < yaml->size; column--)
		do
			at++;
		while (at < yaml->size && (yaml->text[at] & 0xc0) == 0x80);
	converted.column = (unsigned)(at - yaml->line_start) + 1;
	return converted;
}

struct mark yaml_mark(struct yaml *yaml)
{
	return mark_convert(yaml, &yaml->event.start_mark);
}

static struct mark mark_of_offset(const struct yaml *yaml, size_t offset)
{
	struct mark mark = {1, 1};

	for (size_t i = 0; i < offset && i < yaml->size; i++) {
		bool newline = yaml->text[i] == '\n';

		mark.line += newline;
		mark.column = newline ? 1 : mark.column + 1;
	}
	return mark;
}

/* What libyaml says about patterns that need quotes does not help anybody. */
static const char *problem_hint(const yaml_parser_t *parser)
{
	static const struct {
		const char *problem, *hint;
	} hints[] = {
		{"cannot start any token", "; put quotes around a text that begins with \"@\", "
					   "\"%\" or \"`\", and indent with spaces"},
		{"did not find expected alphabetic or numeric character",
			"; put quotes around a text that begins with \"*\" or \"&\""},
		{"mapping values are not allowed", "; check the indentation, and put quotes "
						   "around a text with \": \" in it"},
		{"did not find expected ',' or ']'", "; close the list, and put quotes around a "
						     "text that begins with \"[\""},
		{"found unknown escape character", "; write the text in single quotes"},
		{"found invalid tag", "; put quotes around a text that begins with \"!\""},
	};

	for (size_t i = 0; parser->problem && i < ARRAY_SIZE(hints); i++)
		if (strstr(parser->problem, hints[i].problem))
			return hints[i].hint;
	return "";
}

static int parser_failed(struct yaml *yaml)
{
	const yaml_parser_t *parser = &yaml->parser;

	if (parser->error == YAML_MEMORY_ERROR) {
		yaml_error(yaml, (struct mark){}, "out of memory");
		return -ENOMEM;
	}
	if (parser->error == YAML_READER_ERROR)
		yaml_error(yaml, mark_of_offset(yaml, parser->problem_offset),
			"is not text in UTF-8 (%s); save the file as UTF-8", parser->problem);
	else
		yaml_error(yaml, mark_convert(yaml, &parser->problem_mark), "is not YAML: %s%s%s%s",
			parser->context ? parser->context : "", parser->context ? ", " : "",
			parser->problem ? parser->problem : "unknown problem",
			problem_hint(parser));
	return -EINVAL;
}

/* The parts of an event that a policy must not have. */
static void event_check(struct yaml *yaml)
{
	const yaml_event_t *event = &yaml->event;
	const yaml_char_t *anchor = NULL, *tag = NULL;

	switch (event->type) {
	case YAML_SCALAR_EVENT:
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
		break;
	case YAML_ALIAS_EVENT:
		yaml_error(yaml, yaml_mark(yaml),
			"YAML aliases are off; write the text out, and "
			"put quotes around a pattern that begins with \"*\"");
		break;
	case YAML_DOCUMENT_START_EVENT:
		if (event->data.document_start.version_directive ||
			event->data.document_start.tag_directives.start !=
				event->data.document_start.tag_directives.end)
			yaml_error(yaml, yaml_mark(yaml),
				"YAML directives are off; remove the lines that begin with \"%%\"");
		break;
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		break;
	}
	if (anchor)
		yaml_error(yaml, yaml_mark(yaml),
			"YAML anchors are off; remove the \"&\" and its "
			"name, or put quotes around the text");
	if (tag)
		yaml_error(yaml, yaml_mark(yaml),
			"YAML tags are off; remove the \"!\" and its "
			"name, or put quotes around the text");
}

int yaml_next(struct yaml *yaml)
{
	yaml_event_delete(&yaml->event);
	memset(&yaml->event, 0, sizeof(yaml->event));
	if (!yaml_parser_parse(&yaml->parser, &yaml->event))
		return parser_failed(yaml);
	event_check(yaml);
	if (yaml->event.type == YAML_MAPPING_START_EVENT ||
		yaml->event.type == YAML_SEQUENCE_START_EVENT)
		yaml->depth++;
	if (yaml->event.type == YAML_MAPPING_END_EVENT ||
		yaml->event.type == YAML_SEQUENCE_END_EVENT)
		yaml->depth--;
	if (yaml->depth > DEPTH_MAX) {
		yaml_error(yaml, yaml_mark(yaml),
			"is nested more than %d deep; no policy needs "
			"that, remove brackets",
			DEPTH_MAX);
		return -EINVAL;
	}
	return 0;
}

int yaml_skip(struct yaml *yaml)
{
	unsigned outside = yaml->depth;
	int r;

	if (yaml->event.type != YAML_MAPPING_START_EVENT &&
		yaml->event.type != YAML_SEQUENCE_START_EVENT)
		return 0;
	for (outside--; yaml->depth > outside;) {
		r = yaml_next(yaml);
		if (r < 0)
			return r;
	}
	return 0;
}

int yaml_open(
	struct yaml *yaml, const char *file, const char *text, size_t size, struct diags *diags)
{
	int r;

	*yaml = (struct yaml){.file = file, .text = text, .size = size, .diags = diags};
	if (!yaml_parser_initialize(&yaml->parser))
		return -ENOMEM;
	/* Else a byte order mark would choose UTF-16, and columns and checks were wrong. */
	yaml_parser_set_encoding(&yaml->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&yaml->parser, (const unsigned char *)text, size);
	for (int i = 0; i < 3; i++) {
		r = yaml_next(yaml);
		if (r < 0)
			return r;
		if (yaml->event.type == YAML_STREAM_END_EVENT)
			return -ENODATA;
	}
	return 0;
}

int yaml_finish(struct yaml *yaml)
{
	int r;

	while (yaml->event.type != YAML_DOCUMENT_END_EVENT) {
		r = yaml_next(yaml);
		if (r < 0)
			return r;
	}
	r = yaml_next(yaml);
	if (r < 0)
		return r;
	if (yaml->event.type != YAML_STREAM_END_EVENT)
		yaml_error(yaml, yaml_mark(yaml),
			"a second document begins here; one file holds "
			"one policy or set, remove the \"---\"");
	return 0;
}

void yaml_close(struct yaml *yaml)
{
	yaml_event_delete(&yaml->event);
	yaml_parser_delete(&yaml->parser);
}
