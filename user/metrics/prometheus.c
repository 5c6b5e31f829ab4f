/* SPDX-License-Identifier: Apache-2.0 */
/* The text format (prometheus.io/docs/instrumenting/exposition_formats). */
#include <inttypes.h>
#include <string.h>
#include "metrics/metrics.h"
#include "trail/text.h"

void metric_begin(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_escaped(FILE *out, const char *value)
{
	size_t left = strlen(value), step;
	uint32_t code;

	for (; left; value += step, left -= step) {
		step = ambit_utf8(value, left, &code);
		if (!step) {
			fputs("\xef\xbf\xbd", out);
			step = 1;
		} else if (*value == '\n') {
			fputs("\\n", out);
		} else {
			if (*value == '"' || *value == '\\')
				fputc('\\', out);
			fwrite(value, step, 1, out);
		}
	}
}

void metric_value(FILE *out, const char *name, const struct metric_label *labels, uint64_t value)
{
	const char *before = "{";

	fputs(name, out);
	for (; labels && labels->name; labels++) {
		if (!labels->value)
			continue;
		fprintf(out, "%s%s=\"", before, labels->name);
		put_escaped(out, labels->value);
		fputc('"', out);
		before = ",";
	}
	fprintf(out, "%s %" PRIu64 "\n", *before == ',' ? "}" : "", value);
}
