/* SPDX-License-Identifier: Apache-2.0 */
/* The name that a reader of a stream has found, spelled as the kernel does and by splitting it at its dots. */
#ifndef AMBIT_FUZZ_SPELLED_H
#define AMBIT_FUZZ_SPELLED_H

#include <stdlib.h>
#include <string.h>
#include "bpf/lib/spell.h"

/* The length of the name in `text`, in small letters; 0: it is none. */
static size_t naive_name(char *text, size_t size)
{
	size_t label = 0;

	size -= size && text[size - 1] == '.';
	for (size_t i = 0; i <= size; i++) {
		if (i == size || text[i] == '.') {
			if (!label || label > AMBIT_LABEL_MAX)
				return 0;
			label = 0;
			continue;
		}
		if (text[i] >= 'A' && text[i] <= 'Z')
			text[i] |= 0x20;
		if (!text[i] || !strchr("abcdefghijklmnopqrstuvwxyz0123456789-_", text[i]))
			return 0;
		label++;
	}
	return size + 2 > DNS_NAME ? 0 : size;
}

static void spelled_check(const struct stream_name *name, bool may_port)
{
	static struct dns dns;
	char text[STREAM_NAME_SIZE];
	const char *colon;
	__u32 port = 0;
	size_t size = name->length, port_size = 0;
	int spelled = spell_name(&dns, name, may_port, 7, &port);

	memcpy(text, name->bytes, size);
	colon = may_port ? memchr(text, ':', size) : NULL;
	if (colon) {
		port_size = (size_t)(text + size - colon - 1);
		size = (size_t)(colon - text);
	}
	size = naive_name(text, size);
	for (size_t i = 0; i < port_size; i++)
		if (colon[1 + i] < '0' || colon[1 + i] > '9')
			size = 0;
	/* No authority has so many digits that a port of theirs wraps. */
	if (colon && size) {
		char digits[STREAM_NAME_SIZE] = "";
		unsigned long value;

		memcpy(digits, colon + 1, port_size);
		value = strtoul(digits, NULL, 10);
		if (value > 65535)
			size = 0;
		else if (spelled && port != value)
			abort();
	}
	if (spelled ? !size || dns.text_size != size || memcmp(dns.text, text, size) : size != 0)
		abort();
}

#endif
